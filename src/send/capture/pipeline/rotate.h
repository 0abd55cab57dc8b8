/* Turning and mirroring of I420 and I444 pictures. */
#ifndef DD_SEND_CAPTURE_PIPELINE_ROTATE_H
#define DD_SEND_CAPTURE_PIPELINE_ROTATE_H

#include <stdbool.h>

struct dd_picture;

enum dd_turn_flip { DD_TURN_NONE = 0, DD_TURN_HORIZONTAL = 1, DD_TURN_VERTICAL = 2 }; /* as the option's choices */

/* Turns in clockwise by quarters of a turn (0 … 3), then mirrors it, left to right or top to bottom. out has its format, and
 * its size, with width and height swapped if the quarters are odd; it is other memory, whose planes are written. */
void dd_turn_picture(const struct dd_picture *in, int quarters, enum dd_turn_flip flip, const struct dd_picture *out);

#endif
