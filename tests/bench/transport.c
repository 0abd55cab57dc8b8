/* The CPU cost of the data path, compared with the minimum for the same work: bare AES-256-GCM and UDP.
 *
 *   transport limits BURST           JSON: send_gbps and receive_gbps of the bare method, per CPU-second of one thread
 *   transport transmit ROUNDS        JSON lines, a round each: bare and ours from JPEG to wire, interleaved, ours with the
 *                                    defaults, in datagrams
 *   transport flood PORT KEY MBIT SECONDS LOSS_PERCENT    sends frames as ddsend does, that many bits a second, some lost
 *
 * All over loopback, with datagrams of 1400 bytes. */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/wire.h"
#include "send/destination.h"
#include "send/picture.h"
#include "send/transmit/encoder_pool.h"
#include "send/transmit/jpeg_encoder.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/stream_sender.h"
#include "send/transmit/token_bucket.h"
#include "send/transmit/transmit_role.h"

enum { DATAGRAM = 1400, ROUND_MS = 1000, JPEG_BYTES = 90000, MESSAGE = 65536, NONCE = 12 };

static const struct dd_frame_ring_shape shape = {.entries = 3, .arena_bytes = 3 * 4096};
static uint8_t bare_key[DD_KEY_BYTES] = {1, 2, 3};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* ---- a reader ---- */

struct reader {
    pthread_t thread;
    int fd;
    bool opens;
    atomic_bool stopping;
    double bits, seconds; /* valid once joined */
};

static bool open_bare(EVP_CIPHER_CTX *cipher, uint8_t *datagram, size_t size)
{
    static uint8_t text[MESSAGE];
    uint8_t nonce[NONCE] = {0};
    int n;
    memcpy(nonce + 4, datagram + 24, 8);
    return EVP_DecryptInit_ex2(cipher, NULL, NULL, nonce, NULL) == 1 &&
           EVP_DecryptUpdate(cipher, NULL, &n, datagram, DD_WIRE_HEADER_BYTES) == 1 &&
           EVP_DecryptUpdate(cipher, text, &n, datagram + DD_WIRE_HEADER_BYTES,
                             (int)size - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, DD_WIRE_TAG_BYTES, datagram + size - DD_WIRE_TAG_BYTES) == 1 &&
           EVP_DecryptFinal_ex(cipher, text, &n) == 1;
}

static size_t segment_of(struct msghdr *message, size_t size)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
            return (size_t)segment;
        }
    return size;
}

static void *read_all(void *context)
{
    static uint8_t bytes[MESSAGE];
    struct reader *r = context;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), bare_key, NULL, NULL);
    double start = cpu_seconds();
    while (!atomic_load(&r->stopping)) {
        char control[64];
        struct iovec io = {bytes, sizeof bytes};
        struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t got = recvmsg(r->fd, &m, 0);
        if (got <= 0)
            continue;
        size_t size = (size_t)got, segment = segment_of(&m, size);
        for (size_t at = 0; at < size && r->opens; at += segment)
            if (!open_bare(cipher, bytes + at, size - at < segment ? size - at : segment))
                fail("a datagram does not open");
        r->bits += (double)size * 8;
    }
    r->seconds = cpu_seconds() - start;
    EVP_CIPHER_CTX_free(cipher);
    return NULL;
}

static void reader_start(struct reader *r, bool opens, struct dd_destination *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_usec = 100000};
    socklen_t size = sizeof v4;
    int on = 1, buffer = 64 << 20;
    *r = (struct reader){.fd = socket(AF_INET, SOCK_DGRAM, 0), .opens = opens};
    setsockopt(r->fd, SOL_UDP, UDP_GRO, &on, sizeof on);
    if (setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
        setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (bind(r->fd, (struct sockaddr *)&v4, sizeof v4) || getsockname(r->fd, (struct sockaddr *)&v4, &size))
        fail("bind");
    *address = (struct dd_destination){.size = size};
    memcpy(&address->socket_address, &v4, sizeof v4);
    pthread_create(&r->thread, NULL, read_all, r);
}

static void reader_stop(struct reader *r)
{
    usleep(200000);
    atomic_store(&r->stopping, true);
    pthread_join(r->thread, NULL);
    close(r->fd);
}

/* ---- the bare method ---- */

static void seal_bare(EVP_CIPHER_CTX *cipher, uint8_t *datagram, const uint8_t *text, uint64_t counter)
{
    uint8_t nonce[NONCE] = {0};
    int n;
    memset(datagram, 0, DD_WIRE_HEADER_BYTES);
    memcpy(datagram + 24, &counter, sizeof counter);
    memcpy(nonce + 4, &counter, sizeof counter);
    EVP_EncryptInit_ex2(cipher, NULL, NULL, nonce, NULL);
    EVP_EncryptUpdate(cipher, NULL, &n, datagram, DD_WIRE_HEADER_BYTES);
    EVP_EncryptUpdate(cipher, datagram + DD_WIRE_HEADER_BYTES, &n, text, DATAGRAM - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES);
    EVP_EncryptFinal_ex(cipher, datagram, &n);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, DD_WIRE_TAG_BYTES, datagram + DATAGRAM - DD_WIRE_TAG_BYTES);
}

