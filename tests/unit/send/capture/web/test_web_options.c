#include "send/capture/web/web_options.h"

#include <stdio.h>
#include <string.h>

#include "send/options.h"
#include "suite.h"

static struct dd_send_stream options;
static struct dd_web_options site;
static char why[256];
static const char *fault;

static int read_site(const char *source, const char *headers)
{
    snprintf(options.source, sizeof options.source, "%s", source);
    snprintf(options.headers, sizeof options.headers, "%s", headers);
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "800x600");
    return dd_web_options_parse(&site, &options, &fault, why, sizeof why);
}

START_TEST(user_info_of_the_url_is_the_password)
{
    ck_assert_int_eq(read_site("https://joe:s3cret@Example.com:8443/a?token=t0ken", ""), 0);
    ck_assert_str_eq(site.url, "https://Example.com:8443/a?token=t0ken");
    ck_assert_str_eq(site.username, "joe");
    ck_assert_str_eq(site.password, "s3cret");
    ck_assert_str_eq(site.origin.host, "example.com");
    ck_assert_int_eq(site.origin.port, 8443);
    ck_assert_ptr_null(strstr(site.name, "s3cret"));
    ck_assert_ptr_null(strstr(site.name, "t0ken"));
    ck_assert_int_eq(site.width, 800);
    ck_assert_int_eq(site.height, 600);
}
END_TEST

START_TEST(options_go_before_the_url)
{
    snprintf(options.username, sizeof options.username, "ann");
    snprintf(options.password, sizeof options.password, "other");
    ck_assert_int_eq(read_site("http://joe:s3cret@example.com/", ""), 0);
    ck_assert_str_eq(site.username, "ann");
    ck_assert_str_eq(site.password, "other");
}
END_TEST

START_TEST(only_pages_of_the_web)
{
    static const char *const wrong[] = {"",
                                        "example.com",
                                        "file:///etc/passwd",
                                        "chrome://crash",
                                        "javascript:alert(1)",
                                        "ftp://example.com/",
                                        "rtsp://example.com/",
                                        "https://"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(read_site(wrong[i], "") != 0, "%s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(why, "https://"));
        ck_assert_str_eq(fault, "source");
        ck_assert_str_eq(site.url, "");
    }
}
END_TEST

START_TEST(headers_are_read_line_by_line)
{
    ck_assert_int_eq(read_site("http://h/", "# of the proxy\r\nX-Token: abc: d \r\n\r\nAuthorization:Bearer x\nX-Empty:\n"), 0);
    ck_assert_uint_eq(site.header_count, 3);
    ck_assert_str_eq(site.headers[0].name, "X-Token");
    ck_assert_str_eq(site.headers[0].value, "abc: d");
    ck_assert_str_eq(site.headers[1].value, "Bearer x");
    ck_assert_str_eq(site.headers[2].value, "");
}
END_TEST

START_TEST(what_is_no_header_is_refused_without_showing_it)
{
    static const char *const wrong[] = {"s3cret",        "X s3cret: v", ": s3cret",      "Host: s3cret", "content-length: s3cret",
                                        "X: s3cret\x01", "\tX: s3cret", "x-fine: s3cret"};
    char text[2048];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "X-Fine: 1\n%s\n", wrong[i]);
        ck_assert_msg(read_site("http://h/", text) != 0, "%s", wrong[i]);
        ck_assert_msg(strstr(why, "line 2") != NULL && !strstr(why, "s3cret"), "%s", why);
        ck_assert_str_eq(fault, "headers_file");
    }
    text[0] = '\0';
    for (int i = 0; i <= DD_WEB_OPTIONS_HEADERS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "X-%d: 1\n", i);
    ck_assert_int_ne(read_site("http://h/", text), 0);
}
END_TEST

START_TEST(a_wrong_resolution_is_named)
{
    snprintf(options.source, sizeof options.source, "https://example.com/");
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "800");
    ck_assert_int_ne(dd_web_options_parse(&site, &options, &fault, why, sizeof why), 0);
    ck_assert_str_eq(fault, "capture_resolution");
    ck_assert_ptr_nonnull(strstr(why, "resolution"));
}
END_TEST

SUITE("send/capture/web/web_options", user_info_of_the_url_is_the_password, options_go_before_the_url, only_pages_of_the_web,
      headers_are_read_line_by_line, what_is_no_header_is_refused_without_showing_it, a_wrong_resolution_is_named)
