#include "recv/serve/serve_memory.h"

#include "recv/serve/api_json.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/stale_mark.h"

enum {
    CONNECTIONS_PER_VIEWER = 2, /* a browser has one for the pictures and one for the freshness */
    CONNECTIONS_SPARE = 256,    /* for monitors, and for telling others that there are too many viewers */
    /* Of one stream: the newest one, and its successor while it is copied; the marked one, and the one that is being marked. */
    PICTURES = 2,
    PICTURES_MARKED = 2,
    OLDER_BYTES = 64 * 1024 * 1024, /* for older pictures of all streams, but for OLDER_PICTURES of the largest at least */
    OLDER_PICTURES = 4,
    CONNECTION_STRUCTS = 4 * 1024, /* of libmicrohttpd and of ours; the same again for the kernel's */
    SEGMENT = 64 * 1024,           /* TCP takes this much more, as long as less than the send buffer is in use */
};

uint64_t dd_serve_memory_connections(uint32_t max_viewers)
{
    return (uint64_t)max_viewers * CONNECTIONS_PER_VIEWER + CONNECTIONS_SPARE;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* There is always room for each stream's own pictures. Of what is left for older ones, half is for those who ask for one by
 * number. Pictures are asked back in time: while that takes effect, each stream can still copy its next one. */
static void compute_pictures(const struct dd_serve_config *config, struct dd_serve_memory *memory)
{
    uint64_t successors = 0, largest = 0;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct dd_serve_stream *stream = &config->streams[i];
        uint64_t bytes = (uint64_t)stream->max_frame_bytes + DD_SHARED_PICTURE_OVERHEAD;
        memory->newest += bytes * (stream->stale_mark ? PICTURES + PICTURES_MARKED : PICTURES);
        if (stream->stale_mark)
            memory->marking = (uint64_t)DD_STALE_MARK_PIXELS_MAX * DD_JPEG_CODEC_BYTES_PER_PIXEL;
        successors += bytes;
        largest = larger(largest, bytes);
    }
    memory->older = larger(OLDER_BYTES, OLDER_PICTURES * largest);
    memory->limits.all = memory->newest + memory->older;
    memory->limits.ask_back = memory->limits.all - successors;
    memory->limits.requested = memory->limits.ask_back - memory->older / 2;
}

void dd_serve_memory_compute(const struct dd_serve_config *config, struct dd_serve_memory *memory)
{
    uint64_t connections = dd_serve_memory_connections(config->max_viewers);
    *memory = (struct dd_serve_memory){0};
    compute_pictures(config, memory);
    uint64_t body = larger(DD_SERVE_MEMORY_BLOCK, dd_api_json_size_max(config->stream_count));
    memory->connections = connections * (DD_SERVE_MEMORY_REQUEST + body + CONNECTION_STRUCTS);
    memory->sockets =
        connections * (2 * (DD_SERVE_MEMORY_SEND_BUFFER + DD_SERVE_MEMORY_RECEIVE_BUFFER) + SEGMENT + CONNECTION_STRUCTS);
}
