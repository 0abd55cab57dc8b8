/* What happens to every picture between its source and the ring: crop, mask, scale and convert to JFIF's colours, rotate and
 * flip, overlay. Masks are painted first, into a copy of the source's picture, so that nothing they hide gets into a filter. */
#ifndef DD_SEND_CAPTURE_PIPELINE_PIPELINE_H
#define DD_SEND_CAPTURE_PIPELINE_PIPELINE_H

#include "send/picture.h"

struct dd_pipeline;
struct dd_send_stream;

/* options are borrowed for the pipeline's life. NULL, logged, if memory is exhausted or the options contradict each other. */
struct dd_pipeline *dd_pipeline_new(const struct dd_send_stream *options);
void dd_pipeline_free(struct dd_pipeline *chain);

/* The format of this stream's pictures that takes the most memory: what its ring needs room for. */
enum dd_picture_format dd_pipeline_largest_format(const struct dd_send_stream *options);

/* Says what dd_pipeline_run() makes of a picture like in. 0, or DD_ERROR_INPUT if crop leaves nothing of it. */
int dd_pipeline_size(struct dd_pipeline *chain, const struct dd_picture *in, enum dd_picture_format *format, int *width,
                     int *height);

/* Writes the planes of out, which has the format and size that dd_pipeline_size() gave. 0; or a negative enum dd_error, logged:
 * then out must not be shown. */
int dd_pipeline_run(struct dd_pipeline *chain, const struct dd_picture *in, const struct dd_picture *out);

#endif
