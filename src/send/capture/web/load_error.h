/* Why a page cannot be had, in plain words: of what browsers and servers say. Pure. */
#ifndef DD_SEND_CAPTURE_WEB_LOAD_ERROR_H
#define DD_SEND_CAPTURE_WEB_LOAD_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum { DD_LOAD_ERROR_TEXT_SIZE = 400 };

struct dd_load_error {
    unsigned reason; /* enum dd_wire_reason */
    char text[DD_LOAD_ERROR_TEXT_SIZE];
};

/* Of Chromium's network errors: "net::ERR_NAME_NOT_RESOLVED". */
void dd_load_error_from_net(const char *error, struct dd_load_error *load_error);
/* Of an HTTP status. False: it is none that refuses. */
bool dd_load_error_from_http(int64_t status, struct dd_load_error *load_error);

#endif
