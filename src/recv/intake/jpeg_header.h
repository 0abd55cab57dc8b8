/* Checks that a complete frame is a JPEG as ddsend makes them (docs/protocol.md, "What the receiver accepts"), without decoding
 * it. So nothing else reaches the decoders of serve and of browsers. Pure functions. */
#ifndef DD_RECV_INTAKE_JPEG_HEADER_H
#define DD_RECV_INTAKE_JPEG_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum { DD_JPEG_HEADER_WIDTH_MAX = 4096, DD_JPEG_HEADER_HEIGHT_MAX = 2304 };

/* Reads all segments of a JPEG, and looks for its end. 0 with the picture's size in pixels; or DD_ERROR_INPUT, with both 0, if it
 * is anything but one baseline scan of 8 bits, in 4:4:4, 4:2:0 or grey, of at most the size above. Then a decoder has what it
 * needs, and the cost of decoding is bounded: each sample of the picture is computed once. Only the pixels themselves may be
 * damaged. */
int dd_jpeg_header_read(const uint8_t *bytes, size_t size, uint16_t *width, uint16_t *height);

#endif
