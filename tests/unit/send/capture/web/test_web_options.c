#include "send/capture/web/web_options.h"

#include <stdio.h>
#include <string.h>

#include "send/options.h"
#include "suite.h"

static struct dd_send_stream options;
static struct dd_web_options web_options;
static char why[256];
static const char *fault;

static int parse(const char *source, const char *headers)
{
    snprintf(options.source, sizeof options.source, "%s", source);
    snprintf(options.headers, sizeof options.headers, "%s", headers);
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "800x600");
    return dd_web_options_parse(&web_options, &options, &fault, why, sizeof why);
}

START_TEST(credentials_of_the_url_are_used)
{
    ck_assert_int_eq(parse("https://joe:s3cret@Example.com:8443/a?token=t0ken", ""), 0);
    ck_assert_str_eq(web_options.url, "https://Example.com:8443/a?token=t0ken");
    ck_assert_str_eq(web_options.username, "joe");
    ck_assert_str_eq(web_options.password, "s3cret");
    ck_assert_str_eq(web_options.origin.host, "example.com");
    ck_assert_int_eq(web_options.origin.port, 8443);
    ck_assert_ptr_null(strstr(web_options.name, "s3cret"));
    ck_assert_ptr_null(strstr(web_options.name, "t0ken"));
    ck_assert_int_eq(web_options.width, 800);
    ck_assert_int_eq(web_options.height, 600);
}
END_TEST

START_TEST(options_override_the_url)
{
    snprintf(options.username, sizeof options.username, "ann");
    snprintf(options.password, sizeof options.password, "other");
    ck_assert_int_eq(parse("http://joe:s3cret@example.com/", ""), 0);
    ck_assert_str_eq(web_options.username, "ann");
    ck_assert_str_eq(web_options.password, "other");
}
END_TEST

START_TEST(only_http_urls_are_allowed)
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
        ck_assert_msg(parse(wrong[i], "") != 0, "%s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(why, "https://"));
        ck_assert_str_eq(fault, "source");
        ck_assert_str_eq(web_options.url, "");
    }
}
END_TEST

START_TEST(headers_are_parsed_line_by_line)
{
    ck_assert_int_eq(parse("http://h/", "# of the proxy\r\nX-Token: abc: d \r\n\r\nAuthorization:Bearer x\nX-Empty:\n"), 0);
    ck_assert_uint_eq(web_options.header_count, 3);
    ck_assert_str_eq(web_options.headers[0].name, "X-Token");
    ck_assert_str_eq(web_options.headers[0].value, "abc: d");
    ck_assert_str_eq(web_options.headers[1].value, "Bearer x");
    ck_assert_str_eq(web_options.headers[2].value, "");
}
END_TEST

START_TEST(invalid_headers_are_refused_without_showing_them)
{
    static const char *const wrong[] = {"s3cret",        "X s3cret: v", ": s3cret",      "Host: s3cret", "content-length: s3cret",
                                        "X: s3cret\x01", "\tX: s3cret", "x-fine: s3cret"};
    char text[2048];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "X-Fine: 1\n%s\n", wrong[i]);
        ck_assert_msg(parse("http://h/", text) != 0, "%s", wrong[i]);
        ck_assert_msg(strstr(why, "line 2") != NULL && !strstr(why, "s3cret"), "%s", why);
        ck_assert_str_eq(fault, "headers_file");
    }
    text[0] = '\0';
    for (int i = 0; i <= DD_WEB_OPTIONS_HEADERS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "X-%d: 1\n", i);
    ck_assert_int_ne(parse("http://h/", text), 0);
}
END_TEST

START_TEST(an_invalid_resolution_is_named)
{
    snprintf(options.source, sizeof options.source, "https://example.com/");
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "800");
    ck_assert_int_ne(dd_web_options_parse(&web_options, &options, &fault, why, sizeof why), 0);
    ck_assert_str_eq(fault, "capture_resolution");
    ck_assert_ptr_nonnull(strstr(why, "resolution"));
}
END_TEST

SUITE("send/capture/web/web_options", credentials_of_the_url_are_used, options_override_the_url, only_http_urls_are_allowed,
      headers_are_parsed_line_by_line, invalid_headers_are_refused_without_showing_them, an_invalid_resolution_is_named)
