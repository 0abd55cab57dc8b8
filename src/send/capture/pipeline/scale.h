/* Scales a picture, and converts it to a format and colours that can be sent. The wrapper of libswscale. */
#ifndef DD_SEND_CAPTURE_PIPELINE_SCALE_H
#define DD_SEND_CAPTURE_PIPELINE_SCALE_H

#include <stdbool.h>

#include "send/picture.h"

struct dd_scale;

/* A scaler. It keeps what it computed for a picture, and uses it for the next of the same size, format and colours.
 * Returned-owned: dd_scale_free(). NULL, logged, if memory is exhausted. */
struct dd_scale *dd_scale_new(void);
void dd_scale_free(struct dd_scale *scale);

/* True if the picture has 8-bit RGB pixels, packed in 3 or 4 bytes. Such a picture becomes BGRX without a loss. */
bool dd_scale_can_repack(const struct dd_picture *picture);

/* Scales in to out, whose planes are written: they are the caller's memory, although struct dd_picture has them const.
 *
 * out in I420 or I444 has any size, and gets JFIF's colours. out in BGRX has the size of in, which dd_scale_can_repack(), and
 * gets its pixels, with 0 in the unused byte. What needs neither scaling nor a conversion is copied.
 *
 * 0; or a negative enum dd_error, logged. */
int dd_scale_picture(struct dd_scale *scale, const struct dd_picture *in, const struct dd_picture *out);

#endif
