#include "send/destination.h"

#include <stdint.h>
#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

static struct dd_destination list[DD_DESTINATION_MAX];
static size_t count;
static char why[256];

static int parse(const char *text, uint16_t port)
{
    return dd_destination_parse_list(text, port, list, &count, why, sizeof why);
}

START_TEST(parses_every_form)
{
    ck_assert_int_eq(parse("192.0.2.1, 192.0.2.2:7,2001:db8::1,[2001:db8::2],[2001:db8::3]:65535", 5), 0);
    ck_assert_uint_eq(count, 5);
    ck_assert_str_eq(list[0].text, "192.0.2.1:5");
    ck_assert_str_eq(list[1].text, "192.0.2.2:7");
    ck_assert_str_eq(list[2].text, "[2001:db8::1]:5");
    ck_assert_str_eq(list[3].text, "[2001:db8::2]:5");
    ck_assert_str_eq(list[4].text, "[2001:db8::3]:65535");
    ck_assert_uint_eq(dd_destination_header_bytes(&list[0]), 28);
    ck_assert_uint_eq(dd_destination_header_bytes(&list[2]), 48);
    ck_assert_int_eq(parse("192.0.2.1:7", 0), 0);
}
END_TEST

START_TEST(refuses_other_texts)
{
    static const char *const wrong[] = {"",
                                        "camera",
                                        "camera.example.com:5",
                                        "192.0.2.1:",
                                        "192.0.2.1:0",
                                        "1.2.3",
                                        "192.0.2.1:65536",
                                        "192.0.2.1:5x",
                                        "[192.0.2.1",
                                        "[2001:db8::1]5",
                                        "[::1]:0",
                                        "fe80::1%nowhere",
                                        "192.0.2.1,192.0.2.1",
                                        "192.0.2.1:-1",
                                        "0x7f000001",
                                        "192.0.2.1/24",
                                        "192.0.2.256",
                                        "1.1.1.1:5,1.1.1.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(parse(wrong[i], 5) == DD_ERROR_INPUT && why[0], "%s", wrong[i]);
    ck_assert_int_eq(parse("192.0.2.1", 0), DD_ERROR_INPUT);
    ck_assert_int_eq(parse("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8", 5), 0);
    ck_assert_int_eq(parse("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9", 5), DD_ERROR_INPUT);
}
END_TEST

START_TEST(says_how_to_resolve_a_name)
{
    parse("cloud.example.com:5", 5);
    ck_assert_ptr_nonnull(strstr(why, "getent ahosts cloud.example.com"));
}
END_TEST

SUITE("send/destination", parses_every_form, refuses_other_texts, says_how_to_resolve_a_name)
