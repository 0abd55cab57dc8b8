/* The choice of a security type: never one that is worse than what the user accepts. */
#include "send/capture/vnc/security_type.h"
#include "suite.h"

static const struct dd_vnc_security_type_request everything = {.has_username = true, .has_password = true, .anonymous_tls = true};

static uint32_t choose(const uint32_t *types, size_t count, const struct dd_vnc_security_type_request *request)
{
    const struct dd_vnc_security_type *needs_credentials;
    const struct dd_vnc_security_type *type = dd_vnc_security_type_choose(types, count, request, &needs_credentials);

    ck_assert(!type || !needs_credentials);
    return type ? type->id : 0;
}

START_TEST(takes_the_best)
{
    /* the worst first, as a server may prefer it */
    uint32_t types[] = {DD_VNC_SECURITY_TYPE_NONE,      DD_VNC_SECURITY_TYPE_VNC,     256,
                        DD_VNC_SECURITY_TYPE_TLS_PLAIN, DD_VNC_SECURITY_TYPE_TLS_VNC, DD_VNC_SECURITY_TYPE_X509_PLAIN,
                        DD_VNC_SECURITY_TYPE_X509_VNC};

    ck_assert_uint_eq(choose(types, 7, &everything), DD_VNC_SECURITY_TYPE_X509_VNC);
    ck_assert_uint_eq(choose(types, 6, &everything), DD_VNC_SECURITY_TYPE_X509_PLAIN);
    ck_assert_uint_eq(choose(types, 5, &everything), DD_VNC_SECURITY_TYPE_TLS_VNC);
    ck_assert_uint_eq(choose(types, 4, &everything), DD_VNC_SECURITY_TYPE_TLS_PLAIN);
    ck_assert_uint_eq(choose(types, 3, &everything), DD_VNC_SECURITY_TYPE_NONE);
    ck_assert_uint_eq(choose(types, 0, &everything), 0);
}
END_TEST

START_TEST(accepts_only_certificates)
{
    struct dd_vnc_security_type_request request = everything;

    request.certificate_only = true;
    for (uint32_t type = 0; type < 300; type++) {
        bool has_certificate = type >= DD_VNC_SECURITY_TYPE_X509_NONE && type <= DD_VNC_SECURITY_TYPE_X509_PLAIN;
        ck_assert_uint_eq(choose(&type, 1, &request), has_certificate ? type : 0);
    }
}
END_TEST

START_TEST(accepts_anonymous_tls_only_on_request)
{
    struct dd_vnc_security_type_request request = everything;

    request.anonymous_tls = false;
    for (uint32_t type = DD_VNC_SECURITY_TYPE_TLS_NONE; type <= DD_VNC_SECURITY_TYPE_TLS_PLAIN; type++) {
        ck_assert_uint_eq(choose(&type, 1, &everything), type);
        ck_assert_uint_eq(choose(&type, 1, &request), 0);
    }
}
END_TEST

START_TEST(never_sends_a_password_in_clear)
{
    for (uint32_t id = 0; id < 300; id++) {
        const struct dd_vnc_security_type *needs_credentials;
        const struct dd_vnc_security_type *type = dd_vnc_security_type_choose(&id, 1, &everything, &needs_credentials);
        ck_assert(!type || type->authentication != DD_VNC_SECURITY_TYPE_PLAIN || type->tls != DD_VNC_SECURITY_TYPE_NO_TLS);
    }
}
END_TEST

START_TEST(names_the_type_that_needs_credentials)
{
    static const uint32_t types[] = {DD_VNC_SECURITY_TYPE_X509_PLAIN, DD_VNC_SECURITY_TYPE_VNC};
    const struct dd_vnc_security_type_request nothing = {0}, password = {.has_password = true};
    const struct dd_vnc_security_type *needs_credentials;

    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 2, &nothing, &needs_credentials));
    ck_assert_uint_eq(needs_credentials->id, DD_VNC_SECURITY_TYPE_X509_PLAIN);
    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 1, &password, &needs_credentials));
    ck_assert_int_eq(needs_credentials->authentication, DD_VNC_SECURITY_TYPE_PLAIN);
    ck_assert_uint_eq(choose(types, 2, &password), DD_VNC_SECURITY_TYPE_VNC);
    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 0, &nothing, &needs_credentials));
    ck_assert_ptr_null(needs_credentials);
}
END_TEST

SUITE("send/capture/vnc/security_type", takes_the_best, accepts_only_certificates, accepts_anonymous_tls_only_on_request,
      never_sends_a_password_in_clear, names_the_type_that_needs_credentials)
