/* Paints the date and time of capture into pictures. A frozen picture then shows an old time. */
#ifndef DD_SEND_CAPTURE_PIPELINE_TEXT_OVERLAY_H
#define DD_SEND_CAPTURE_PIPELINE_TEXT_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

struct dd_picture;

/* Checks a format of strftime(3). 0, also for ""; or DD_ERROR_INPUT if its text is not printable ASCII or is too long: then why
 * says what the option takes. */
int dd_text_overlay_check(const char *format, char *why, size_t why_size);

/* Paints format, with the local time of wall_us (microseconds since 1970), at the bottom left of an I420 or I444 picture, whose
 * planes are the caller's memory. */
void dd_text_overlay_paint(const struct dd_picture *picture, const char *format, uint64_t wall_us);

#endif
