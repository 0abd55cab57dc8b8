#include "recv/serve/mjpeg_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recv/serve/shared_picture.h"

#define OPENING "--" DD_MJPEG_WRITER_BOUNDARY "\r\n"
#define CLOSING "\r\n" OPENING
#define KEEPALIVE "\r\n"

/* A part is written in three pieces: head, picture, tail. A keep-alive has a head only. */
struct dd_mjpeg_writer {
    const struct dd_shared_picture *picture; /* NULL in a keep-alive, and when idle */
    char head[320];
    size_t head_size;
    size_t tail_size; /* of CLOSING; 0 without a picture */
    size_t offset;    /* of the next byte, over all three pieces */
    bool opened;      /* the boundary before the first part was begun */
};

struct dd_mjpeg_writer *dd_mjpeg_writer_new(void)
{
    return calloc(1, sizeof(struct dd_mjpeg_writer));
}

void dd_mjpeg_writer_free(struct dd_mjpeg_writer *writer)
{
    free(writer);
}

static size_t picture_size(const struct dd_mjpeg_writer *writer)
{
    return writer->picture ? dd_shared_picture_size(writer->picture) : 0;
}

bool dd_mjpeg_writer_idle(const struct dd_mjpeg_writer *writer)
{
    return writer->offset == writer->head_size + picture_size(writer) + writer->tail_size;
}

void dd_mjpeg_writer_begin(struct dd_mjpeg_writer *writer, const struct dd_shared_picture *picture, const char *level)
{
    assert(dd_mjpeg_writer_idle(writer) && !writer->picture);
    int n = snprintf(writer->head, sizeof writer->head,
                     "%sContent-Type: image/jpeg\r\nContent-Length: %zu\r\nX-Frame: %" PRIu64
                     "\r\nX-Captured-At: %s\r\nX-State: %s\r\n\r\n",
                     writer->opened ? "" : OPENING, dd_shared_picture_size(picture), dd_shared_picture_number(picture),
                     dd_shared_picture_captured_at(picture), level);
    assert(n > 0 && (size_t)n < sizeof writer->head);
    writer->picture = picture;
    writer->head_size = (size_t)n;
    writer->tail_size = sizeof CLOSING - 1;
    writer->offset = 0;
    writer->opened = true;
}

bool dd_mjpeg_writer_begin_keepalive(struct dd_mjpeg_writer *writer)
{
    assert(dd_mjpeg_writer_idle(writer));
    if (writer->opened)
        return false;
    memcpy(writer->head, KEEPALIVE, sizeof KEEPALIVE);
    writer->head_size = sizeof KEEPALIVE - 1;
    writer->tail_size = 0;
    writer->offset = 0;
    return true;
}

size_t dd_mjpeg_writer_write(struct dd_mjpeg_writer *writer, char *bytes, size_t size)
{
    const struct {
        const void *bytes;
        size_t size;
    } pieces[] = {{writer->head, writer->head_size},
                  {writer->picture ? dd_shared_picture_bytes(writer->picture) : NULL, picture_size(writer)},
                  {CLOSING, writer->tail_size}};
    size_t n = 0, start = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces && n < size; i++) {
        size_t end = start + pieces[i].size;
        if (writer->offset < end) {
            size_t count = end - writer->offset < size - n ? end - writer->offset : size - n;
            memcpy(bytes + n, (const char *)pieces[i].bytes + (writer->offset - start), count);
            writer->offset += count;
            n += count;
        }
        start = end;
    }
    if (dd_mjpeg_writer_idle(writer)) {
        writer->picture = NULL;
        writer->head_size = writer->tail_size = writer->offset = 0;
    }
    return n;
}
