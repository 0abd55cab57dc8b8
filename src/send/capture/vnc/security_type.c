#include "send/capture/vnc/security_type.h"

/* The best first. VeNCrypt's Plain (256), user name and password without TLS, is left out. */
static const struct dd_vnc_security_type ranking[] = {
    {DD_VNC_SECURITY_TYPE_X509_NONE, DD_VNC_SECURITY_TYPE_X509_TLS, DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION},
    {DD_VNC_SECURITY_TYPE_X509_VNC, DD_VNC_SECURITY_TYPE_X509_TLS, DD_VNC_SECURITY_TYPE_CHALLENGE},
    {DD_VNC_SECURITY_TYPE_X509_PLAIN, DD_VNC_SECURITY_TYPE_X509_TLS, DD_VNC_SECURITY_TYPE_PLAIN},
    {DD_VNC_SECURITY_TYPE_TLS_NONE, DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS, DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION},
    {DD_VNC_SECURITY_TYPE_TLS_VNC, DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS, DD_VNC_SECURITY_TYPE_CHALLENGE},
    {DD_VNC_SECURITY_TYPE_TLS_PLAIN, DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS, DD_VNC_SECURITY_TYPE_PLAIN},
    {DD_VNC_SECURITY_TYPE_NONE, DD_VNC_SECURITY_TYPE_NO_TLS, DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION},
    {DD_VNC_SECURITY_TYPE_VNC, DD_VNC_SECURITY_TYPE_NO_TLS, DD_VNC_SECURITY_TYPE_CHALLENGE},
};

static bool is_offered(const uint32_t *types, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (types[i] == id)
            return true;
    return false;
}

static bool is_tls_accepted(enum dd_vnc_security_type_tls tls, const struct dd_vnc_security_type_request *request)
{
    if (tls == DD_VNC_SECURITY_TYPE_X509_TLS)
        return true;
    if (request->certificate_only)
        return false;
    return tls == DD_VNC_SECURITY_TYPE_NO_TLS || request->anonymous_tls;
}

static bool has_credentials(enum dd_vnc_security_type_authentication authentication,
                            const struct dd_vnc_security_type_request *request)
{
    if (authentication == DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION)
        return true;
    return request->has_password && (authentication == DD_VNC_SECURITY_TYPE_CHALLENGE || request->has_username);
}

const struct dd_vnc_security_type *dd_vnc_security_type_choose(const uint32_t *types, size_t count,
                                                               const struct dd_vnc_security_type_request *request,
                                                               const struct dd_vnc_security_type **needs_credentials)
{
    *needs_credentials = NULL;
    for (size_t i = 0; i < sizeof ranking / sizeof *ranking; i++) {
        const struct dd_vnc_security_type *type = &ranking[i];
        if (!is_offered(types, count, type->id) || !is_tls_accepted(type->tls, request))
            continue;
        if (has_credentials(type->authentication, request)) {
            *needs_credentials = NULL;
            return type;
        }
        if (!*needs_credentials)
            *needs_credentials = type;
    }
    return NULL;
}

const char *dd_vnc_security_type_text(const struct dd_vnc_security_type *type)
{
    static const char *const texts[][3] = {
        [DD_VNC_SECURITY_TYPE_NO_TLS] = {"no password, in clear: anyone on the network can see the desktop",
                                         "a VNC password, in clear: anyone on the network can see the desktop",
                                         "user name and password, in clear"},
        [DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS] = {"no password, with TLS, to whoever answers",
                                                "a VNC password, with TLS, to whoever answers",
                                                "user name and password, with TLS, to whoever answers"},
        [DD_VNC_SECURITY_TYPE_X509_TLS] = {"no password, with TLS and a certificate",
                                           "a VNC password, with TLS and a certificate",
                                           "user name and password, with TLS and a certificate"},
    };
    return texts[type->tls][type->authentication];
}
