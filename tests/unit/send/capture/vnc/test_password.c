/* DES of VNC passwords, against values made by vncpasswd and OpenSSL. */
#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "send/capture/vnc/password.h"
#include "suite.h"

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned value;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return size;
}

START_TEST(decodes_files_of_vncpasswd)
{
    static const char *const rows[][2] = {
        {"1a3804a11bc4402c", "sesame12"},
        {"d8d1e367e1d17646", "a"},
        {"9e29d340ccc08815", "longer t"},
        {"5ab2cdc0badcaf13", ""},
        {"1a3804a11bc4402cd8d1e367e1d17646", "a"},        /* for viewing only, "a" */
        {"1a3804a11bc4402c5ab2cdc0badcaf13", "sesame12"}, /* for viewing only, empty */
    };
    char password[DD_VNC_PASSWORD_MAX + 1];
    uint8_t bytes[32];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = from_hex(rows[i][0], bytes);
        ck_assert_int_eq(dd_vnc_password_decode(bytes, size, password), 0);
        ck_assert_str_eq(password, rows[i][1]);
    }
}
END_TEST

START_TEST(refuses_files_of_another_size)
{
    char password[DD_VNC_PASSWORD_MAX + 1];
    uint8_t bytes[32] = {0};

    for (size_t size = 0; size <= sizeof bytes; size++)
        if (size != 8 && size != 16) {
            ck_assert_int_eq(dd_vnc_password_decode(bytes, size, password), DD_ERROR_INPUT);
            ck_assert_str_eq(password, "");
        }
}
END_TEST

START_TEST(responds_to_challenges)
{
    static const char *const rows[][2] = {
        {"sesame12", "ac8ffe466f066839ade5acb71d16819d"},
        {"abc", "9c22b4f2088c3465a1562c4b9d6edb04"},
        {"longer than eight", "2b8dd6089fd1e9844f2889eeecc374d9"},
    };
    uint8_t challenge[DD_VNC_PASSWORD_CHALLENGE_SIZE], response[DD_VNC_PASSWORD_CHALLENGE_SIZE],
        expected[DD_VNC_PASSWORD_CHALLENGE_SIZE];

    for (size_t i = 0; i < sizeof challenge; i++)
        challenge[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        from_hex(rows[i][1], expected);
        ck_assert_int_eq(dd_vnc_password_respond(rows[i][0], challenge, response), 0);
        ck_assert_mem_eq(response, expected, sizeof expected);
    }
}
END_TEST

/* A key of zeros is one of DES's weak keys. */
START_TEST(accepts_weak_keys)
{
    uint8_t challenge[DD_VNC_PASSWORD_CHALLENGE_SIZE] = {0}, response[DD_VNC_PASSWORD_CHALLENGE_SIZE];

    ck_assert_int_eq(dd_vnc_password_respond("", challenge, response), 0);
    ck_assert(memcmp(response, challenge, sizeof response) != 0);
    ck_assert_int_eq(dd_vnc_password_respond("\x80\x80\x80\x80\x80\x80\x80\x80", challenge, response), 0);
}
END_TEST

SUITE("send/capture/vnc/password", decodes_files_of_vncpasswd, refuses_files_of_another_size, responds_to_challenges,
      accepts_weak_keys)
