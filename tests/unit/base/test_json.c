#include "dd/base/json.h"

#include <math.h>
#include <string.h>

#include "suite.h"

static struct dd_json *parse(const char *text)
{
    unsigned line;
    return dd_json_parse(text, strlen(text), &line);
}

START_TEST(takes_whole_numbers_as_they_are)
{
    static const struct {
        const char *text;
        int64_t integer;
    } cases[] = {{"[7]", 7},     {"[-7]", -7},   {"[0]", 0},      {"[7.5]", 0},
                 {"[1e300]", 0}, {"[1e999]", 0}, {"[-1e999]", 0}, {"[9007199254740992]", INT64_C(9007199254740992)},
                 {"[\"7\"]", 0}, {"[true]", 0},  {"[1e19]", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dd_json *d = parse(cases[i].text);
        ck_assert_ptr_nonnull(d);
        ck_assert_int_eq(dd_json_integer(dd_json_first(d)), cases[i].integer);
        dd_json_free(d);
    }
    ck_assert_int_eq(dd_json_integer(NULL), 0);
}
END_TEST

START_TEST(reads_values_and_order)
{
    struct dd_json *d = parse("{\"a\": 1.5, // first\n \"b\": [\"x\", true, null], \"u\": \"http://h\", \"A\": 2}");
    ck_assert_ptr_nonnull(d);
    ck_assert_double_eq(dd_json_number(dd_json_member(d, "a")), 1.5);
    ck_assert_double_eq(dd_json_number(dd_json_member(d, "A")), 2);
    /* the slashes in a string are no comment */
    ck_assert_str_eq(dd_json_string(dd_json_member(d, "u")), "http://h");
    const struct dd_json *item = dd_json_first(dd_json_member(d, "b"));
    ck_assert_str_eq(dd_json_string(item), "x");
    ck_assert(dd_json_boolean(item = dd_json_next(item)));
    ck_assert_int_eq(dd_json_type(item = dd_json_next(item)), DD_JSON_NULL);
    ck_assert_ptr_null(dd_json_next(item));
    ck_assert_str_eq(dd_json_name(dd_json_next(dd_json_first(d))), "b");
    ck_assert_str_eq(dd_json_string(dd_json_member(d, "a")), "");
    dd_json_free(d);
}
END_TEST

START_TEST(refuses_what_is_not_json_and_says_where)
{
    static const char *const wrong[] = {"", "{", "{\"a\": }", "{\"a\": 1} x", "{\"a\": 1}}", "// nothing"};
    unsigned line;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!parse(wrong[i]), "%s", wrong[i]);
    ck_assert_ptr_null(dd_json_parse("{\n\"a\": 1,\n\"b\": ?\n}", 18, &line));
    ck_assert_uint_eq(line, 3);
    /* what stands behind a NUL must not be overlooked */
    ck_assert_ptr_null(dd_json_parse("{}\0{\"a\": 1}", 11, &line));
}
END_TEST

START_TEST(the_wire_is_strict_and_bounded)
{
    static const char *const wrong[] = {"", "{", "{} x", "{}}", "{} // no comment"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!dd_json_parse_wire(wrong[i], strlen(wrong[i]), 10), "%s", wrong[i]);
    ck_assert_ptr_null(dd_json_parse_wire("{}\0", 3, 10));
    ck_assert_ptr_null(dd_json_parse_wire("[1,2,3]", 7, 2));
    struct dd_json *d = dd_json_parse_wire("[1,2,3] \n", 9, 3);
    ck_assert_double_eq(dd_json_number(dd_json_first(d)), 1);
    dd_json_free(d);
    /* what follows the document is not looked at */
    d = dd_json_parse_wire("{\"a\":1}{", 7, 3);
    ck_assert_ptr_nonnull(d);
    dd_json_free(d);
}
END_TEST

START_TEST(prints_what_is_built)
{
    struct dd_json *d = dd_json_new_object();
    dd_json_add_integer(d, "big", UINT64_C(9007199254740991));
    dd_json_add_number(d, "round", 0.12345, 3);
    dd_json_add_number(d, "none", NAN, 3);
    dd_json_add_string(d, "text", "\"<\n");
    dd_json_add_string(d, "null", NULL);
    dd_json_add_boolean(dd_json_add_object(d, "o"), "yes", true);
    dd_json_add_integer(dd_json_add_array(d, "a"), NULL, 7);
    dd_json_add_null(NULL, "nowhere");
    char *text = dd_json_print(d);
    ck_assert_str_eq(text, "{\"big\":9007199254740991,\"round\":0.123,\"none\":null,\"text\":\"\\\"<\\n\",\"null\":null,"
                           "\"o\":{\"yes\":true},\"a\":[7]}");
    free(text);
    dd_json_free(d);
}
END_TEST

SUITE("base/json", takes_whole_numbers_as_they_are, reads_values_and_order, refuses_what_is_not_json_and_says_where,
      the_wire_is_strict_and_bounded, prints_what_is_built)
