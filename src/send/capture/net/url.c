#include "send/capture/net/url.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dd/base/error.h"
#include "send/capture/net/url_parts.h"

/* What starts parameters in paths and queries. Some cameras take user name and password there. */
#define PARAMETERS "?#&="

_Static_assert(sizeof((struct dd_url *)0)->host == DD_HOST_PORT_HOST_SIZE, "a host fits");

/* What ends an authority, as in url_parts.c. */
#define AUTHORITY_END "/?#\\"

/* An IP literal, or with a port: hardly what a path or a query of a page goes on with behind an '@'. */
static bool is_explicit(const struct dd_host_port *place)
{
    return place->family != AF_UNSPEC || place->port > 0;
}

/* Whether a raw reading counts where the strict one is valid, too. Paths, and queries of pages above all, may hold an '@'. */
static bool is_rival(const struct dd_url_parts *raw, const struct dd_url_parts *strict, const char *authority)
{
    bool page = strncasecmp(strict->scheme, "http", 4) == 0;
    bool password = memchr(authority, ':', strcspn(authority, AUTHORITY_END)); /* or a port: it begins in the strict authority */

    if (password && (strict->user || !page))
        return true;
    return (password || !page) && is_explicit(&raw->place);
}

/* Finds the parts by the only reading that there is: the strict one, or that of a raw user name or password up to an '@' behind
 * the strict authority. */
static int find_parts(struct dd_url_parts *parts, const char *text)
{
    struct dd_url_parts strict, raw;
    int error = dd_url_parts_parse(&strict, text);
    bool is_strict = !error;
    const char *scheme_end = strstr(text, "://");

    *parts = strict;
    if (!scheme_end)
        return error;
    const char *authority = scheme_end + strlen("://");
    for (const char *at = strchr(authority + strcspn(authority, AUTHORITY_END), '@'); at; at = strchr(at + 1, '@')) {
        bool has_password = memchr(authority, ':', (size_t)(at - authority));
        if (!has_password || dd_url_parts_parse_at(&raw, text, at) || (is_strict && !is_rival(&raw, &strict, authority)))
            continue;
        if (!error)
            return DD_ERROR_AMBIGUOUS;
        *parts = raw;
        error = 0;
    }
    return error;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(const char *text, size_t length, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%' && length - i > 2) {
            int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (high >= 0 && low >= 0 && high + low > 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        if (n + 1 >= size)
            return DD_ERROR_SPACE;
        out[n++] = c;
    }
    out[n] = '\0';
    return 0;
}

static int copy(char *out, size_t size, const char *text, size_t length)
{
    if (length >= size)
        return DD_ERROR_SPACE;
    memcpy(out, text, length);
    out[length] = '\0';
    return 0;
}

static int read_user(struct dd_url *url, const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    size_t name = colon ? (size_t)(colon - text) : length;
    int error;

    url->has_user = true;
    error = decode(text, name, url->username, sizeof url->username);
    if (!error && colon)
        error = decode(colon + 1, length - name - 1, url->password, sizeof url->password);
    return error;
}

static int parse(struct dd_url *url, const char *text)
{
    struct dd_url_parts parts;
    int error = find_parts(&parts, text);

    if (!error)
        error = copy(url->scheme, sizeof url->scheme, parts.scheme, parts.scheme_size);
    if (!error && parts.user)
        error = read_user(url, parts.user, parts.user_size);
    if (error)
        return error;
    for (char *c = url->scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    memcpy(url->host, parts.place.host, sizeof url->host);
    url->port = parts.place.port;
    for (const char *c = parts.rest; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) /* a line break here could forge a request */
            return DD_ERROR_INPUT;
    return copy(url->rest, sizeof url->rest, parts.rest, strlen(parts.rest));
}

int dd_url_parse(struct dd_url *url, const char *text)
{
    *url = (struct dd_url){0};
    int error = parse(url, text);

    if (error)
        dd_url_wipe(url);
    return error;
}

/* Appends at *n and moves it. False if text has no room for what is added and its end. */
static bool append(char *text, size_t size, size_t *n, const char *what, bool encode)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *what; what++) {
        unsigned char c = (unsigned char)*what;
        bool plain = !encode || (c < 0x80 && (isalnum(c) || strchr("-._~", c)));
        if (*n + (plain ? 1 : 3) >= size)
            return false;
        if (plain) {
            text[(*n)++] = (char)c;
        } else {
            text[(*n)++] = '%';
            text[(*n)++] = hex[c >> 4];
            text[(*n)++] = hex[c & 15];
        }
    }
    text[*n] = '\0';
    return true;
}

