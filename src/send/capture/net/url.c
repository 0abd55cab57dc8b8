/* Splitting user info from URLs and writing it back. Pure. */
#include "send/capture/net/url.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"

/* What starts parameters in paths and queries. Some cameras take user name and password there. */
#define PARAMETERS "?#&="

/* host[:port] */
struct place {
    const char *host;
    size_t host_length;
    int port;
    bool sure; /* an IP literal, or with a port: not by chance what a password continues with */
};

static bool is_address(const char *text, size_t length, sa_family_t family)
{
    char copy[INET6_ADDRSTRLEN];

    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return dd_host_port_family(copy) == family;
}

static bool is_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!isalnum(c) && c < 0x80 && c != '-' && c != '.' && c != '_')
            return false;
    }
    return length > 0;
}

static bool read_place(const char *text, size_t length, struct place *place)
{
    const char *end = text + length, *after;

    *place = (struct place){0};
    if (length > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);
        if (!bracket || !is_address(text + 1, (size_t)(bracket - text) - 1, AF_INET6))
            return false;
        place->host = text + 1;
        place->host_length = (size_t)(bracket - text) - 1;
        place->sure = true;
        after = bracket + 1;
    } else {
        const char *colon = memchr(text, ':', length);
        after = colon ? colon : end;
        place->host = text;
        place->host_length = (size_t)(after - text);
        if (!is_host(text, place->host_length))
            return false;
        place->sure = is_address(text, place->host_length, AF_INET);
    }
    if (after == end)
        return true;
    if (*after != ':')
        return false;
    if (after + 1 == end) /* RFC 3986 allows an empty port */
        return true;
    place->port = dd_host_port_read_port(after + 1, (size_t)(end - after) - 1);
    place->sure |= place->port > 0;
    return place->port > 0;
}

static const char *last_at(const char *text, const char *end)
{
    while (end > text)
        if (*--end == '@')
            return end;
    return NULL;
}

/* The last '@' of all text, after something with a ':', before a place (a sure one, if need be). */
static const char *find_raw_end(const char *text, bool sure, struct place *place)
{
    for (const char *at = last_at(text, text + strlen(text)); at; at = last_at(text, at))
        if (memchr(text, ':', (size_t)(at - text)) && read_place(at + 1, strcspn(at + 1, "/?#"), place) && (place->sure || !sure))
            return at;
    return NULL;
}

/* Finds the '@' that ends the user info (NULL: there is none), and the place behind it. False if there is no place. */
static bool split(const char *text, const char **at, struct place *place)
{
    const char *end = text + strcspn(text, "/?#");
    const char *user_end = last_at(text, end);
    const char *start = user_end ? user_end + 1 : text;
    bool valid = read_place(start, (size_t)(end - start), place);
    struct place raw_place;
    const char *raw_end;

    *at = user_end;
    if (valid && user_end && place->sure)
        return true;
    raw_end = find_raw_end(text, true, &raw_place);
    if (!raw_end && !valid)
        raw_end = find_raw_end(text, false, &raw_place);
    if (!raw_end || (valid && raw_end < end))
        return valid;
    *at = raw_end;
    *place = raw_place;
    return true;
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

static int read_scheme(struct dd_url *url, const char *text, const char **after)
{
    const char *end = strstr(text, "://");

    if (!end || end == text || !isalpha((unsigned char)*text))
        return DD_ERROR_INPUT;
    for (const char *c = text; c < end; c++)
        if (!isalnum((unsigned char)*c) && *c != '+' && *c != '-' && *c != '.')
            return DD_ERROR_INPUT;
    if (copy(url->scheme, sizeof url->scheme, text, (size_t)(end - text)))
        return DD_ERROR_SPACE;
    for (char *c = url->scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    *after = end + 3;
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
    const char *authority, *at, *rest;
    struct place place;
    int error = read_scheme(url, text, &authority);

    if (error)
        return error;
    if (!split(authority, &at, &place))
        return DD_ERROR_INPUT;
    if (at)
        error = read_user(url, authority, (size_t)(at - authority));
    if (!error)
        error = copy(url->host, sizeof url->host, place.host, place.host_length);
    if (error)
        return error;
    url->port = place.port;

    rest = at ? at + 1 : authority;
    rest += strcspn(rest, "/?#");
    for (const char *c = rest; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) /* a line break here could forge a request */
            return DD_ERROR_INPUT;
    return copy(url->rest, sizeof url->rest, rest, strlen(rest));
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

static void base64(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text), n = 0;

    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)(unsigned char)text[i] << 16;
        if (i + 1 < length)
            group |= (uint32_t)(unsigned char)text[i + 1] << 8;
        if (i + 2 < length)
            group |= (unsigned char)text[i + 2];
        for (size_t k = 0; k < 4; k++)
            out[n++] = i + k > length ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    out[n] = '\0';
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
    base64(form, coded);
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
