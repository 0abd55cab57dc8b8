/* Text burnt into pictures: the date and time of their capture, which freeze with the picture. */
#ifndef DD_SEND_CAPTURE_PIPELINE_TEXT_OVERLAY_H
#define DD_SEND_CAPTURE_PIPELINE_TEXT_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

struct dd_picture;

/* 0, or DD_ERROR_INPUT with what would be right in why, if format (strftime(3)) is not printable ASCII, or too long. */
int dd_text_overlay_check(const char *format, char *why, size_t why_size);

/* Paints format, with the local time of wall_us (since 1970), at the bottom left of an I420 or I444 picture that is the
 * caller's own. */
void dd_text_overlay_paint(const struct dd_picture *picture, const char *format, uint64_t wall_us);

#endif
