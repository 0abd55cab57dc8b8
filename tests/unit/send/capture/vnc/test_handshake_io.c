/* The fields of the VNC handshake's messages, against a server that has said all it will. */
#include "send/capture/vnc/handshake_io.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/handshake.h"
#include "suite.h"

enum { LONG_TEXT = DD_VNC_HANDSHAKE_IO_TEXT_MAX + 100 };

static struct dd_source_io io;
static char text[DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1];

static bool never(void *context)
{
    (void)context;
    return false;
}

/* Reads a text of which the server announces `announced` bytes and sends `sent`. Then it closes the connection. */
static int read_text(uint32_t announced, size_t sent)
{
    const struct dd_vnc_handshake_config config = {.name = "desk"};
    uint8_t bytes[4 + LONG_TEXT] = {(uint8_t)(announced >> 24), (uint8_t)(announced >> 16), (uint8_t)(announced >> 8),
                                    (uint8_t)announced};
    int pair[2];

    memset(bytes + 4, 'x', LONG_TEXT);
    memset(text, '?', sizeof text);
    io = (struct dd_source_io){.deadline_us = dd_clock_now_us() + 60 * DD_CLOCK_US_PER_S, .checkpoint = never, .stop_fd = -1};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(send(pair[1], bytes, 4 + sent, 0), (ssize_t)(4 + sent));
    close(pair[1]);
    struct dd_channel channel = {.fd = pair[0], .io = &io};
    const struct dd_vnc_handshake h = {.channel = &channel, .config = &config};
    int error = dd_vnc_handshake_io_read_text(&h, text);
    dd_channel_close(&channel);
    return error;
}

START_TEST(keeps_the_beginning_of_a_text)
{
    ck_assert_int_eq(read_text(0, 0), 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(read_text(2, 2), 0);
    ck_assert_str_eq(text, "xx");
    ck_assert_int_eq(read_text(DD_VNC_HANDSHAKE_IO_TEXT_MAX, DD_VNC_HANDSHAKE_IO_TEXT_MAX), 0);
    ck_assert_uint_eq(strlen(text), DD_VNC_HANDSHAKE_IO_TEXT_MAX);
    ck_assert_int_eq(read_text(LONG_TEXT, LONG_TEXT), 0);
    ck_assert_uint_eq(strlen(text), DD_VNC_HANDSHAKE_IO_TEXT_MAX);
}
END_TEST

START_TEST(an_error_leaves_no_text)
{
    static const struct {
        uint32_t announced;
        size_t sent;
        unsigned reason;
    } cases[] = {
        {2, 1, DD_WIRE_REASON_ENDED},
        {LONG_TEXT, DD_VNC_HANDSHAKE_IO_TEXT_MAX, DD_WIRE_REASON_ENDED},
        {LONG_TEXT, LONG_TEXT - 1, DD_WIRE_REASON_ENDED}, /* the end of what is thrown away is missing */
        {UINT32_MAX, LONG_TEXT, DD_WIRE_REASON_BROKEN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(read_text(cases[i].announced, cases[i].sent), DD_ERROR_SOURCE);
        ck_assert_msg(io.reason == cases[i].reason, "case %zu", i);
        ck_assert_msg(text[0] == '\0', "case %zu", i);
    }
}
END_TEST

SUITE("send/capture/vnc/handshake_io", keeps_the_beginning_of_a_text, an_error_leaves_no_text)
