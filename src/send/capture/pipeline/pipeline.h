/* The one way of every picture from a source into the ring: crop, mask, scale and bring to JFIF's colours, rotate and flip,
 * overlay. Masks are painted first of all into a copy of the source's picture: nothing of what they hide gets into a filter. */
#ifndef DD_SEND_CAPTURE_PIPELINE_PIPELINE_H
#define DD_SEND_CAPTURE_PIPELINE_PIPELINE_H

#include "send/picture.h"

struct dd_pipeline;
struct dd_send_stream;

/* options are borrowed for the chain's life. NULL, logged, if there is no memory or the options make no sense. */
struct dd_pipeline *dd_pipeline_new(const struct dd_send_stream *options);
void dd_pipeline_free(struct dd_pipeline *chain);

/* How such a picture comes out. 0, or DD_ERROR_INPUT if crop leaves nothing of it. */
int dd_pipeline_size(struct dd_pipeline *chain, const struct dd_picture *in, enum dd_picture_format *format, int *width,
                     int *height);

/* Brings in to out, which is as dd_pipeline_size() said and whose planes are written. 0, or a negative enum dd_error, logged:
 * then out holds nothing that may be shown. */
int dd_pipeline_run(struct dd_pipeline *chain, const struct dd_picture *in, const struct dd_picture *out);

#endif
