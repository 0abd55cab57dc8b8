#include "send/capture/vnc/handshake.h"

#include <stdio.h>

#include "send/capture/vnc/handshake_io.h"
#include "send/capture/vnc/initialization.h"
#include "send/capture/vnc/security_handshake.h"

enum { VERSION_BYTES = 12 /* "RFB 003.008\n" */ };

/* ProtocolVersion (section 7.1.1). */
static int negotiate_version(struct dd_vnc_handshake *h)
{
    char text[VERSION_BYTES + 1] = "";
    unsigned major, minor;
    int end = 0, error = dd_vnc_handshake_io_read(h, text, VERSION_BYTES);

    if (error)
        return error;
    if (sscanf(text, "RFB %3u.%3u\n%n", &major, &minor, &end) != 2 || end != VERSION_BYTES || major < 3)
        return dd_vnc_handshake_io_fail_broken(h);
    /* 3.5 counts as 3.3. Apple says 3.889, RealVNC 4 and 5: these know 3.8. */
    h->minor_version = major > 3 || minor >= 8 ? 8 : minor == 7 ? 7 : 3;
    snprintf(text, sizeof text, "RFB 003.%03d\n", h->minor_version);
    return dd_vnc_handshake_io_write(h, text, VERSION_BYTES);
}

int dd_vnc_handshake_run(struct dd_channel *channel, const struct dd_vnc_handshake_config *config,
                         struct dd_vnc_handshake_result *result)
{
    struct dd_vnc_handshake h = {.channel = channel, .config = config, .result = result};

    *result = (struct dd_vnc_handshake_result){0};
    int error = negotiate_version(&h);
    if (!error)
        error = dd_vnc_security_handshake_run(&h);
    return error ? error : dd_vnc_initialization_run(&h);
}
