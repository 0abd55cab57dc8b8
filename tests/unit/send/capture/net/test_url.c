/* URLs as people write them: user name and password are found, decoded, written, and never shown. */
#include <string.h>

#include "dd/base/error.h"
#include "send/capture/net/url.h"
#include "suite.h"

struct example {
    const char *text, *username, *password, *host;
    int port;
    const char *rest, *written;
};

static const struct example examples[] = {
    {"rtsp://cam/live", "", "", "cam", 0, "/live", "rtsp://cam/live"},
    {"RTSP://cam:8554", "", "", "cam", 8554, "", "rtsp://cam:8554"},
    {"rtsp://cam:/live", "", "", "cam", 0, "/live", "rtsp://cam/live"},
    {"rtsp://[::1]:8554/a?b=c#d", "", "", "::1", 8554, "/a?b=c#d", "rtsp://[::1]:8554/a?b=c#d"},
    {"rtsp://cam?profile=1", "", "", "cam", 0, "?profile=1", "rtsp://cam?profile=1"},
    {"rtsp://viewer@cam/", "viewer", "", "cam", 0, "/", "rtsp://viewer:@cam/"},
    {"rtsp://viewer:secret@cam:554/x", "viewer", "secret", "cam", 554, "/x", "rtsp://viewer:secret@cam:554/x"},
    /* percent-encoded credentials */
    {"rtsp://viewer:p%40ss%2Fword@127.0.0.1:8554/test", "viewer", "p@ss/word", "127.0.0.1", 8554, "/test",
     "rtsp://viewer:p%40ss%2Fword@127.0.0.1:8554/test"},
    {"rtsp://us%3aer:a%3Ab@cam/", "us:er", "a:b", "cam", 0, "/", "rtsp://us%3Aer:a%3Ab@cam/"},
    {"rtsp://u:100%@cam/", "u", "100%", "cam", 0, "/", "rtsp://u:100%25@cam/"},
    {"rtsp://u:a%zz%4@cam/", "u", "a%zz%4", "cam", 0, "/", "rtsp://u:a%25zz%254@cam/"},
    {"rtsp://u:a%00b@cam/", "u", "a%00b", "cam", 0, "/", "rtsp://u:a%2500b@cam/"},
    /* raw characters in credentials */
    {"rtsp://viewer:p@:ss/word@127.0.0.1:8554/test", "viewer", "p@:ss/word", "127.0.0.1", 8554, "/test",
     "rtsp://viewer:p%40%3Ass%2Fword@127.0.0.1:8554/test"},
    {"rtsp://viewer:p@ss@cam/test", "viewer", "p@ss", "cam", 0, "/test", "rtsp://viewer:p%40ss@cam/test"},
    {"rtsp://viewer:a/b@cam/test", "viewer", "a/b", "cam", 0, "/test", "rtsp://viewer:a%2Fb@cam/test"},
    {"rtsp://viewer:a?b#c@cam:554/test", "viewer", "a?b#c", "cam", 554, "/test", "rtsp://viewer:a%3Fb%23c@cam:554/test"},
    {"rtsp://viewer:a\\b@cam/test", "viewer", "a\\b", "cam", 0, "/test", "rtsp://viewer:a%5Cb@cam/test"},
    {"rtsp://viewer:p@x\\@cam/", "viewer", "p@x\\", "cam", 0, "/", "rtsp://viewer:p%40x%5C@cam/"},
    {"rtsp://me@corp:a/b@cam/", "me@corp", "a/b", "cam", 0, "/", "rtsp://me%40corp:a%2Fb@cam/"},
    {"rtsp://CORP\\viewer:secret@cam/x", "CORP\\viewer", "secret", "cam", 0, "/x", "rtsp://CORP%5Cviewer:secret@cam/x"},
    {"https://viewer:a/b@host/test", "viewer", "a/b", "host", 0, "/test", "https://viewer:a%2Fb@host/test"},
    {"rtsp://viewer:a:b:c@cam/", "viewer", "a:b:c", "cam", 0, "/", "rtsp://viewer:a%3Ab%3Ac@cam/"},
    {"rtsp://viewer:p@&ss/word@[fe80::1]:554/test", "viewer", "p@&ss/word", "fe80::1", 554, "/test",
     "rtsp://viewer:p%40%26ss%2Fword@[fe80::1]:554/test"},
    {"rtsp://viewer:p w\xc3\xa4@cam/", "viewer", "p w\xc3\xa4", "cam", 0, "/", "rtsp://viewer:p%20w%C3%A4@cam/"},
    /* an '@' that belongs to the path */
    {"rtsp://cam/user@site", "", "", "cam", 0, "/user@site", "rtsp://cam/user@site"},
    {"rtsp://cam/proxy@10.0.0.1:554/x", "", "", "cam", 0, "/proxy@10.0.0.1:554/x", "rtsp://cam/proxy@10.0.0.1:554/x"},
    {"rtsp://cam/a:b@hd", "", "", "cam", 0, "/a:b@hd", "rtsp://cam/a:b@hd"},
    {"https://a/b:c@host:1/", "", "", "a", 0, "/b:c@host:1/", "https://a/b:c@host:1/"},
    {"http://host:3000/d?to=me@example.com", "", "", "host", 3000, "/d?to=me@example.com",
     "http://host:3000/d?to=me@example.com"},
    {"https://u:p@host/d/@", "u", "p", "host", 0, "/d/@", "https://u:p@host/d/@"},
};

