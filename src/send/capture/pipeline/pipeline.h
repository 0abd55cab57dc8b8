/* What happens to every picture between its source and the ring: crop, mask, scale, convert to JFIF's colours, rotate and flip,
 * overlay. Masks come before scaling, so that no filter spreads what they hide. One owner, one thread. */
#ifndef DD_SEND_CAPTURE_PIPELINE_PIPELINE_H
#define DD_SEND_CAPTURE_PIPELINE_PIPELINE_H

#include <stddef.h>

#include "send/picture.h"

struct dd_pipeline;
struct dd_send_stream;

/* Returned-owned: dd_pipeline_free(). options are borrowed for its life. NULL, logged, if memory is exhausted or an option is not
 * valid. */
struct dd_pipeline *dd_pipeline_new(const struct dd_send_stream *options);
void dd_pipeline_free(struct dd_pipeline *pipeline);

/* The most bytes that a picture of this stream takes in the ring, whatever its source shows. 0 if capture_resolution is not
 * valid.
 */
size_t dd_pipeline_max_bytes(const struct dd_send_stream *options);

/* Gives the format, and width and height in pixels, that dd_pipeline_run() needs of out for a picture like in; in's pixels are
 * not looked at. The format is BGRX if in is RGB and stays as it is, else I420 or I444. 0, or DD_ERROR_INPUT, with a width and
 * height of 0, if crop leaves nothing of in. */
int dd_pipeline_size(struct dd_pipeline *pipeline, const struct dd_picture *in, enum dd_picture_format *format, int *width,
                     int *height);

/* Writes in, processed, to the planes of out, which are the caller's memory. out has the format and size that dd_pipeline_size()
 * gave. 0; or a negative enum dd_error, logged: then out must not be shown. */
int dd_pipeline_run(struct dd_pipeline *pipeline, const struct dd_picture *in, const struct dd_picture *out);

#endif
