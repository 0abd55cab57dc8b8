/* Rotates and mirrors I420 and I444 pictures. */
#ifndef DD_SEND_CAPTURE_PIPELINE_ROTATE_H
#define DD_SEND_CAPTURE_PIPELINE_ROTATE_H

#include <stdbool.h>

struct dd_picture;

enum dd_rotate_flip {
    DD_ROTATE_FLIP_NONE = 0,
    DD_ROTATE_FLIP_HORIZONTAL = 1,
    DD_ROTATE_FLIP_VERTICAL = 2
}; /* as the option's choices */

/* Turns in clockwise by quarters of a turn (0 … 3), then mirrors it, left to right or top to bottom. out has its format, and
 * its size, with width and height swapped if the quarters are odd; it is other memory, whose planes are written. */
void dd_rotate_picture(const struct dd_picture *in, int quarters, enum dd_rotate_flip flip, const struct dd_picture *out);

#endif
