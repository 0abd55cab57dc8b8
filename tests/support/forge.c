/* A sender of arbitrary messages: seals each hexadecimal line of standard input and sends it as one datagram. It has the key, so
 * tests can check how the receiver handles malformed messages that authenticate.
 *
 *   forge PORT KEY [STREAM_ID]     prints "sent COUNTER" for each line; a line "session SECONDS" begins a new session whose
 *                                  start is that many seconds from now; a line "frame NUMBER BYTES HEX" sends a whole frame of
 *                                  that many bytes, which begins with HEX and is filled with zeroes up to JPEG's end */
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
#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"

static char line[2 * DD_WIRE_DATAGRAM_MAX + 2];
static uint8_t message[DD_WIRE_DATAGRAM_MAX], datagram[DD_WIRE_DATAGRAM_MAX];
static struct {
    int fd;
    struct sockaddr_in to;
} out;

enum { FRAME_DATAGRAM = 32000 }; /* loopback has an MTU of 65536 */

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

/* Seals size bytes of message, and sends them. */
static bool send_message(struct dd_seal *seal, size_t size)
{
    size = dd_seal_datagram(seal, message, size, datagram);
    return size && sendto(out.fd, datagram, size, 0, (const struct sockaddr *)&out.to, sizeof out.to) >= 0;
}

/* "frame NUMBER BYTES HEX" */
static bool send_frame(struct dd_seal *seal)
{
    char *at = line + strlen("frame ");
    uint64_t number = strtoull(at, &at, 10), captured_us = dd_clock_wall_us();
    size_t size = strtoull(at, &at, 10);
    uint8_t *bytes = calloc(1, size + DD_FRAGMENTER_SLACK);
    struct dd_fragmenter *fragmenter = dd_fragmenter_new();
    struct dd_block_plan plan;
    bool sound = bytes && fragmenter && size > 2 && dd_block_plan_compute(&plan, (uint32_t)size, FRAME_DATAGRAM, 0) == 0;
    if (sound) {
        from_hex(at + 1, bytes, size - 2);
        memcpy(bytes + size - 2, "\xff\xd9", 2);
        sound = dd_fragmenter_begin(fragmenter, &plan, bytes) == 0;
    }
    while (sound && dd_fragmenter_left(fragmenter)) {
        struct dd_wire_fragment fragment = {.frame = number, .captured_us = captured_us};
        sound = dd_fragmenter_next(fragmenter, &fragment) == 0 &&
                send_message(seal, dd_wire_write_fragment(&fragment, message, sizeof message));
    }
    dd_fragmenter_free(fragmenter);
    free(bytes);
    return sound;
}

static bool send_line(struct dd_seal *seal)
{
    size_t room = sizeof message - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    bool is_frame = strncmp(line, "frame ", strlen("frame ")) == 0;
    if (!(is_frame ? send_frame(seal) : send_message(seal, from_hex(line, message, room))))
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
    out.to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    out.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct dd_seal *seal = dd_seal_new(&key, 0);
    bool sound = out.fd >= 0 && seal;
    while (sound && fgets(line, sizeof line, stdin))
        sound = !strncmp(line, "session ", 8) ? begin(&seal, &key, strtoull(line + 8, NULL, 10) * DD_CLOCK_US_PER_S)
                                              : send_line(seal);
    dd_seal_free(seal);
    if (out.fd >= 0)
        close(out.fd);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
