/* The options of a stream of mode web, parsed and checked once: the page's URL, and the secrets that only its origin may get. */
#ifndef DD_SEND_CAPTURE_WEB_WEB_OPTIONS_H
#define DD_SEND_CAPTURE_WEB_WEB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/net/origin.h"

struct dd_send_stream;

enum {
    DD_WEB_OPTIONS_HEADERS_MAX = 32,
    DD_WEB_OPTIONS_WIDTH = 1280, /* with capture_resolution "source": pages have no size of their own */
    DD_WEB_OPTIONS_HEIGHT = 720,
};

struct dd_web_options_header {
    const char *name, *value; /* point into headers_text */
};

struct dd_web_options {
    const struct dd_send_stream *options; /* borrowed */
    char url[4096];                       /* without user name and password; secret, since it may hold a token */
    char name[200];                       /* the URL without secrets, for messages */
    struct dd_origin origin;              /* of url */
    char username[1024], password[1024];  /* secret; "": none */
    char headers_text[16 * 1024];         /* secret */
    struct dd_web_options_header headers[DD_WEB_OPTIONS_HEADERS_MAX];
    size_t header_count;
    int width, height; /* of the picture, in pixels */
};

/* Fills *web_options. options are borrowed for its life. 0; or DD_ERROR_INPUT with *web_options wiped, the name of the option at
 * fault in *fault (static), and what is wrong with it in why, without a secret. */
int dd_web_options_parse(struct dd_web_options *web_options, const struct dd_send_stream *options, const char **fault, char *why,
                         size_t why_size);
/* Wipes the secrets. */
void dd_web_options_wipe(struct dd_web_options *web_options);

#endif
