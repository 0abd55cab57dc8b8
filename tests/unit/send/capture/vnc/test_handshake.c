/* The VNC handshake against a server that has said all it will: what the client sends, to the byte, and how it ends. */
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

#define PASSWORD "sesame12"
#define CHALLENGE "\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
#define RESPONSE "\xac\x8f\xfe\x46\x6f\x06\x68\x39\xad\xe5\xac\xb7\x1d\x16\x81\x9d"
#define OK "\0\0\0\0"
#define FAILED "\0\0\0\x01"
#define SERVER_INIT                                                                                                              \
    "\x02\x80\x01\xe0 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x04"                                                    \
    "desk"
#define SET_PIXEL_FORMAT "\0\0\0\0 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"
#define SET_ENCODINGS "\x02\0\0\x05\0\0\0\x10\0\0\0\x05\0\0\0\x01\0\0\0\0\xff\xff\xff\x21"
#define START "\x01" SET_PIXEL_FORMAT SET_ENCODINGS /* ClientInit in front */

struct row {
    const char *name;
    const char *server, *client; /* what each of them says */
    size_t server_size, client_size;
    unsigned reason;                               /* enum dd_wire_reason; 0: the handshake succeeds */
    const char *message;                           /* a part of it */
    const char *username, *password, *authorities; /* NULL: "" */
};
/* Behind the three texts stand the other fields. */
#define ROW(text, server_text, client_text, ...)                                                                                 \
    {                                                                                                                            \
        .name = text, .server = server_text, .client = client_text, .server_size = sizeof(server_text) - 1,                      \
        .client_size = sizeof(client_text) - 1, __VA_ARGS__                                                                      \
    }

static bool never(void *context)
{
    (void)context;
    return false;
}

static void check(const struct row *row)
{
    struct dd_source_io io = {.deadline_us = dd_clock_now_us() + 10 * DD_CLOCK_US_PER_S, .checkpoint = never, .stop_fd = -1};
    const struct dd_vnc_handshake_config config = {
        .name = "desk",
        .host = "host",
        .username = row->username ? row->username : "",
        .password = row->password ? row->password : "",
        .authorities = row->authorities ? row->authorities : "",
    };
    struct dd_vnc_handshake_result result;
    uint8_t sent[1024];
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(send(pair[1], row->server, row->server_size, 0), (ssize_t)row->server_size);
    shutdown(pair[1], SHUT_WR);
    struct dd_channel channel = {.fd = pair[0], .io = &io};
    int error = dd_vnc_handshake_run(&channel, &config, &result);

    ck_assert_msg(error == (row->reason ? DD_ERROR_SOURCE : 0), "%s: %d", row->name, error);
    ck_assert_msg(io.reason == row->reason, "%s: reason %u", row->name, io.reason);
    ck_assert_msg(!row->reason || strstr(io.message, row->message), "%s: %s", row->name, io.message);
    ck_assert(!result.certificate_unchecked);
    if (!error) {
        ck_assert_int_eq(result.width, 640);
        ck_assert_int_eq(result.height, 480);
    }
    shutdown(channel.fd, SHUT_WR); /* the end of what it sends; a close would take the rest away if the client has not read all */
    ssize_t size = recv(pair[1], sent, sizeof sent, MSG_WAITALL);
    ck_assert_msg(size == (ssize_t)row->client_size, "%s: sent %zd bytes", row->name, size);
    ck_assert_msg(memcmp(sent, row->client, row->client_size) == 0, "%s", row->name);
    dd_channel_close(&channel);
    close(pair[1]);
}

static void check_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&rows[i]);
}

