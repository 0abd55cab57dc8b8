/* Rotates and mirrors I420 and I444 pictures. */
#ifndef DD_SEND_CAPTURE_PIPELINE_ROTATE_H
#define DD_SEND_CAPTURE_PIPELINE_ROTATE_H

struct dd_picture;

/* Numbered as the choices of the option "flip". */
enum dd_rotate_flip { DD_ROTATE_FLIP_NONE = 0, DD_ROTATE_FLIP_HORIZONTAL = 1, DD_ROTATE_FLIP_VERTICAL = 2 };

/* Rotates in clockwise by 0 to 3 quarter turns, then mirrors it: horizontal swaps left and right, vertical top and bottom. The
 * result goes into the planes of out, which are the caller's memory and do not overlap those of in. out has the format of in, and
 * its size; with an odd number of turns width and height are swapped. */
void dd_rotate_picture(const struct dd_picture *in, int quarter_turns, enum dd_rotate_flip flip, const struct dd_picture *out);

#endif
