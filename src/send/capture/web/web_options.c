#include "send/capture/web/web_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dd/base/error.h"
#include "send/capture/net/url.h"
#include "send/options.h"

/* A header's name is a token (RFC 9110, 5.6.2). */
static bool is_header_name(const char *text)
{
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
            return false;
    return *text;
}

static bool is_header_value(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return false;
    return true;
}

/* Headers that the browser itself sets: others would break its requests. */
static bool is_browser_header(const char *name)
{
    static const char *const forbidden[] = {"Host", "Content-Length", "Connection", "Transfer-Encoding", "Upgrade", "Trailer",
                                            "TE",   "Keep-Alive",     "Origin"};

    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (strcasecmp(name, forbidden[i]) == 0)
            return true;
    return false;
}

/* True if there is a header of this name already: the browser would send only the last one. */
static bool has_header(const struct dd_web_options *web_options, const char *name)
{
    for (size_t i = 0; i < web_options->header_count; i++)
        if (strcasecmp(name, web_options->headers[i].name) == 0)
            return true;
    return false;
}

/* Parses a line "Name: value" of headers_file, and changes it: name and value become texts of their own. Skips empty lines and
 * comments with '#'. */
static int parse_header(struct dd_web_options *web_options, char *line)
{
    char *colon, *end = line + strlen(line);

    while (end > line && strchr(" \t\r", end[-1]))
        *--end = '\0';
    if (!*line || *line == '#')
        return 0;
    colon = strchr(line, ':');
    if (!colon || web_options->header_count == DD_WEB_OPTIONS_HEADERS_MAX)
        return DD_ERROR_INPUT;
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (!is_header_name(line) || !is_header_value(value) || is_browser_header(line) || has_header(web_options, line))
        return DD_ERROR_INPUT;
    web_options->headers[web_options->header_count++] = (struct dd_web_options_header){.name = line, .value = value};
    return 0;
}

static int parse_headers(struct dd_web_options *web_options, char *why, size_t why_size)
{
    unsigned number = 1;

    snprintf(web_options->headers_text, sizeof web_options->headers_text, "%s", web_options->options->headers);
    for (char *line = web_options->headers_text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (parse_header(web_options, line)) {
            snprintf(why, why_size,
                     "line %u is not a header \"Name: value\", is one that browsers set themselves, is there twice, or is over "
                     "the limit of %d headers",
                     number, DD_WEB_OPTIONS_HEADERS_MAX);
            return DD_ERROR_INPUT;
        }
    }
    return 0;
}

static int parse_source(struct dd_web_options *web_options, struct dd_url *url, char *why, size_t why_size)
{
    const struct dd_send_stream *options = web_options->options;

    snprintf(why, why_size, "not the URL of a page: it takes http://host/path or https://host/path");
    int error = dd_url_parse(url, options->source);
    if (error == DD_ERROR_AMBIGUOUS)
        snprintf(why, why_size, "%s", DD_URL_AMBIGUOUS_TEXT);
    if (error)
        return DD_ERROR_INPUT;
    snprintf(web_options->username, sizeof web_options->username, "%s", *options->username ? options->username : url->username);
    snprintf(web_options->password, sizeof web_options->password, "%s", *options->password ? options->password : url->password);
    url->has_user = false;
    if (dd_url_write(url, web_options->url, sizeof web_options->url) || dd_origin_parse(&web_options->origin, web_options->url))
        return DD_ERROR_INPUT;
    if (dd_url_write_plain(url, web_options->name, sizeof web_options->name))
        snprintf(web_options->name, sizeof web_options->name, "%s://%.160s", url->scheme, url->host);
    return 0;
}

static int parse_resolution(struct dd_web_options *web_options, char *why, size_t why_size)
{
    const char *resolution = web_options->options->capture_resolution;

    if (strcmp(resolution, "source") == 0) {
        web_options->width = DD_WEB_OPTIONS_WIDTH;
        web_options->height = DD_WEB_OPTIONS_HEIGHT;
        return 0;
    }
    snprintf(why, why_size, "not a resolution: it takes WIDTHxHEIGHT or source");
    return dd_send_options_resolution(resolution, &web_options->width, &web_options->height);
}

int dd_web_options_parse(struct dd_web_options *web_options, const struct dd_send_stream *options, const char **fault, char *why,
                         size_t why_size)
{
    struct dd_url url;

    *web_options = (struct dd_web_options){.options = options};
    *fault = "source";
    int error = parse_source(web_options, &url, why, why_size);
    dd_url_wipe(&url);
    if (!error) {
        *fault = "capture_resolution";
        error = parse_resolution(web_options, why, why_size);
    }
    if (!error) {
        *fault = "headers_file";
        error = parse_headers(web_options, why, why_size);
    }
    if (error)
        dd_web_options_wipe(web_options);
    return error;
}

void dd_web_options_wipe(struct dd_web_options *web_options)
{
    explicit_bzero(web_options, sizeof *web_options);
}
