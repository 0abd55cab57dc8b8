/* What a stream of mode web is to show, made of its options once: the page's address, and what may be told to its origin. */
#ifndef DD_SEND_CAPTURE_WEB_WEB_OPTIONS_H
#define DD_SEND_CAPTURE_WEB_WEB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/net/origin.h"

struct dd_send_stream;

enum {
    DD_WEB_OPTIONS_HEADERS_MAX = 32,
    DD_WEB_OPTIONS_WIDTH = 1280, /* of a page that is to have its own size, which pages do not have */
    DD_WEB_OPTIONS_HEIGHT = 720,
};

struct dd_web_options_header {
    const char *name, *value; /* borrowed from the site */
};

struct dd_web_options {
    const struct dd_send_stream *options; /* borrowed */
    char url[4096];                       /* without user info; may hold a token: secret */
    char name[200];                       /* the same for messages */
    struct dd_origin origin;
    char username[1024], password[1024]; /* secret */
    char headers_text[16 * 1024];        /* secret */
    struct dd_web_options_header headers[DD_WEB_OPTIONS_HEADERS_MAX];
    size_t header_count;
    int width, height; /* of the viewport, in pixels of the picture */
};

/* Fills *web_options. options are borrowed for its life. 0; or DD_ERROR_INPUT with *web_options wiped, the name of the option at
 * fault in *fault (static), and what is wrong with it in why, without a secret. */
int dd_web_options_parse(struct dd_web_options *web_options, const struct dd_send_stream *options, const char **fault, char *why,
                         size_t why_size);
/* Wipes the secrets. */
void dd_web_options_wipe(struct dd_web_options *web_options);

#endif
