/* Which way to log in is taken: never one that is worse than what was asked for. */
#include "send/capture/vnc/security_type.h"
#include "suite.h"

static const struct dd_vnc_security_type_request any = {.has_username = true, .has_password = true, .anonymous = true};

static uint32_t choose(const uint32_t *types, size_t count, const struct dd_vnc_security_type_request *wish)
{
    const struct dd_vnc_security_type *lacking, *way = dd_vnc_security_type_choose(types, count, wish, &lacking);

    ck_assert(!way || !lacking);
    return way ? way->type : 0;
}

START_TEST(takes_the_best)
{
    /* in an order that a server may like better */
    uint32_t types[] = {DD_VNC_SECURITY_NONE,      DD_VNC_SECURITY_VNC,     256,
                        DD_VNC_SECURITY_TLS_PLAIN, DD_VNC_SECURITY_TLS_VNC, DD_VNC_SECURITY_X509_PLAIN,
                        DD_VNC_SECURITY_X509_VNC};

    ck_assert_uint_eq(choose(types, 7, &any), DD_VNC_SECURITY_X509_VNC);
    ck_assert_uint_eq(choose(types, 6, &any), DD_VNC_SECURITY_X509_PLAIN);
    ck_assert_uint_eq(choose(types, 5, &any), DD_VNC_SECURITY_TLS_VNC);
    ck_assert_uint_eq(choose(types, 4, &any), DD_VNC_SECURITY_TLS_PLAIN);
    ck_assert_uint_eq(choose(types, 3, &any), DD_VNC_SECURITY_NONE);
    ck_assert_uint_eq(choose(types, 0, &any), 0);
}
END_TEST

START_TEST(keeps_to_certificates)
{
    struct dd_vnc_security_type_request wish = any;

    wish.certificate = true;
    for (uint32_t type = 0; type < 300; type++)
        ck_assert_uint_eq(choose(&type, 1, &wish),
                          type >= DD_VNC_SECURITY_X509_NONE && type <= DD_VNC_SECURITY_X509_PLAIN ? type : 0);
}
END_TEST

START_TEST(takes_anonymous_tls_only_when_asked)
{
    struct dd_vnc_security_type_request wish = any;

    wish.anonymous = false;
    for (uint32_t type = DD_VNC_SECURITY_TLS_NONE; type <= DD_VNC_SECURITY_TLS_PLAIN; type++) {
        ck_assert_uint_eq(choose(&type, 1, &any), type);
        ck_assert_uint_eq(choose(&type, 1, &wish), 0);
    }
}
END_TEST

START_TEST(never_sends_a_password_in_clear)
{
    for (uint32_t type = 0; type < 300; type++) {
        const struct dd_vnc_security_type *lacking, *way = dd_vnc_security_type_choose(&type, 1, &any, &lacking);
        ck_assert(!way || way->proof != DD_VNC_SECURITY_PLAIN || way->cover != DD_VNC_SECURITY_CLEAR);
    }
}
END_TEST

START_TEST(says_what_is_lacking)
{
    static const uint32_t types[] = {DD_VNC_SECURITY_X509_PLAIN, DD_VNC_SECURITY_VNC};
    const struct dd_vnc_security_type_request nothing = {0}, password = {.has_password = true};
    const struct dd_vnc_security_type *lacking;

    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 2, &nothing, &lacking));
    ck_assert_uint_eq(lacking->type, DD_VNC_SECURITY_X509_PLAIN);
    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 1, &password, &lacking));
    ck_assert_int_eq(lacking->proof, DD_VNC_SECURITY_PLAIN);
    ck_assert_uint_eq(choose(types, 2, &password), DD_VNC_SECURITY_VNC);
    ck_assert_ptr_null(dd_vnc_security_type_choose(types, 0, &nothing, &lacking));
    ck_assert_ptr_null(lacking);
}
END_TEST

SUITE("send/capture/vnc/security_type", takes_the_best, keeps_to_certificates, takes_anonymous_tls_only_when_asked,
      never_sends_a_password_in_clear, says_what_is_lacking)
