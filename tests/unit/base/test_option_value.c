#include "dd/base/option_value.h"

#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

struct values {
    char text[8];
    char path[256];
    int64_t integer, size, seconds, choice;
    double number;
    bool flag;
};

#define ROW(field, kind)                                                                                                         \
    {                                                                                                                            \
        .name = #field, .type = kind, DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(values, field)

static const struct dd_options_row text_row = ROW(text, DD_OPTIONS_STRING)
}
;
static const struct dd_options_row path_row = ROW(path, DD_OPTIONS_PATH)
}
;
static const struct dd_options_row integer_row = ROW(integer, DD_OPTIONS_INTEGER), .min = 0, .max = 100
}
;
static const struct dd_options_row size_row = ROW(size, DD_OPTIONS_SIZE)
}
;
static const struct dd_options_row seconds_row = ROW(seconds, DD_OPTIONS_SECONDS), .min = 0, .max = 60
}
;
static const struct dd_options_row choice_row = ROW(choice, DD_OPTIONS_CHOICE), .choices = "tcp|udp"
}
;
static const struct dd_options_row number_row = ROW(number, DD_OPTIONS_NUMBER), .min = 0, .max = 0.5
}
;
static const struct dd_options_row flag_row = ROW(flag, DD_OPTIONS_SWITCH)
}
;
static const struct dd_options_row secret_row = ROW(text, DD_OPTIONS_STRING), .flags = DD_OPTIONS_SECRET
}
;
static const struct dd_options_row url_row = ROW(path, DD_OPTIONS_STRING), .flags = DD_OPTIONS_HAS_SECRET
}
;

static int set(const struct dd_options_row *row, struct values *v, const char *text)
{
    char why[256];
    return dd_option_value_set(row, v, text, why, sizeof why);
}

START_TEST(takes_every_type)
{
    struct values v = {0};
    ck_assert_int_eq(set(&text_row, &v, "seven77"), 0);
    ck_assert_str_eq(v.text, "seven77");
    ck_assert_int_eq(set(&integer_row, &v, "100"), 0);
    ck_assert_int_eq(v.integer, 100);
    ck_assert_int_eq(set(&size_row, &v, "8Mi"), 0);
    ck_assert_int_eq(v.size, 8 << 20);
    ck_assert_int_eq(set(&size_row, &v, "1.5k"), 0);
    ck_assert_int_eq(v.size, 1500);
    ck_assert_int_eq(set(&seconds_row, &v, "0.04"), 0);
    ck_assert_int_eq(v.seconds, 40000);
    ck_assert_int_eq(set(&choice_row, &v, "udp"), 0);
    ck_assert_int_eq(v.choice, 1);
    ck_assert_int_eq(set(&number_row, &v, ".5"), 0);
    ck_assert_double_eq(v.number, 0.5);
    ck_assert_int_eq(set(&flag_row, &v, "true"), 0);
    ck_assert(v.flag);
}
END_TEST

START_TEST(refuses_wrong_values_and_keeps_the_old)
{
    static const struct {
        const struct dd_options_row *row;
        const char *text;
    } wrong[] = {{&text_row, "eight888"}, {&integer_row, "101"},  {&integer_row, "-1"},  {&integer_row, "1.5"},
                 {&integer_row, ""},      {&integer_row, " 1"},   {&integer_row, "0x1"}, {&integer_row, "nan"},
                 {&integer_row, "1e1"},   {&integer_row, "1K"},   {&integer_row, "1-1"}, {&size_row, "1Ti"},
                 {&size_row, "1.5"},      {&size_row, "Mi"},      {&seconds_row, "61"},  {&seconds_row, "inf"},
                 {&choice_row, "tc"},     {&choice_row, "tcp|u"}, {&choice_row, ""},     {&number_row, "0.51"},
                 {&flag_row, "yes"},      {&flag_row, ""},        {&flag_row, "TRUE"}};
    struct values v, old;
    memset(&v, 0x5a, sizeof v);
    memcpy(&old, &v, sizeof v);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(set(wrong[i].row, &v, wrong[i].text) == DD_ERROR_INPUT, "%s: %s", wrong[i].row->name, wrong[i].text);
    ck_assert_int_eq(memcmp(&v, &old, sizeof v), 0);
}
END_TEST

START_TEST(expands_home)
{
    struct values v = {0};
    setenv("HOME", "/home/somebody", 1);
    ck_assert_int_eq(set(&path_row, &v, "~/.vnc/passwd"), 0);
    ck_assert_str_eq(v.path, "/home/somebody/.vnc/passwd");
    ck_assert_int_eq(set(&path_row, &v, "~root/x"), 0);
    ck_assert_str_eq(v.path, "/root/x");
    ck_assert_int_eq(set(&path_row, &v, "~nobody-of-that-name/x"), DD_ERROR_INPUT);
    ck_assert_int_eq(set(&path_row, &v, "/a~b"), 0);
    ck_assert_str_eq(v.path, "/a~b");
}
END_TEST

START_TEST(masks_secrets)
{
    struct values v = {.text = "secret", .path = "rtsp://user:p@ss@camera/path"};
    char text[DD_OPTION_VALUE_TEXT];
    dd_option_value_print(&secret_row, &v, text, sizeof text);
    ck_assert_str_eq(text, "(hidden)");
    dd_option_value_print(&url_row, &v, text, sizeof text);
    ck_assert_str_eq(text, "rtsp://(hidden)@camera/path");
    dd_option_value_mask(&url_row, "rtsp://camera/path", text, sizeof text);
    ck_assert_str_eq(text, "rtsp://camera/path");
    dd_option_value_mask(&url_row, "rtsp://camera/path?user=a&password=b", text, sizeof text);
    ck_assert_str_eq(text, "rtsp://camera/path(hidden)");
    dd_option_value_mask(&url_row, "rtsp://u:p@camera/user=a_password=b", text, sizeof text);
    ck_assert_str_eq(text, "rtsp://(hidden)@camera/user(hidden)");
    dd_option_value_mask(&url_row, "user:secret@camera", text, sizeof text);
    ck_assert_str_eq(text, "(hidden)@camera");
    dd_option_value_mask(&secret_row, "", text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(prints_what_it_takes)
{
    static const struct {
        const struct dd_options_row *row;
        const char *text;
    } values[] = {{&size_row, "8Mi"}, {&size_row, "1000"}, {&seconds_row, "0.04"}, {&choice_row, "udp"}, {&flag_row, "true"}};
    struct values v = {0};
    char text[DD_OPTION_VALUE_TEXT];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ck_assert_int_eq(set(values[i].row, &v, values[i].text), 0);
        dd_option_value_print(values[i].row, &v, text, sizeof text);
        ck_assert_str_eq(text, values[i].text);
    }
}
END_TEST

SUITE("base/option_value", takes_every_type, refuses_wrong_values_and_keeps_the_old, expands_home, masks_secrets,
      prints_what_it_takes)
