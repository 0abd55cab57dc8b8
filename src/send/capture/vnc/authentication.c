#include "send/capture/vnc/authentication.h"

#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/handshake_io.h"
#include "send/capture/vnc/password.h"
#include "send/capture/vnc/refusal.h"

enum { PLAIN_MAX = 1023 /* bytes of a user name or a password that are sent */ };

static void warn_of_long_password(const struct dd_vnc_handshake *h)
{
    static bool warned; /* a role has one server, and connects to it again and again */

    if (!warned && strlen(h->config->password) > DD_VNC_PASSWORD_MAX)
        dd_log_warning("%s: only the first %d characters of the password count for this VNC server, and it need not know more",
                       h->config->name, DD_VNC_PASSWORD_MAX);
    warned = true;
}

/* VNC Authentication (section 7.2.2). */
static int answer_challenge(const struct dd_vnc_handshake *h)
{
    uint8_t challenge[DD_VNC_PASSWORD_CHALLENGE_SIZE], response[DD_VNC_PASSWORD_CHALLENGE_SIZE];
    int error = dd_vnc_handshake_io_read(h, challenge, sizeof challenge);

    warn_of_long_password(h);
    if (!error)
        error = dd_vnc_password_respond(h->config->password, challenge, response);
    return error ? error : dd_vnc_handshake_io_write(h, response, sizeof response);
}

/* Plain: two lengths, then user name and password. */
static int send_plain(const struct dd_vnc_handshake *h)
{
    size_t username_size = strnlen(h->config->username, PLAIN_MAX), password_size = strnlen(h->config->password, PLAIN_MAX);
    uint8_t bytes[8 + 2 * PLAIN_MAX];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);

    dd_cursor_write_u32(&c, (uint32_t)username_size);
    dd_cursor_write_u32(&c, (uint32_t)password_size);
    dd_cursor_write_bytes(&c, h->config->username, username_size);
    dd_cursor_write_bytes(&c, h->config->password, password_size);
    int error = dd_vnc_handshake_io_write(h, bytes, c.at);
    explicit_bzero(bytes, sizeof bytes);
    return error;
}

/* SecurityResult. With None it came with RFB 3.8. */
static int read_result(const struct dd_vnc_handshake *h, bool authenticated)
{
    uint8_t bytes[4];

    if (!authenticated && h->minor_version < 8)
        return 0;
    int error = dd_channel_read(h->channel, bytes, sizeof bytes);
    /* Some servers close instead of saying no. As a wrong password, or the next attempt would come at once. */
    if (error == DD_ERROR_GONE && authenticated)
        return dd_source_fail(h->channel->io, DD_WIRE_REASON_CREDENTIALS,
                              "%s: the VNC server closed the connection at the log-in; check the password", h->config->name);
    if (error)
        return dd_vnc_handshake_io_fail(h, error);
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);
    uint32_t result = dd_cursor_read_u32(&c);
    if (result == 0)
        return 0;
    return authenticated ? dd_vnc_refusal_of_login(h, result) : dd_vnc_refusal_of_connection(h);
}

int dd_vnc_authentication_run(const struct dd_vnc_handshake *h, enum dd_vnc_security_type_authentication authentication)
{
    int error = 0;

    if (authentication == DD_VNC_SECURITY_TYPE_CHALLENGE)
        error = answer_challenge(h);
    else if (authentication == DD_VNC_SECURITY_TYPE_PLAIN)
        error = send_plain(h);
    return error ? error : read_result(h, authentication != DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION);
}
