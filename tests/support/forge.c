/* A sender of arbitrary messages: seals each hexadecimal line of standard input and sends it as one datagram. It has the key, so
 * tests can check how the receiver handles malformed messages that authenticate.
 *
 *   forge PORT KEY [STREAM_ID]     prints "sent COUNTER" for each line; a line "session SECONDS" begins a new session whose
 *                                  start is that many seconds from now */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"

static char line[2 * DD_WIRE_DATAGRAM_MAX + 2];
static uint8_t message[DD_WIRE_DATAGRAM_MAX], datagram[DD_WIRE_DATAGRAM_MAX];

static size_t from_hex(const char *text, uint8_t *bytes, size_t size)
{
    size_t count = 0;
    unsigned byte;
    while (count < size && sscanf(text + 2 * count, "%2x", &byte) == 1)
        bytes[count++] = (uint8_t)byte;
    return count;
}

/* Replaces *seal by one with the new session. */
static bool begin(struct dd_seal **seal, const struct dd_key *key, uint64_t ahead_us)
{
    if (!ahead_us)
        return dd_seal_begin(*seal) == 0;
    dd_seal_free(*seal);
    *seal = dd_seal_new(key, dd_clock_wall_us() + ahead_us);
    return *seal != NULL;
}

static bool send_line(struct dd_seal *seal, int fd, const struct sockaddr_in *to)
{
    size_t room = sizeof message - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    size_t size = dd_seal_datagram(seal, message, from_hex(line, message, room), datagram);
    if (!size || sendto(fd, datagram, size, 0, (const struct sockaddr *)to, sizeof *to) < 0)
        return false;
    printf("sent %llu\n", (unsigned long long)dd_seal_count(seal) - 1);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    uint8_t bytes[DD_KEY_BYTES];
    struct dd_key key;
    const char *why = NULL;
    dd_log_open("forge", DD_LOG_INFO);
    if (argc < 3 || dd_key_parse(argv[2], bytes, &why) || dd_key_derive(&key, bytes, argc > 3 ? argv[3] : "")) {
        fprintf(stderr, "forge PORT KEY [STREAM_ID]: %s\n", why ? why : "wrong arguments");
        return EXIT_FAILURE;
    }
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct dd_seal *seal = dd_seal_new(&key, 0);
    bool sound = fd >= 0 && seal;
    while (sound && fgets(line, sizeof line, stdin))
        sound = !strncmp(line, "session ", 8) ? begin(&seal, &key, strtoull(line + 8, NULL, 10) * DD_CLOCK_US_PER_S)
                                              : send_line(seal, fd, &to);
    dd_seal_free(seal);
    if (fd >= 0)
        close(fd);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
