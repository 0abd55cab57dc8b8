/* Why a page did not load: turns Chromium's network errors and HTTP statuses into a reason and a text that says what to do. Pure.
 */
#ifndef DD_SEND_CAPTURE_WEB_LOAD_ERROR_H
#define DD_SEND_CAPTURE_WEB_LOAD_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum { DD_LOAD_ERROR_TEXT_SIZE = 400 };

struct dd_load_error {
    unsigned reason; /* enum dd_wire_reason, which is sent to the receiver */
    char text[DD_LOAD_ERROR_TEXT_SIZE];
};

/* From a network error of Chromium (the errorText of Page.navigate), like "net::ERR_NAME_NOT_RESOLVED". Any text is allowed.
 * Source: Chromium's net/base/net_error_list.h. */
void dd_load_error_from_net(const char *error, struct dd_load_error *load_error);
/* From an HTTP status (RFC 9110, section 15). False if it is below 400, so no error; *load_error is then unchanged. */
bool dd_load_error_from_http(int64_t status, struct dd_load_error *load_error);

#endif
