#include "send/capture/vnc/security_type.h"

/* The best first. VeNCrypt's 256, user name and password in clear, is not among them. */
static const struct dd_vnc_security_type ways[] = {
    {DD_VNC_SECURITY_X509_NONE, DD_VNC_SECURITY_CERTIFICATE, DD_VNC_SECURITY_NO_PROOF},
    {DD_VNC_SECURITY_X509_VNC, DD_VNC_SECURITY_CERTIFICATE, DD_VNC_SECURITY_CHALLENGE},
    {DD_VNC_SECURITY_X509_PLAIN, DD_VNC_SECURITY_CERTIFICATE, DD_VNC_SECURITY_PLAIN},
    {DD_VNC_SECURITY_TLS_NONE, DD_VNC_SECURITY_ANONYMOUS, DD_VNC_SECURITY_NO_PROOF},
    {DD_VNC_SECURITY_TLS_VNC, DD_VNC_SECURITY_ANONYMOUS, DD_VNC_SECURITY_CHALLENGE},
    {DD_VNC_SECURITY_TLS_PLAIN, DD_VNC_SECURITY_ANONYMOUS, DD_VNC_SECURITY_PLAIN},
    {DD_VNC_SECURITY_NONE, DD_VNC_SECURITY_CLEAR, DD_VNC_SECURITY_NO_PROOF},
    {DD_VNC_SECURITY_VNC, DD_VNC_SECURITY_CLEAR, DD_VNC_SECURITY_CHALLENGE},
};

static bool is_allowed(const struct dd_vnc_security_type *way, const struct dd_vnc_security_type_request *wish)
{
    if (way->cover == DD_VNC_SECURITY_CERTIFICATE)
        return true;
    if (wish->certificate)
        return false;
    return way->cover == DD_VNC_SECURITY_CLEAR || wish->anonymous;
}

static bool has_proof(const struct dd_vnc_security_type *way, const struct dd_vnc_security_type_request *wish)
{
    if (way->proof == DD_VNC_SECURITY_NO_PROOF)
        return true;
    return wish->has_password && (way->proof == DD_VNC_SECURITY_CHALLENGE || wish->has_username);
}

const struct dd_vnc_security_type *dd_vnc_security_type_choose(const uint32_t *types, size_t count,
                                                               const struct dd_vnc_security_type_request *wish,
                                                               const struct dd_vnc_security_type **lacking)
{
    *lacking = NULL;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        bool offered = false;
        for (size_t i = 0; i < count; i++)
            offered = offered || types[i] == ways[w].type;
        if (!offered || !is_allowed(&ways[w], wish))
            continue;
        if (has_proof(&ways[w], wish)) {
            *lacking = NULL;
            return &ways[w];
        }
        if (!*lacking)
            *lacking = &ways[w];
    }
    return NULL;
}

const char *dd_vnc_security_type_text(const struct dd_vnc_security_type *way)
{
    static const char *const texts[][3] = {
        [DD_VNC_SECURITY_CLEAR] = {"no password, in clear: who is on the network sees the desktop, too",
                                   "a VNC password, in clear: who is on the network sees the desktop, too",
                                   "user name and password, in clear"},
        [DD_VNC_SECURITY_ANONYMOUS] = {"no password, with TLS, to whoever answers",
                                       "a VNC password, with TLS, to whoever answers",
                                       "user name and password, with TLS, to whoever answers"},
        [DD_VNC_SECURITY_CERTIFICATE] = {"no password, with TLS and a certificate", "a VNC password, with TLS and a certificate",
                                         "user name and password, with TLS and a certificate"},
    };
    return texts[way->cover][way->proof];
}