static void check(const struct example *e)
{
    struct dd_url url, again;
    char text[DD_URL_SIZE];

    ck_assert_msg(dd_url_parse(&url, e->text) == 0, "refused: %s", e->text);
    ck_assert_str_eq(url.username, e->username);
    ck_assert_str_eq(url.password, e->password);
    ck_assert_str_eq(url.host, e->host);
    ck_assert_int_eq(url.port, e->port);
    ck_assert_str_eq(url.rest, e->rest);
    ck_assert_int_eq(dd_url_write(&url, text, sizeof text), 0);
    ck_assert_str_eq(text, e->written);

    /* parsing the written URL gives the same */
    ck_assert_msg(dd_url_parse(&again, text) == 0, "refused: %s", text);
    ck_assert_mem_eq(&again, &url, sizeof url);

    ck_assert_int_eq(dd_url_write_plain(&url, text, sizeof text), 0);
    if (url.has_user) {
        const char *at = strchr(e->written, '@');
        ck_assert_str_eq(strstr(text, "://") + 3, at + 1);
    }
}

START_TEST(parses_and_writes)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check(&examples[i]);
}
END_TEST

START_TEST(refuses_other_texts)
{
    static const char *const wrong[] = {
        "",
        "cam",
        "rtsp://u:a%4",
        "rtsp:/cam",
        "://cam",
        "rtsp://",
        "rtsp://:554/",
        "rtsp://cam:99999/",
        "rtsp://cam:x/",
        "rtsp://[::1/",
        "rtsp://[zz]/",
        "rtsp://cam/a b",
        "rtsp://cam/a\r\nTEARDOWN",
        "r tsp://cam",
        "rtsp://c m/",
        "rtsp://u:p@/path",
        "rtsp://cam:0/",
        "rtsp://a\x01@b\x02/",
        "rtsp://cam\\x",
        "rtsp://cam:1:/",
        "rtsp://::1/",
        "rtsp://[10.0.0.1]/",
        "rtsp://[fe80::1%eth0]/",
    };
    struct dd_url url;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(dd_url_parse(&url, wrong[i]) == DD_ERROR_INPUT, "taken: %s", wrong[i]);
        ck_assert(!url.has_user && !*url.password);
    }
}
END_TEST

