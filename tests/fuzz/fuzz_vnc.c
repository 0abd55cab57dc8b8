/* Plays a VNC server to the source. An input is all that the server says, at once; then it hangs up. The flags in the first byte
 * say how the rest is read. With RAW these are the server's bytes, for the handshake alone. Else the handshake is a good one, and
 * messages with lengths and encodings that make sense are made of the input, for the framebuffer. libvncclient is not
 * instrumented: it gets the encodings that are asked for. What is fuzzed is our own code around it.
 *
 * Whatever comes, every call ends: with a picture that is whole and within the limits of size, or with a reason. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "fuzz.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/framebuffer.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/vnc_source.h"
#include "send/options.h"
#include "send/picture.h"

enum {
    STREAM_MAX = 64 * 1024, /* fits the socket's buffer: nobody reads yet */
    BUFFER_BYTES = 1 << 20,
    PICTURES = 40,
    SOON_US = 300,
    SIDE_MAX = 300, /* of a desktop, unless it is to be absurd */
};

/* flags in the first byte */
enum {
    RAW = 1,
    PASSWORD = 2,  /* RAW: the user has one */
    ANONYMOUS = 4, /* RAW: anonymous TLS is accepted */
    WAITS = 8,     /* pictures are due a little later: the source finds that the server hangs up meanwhile */
    STOPS = 16,    /* the role is stopped after as many checkpoints as the next byte says */
    OLD = 32,      /* RFB 3.3; with RAW the user has a name */
    DUE = 64,      /* pictures are due already: the source catches up with the server before each */
};

static struct dd_send_stream options;
static unsigned checkpoints, stop_after;

/* The server's end of the connection. It is read at checkpoints, or the client would block sooner or later. */
static int server_fd;

