/* A sender that has the keys and means harm: it makes each of its datagrams cost the receiver as much as it can.
 *
 *   hostile KIND SYMBOL_BYTES SECONDS BIT_RATE KEY PORT=STREAM_ID ...     prints "sent COUNT" at the end
 *
 * It sends to these ports of 127.0.0.1 in turn. BIT_RATE is that of all IP packets together. KIND is
 *   recover   blocks of 128 data symbols, of which one comes, with 127 parity symbols: all the others are to be recovered
 *   begin     each datagram is the first of another frame, which claims to have 8 MiB in as many blocks as can be
 *   forge     datagrams as large as can be, and forged */
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

enum { STREAMS_MAX = 64, IP_UDP_BYTES = 28, BATCH = 32, FRAME = 8 << 20, BLOCKS = 65535 };

struct stream {
    struct dd_seal *seal;
    struct sockaddr_in to;
    uint64_t frame;
    uint32_t index; /* of the next symbol: 0, or from 128 on */
};

static uint8_t message[DD_WIRE_DATAGRAM_MAX], datagram[DD_WIRE_DATAGRAM_MAX], symbol[UINT16_MAX];

static size_t make_recover(struct stream *s, uint16_t symbol_bytes)
{
    struct dd_wire_fragment f = {.index = (uint8_t)s->index,
                                 .data = DD_WIRE_DATA_MAX,
                                 .parity = DD_WIRE_SYMBOLS_MAX - DD_WIRE_DATA_MAX,
                                 .blocks = 1,
                                 .frame = s->frame,
                                 .captured_us = s->frame,
                                 .frame_bytes = (uint32_t)DD_WIRE_DATA_MAX * symbol_bytes,
                                 .symbol_bytes = symbol_bytes,
                                 .symbol = symbol};
    s->index = s->index ? s->index + 1 : DD_WIRE_DATA_MAX;
    if (s->index == DD_WIRE_SYMBOLS_MAX) {
        s->index = 0;
        s->frame++;
    }
    return dd_wire_write_fragment(&f, message, sizeof message);
}

static size_t make_begin(struct stream *s)
{
    struct dd_wire_fragment f = {.data = FRAME / DD_WIRE_SYMBOL_MIN / BLOCKS,
                                 .block = BLOCKS - 1,
                                 .blocks = BLOCKS,
                                 .frame = s->frame++,
                                 .captured_us = 1,
                                 .frame_bytes = FRAME,
                                 .symbol_bytes = DD_WIRE_SYMBOL_MIN,
                                 .symbol = symbol};
    return dd_wire_write_fragment(&f, message, sizeof message);
}

/* Makes the stream's next datagram. Its size; 0 on failure. */
static size_t make(struct stream *s, char kind, uint16_t symbol_bytes)
{
    size_t most = DD_WIRE_DATAGRAM_MAX - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
    size_t size = kind == 'r' ? make_recover(s, symbol_bytes) : kind == 'b' ? make_begin(s) : most;
    /* a used-up session makes way for another */
    if (dd_seal_count(s->seal) == DD_WIRE_SESSION_DATAGRAMS && dd_seal_begin(s->seal))
        return 0;
    size = dd_seal_datagram(s->seal, message, size, datagram);
    if (kind == 'f' && size)
        datagram[size - 1] ^= 1;
    return size;
}

static bool open_stream(struct stream *s, const uint8_t *key_bytes, const char *text)
{
    struct dd_key key;
    const char *equals = strchr(text, '=');
    if (!equals || dd_key_derive(&key, key_bytes, equals + 1))
        return false;
    s->to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(text)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->frame = dd_clock_wall_us() / 1000;
    s->seal = dd_seal_new(&key, 0);
    return s->seal != NULL;
}

int main(int argc, char **argv)
{
    static struct stream streams[STREAMS_MAX];
    uint8_t key[DD_KEY_BYTES];
    const char *why = NULL;
    int count = argc - 6, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    dd_log_open("hostile", DD_LOG_INFO);
    bool sound = count > 0 && count <= STREAMS_MAX && fd >= 0 && dd_key_parse(argv[5], key, &why) == 0;
    for (int i = 0; i < count && sound; i++)
        sound = open_stream(&streams[i], key, argv[6 + i]);
    if (!sound) {
        fprintf(stderr, "hostile: wrong arguments\n");
        return EXIT_FAILURE;
    }
    uint16_t symbol_bytes = (uint16_t)atoi(argv[2]);
    double bytes_per_us = atof(argv[4]) / 8e6;
    uint64_t start_us = dd_clock_now_us(), now_us, sent = 0, bytes = 0;
    while ((now_us = dd_clock_now_us()) < start_us + (uint64_t)(atof(argv[3]) * 1e6)) {
        if ((double)bytes > (double)(now_us - start_us) * bytes_per_us) {
            usleep(200);
            continue;
        }
        for (int i = 0; i < BATCH; i++, sent++) {
            struct stream *s = &streams[sent / BATCH % (uint64_t)count];
            size_t size = make(s, argv[1][0], symbol_bytes);
            if (!size)
                return EXIT_FAILURE;
            sendto(fd, datagram, size, 0, (const struct sockaddr *)&s->to, sizeof s->to);
            bytes += size + IP_UDP_BYTES;
        }
    }
    printf("sent %llu\n", (unsigned long long)sent);
    return EXIT_SUCCESS;
}
