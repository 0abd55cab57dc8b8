#include "recv/serve/mjpeg_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recv/serve/shared_picture.h"

#define OPENING "--" DD_MJPEG_WRITER_BOUNDARY "\r\n"
#define CLOSING "\r\n" OPENING
#define NOTHING "\r\n"

/* Three pieces in a row: head, picture, tail; offset counts over all of them. */
struct dd_mjpeg_writer {
    struct dd_shared_picture *frame; /* NULL: no picture in between */
    char head[256];
    size_t head_size;
    size_t tail_size; /* of CLOSING; 0 without a picture */
    size_t offset;
    bool opened; /* the boundary before the first part is out */
};

struct dd_mjpeg_writer *dd_mjpeg_writer_new(void)
{
    return calloc(1, sizeof(struct dd_mjpeg_writer));
}

void dd_mjpeg_writer_free(struct dd_mjpeg_writer *mjpeg)
{
    if (!mjpeg)
        return;
    dd_shared_picture_unref(&mjpeg->frame);
    free(mjpeg);
}

static size_t picture_size(const struct dd_mjpeg_writer *m)
{
    return m->frame ? dd_shared_picture_size(m->frame) : 0;
}

bool dd_mjpeg_writer_idle(const struct dd_mjpeg_writer *mjpeg)
{
    return mjpeg->offset == mjpeg->head_size + picture_size(mjpeg) + mjpeg->tail_size;
}

void dd_mjpeg_writer_begin(struct dd_mjpeg_writer *mjpeg, struct dd_shared_picture *frame, const char *level)
{
    assert(dd_mjpeg_writer_idle(mjpeg) && !mjpeg->frame);
    int n = snprintf(mjpeg->head, sizeof mjpeg->head,
                     "%sContent-Type: image/jpeg\r\nContent-Length: %zu\r\nX-Frame: %" PRIu64 "\r\nX-State: %s\r\n\r\n",
                     mjpeg->opened ? "" : OPENING, dd_shared_picture_size(frame), dd_shared_picture_number(frame), level);
    assert(n > 0 && (size_t)n < sizeof mjpeg->head);
    mjpeg->frame = frame;
    mjpeg->head_size = (size_t)n;
    mjpeg->tail_size = sizeof CLOSING - 1;
    mjpeg->offset = 0;
    mjpeg->opened = true;
}

bool dd_mjpeg_writer_begin_nothing(struct dd_mjpeg_writer *mjpeg)
{
    assert(dd_mjpeg_writer_idle(mjpeg));
    if (mjpeg->opened)
        return false;
    memcpy(mjpeg->head, NOTHING, sizeof NOTHING);
    mjpeg->head_size = sizeof NOTHING - 1;
    mjpeg->tail_size = 0;
    mjpeg->offset = 0;
    return true;
}

/* Copies what is left of one piece, that begins at *start of the whole. */
static size_t copy_piece(struct dd_mjpeg_writer *m, size_t *start, const void *piece, size_t piece_size, char *to, size_t room)
{
    size_t n = 0;
    size_t end = *start + piece_size;
    if (m->offset < end) {
        n = end - m->offset < room ? end - m->offset : room;
        memcpy(to, (const char *)piece + (m->offset - *start), n);
        m->offset += n;
    }
    *start = end;
    return n;
}

size_t dd_mjpeg_writer_write(struct dd_mjpeg_writer *mjpeg, char *bytes, size_t size)
{
    size_t start = 0;
    size_t n = copy_piece(mjpeg, &start, mjpeg->head, mjpeg->head_size, bytes, size);
    if (mjpeg->frame) {
        n += copy_piece(mjpeg, &start, dd_shared_picture_bytes(mjpeg->frame), dd_shared_picture_size(mjpeg->frame), bytes + n,
                        size - n);
        n += copy_piece(mjpeg, &start, CLOSING, mjpeg->tail_size, bytes + n, size - n);
    }
    if (dd_mjpeg_writer_idle(mjpeg)) {
        dd_shared_picture_unref(&mjpeg->frame);
        mjpeg->head_size = mjpeg->tail_size = mjpeg->offset = 0;
    }
    return n;
}
