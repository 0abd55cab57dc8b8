#include "send/capture/vnc/security_handshake.h"

#include <stdio.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/authentication.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/handshake_io.h"
#include "send/capture/vnc/refusal.h"
#include "send/capture/vnc/security_type.h"
#include "send/capture/vnc/vencrypt.h"

enum { LIST_SIZE = 200 /* of the security types in a message; the rest is cut off */ };

/* What the server offers: security types, or VeNCrypt's subtypes. */
struct offer {
    uint32_t types[DD_VNC_SECURITY_TYPE_COUNT_MAX];
    size_t count;
};

/* ---- the choice ---- */

static bool has_type(const struct offer *offer, uint32_t type)
{
    for (size_t i = 0; i < offer->count; i++)
        if (offer->types[i] == type)
            return true;
    return false;
}

static bool has_anonymous_tls(const struct offer *offer)
{
    return has_type(offer, DD_VNC_SECURITY_TYPE_TLS) || has_type(offer, DD_VNC_SECURITY_TYPE_TLS_NONE) ||
           has_type(offer, DD_VNC_SECURITY_TYPE_TLS_VNC) || has_type(offer, DD_VNC_SECURITY_TYPE_TLS_PLAIN);
}

static int fail_no_suitable_type(const struct dd_vnc_handshake *h, const struct offer *offer)
{
    struct dd_source_io *io = h->channel->io;
    char list[LIST_SIZE] = "";
    size_t length = 0;

    if (h->config->authorities[0])
        return dd_source_fail(io, DD_WIRE_REASON_CERTIFICATE,
                              "%s: the VNC server has no TLS with a certificate (VeNCrypt X509), which ca_file asks for",
                              h->config->name);
    if (has_anonymous_tls(offer))
        return dd_source_fail(io, DD_WIRE_REASON_CERTIFICATE,
                              "%s: the VNC server has TLS only without a certificate; give it one, or set tls_anonymous",
                              h->config->name);
    for (size_t i = 0; i < offer->count && length < sizeof list; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%u", i ? ", " : "", offer->types[i]);
    return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: the VNC server has no way to log in that is known here (security types %s); allow VncAuth, or "
                          "better X509Vnc, there",
                          h->config->name, list);
}

static int fail_credentials_missing(const struct dd_vnc_handshake *h, const struct dd_vnc_security_type *type)
{
    bool with_username = type->authentication == DD_VNC_SECURITY_TYPE_PLAIN;

    return dd_source_fail(h->channel->io, DD_WIRE_REASON_CREDENTIALS,
                          "%s: the VNC server wants a %spassword; set %spassword_file", h->config->name,
                          with_username ? "user name and a " : "", with_username ? "username and " : "");
}

static void log_choice(const struct dd_vnc_handshake *h, const struct dd_vnc_security_type *type)
{
    static const struct dd_vnc_security_type *logged; /* a role has one server, and connects to it again and again */

    if (logged != type)
        dd_log_notice("%s: logs in with %s", h->config->name, dd_vnc_security_type_text(type));
    logged = type;
}

/* The best type of the offer that is acceptable. NULL, told in io, if there is none. */
static const struct dd_vnc_security_type *choose(const struct dd_vnc_handshake *h, const struct offer *offer)
{
    const struct dd_vnc_handshake_config *config = h->config;
    const struct dd_vnc_security_type_request request = {
        .certificate_only = config->authorities[0] != '\0',
        .anonymous_tls = config->anonymous_tls,
        .has_username = config->username[0] != '\0',
        .has_password = config->password[0] != '\0',
    };
    const struct dd_vnc_security_type *needs_credentials, *type;

    type = dd_vnc_security_type_choose(offer->types, offer->count, &request, &needs_credentials);
    if (type)
        log_choice(h, type);
    else if (needs_credentials)
        fail_credentials_missing(h, needs_credentials);
    else
        fail_no_suitable_type(h, offer);
    return type;
}

/* ---- the handshake ---- */

/* The list of RFB 3.7 and later. An empty one is a refusal. */
static int read_types(const struct dd_vnc_handshake *h, struct offer *offer)
{
    uint8_t types[DD_VNC_SECURITY_TYPE_COUNT_MAX], count;
    int error = dd_vnc_handshake_io_read_u8(h, &count);

    offer->count = 0;
    if (!error && count == 0)
        return dd_vnc_refusal_of_connection(h);
    if (!error)
        error = dd_vnc_handshake_io_read(h, types, count);
    if (error)
        return error;
    for (; offer->count < count; offer->count++)
        offer->types[offer->count] = types[offer->count];
    return 0;
}

/* None or VNC Authentication. */
static int run_basic(const struct dd_vnc_handshake *h, const struct offer *offer)
{
    const struct dd_vnc_security_type *type = choose(h, offer);

    if (!type)
        return DD_ERROR_SOURCE;
    int error = dd_vnc_handshake_io_write_u8(h, (uint8_t)type->id);
    return error ? error : dd_vnc_authentication_run(h, type->authentication);
}

static int run_vencrypt(const struct dd_vnc_handshake *h)
{
    struct offer subtypes;
    int error = dd_vnc_handshake_io_write_u8(h, DD_VNC_SECURITY_TYPE_VENCRYPT);

    if (!error)
        error = dd_vnc_vencrypt_read_subtypes(h, subtypes.types, &subtypes.count);
    if (error)
        return error;
    const struct dd_vnc_security_type *subtype = choose(h, &subtypes);
    if (!subtype)
        return DD_ERROR_SOURCE;
    error = dd_vnc_vencrypt_select(h, subtype);
    return error ? error : dd_vnc_authentication_run(h, subtype->authentication);
}

/* The security type TLS: anonymous TLS, and within it another list of types. */
static int run_tls(const struct dd_vnc_handshake *h)
{
    struct offer offer;
    int error = dd_vnc_handshake_io_write_u8(h, DD_VNC_SECURITY_TYPE_TLS);

    if (!error)
        error = dd_vnc_vencrypt_start_tls(h, DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS);
    if (!error)
        error = read_types(h, &offer);
    return error ? error : run_basic(h, &offer);
}

/* RFB 3.3: the server names the only type. */
static int run_version_3_3(const struct dd_vnc_handshake *h)
{
    struct offer offer = {.count = 1};
    int error = dd_vnc_handshake_io_read_u32(h, &offer.types[0]);

    if (error)
        return error;
    if (offer.types[0] == DD_VNC_SECURITY_TYPE_INVALID)
        return dd_vnc_refusal_of_connection(h);
    const struct dd_vnc_security_type *type = choose(h, &offer);
    return type ? dd_vnc_authentication_run(h, type->authentication) : DD_ERROR_SOURCE;
}

int dd_vnc_security_handshake_run(const struct dd_vnc_handshake *h)
{
    struct offer offer;

    if (h->minor_version < 7)
        return run_version_3_3(h);
    int error = read_types(h, &offer);
    if (error)
        return error;
    if (has_type(&offer, DD_VNC_SECURITY_TYPE_VENCRYPT))
        return run_vencrypt(h);
    if (has_type(&offer, DD_VNC_SECURITY_TYPE_TLS) && h->config->anonymous_tls && !h->config->authorities[0])
        return run_tls(h);
    return run_basic(h, &offer);
}