/* Gbit/s per CPU-second. */
static double send_bare(const struct dd_destination *to, size_t burst)
{
    static uint8_t text[DATAGRAM], datagrams[DD_ONEWAY_SOCKET_BURST][DATAGRAM];
    struct dd_oneway_socket out = {.fd = socket(AF_INET, SOCK_DGRAM, 0)};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    struct iovec vectors[DD_ONEWAY_SOCKET_BURST];
    uint64_t counter = 0, until_us = dd_clock_now_us() + ROUND_MS * DD_CLOCK_US_PER_MS;
    double bits = 0, start = cpu_seconds();
    EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), bare_key, NULL, NULL);
    while (dd_clock_now_us() < until_us) {
        int error;
        for (size_t i = 0; i < burst; i++) {
            seal_bare(cipher, datagrams[i], text, counter++);
            vectors[i] = (struct iovec){datagrams[i], DATAGRAM};
        }
        if (dd_oneway_socket_send(&out, to, vectors, burst, &error) != burst)
            fail("sendmsg");
        bits += (double)(burst * DATAGRAM * 8);
    }
    double gbps = bits / 1e9 / (cpu_seconds() - start);
    EVP_CIPHER_CTX_free(cipher);
    close(out.fd);
    return gbps;
}

static int limits(size_t burst)
{
    struct reader reader;
    struct dd_destination to;
    reader_start(&reader, true, &to);
    double send_gbps = send_bare(&to, burst);
    reader_stop(&reader);
    printf("{\"send_gbps\": %.3f, \"receive_gbps\": %.3f}\n", send_gbps, reader.bits / 1e9 / reader.seconds);
    return EXIT_SUCCESS;
}

/* ---- ours ---- */

/* A JPEG of about JPEG_BYTES: noise, of as many lines as it takes. */
static uint8_t *make_jpeg(uint32_t *size)
{
    enum { WIDTH = 640, HEIGHT = 288 };
    struct dd_picture_layout layout;
    struct dd_picture picture;
    struct dd_jpeg_encoder *encoder = dd_jpeg_encoder_new();
    size_t room = dd_jpeg_encoder_bound(WIDTH, HEIGHT, DD_JPEG_ENCODER_444), bytes = 0;
    uint8_t *jpeg = malloc(room), *pixels;
    dd_picture_layout(DD_PICTURE_I420, WIDTH, HEIGHT, &layout);
    pixels = malloc(layout.bytes);
    for (size_t i = 0; i < layout.bytes; i++)
        pixels[i] = (uint8_t)rand();
    dd_picture_over(&picture, DD_PICTURE_I420, WIDTH, HEIGHT, &layout, pixels);
    for (int quality = 100; quality > 0 && (!bytes || bytes > JPEG_BYTES); quality--)
        bytes = dd_jpeg_encoder_encode(encoder, &picture, quality, DD_JPEG_ENCODER_420, jpeg, room);
    dd_jpeg_encoder_free(encoder);
    free(pixels);
    *size = (uint32_t)bytes;
    return jpeg;
}

struct ours {
    struct dd_transmit_stream config;
    int ring_fd;
    struct dd_frame_ring *ring;
    struct dd_stream_sender *sender;
    struct dd_stream_sender_burst burst;
    struct dd_encoder_pool_picture picture;
    struct dd_oneway_socket out;
    struct dd_destination to;
};

static void ours_open(struct ours *o, const uint8_t key[static DD_KEY_BYTES], const struct dd_destination *to)
{
    const struct dd_oneway_socket_config socket = {.family = AF_INET, .bind_address = "", .bind_interface = ""};
    *o = (struct ours){.config = {.name = "bench",
                                  .max_packet_size = DATAGRAM,
                                  .interval_us = 40000,
                                  .loss_tolerance = 0.05,
                                  .max_width = 1920,
                                  .max_height = 1080,
                                  .weight = 1},
                       .to = *to,
                       .out = {.fd = dd_oneway_socket_open(&socket)}};
    memcpy(o->config.key, key, DD_KEY_BYTES);
    o->ring_fd = dd_frame_ring_create("bench", &shape);
    o->ring = dd_frame_ring_open_reader(o->ring_fd, &shape);
    const struct dd_stream_sender_clock clock = {.epoch_us = dd_clock_wall_us() - dd_clock_now_us()};
    o->sender = dd_stream_sender_new(&o->config, o->ring, &clock);
    o->burst.stride = DATAGRAM;
    o->burst.most = DATAGRAM * DD_ONEWAY_SOCKET_BURST;
    o->burst.bytes = malloc((size_t)DATAGRAM * DD_ONEWAY_SOCKET_BURST);
    o->picture.jpeg = make_jpeg(&o->picture.size);
    o->picture.width = 640;
    o->picture.height = 288;
    if (o->out.fd < 0 || !o->ring || !o->sender || !o->burst.bytes)
        fail("cannot set the sender up");
}

