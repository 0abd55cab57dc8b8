#include "dd/link/stream_name.h"

#include <string.h>

#include "dd/base/error.h"
#include "dd/link/key.h"
#include "suite.h"

START_TEST(checks_the_length_of_an_id)
{
    char text[DD_KEY_STREAM_ID_MAX + 2] = {0}, why[64] = "";
    ck_assert_int_eq(dd_stream_name_check_id("", why, sizeof why), 0);
    memset(text, 'x', DD_KEY_STREAM_ID_MAX);
    ck_assert_int_eq(dd_stream_name_check_id(text, why, sizeof why), 0);
    text[DD_KEY_STREAM_ID_MAX] = 'x';
    ck_assert_int_eq(dd_stream_name_check_id(text, why, sizeof why), DD_ERROR_INPUT);
    ck_assert_str_eq(why, "at most 64 bytes");
}
END_TEST

START_TEST(reserves_the_paths_of_the_pages)
{
    static const char *const expected[] = {"freshness", "stats", "metrics", "healthz", "frames", "stream", NULL};

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_pstr_eq(dd_stream_name_reserved[i], expected[i]);
}
END_TEST

SUITE("link/stream_name", checks_the_length_of_an_id, reserves_the_paths_of_the_pages)