size_t dd_url_write_user(const struct dd_url *url, char *text, size_t size)
{
    size_t n = 0;

    if (append(text, size, &n, url->username, true) && append(text, size, &n, ":", false) &&
        append(text, size, &n, url->password, true))
        return n;
    explicit_bzero(text, size);
    return 0;
}

static int write_url(const struct dd_url *url, bool with_user, char *text, size_t size)
{
    bool ipv6 = strchr(url->host, ':');
    char port[16] = "";
    size_t n = 0;

    if (url->port > 0)
        snprintf(port, sizeof port, ":%d", url->port);
    bool fits = append(text, size, &n, url->scheme, false) && append(text, size, &n, "://", false);
    if (fits && with_user && url->has_user) {
        size_t user = dd_url_write_user(url, text + n, size - n);
        n += user;
        fits = user > 0 && append(text, size, &n, "@", false);
    }
    fits = fits && append(text, size, &n, ipv6 ? "[" : "", false) && append(text, size, &n, url->host, false) &&
           append(text, size, &n, ipv6 ? "]" : "", false) && append(text, size, &n, port, false);
    if (fits && with_user) {
        fits = append(text, size, &n, url->rest, false);
    } else if (fits) {
        char rest[DD_URL_SIZE];
        size_t shown = strcspn(url->rest, PARAMETERS);
        snprintf(rest, sizeof rest, "%.*s%s", (int)shown, url->rest, url->rest[shown] ? "..." : "");
        fits = append(text, size, &n, rest, false);
    }
    if (fits)
        return 0;
    if (size > 0)
        explicit_bzero(text, size);
    return DD_ERROR_SPACE;
}

int dd_url_write(const struct dd_url *url, char *text, size_t size)
{
    return write_url(url, true, text, size);
}

int dd_url_write_plain(const struct dd_url *url, char *text, size_t size)
{
    return write_url(url, false, text, size);
}

static void blank_out(char *text, const char *secret)
{
    size_t length = strlen(secret);

    if (length == 0)
        return;
    for (char *hit = strstr(text, secret); hit; hit = strstr(hit + 1, secret)) {
        /* a short mark, so that not even the length shows */
        size_t mark = length < 3 ? length : 3;
        memset(hit, '*', mark);
        memmove(hit + mark, hit + length, strlen(hit + length) + 1);
    }
}

void dd_url_scrub(const struct dd_url *url, char *text)
{
    char form[DD_URL_USER_SIZE * 6 + 2], coded[DD_URL_USER_SIZE * 3];

    blank_out(text, url->rest + strcspn(url->rest, PARAMETERS));
    if (!url->has_user)
        return;
    if (dd_url_write_user(url, form, sizeof form)) {
        blank_out(text, form);
        blank_out(text, strchr(form, ':') + 1);
    }
    snprintf(form, sizeof form, "%s:%s", url->username, url->password);
    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)form, (int)strlen(form));
    blank_out(text, coded);
    blank_out(text, form);
    blank_out(text, url->password);
    explicit_bzero(form, sizeof form);
    explicit_bzero(coded, sizeof coded);
}

void dd_url_wipe(struct dd_url *url)
{
    explicit_bzero(url, sizeof *url);
}
