/* Why a page cannot be had, in plain words: of what browsers and servers say. Pure. */
#ifndef DD_SEND_CAPTURE_WEB_LOAD_ERROR_H
#define DD_SEND_CAPTURE_WEB_LOAD_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum { DD_REFUSAL_TEXT_SIZE = 400 };

struct dd_refusal {
    unsigned reason; /* enum dd_wire_reason */
    char text[DD_REFUSAL_TEXT_SIZE];
};

/* Of Chromium's network errors: "net::ERR_NAME_NOT_RESOLVED". */
void dd_refusal_of_error(const char *error, struct dd_refusal *refusal);
/* Of an HTTP status. False: it is none that refuses. */
bool dd_refusal_of_status(int64_t status, struct dd_refusal *refusal);

#endif
