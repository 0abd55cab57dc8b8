#include "send/capture/vnc/vencrypt.h"

#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/handshake_io.h"

enum { VERSION_MAJOR = 0, VERSION_MINOR = 2, ACCEPTED = 0 /* of the version */, READY = 1 /* for TLS */ };

static int negotiate_version(const struct dd_vnc_handshake *h)
{
    static const uint8_t version[2] = {VERSION_MAJOR, VERSION_MINOR};
    uint8_t offered[2], status;
    int error = dd_vnc_handshake_io_read(h, offered, sizeof offered);

    if (!error && offered[0] == VERSION_MAJOR && offered[1] < VERSION_MINOR)
        error = dd_source_fail(h->channel->io, DD_WIRE_REASON_UNSUITABLE, "%s: the VNC server has VeNCrypt before 0.2; update it",
                               h->config->name);
    if (!error)
        error = dd_vnc_handshake_io_write(h, version, sizeof version);
    if (!error)
        error = dd_vnc_handshake_io_read_u8(h, &status);
    if (!error && status != ACCEPTED)
        error = dd_vnc_handshake_io_fail_broken(h);
    return error;
}

int dd_vnc_vencrypt_read_subtypes(const struct dd_vnc_handshake *h, uint32_t subtypes[static DD_VNC_SECURITY_TYPE_COUNT_MAX],
                                  size_t *count)
{
    uint8_t offered = 0;
    int error = negotiate_version(h);

    *count = 0;
    if (!error)
        error = dd_vnc_handshake_io_read_u8(h, &offered);
    for (size_t i = 0; !error && i < offered; i++)
        error = dd_vnc_handshake_io_read_u32(h, &subtypes[i]);
    *count = error ? 0 : offered;
    return error;
}

int dd_vnc_vencrypt_start_tls(const struct dd_vnc_handshake *h, enum dd_vnc_security_type_tls tls)
{
    const struct dd_vnc_handshake_config *config = h->config;
    struct dd_channel *channel = h->channel;
    char text[DD_TLS_TEXT_SIZE];
    bool refused;
    struct dd_tls *client = tls == DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS
                                ? dd_tls_new_anonymous(channel->fd)
                                : dd_tls_new(channel->fd, config->host, config->authorities);
    int error = dd_channel_start_tls(channel, client, text, &refused);

    if (error == DD_ERROR_INPUT)
        return dd_source_fail(channel->io, refused ? DD_WIRE_REASON_CERTIFICATE : DD_WIRE_REASON_BROKEN, "%s: %s", config->name,
                              text);
    if (error)
        return dd_vnc_handshake_io_fail(h, error);
    h->result->certificate_unchecked = tls == DD_VNC_SECURITY_TYPE_X509_TLS && !config->authorities[0];
    return 0;
}

int dd_vnc_vencrypt_select(const struct dd_vnc_handshake *h, const struct dd_vnc_security_type *subtype)
{
    uint8_t status;
    int error = dd_vnc_handshake_io_write_u32(h, subtype->id);

    if (error || subtype->tls == DD_VNC_SECURITY_TYPE_NO_TLS)
        return error;
    error = dd_vnc_handshake_io_read_u8(h, &status);
    if (!error && status != READY)
        error = dd_vnc_handshake_io_fail_broken(h);
    return error ? error : dd_vnc_vencrypt_start_tls(h, subtype->tls);
}