START_TEST(logs_in)
{
    static const struct row rows[] = {
        ROW("None", "RFB 003.008\n\x02\x05\x01" OK SERVER_INIT, "RFB 003.008\n\x01" START),
        ROW("VNC Authentication", "RFB 003.008\n\x01\x02" CHALLENGE OK SERVER_INIT, "RFB 003.008\n\x02" RESPONSE START,
            .password = PASSWORD),
        ROW("None of 3.7", "RFB 003.007\n\x01\x01" SERVER_INIT, "RFB 003.007\n\x01" START),
        ROW("VNC Authentication of 3.7", "RFB 003.007\n\x01\x02" CHALLENGE OK SERVER_INIT, "RFB 003.007\n\x02" RESPONSE START,
            .password = PASSWORD),
        ROW("None of 3.3", "RFB 003.003\n\0\0\0\x01" SERVER_INIT, "RFB 003.003\n" START),
        ROW("VNC Authentication of 3.3", "RFB 003.003\n\0\0\0\x02" CHALLENGE OK SERVER_INIT, "RFB 003.003\n" RESPONSE START,
            .password = PASSWORD),
        ROW("3.5", "RFB 003.005\n\0\0\0\x01" SERVER_INIT, "RFB 003.003\n" START),
        ROW("Apple", "RFB 003.889\n\x01\x01" OK SERVER_INIT, "RFB 003.008\n\x01" START),
        ROW("RealVNC", "RFB 005.000\n\x01\x01" OK SERVER_INIT, "RFB 003.008\n\x01" START),
        ROW("VeNCrypt without TLS", "RFB 003.008\n\x02\x02\x13\0\x02\0\x01\0\0\0\x02" CHALLENGE OK SERVER_INIT,
            "RFB 003.008\n\x13\0\x02\0\0\0\x02" RESPONSE START, .password = PASSWORD),
    };

    check_all(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(says_what_no_type_offered_fits)
{
    static const struct row rows[] = {
        ROW("no password", "RFB 003.008\n\x01\x02", "RFB 003.008\n", .reason = DD_WIRE_REASON_CREDENTIALS,
            .message = "wants a password; set password_file"),
        ROW("no user name", "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x06", "RFB 003.008\n\x13\0\x02",
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "wants a user name and a password; set username and password_file",
            .password = PASSWORD),
        ROW("Plain in clear", "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\0", "RFB 003.008\n\x13\0\x02",
            .reason = DD_WIRE_REASON_UNSUITABLE, .message = "(security types 256)", .username = "viewer", .password = PASSWORD),
        ROW("none that is known", "RFB 003.008\n\x02\x05\x1e", "RFB 003.008\n", .reason = DD_WIRE_REASON_UNSUITABLE,
            .message = "(security types 5, 30)", .password = PASSWORD),
        ROW("unknown to 3.3", "RFB 003.003\n\0\0\0\x07", "RFB 003.003\n", .reason = DD_WIRE_REASON_UNSUITABLE,
            .message = "(security types 7)", .password = PASSWORD),
        ROW("TLS", "RFB 003.008\n\x01\x12", "RFB 003.008\n", .reason = DD_WIRE_REASON_CERTIFICATE,
            .message = "set tls_anonymous"),
        ROW("TLS of VeNCrypt", "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x02", "RFB 003.008\n\x13\0\x02",
            .reason = DD_WIRE_REASON_CERTIFICATE, .message = "set tls_anonymous", .password = PASSWORD),
        ROW("no certificate", "RFB 003.008\n\x02\x01\x12", "RFB 003.008\n", .reason = DD_WIRE_REASON_CERTIFICATE,
            .message = "which ca_file asks for", .authorities = "a certificate"),
    };

    check_all(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(tells_a_wrong_password_from_other_refusals)
{
    static const struct row rows[] = {
        ROW("wrong", "RFB 003.008\n\x01\x02" CHALLENGE FAILED "\0\0\0\x02no", "RFB 003.008\n\x02" RESPONSE,
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "wrong password", .password = PASSWORD),
        ROW("wrong, without a reason", "RFB 003.008\n\x01\x02" CHALLENGE FAILED, "RFB 003.008\n\x02" RESPONSE,
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "wrong password", .password = PASSWORD),
        ROW("wrong, of 3.3", "RFB 003.003\n\0\0\0\x02" CHALLENGE FAILED, "RFB 003.003\n" RESPONSE,
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "wrong user name or password", .username = "viewer",
            .password = PASSWORD),
        ROW("closed", "RFB 003.008\n\x01\x02" CHALLENGE, "RFB 003.008\n\x02" RESPONSE, .reason = DD_WIRE_REASON_CREDENTIALS,
            .message = "closed the connection at the log-in", .password = PASSWORD),
        ROW("too many, result 2", "RFB 003.008\n\x01\x02" CHALLENGE "\0\0\0\x02", "RFB 003.008\n\x02" RESPONSE,
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "too many attempts", .password = PASSWORD),
        ROW("too many, by the reason", "RFB 003.008\n\x01\x02" CHALLENGE FAILED "\0\0\0\x0eToo many tries",
            "RFB 003.008\n\x02" RESPONSE, .reason = DD_WIRE_REASON_CREDENTIALS, .message = "too many attempts",
            .password = PASSWORD),
        ROW("too many, before", "RFB 003.008\n\0\0\0\0\x1aToo many security failures", "RFB 003.008\n",
            .reason = DD_WIRE_REASON_CREDENTIALS, .message = "too many attempts"),
        ROW("refused",
            "RFB 003.008\n\0\0\0\0\x04"
            "busy",
            "RFB 003.008\n", .reason = DD_WIRE_REASON_ENDED, .message = "refuses the connection"),
        ROW("too many viewers", "RFB 003.003\n\0\0\0\0\0\0\0\x10Too many viewers", "RFB 003.003\n",
            .reason = DD_WIRE_REASON_ENDED, .message = "refuses the connection"),
        ROW("refused after None",
            "RFB 003.008\n\x01\x01" FAILED "\0\0\0\x04"
            "busy",
            "RFB 003.008\n\x01", .reason = DD_WIRE_REASON_ENDED, .message = "refuses the connection"),
    };

    check_all(rows, sizeof rows / sizeof *rows);
}
END_TEST

START_TEST(refuses_what_is_not_vnc)
{
    static const struct row rows[] = {
        ROW("HTTP", "HTTP/1.1 400 Bad Request\r\n", "", .reason = DD_WIRE_REASON_BROKEN, .message = "is not VNC"),
        ROW("2.0", "RFB 002.000\n", "", .reason = DD_WIRE_REASON_BROKEN, .message = "is not VNC"),
        ROW("no end of line", "RFB 003.0080", "", .reason = DD_WIRE_REASON_BROKEN, .message = "is not VNC"),
        ROW("VeNCrypt 0.1", "RFB 003.008\n\x01\x13\0\x01", "RFB 003.008\n\x13", .reason = DD_WIRE_REASON_UNSUITABLE,
            .message = "VeNCrypt before 0.2"),
        ROW("VeNCrypt refused", "RFB 003.008\n\x01\x13\0\x02\x01", "RFB 003.008\n\x13\0\x02", .reason = DD_WIRE_REASON_BROKEN,
            .message = "is not VNC"),
        ROW("TLS that is not ready", "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x04\0", "RFB 003.008\n\x13\0\x02\0\0\x01\x04",
            .reason = DD_WIRE_REASON_BROKEN, .message = "is not VNC"),
        ROW("a long name", "RFB 003.007\n\x01\x01\x02\x80\x01\xe0 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\x10\0\x01",
            "RFB 003.007\n\x01\x01", .reason = DD_WIRE_REASON_BROKEN, .message = "is not VNC"),
        ROW("a long reason", "RFB 003.008\n\0\x7f\xff\xff\xff", "RFB 003.008\n", .reason = DD_WIRE_REASON_BROKEN,
            .message = "is not VNC"),
        ROW("nothing", "", "", .reason = DD_WIRE_REASON_ENDED, .message = "while it was set up"),
        ROW("half a list", "RFB 003.008\n\x05\x01", "RFB 003.008\n", .reason = DD_WIRE_REASON_ENDED,
            .message = "while it was set up"),
        ROW("half a name",
            "RFB 003.007\n\x01\x01\x02\x80\x01\xe0 \x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x04"
            "de",
            "RFB 003.007\n\x01\x01", .reason = DD_WIRE_REASON_ENDED, .message = "while it was set up"),
    };

    check_all(rows, sizeof rows / sizeof *rows);
}
END_TEST

SUITE("send/capture/vnc/handshake", logs_in, says_what_no_type_offered_fits, tells_a_wrong_password_from_other_refusals,
      refuses_what_is_not_vnc)
