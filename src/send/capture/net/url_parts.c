#include "send/capture/net/url_parts.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "dd/base/error.h"

/* What ends an authority; '\' is among them so that no user info is found behind what a browser takes for the host. */
#define AUTHORITY_END "/?#\\"

static bool is_scheme(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!isalpha(c) && (i == 0 || !(isdigit(c) || strchr("+-.", c))))
            return false;
    }
    return size > 0;
}

static bool is_name(const char *host)
{
    for (; *host; host++)
        if (!isalnum((unsigned char)*host) && (unsigned char)*host < 0x80 && !strchr("-._", *host))
            return false;
    return true;
}

static int read_place(struct dd_host_port *place, const char *text, size_t size)
{
    bool empty_port = size > 0 && text[size - 1] == ':';
    int error = dd_host_port_parse(place, text, size - empty_port);

    if (error || (empty_port && place->port))
        return DD_ERROR_INPUT;
    bool valid = place->bracketed ? place->family == AF_INET6 && !strchr(place->host, '%') : is_name(place->host);
    return valid ? 0 : DD_ERROR_INPUT;
}

static const char *find_scheme_end(const char *text)
{
    const char *end = strstr(text, "://");

    return end && is_scheme(text, (size_t)(end - text)) ? end : NULL;
}

static int parse(struct dd_url_parts *parts, const char *text, const char *at)
{
    const char *scheme_end = find_scheme_end(text);

    *parts = (struct dd_url_parts){0};
    if (!scheme_end)
        return DD_ERROR_INPUT;
    parts->scheme = text;
    parts->scheme_size = (size_t)(scheme_end - text);
    const char *authority = scheme_end + strlen("://");
    if (!at)
        at = memrchr(authority, '@', strcspn(authority, AUTHORITY_END));
    const char *place = authority;
    if (at) {
        parts->user = authority;
        parts->user_size = (size_t)(at - authority);
        place = at + 1;
    }
    parts->rest = place + strcspn(place, AUTHORITY_END);
    return *parts->rest == '\\' ? DD_ERROR_INPUT : read_place(&parts->place, place, (size_t)(parts->rest - place));
}

int dd_url_parts_parse(struct dd_url_parts *parts, const char *text)
{
    return parse(parts, text, NULL);
}

int dd_url_parts_parse_at(struct dd_url_parts *parts, const char *text, const char *at)
{
    return parse(parts, text, at);
}
