#include "send/capture/vnc/refusal.h"

#include <string.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/handshake_io.h"

enum { RESULT_TOO_MANY_ATTEMPTS = 2 /* rfbproto has it for the security type Tight; here it is understood with all */ };

static int read_reason(const struct dd_vnc_handshake *h, char text[static DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1])
{
    int error = dd_vnc_handshake_io_read_text(h, text);

    if (!error)
        dd_log_debug("%s: the VNC server says: %s", h->config->name, text);
    return error;
}

static int fail_too_many_attempts(const struct dd_vnc_handshake *h)
{
    return dd_source_fail(h->channel->io, DD_WIRE_REASON_CREDENTIALS,
                          "%s: too many attempts with a wrong password; the VNC server lets nobody in for a while",
                          h->config->name);
}

int dd_vnc_refusal_of_connection(const struct dd_vnc_handshake *h)
{
    char text[DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1];
    int error = read_reason(h, text);

    if (error)
        return error;
    /* TigerVNC and RealVNC: "Too many security failures", "Too many authentication failures" */
    if (strcasestr(text, "too many") && (strcasestr(text, "fail") || strcasestr(text, "attempt")))
        return fail_too_many_attempts(h);
    return dd_source_fail(h->channel->io, DD_WIRE_REASON_ENDED,
                          "%s: the VNC server refuses the connection; its log says why, and so does this one with --debug",
                          h->config->name);
}

int dd_vnc_refusal_of_login(const struct dd_vnc_handshake *h, uint32_t result)
{
    struct dd_source_io *io = h->channel->io;
    char text[DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1];

    if (result == RESULT_TOO_MANY_ATTEMPTS)
        return fail_too_many_attempts(h);
    /* The reason is optional here: the password is wrong even if the server closes the connection before the reason has come. */
    if (h->minor_version >= 8 && read_reason(h, text) == 0 && strcasestr(text, "too many"))
        return fail_too_many_attempts(h);
    if (io->checkpoint(io->context))
        return DD_ERROR_STOPPED;
    return dd_source_fail(io, DD_WIRE_REASON_CREDENTIALS, "%s: wrong %spassword", h->config->name,
                          h->config->username[0] ? "user name or " : "");
}
