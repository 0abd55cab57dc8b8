/* Scales a picture, and converts it to the format and colours that are sent, into memory of the caller's. The wrapper of
 * libswscale. */
#ifndef DD_SEND_CAPTURE_PIPELINE_SCALE_H
#define DD_SEND_CAPTURE_PIPELINE_SCALE_H

#include "send/picture.h"

struct dd_scale;

/* Returned-owned: dd_scale_free(). NULL, logged, if memory is exhausted. What scaling needs is kept from picture to picture, and
 * made anew when size, format or colours change. */
struct dd_scale *dd_scale_new(void);
void dd_scale_free(struct dd_scale *s);

/* Scales in to out. The planes of out are written, although struct dd_picture has them const: they are the caller's memory. A
 * picture that needs neither scaling nor a conversion is copied, with 0 in the unused byte of BGRX. 0, or a negative enum
 * dd_error, logged. */
int dd_scale_picture(struct dd_scale *s, const struct dd_picture *in, const struct dd_picture *out);

#endif