/* Each of these names two hosts, to either of which the password could be sent. */
START_TEST(refuses_ambiguous_urls)
{
    static const char *const ambiguous[] = {
        "rtsp://viewer:p@ss/word@127.0.0.1:8554/test",
        "rtsp://viewer:12/34@10.0.0.1/test",
        "rtsp://viewer:12/34@cam/test",
        "rtsp://viewer:/34@cam/test",
        "rtsp://u:p@cam:554/via@10.0.0.1/x",
        "rtsp://u:a/b@10.0.0.1/c@d",
        "https://u:p@ss/word@host/",
        "https://u:p@host?mail=a@b.de",
        "http://host:3000/d?to=me@10.0.0.1",
        "rtsp://us/er:secret@10.0.0.1/",
        "rtsp://us#er:secret@cam:554/",
        "rtsp://cam:554/live@hd",
    };
    struct dd_url url;

    for (size_t i = 0; i < sizeof ambiguous / sizeof *ambiguous; i++) {
        ck_assert_msg(dd_url_parse(&url, ambiguous[i]) == DD_ERROR_AMBIGUOUS, "not so: %s", ambiguous[i]);
        ck_assert(!url.has_user && !*url.password && !*url.host);
    }
}
END_TEST

START_TEST(refuses_long_urls)
{
    char text[3 * DD_URL_SIZE];
    struct dd_url url;

    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text, "rtsp://cam/", 11);
    ck_assert_int_eq(dd_url_parse(&url, text), DD_ERROR_SPACE);
    memcpy(text, "rtsp://u:p", 10);
    memcpy(text + sizeof text - 6, "@cam/", 5);
    ck_assert_int_eq(dd_url_parse(&url, text), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_url_parse(&url, "rtsp://user:secret@cam/"), 0);
    for (size_t size = 0; size <= strlen("rtsp://user:secret@cam/"); size++)
        ck_assert_int_eq(dd_url_write(&url, text, size), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_url_write(&url, text, strlen("rtsp://user:secret@cam/") + 1), 0);
}
END_TEST

START_TEST(scrubs_messages)
{
    struct dd_url url;
    char text[] =
        "to rtsp://viewer:p%40ss%2Fword@cam/ as viewer:p@ss/word, Basic dmlld2VyOnBAc3Mvd29yZA==, p@ss/word p%40ss%2Fword.";

    ck_assert_int_eq(dd_url_parse(&url, "rtsp://viewer:p%40ss%2Fword@127.0.0.1/"), 0);
    dd_url_scrub(&url, text);
    ck_assert_str_eq(text, "to rtsp://***@cam/ as ***, Basic ***, *** ***.");
    ck_assert_int_eq(dd_url_parse(&url, "rtsp://cam/"), 0);
    dd_url_scrub(&url, text); /* nothing to hide */
    ck_assert_str_eq(text, "to rtsp://***@cam/ as ***, Basic ***, *** ***.");
}
END_TEST

/* Some cameras have their password in the path or query. */
START_TEST(hides_path_and_query)
{
    struct dd_url url;
    char text[DD_URL_SIZE], message[] = "no answer from rtsp://cam/live?user=me&pw=secret";

    ck_assert_int_eq(dd_url_parse(&url, "rtsp://cam/live?user=me&pw=secret"), 0);
    ck_assert_int_eq(dd_url_write_plain(&url, text, sizeof text), 0);
    ck_assert_str_eq(text, "rtsp://cam/live...");
    dd_url_scrub(&url, message);
    ck_assert_str_eq(message, "no answer from rtsp://cam/live***");
    ck_assert_int_eq(dd_url_parse(&url, "rtsp://cam/user=me_password=secret_channel=1"), 0);
    ck_assert_int_eq(dd_url_write_plain(&url, text, sizeof text), 0);
    ck_assert_str_eq(text, "rtsp://cam/user...");
}
END_TEST

SUITE("send/capture/net/url", parses_and_writes, refuses_other_texts, refuses_ambiguous_urls, refuses_long_urls, scrubs_messages,
      hides_path_and_query)