static bool checkpoint(void *context)
{
    uint8_t bytes[4096];

    (void)context;
    while (recv(server_fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    checkpoints++;
    return stop_after && checkpoints > stop_after;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    dd_log_open("fuzz_vnc", DD_LOG_ERROR);
    strcpy(options.source, "fuzz");
    options.timeout = DD_CLOCK_US_PER_S;
    return 0;
}

/* ---- what the server says ---- */

static void write_size(struct dd_cursor *in, struct dd_cursor *out)
{
    uint8_t kind = dd_cursor_read_u8(in);

    if (kind == 0xff) { /* any size */
        dd_cursor_write_u32(out, dd_cursor_read_u32(in));
        return;
    }
    dd_cursor_write_u16(out, (uint16_t)(kind % SIDE_MAX + 1));
    dd_cursor_write_u16(out, (uint16_t)(dd_cursor_read_u8(in) % SIDE_MAX + 1));
}

static void write_handshake(struct dd_cursor *in, struct dd_cursor *out, uint8_t flags)
{
    static const uint8_t version[] = "RFB 003.008\n", old[] = "RFB 003.003\n", none[] = {1, 1, 0, 0, 0, 0};
    static const uint8_t format[16] = {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0};

    dd_cursor_write_bytes(out, flags & OLD ? old : version, sizeof version - 1);
    if (flags & OLD)
        dd_cursor_write_u32(out, 1);
    else
        dd_cursor_write_bytes(out, none, sizeof none);
    write_size(in, out);
    dd_cursor_write_bytes(out, format, sizeof format);
    dd_cursor_write_u32(out, 0);
}

/* The next byte of the input says how many bytes of it follow; zeros fill up to size. */
static void write_data(struct dd_cursor *in, struct dd_cursor *out, size_t size)
{
    size_t given = dd_cursor_read_u8(in);

    if (given > dd_cursor_remaining(in))
        given = dd_cursor_remaining(in);
    const uint8_t *bytes = dd_cursor_read_bytes(in, given);
    if (bytes)
        dd_cursor_write_bytes(out, bytes, given);
    for (; given < size && dd_cursor_remaining(out); given++)
        dd_cursor_write_u8(out, 0);
}

static void write_rectangle(struct dd_cursor *in, struct dd_cursor *out)
{
    static const uint32_t encodings[] = {
        0, 1, 5, 16, 0xffffff21 /* DesktopSize */, 0xfffffecc /* the extended one */, 0xffffff20 /* LastRect */, 4711};
    uint8_t kind = dd_cursor_read_u8(in), x = dd_cursor_read_u8(in), y = dd_cursor_read_u8(in);
    uint32_t encoding = encodings[kind % 8];

    dd_cursor_write_u16(out, x);
    dd_cursor_write_u16(out, y);
    size_t at = out->at;
    write_size(in, out);
    dd_cursor_write_u32(out, encoding);
    size_t width = out->failed ? 0 : (size_t)(out->out[at] << 8 | out->out[at + 1]);
    size_t height = out->failed ? 0 : (size_t)(out->out[at + 2] << 8 | out->out[at + 3]);
    switch (kind % 8) {
    case 0:
        write_data(in, out, kind & 0x80 ? 0 : 4 * width * height);
        break;
    case 1:
        write_data(in, out, 4);
        break;
    case 2:
        write_data(in, out, (width + 15) / 16 * ((height + 15) / 16));
        break;
    case 3: {
        uint8_t length = dd_cursor_read_u8(in);
        dd_cursor_write_u32(out, length);
        write_data(in, out, length);
        break;
    }
    case 5:
        dd_cursor_write_u32(out, 1U << 24);
        write_data(in, out, 16);
        break;
    default:
        break;
    }
}

static void write_message(struct dd_cursor *in, struct dd_cursor *out)
{
    uint8_t kind = dd_cursor_read_u8(in);

    switch (kind % 4) {
    case 1:
        dd_cursor_write_u8(out, 2); /* Bell */
        break;
    case 2: /* ServerCutText */
        dd_cursor_write_u32(out, 3U << 24);
        dd_cursor_write_u32(out, kind & 0x80 ? 0x7fffffff : kind);
        write_data(in, out, kind & 0x80 ? 0 : kind);
        break;
    default: {
        unsigned count = kind / 4 % 4;
        dd_cursor_write_u16(out, 0);
        dd_cursor_write_u16(out, (uint16_t)count);
        for (unsigned i = 0; i < count; i++)
            write_rectangle(in, out);
    }
    }
}

static size_t write_stream(struct dd_cursor *in, uint8_t flags, uint8_t stream[static STREAM_MAX])
{
    struct dd_cursor out = dd_cursor_writer(stream, STREAM_MAX);

    if (flags & RAW) {
        size_t left = dd_cursor_remaining(in);
        dd_cursor_write_bytes(&out, dd_cursor_read_bytes(in, left), left);
        return out.at;
    }
    write_handshake(in, &out, flags);
    while (dd_cursor_remaining(in) && !out.failed)
        write_message(in, &out);
    return out.at;
}

/* ---- what comes of it ---- */

/* A server that has said all and hung up. Returns the client's end. */
static int start_server(const uint8_t *stream, size_t size)
{
    int pair[2], bytes = BUFFER_BYTES;

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    MUST(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    MUST(size == 0 || send(pair[1], stream, size, MSG_DONTWAIT) == (ssize_t)size);
    MUST(shutdown(pair[1], SHUT_WR) == 0);
    server_fd = pair[1];
    return pair[0];
}

static void check_error(const struct dd_source_io *io, int error)
{
    MUST(error == DD_ERROR_SOURCE || error == DD_ERROR_STOPPED || error == DD_ERROR_MEMORY);
    MUST(error != DD_ERROR_STOPPED || stop_after);
    if (error == DD_ERROR_SOURCE) {
        MUST(io->reason != DD_WIRE_REASON_NONE && io->message[0]);
        /* nothing here is slow, and the source does not wait for a server that has hung up */
        MUST(io->reason != DD_WIRE_REASON_TIMEOUT);
    }
}

static void check_picture(const struct dd_picture *picture, uint64_t start_us)
{
    uint32_t sum = 0;

    MUST(picture->format == DD_PICTURE_BGRX && dd_vnc_framebuffer_fits(picture->width, picture->height));
    MUST(picture->stride[0] >= picture->width * 4 && picture->plane[0]);
    MUST(picture->captured_us >= start_us && picture->captured_us <= dd_clock_now_us());
    for (int y = 0; y < picture->height; y++) /* AddressSanitizer looks */
        sum += picture->plane[0][(size_t)y * (size_t)picture->stride[0]] +
               picture->plane[0][(size_t)y * (size_t)picture->stride[0] + (size_t)picture->width * 4 - 1];
    MUST(sum <= 2U * 255U * (uint32_t)picture->height);
}

static void watch(struct dd_source_io *io, int fd, uint8_t flags)
{
    uint64_t start_us = dd_clock_now_us();
    struct dd_picture picture;
    void *state;
    int error = dd_vnc_source_start(&state, io, fd, "host");

    MUST((error == 0) == (state != NULL));
    for (unsigned i = 0; !error && i < PICTURES; i++) {
        io->deadline_us = dd_clock_now_us() + 10 * DD_CLOCK_US_PER_S;
        uint64_t due_us = flags & WAITS ? dd_clock_now_us() + SOON_US : flags & DUE ? 1 : 0;
        error = dd_vnc_source.next(state, io, due_us, &picture);
        if (!error)
            check_picture(&picture, start_us);
        else if (error == DD_ERROR_AGAIN)
            error = 0;
    }
    if (error)
        check_error(io, error);
    dd_vnc_source.close(state);
}

static void shake_hands(struct dd_source_io *io, int fd, uint8_t flags)
{
    const struct dd_vnc_handshake_config config = {
        .name = "fuzz",
        .host = "host",
        .username = flags & OLD ? "viewer" : "",
        .password = flags & PASSWORD ? "secret" : "",
        .authorities = "",
        .anonymous_tls = flags & ANONYMOUS,
    };
    struct dd_channel channel = {.fd = fd, .io = io};
    struct dd_vnc_handshake_result result;
    int error = dd_vnc_handshake_run(&channel, &config, &result);

    if (error)
        check_error(io, error);
    else
        MUST(result.width >= 0 && result.width <= 65535 && result.height >= 0 && result.height <= 65535);
    dd_channel_close(&channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t stream[STREAM_MAX];
    struct dd_cursor in = dd_cursor_reader(data, size);
    uint8_t flags = dd_cursor_read_u8(&in);
    struct dd_source_io io = {
        .options = &options, .deadline_us = dd_clock_now_us() + 10 * DD_CLOCK_US_PER_S, .checkpoint = checkpoint, .stop_fd = -1};

    checkpoints = 0;
    stop_after = flags & STOPS ? dd_cursor_read_u8(&in) % 32 + 1 : 0;
    size_t length = write_stream(&in, flags, stream);
    int fd = start_server(stream, length);
    if (flags & RAW)
        shake_hands(&io, fd, flags);
    else
        watch(&io, fd, flags);
    close(server_fd);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    static const struct fuzz_bytes seeds[] = {
        /* handshakes: None, VNC Authentication, VeNCrypt with TLS and without, 3.3, 3.7, refusals, rubbish */
        FUZZ_BYTES("\x01RFB 003.008\n\x01\x01\0\0\0\0\0\x10\0\x10 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x04"
                   "desk"),
        FUZZ_BYTES("\x03RFB 003.008\n\x01\x02"
                   "0123456789abcdef\0\0\0\0\0\x10\0\x10 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\0"),
        FUZZ_BYTES("\x03RFB 003.008\n\x01\x02"
                   "0123456789abcdef\0\0\0\x01\0\0\0\x05wrong"),
        FUZZ_BYTES("\x07RFB 003.008\n\x02\x13\x02\0\x02\0\x03\0\0\x01\x05\0\0\x01\x02\0\0\0\x02\x01\x15\x03\x03\0\x02\x02\x28"),
        FUZZ_BYTES("\x03RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\0\x02"
                   "0123456789abcdef\0\0\0\0\0\x10\0\x10 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\0"),
        FUZZ_BYTES("\x01RFB 003.008\n\x01\x02"),
        FUZZ_BYTES("\x23RFB 003.008\n\x02\x05\x1e"),
        FUZZ_BYTES("\x01RFB 003.008\n\x01\x12"),
        FUZZ_BYTES("\x01RFB 003.008\n\0\0\0\0\x04"
                   "busy"),
        FUZZ_BYTES("\x03RFB 003.003\n\0\0\0\x02"
                   "0123456789abcdef\0\0\0\x02"),
        FUZZ_BYTES("\x01RFB 003.008\n\0\0\0\0\x1aToo many security failures"),
        FUZZ_BYTES("\x05RFB 003.007\n\x01\x12\x16\x03\x03\0\x02\x02\x28"),
        FUZZ_BYTES("\x01RFB 003.008\n\x05\x01"),
        FUZZ_BYTES("\x01HTTP/1.1 400 Bad Request\r\n"),
        FUZZ_BYTES(
            "\x01RFB 003.008\n\x01\x01\0\0\0\0\xff\xff\xff\xff \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\x7f\xff\xff\xff"),
        /* pictures: Raw, Hextile, CopyRect */
        FUZZ_BYTES("\0\x0f\x0f\x04\0\0\0\x0f\x0f\0\x04\0\0\0\0\0\x04\x01\x02\x03\x04\x04\x01\x01\x01\x01\x01\x04\0\0\0\0\0"),
        FUZZ_BYTES("\x08\x0f\x0f\x04\x02\0\0\x0f\x0f\x07\x02\x01\x02\x03\x04\x04\0\x04\0\0\0\0\0\0"),
        /* a new size, then a picture of that; one that is absurd */
        FUZZ_BYTES("\0\x0f\x0f\x04\0\0\0\x0f\x0f\0\x04\x04\0\0\x1f\x1f\x04\0\0\0\x1f\x1f\0\x04\x04\0\0\xff\xff\xff\xff\xff"),
        FUZZ_BYTES("\x08\x0f\x0f\x08\x05\0\0\x1f\x1f\0\0\0\0\x1f\x1f\0"),
        /* ZRLE of one colour, and one that is corrupt; outside; bells and a clipboard */
        FUZZ_BYTES("\0\x0f\x0f\x04\x03\0\0\x0f\x0f\x10\x10\x78\x9c\x62\x64\x62\x66\x01\0\0\0\xff\xff\0\0\0\0\0"),
        FUZZ_BYTES("\0\x0f\x0f\x04\0\0\0\x0f\x0f\0\x04\x03\0\0\x0f\x0f\x0c\x0c\x78\x9c\x6a\x62\x64\x62\x06\x00\x00\x00\xff\xff"),
        FUZZ_BYTES("\0\x0f\x0f\x04\0\x0f\x0f\x0f\x0f\0\x01\x01\x06\x04"
                   "clip\x82\0"),
        FUZZ_BYTES("\x18\x05\x0f\x0f\x04\0\0\0\x0f\x0f\0\x04\0\0\0\0\0\0\x04\0\0\0\0\0\0"),
        FUZZ_BYTES("\x20\x0f\x0f\x0c\0\0\0\x07\x0f\0\0\x08\0\x07\x0f\0\x06\0\0\0\0"),
        /* 16 bells before the probe, and one behind it; then its answer, a pixel of the third cell */
        FUZZ_BYTES("\x40\x0f\x0f\x04\0\0\0\x0f\x0f\0\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                   "\x04\0\x08\0\0\0\0"),
    };

    if (i >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[i].bytes, seeds[i].size);
    return seeds[i].size;
}
