#include "send/capture/net/origin.h"

#include "suite.h"

static bool same_origin(const char *a, const char *b)
{
    struct dd_origin x, y;
    dd_origin_parse(&x, a);
    dd_origin_parse(&y, b);
    return dd_origin_equal(&x, &y);
}

START_TEST(scheme_host_and_port_make_an_origin)
{
    ck_assert(same_origin("https://example.com/a", "https://EXAMPLE.com:443/b?c#d"));
    ck_assert(same_origin("http://example.com", "http://example.com:80/"));
    ck_assert(same_origin("http://[::1]:8000/", "http://[::1]:8000/x"));
    ck_assert(same_origin("https://user:pass@example.com/", "https://example.com"));
    ck_assert(same_origin("http://[0:0:0::1]/", "http://[::1]/"));
    ck_assert(same_origin("http://[2001:0DB8::0:1]/", "http://[2001:db8::1]/"));
    ck_assert(same_origin("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"));
    ck_assert(same_origin("http://10.0.0.7/", "http://10.0.0.7:80/"));
    ck_assert(same_origin("http://10.0.0.7:/", "http://10.0.0.7/"));
    ck_assert(same_origin("http://7up/", "http://7UP/"));
    ck_assert(same_origin("http://cam-0x7g/", "http://cam-0x7G/"));

    ck_assert(!same_origin("https://example.com/", "http://example.com/"));
    ck_assert(!same_origin("https://example.com/", "https://example.com:8443/"));
    ck_assert(!same_origin("https://example.com/", "https://www.example.com/"));
    ck_assert(!same_origin("https://example.com/", "https://example.com./"));
    ck_assert(!same_origin("https://example.com/", "https://example.com.evil.net/"));
    ck_assert(!same_origin("https://example.com/", "https://example.com@evil.net/"));
    ck_assert(!same_origin("https://example.com/", "https://evil.net/https://example.com/"));
    ck_assert(!same_origin("https://example.com/", "https://evil.net\\@example.com/"));
    ck_assert(!same_origin("https://example.com/", "https://evil.net?@example.com/"));
    ck_assert(!same_origin("https://example.com/", "https://evil.net#@example.com/"));
}
END_TEST

START_TEST(other_texts_have_no_origin)
{
    static const char *const wrong[] = {"",
                                        "example.com",
                                        "file:///etc/passwd",
                                        "ftp://example.com/",
                                        "data:text/html,x",
                                        "about:blank",
                                        "https:/example.com/",
                                        "https://",
                                        "https:///path",
                                        "https://:443/",
                                        "https://exa mple.com/",
                                        "https://ex%61mple.com/",
                                        "https://\xc3\xbc.de/",
                                        "https://example.com:0/",
                                        "https://example.com:65536/",
                                        "https://example.com:123456/",
                                        "https://example.com:80a/",
                                        "https://[::1/",
                                        "https://[::g]/",
                                        "https://[1::2::3]/",
                                        "https://[10.0.0.7]/",
                                        "https://127.1/",
                                        "https://10.0.0.07/",
                                        "https://0x7f.1/",
                                        "https://10.0.0.0x7/",
                                        "https://2130706433/",
                                        "https://10.0.0.7./",
                                        "https://10.0.0.256/",
                                        "https://[]/",
                                        "blob:https://example.com/x"};
    struct dd_origin origin;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(dd_origin_parse(&origin, wrong[i]) != 0, "%s", wrong[i]);
        ck_assert_msg(!same_origin(wrong[i], wrong[i]), "%s", wrong[i]);
    }
}
END_TEST

START_TEST(is_written_as_by_browsers)
{
    static const char *const pairs[][2] = {{"https://Example.com:443/x", "https://example.com"},
                                           {"http://example.com:80", "http://example.com"},
                                           {"http://example.com:443/", "http://example.com:443"},
                                           {"https://[2001:DB8:0::1]:8443/", "https://[2001:db8::1]:8443"},
                                           {"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]"},
                                           {"http://[::ffff:0.0.1.2]/", "http://[::ffff:0:102]"},
                                           {"http://[::10.0.0.7]/", "http://[::a00:7]"}};
    struct dd_origin origin;
    char text[300];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ck_assert_int_eq(dd_origin_parse(&origin, pairs[i][0]), 0);
        dd_origin_write(&origin, text, sizeof text);
        ck_assert_str_eq(text, pairs[i][1]);
    }
}
END_TEST

SUITE("send/capture/net/origin", scheme_host_and_port_make_an_origin, other_texts_have_no_origin, is_written_as_by_browsers)