static void ours_close(struct ours *o)
{
    union {
        const uint8_t *read;
        uint8_t *write;
    } jpeg = {.read = o->picture.jpeg};
    dd_stream_sender_free(o->sender);
    dd_frame_ring_close(o->ring);
    close(o->ring_fd);
    close(o->out.fd);
    free(o->burst.bytes);
    free(jpeg.write);
}

/* Removes datagrams from the burst, as a lossy network does. */
static void lose(struct dd_stream_sender_burst *burst, double percent)
{
    size_t kept = 0;
    for (size_t i = 0; i < burst->count; i++)
        if (drand48() * 100 >= percent)
            burst->datagrams[kept++] = burst->datagrams[i];
    burst->count = kept;
}

/* Seals and sends the next burst. Returns its size in bits. */
static double send_ours(struct ours *o, double loss_percent)
{
    double bits = 0;
    int error;
    if (!dd_stream_sender_is_sending(o->sender)) {
        o->picture.captured_us = dd_clock_now_us();
        if (dd_stream_sender_begin_frame(o->sender, &o->picture))
            fail("cannot begin a frame");
    }
    dd_stream_sender_fill(o->sender, &o->burst);
    if (loss_percent > 0)
        lose(&o->burst, loss_percent);
    for (size_t i = 0; i < o->burst.count; i++)
        bits += (double)o->burst.datagrams[i].iov_len * 8;
    if (o->burst.count && dd_oneway_socket_send(&o->out, &o->to, o->burst.datagrams, o->burst.count, &error) != o->burst.count)
        fail("sending");
    return bits;
}

static int transmit(int rounds)
{
    static const uint8_t key[DD_KEY_BYTES] = {7};
    for (int i = 0; i < rounds; i++) {
        struct reader reader;
        struct dd_destination to;
        struct ours ours;
        reader_start(&reader, false, &to);
        double bare_gbps = send_bare(&to, DD_ONEWAY_SOCKET_BURST), bits = 0;
        ours_open(&ours, key, &to);
        double start = cpu_seconds();
        for (uint64_t until_us = dd_clock_now_us() + ROUND_MS * DD_CLOCK_US_PER_MS; dd_clock_now_us() < until_us;)
            bits += send_ours(&ours, 0);
        double gbps = bits / 1e9 / (cpu_seconds() - start);
        reader_stop(&reader);
        printf("{\"bare_gbps\": %.3f, \"ours_gbps\": %.3f, \"frame_bytes\": %u}\n", bare_gbps, gbps, ours.picture.size);
        fflush(stdout);
        ours_close(&ours);
    }
    return EXIT_SUCCESS;
}

static int flood(char **words)
{
    uint8_t key[DD_KEY_BYTES];
    const char *why = "";
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[0])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct dd_destination to = {.size = sizeof v4};
    struct dd_token_bucket pace;
    struct ours ours;
    double bits = 0, loss = atof(words[4]);
    if (dd_key_parse(words[1], key, &why)) {
        fprintf(stderr, "transport: %s\n", why);
        return EXIT_FAILURE;
    }
    memcpy(&to.socket_address, &v4, sizeof v4);
    ours_open(&ours, key, &to);
    uint64_t now_us = dd_clock_now_us(), until_us = now_us + (uint64_t)(atof(words[3]) * (double)DD_CLOCK_US_PER_S);
    dd_token_bucket_init(&pace, (uint64_t)(atof(words[2]) * 1e6), DATAGRAM * DD_ONEWAY_SOCKET_BURST * 8, now_us);
    while ((now_us = dd_clock_now_us()) < until_us) {
        uint64_t wait_us = dd_token_bucket_wait_us(&pace, now_us);
        if (wait_us) {
            usleep((useconds_t)wait_us);
            continue;
        }
        double burst = send_ours(&ours, loss);
        dd_token_bucket_spend(&pace, (uint64_t)burst);
        bits += burst;
    }
    ours_close(&ours);
    printf("{\"sent_gbit\": %.4f}\n", bits / 1e9);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    dd_log_open("transport", DD_LOG_WARNING);
    if (argc == 3 && strcmp(argv[1], "limits") == 0 && atoi(argv[2]) >= 1 && atoi(argv[2]) <= DD_ONEWAY_SOCKET_BURST)
        return limits((size_t)atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "transmit") == 0)
        return transmit(atoi(argv[2]));
    if (argc == 7 && strcmp(argv[1], "flood") == 0)
        return flood(argv + 2);
    fprintf(stderr, "usage: transport limits BURST | transmit ROUNDS | flood PORT KEY MBIT SECONDS LOSS_PERCENT\n");
    return 2;
}
