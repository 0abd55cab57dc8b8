/* Bringing a picture to the size, format and colours that cross, in memory that the caller gives. */
#ifndef DD_SEND_CAPTURE_PIPELINE_SCALE_H
#define DD_SEND_CAPTURE_PIPELINE_SCALE_H

#include "send/picture.h"

struct dd_scale;

struct dd_scale *dd_scale_new(void);
void dd_scale_free(struct dd_scale *s);

/* Scales in to out, whose planes are written although struct dd_picture has them const (they are out's own memory). What
 * needs neither scaling nor other colours is copied, the unused byte of BGRX as 0. 0, or a negative enum dd_error, logged. */
int dd_scale_picture(struct dd_scale *s, const struct dd_picture *in, const struct dd_picture *out);

#endif
