#include "send/capture/vnc/framebuffer.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfbclient.h>

#include "dd/base/log.h"
#include "send/picture.h"

enum {
    PIXEL = 4,
    COLOR_MASK = 0xffffff, /* B, G, R; the fourth byte is nobody's */
    TIMEOUT_S = 1,         /* of the library's own waits. None comes about: the socket blocks, and is shut down */
    LINE_SIZE = 1024,
    QUALITY = 9, /* the best: below it the library would let a server have filters run for which it has no memory */
    /* Servers may answer for a pixel with those beside it, as QEMU does with 16. A cell of the screen has room for that. */
    CELL_WIDTH = 64,
    CELL_HEIGHT = 16,
    CELLS_MIN = 4, /* across and down: each probe asks for a pixel of another cell, so that its answer is known for its own */
    PROBES_KEPT = 4,
};

/* A pixel that was asked for, and what was around it at that time. */
struct probe {
    int x, y, width, height; /* its cell; the pixel is at its top left. width 0: none */
    uint32_t pixels[CELL_HEIGHT][CELL_WIDTH];
};

struct dd_vnc_framebuffer {
    rfbClient *client;
    int fd;               /* client's own, which closes it */
    uint8_t *pixels;      /* of client->frameBuffer */
    uint64_t missing;     /* pixels to come before there is a whole picture */
    uint8_t *seen;        /* a bit for each that has come; NULL once none is missing */
    GotCopyRectProc copy; /* the library's own */
    struct probe probes[PROBES_KEPT];
    unsigned probe_count; /* ever; the last one is before it */
    bool answered;        /* the last one is */
    bool doubtful;        /* it may be, or by an update that was on its way before */
    bool changed;         /* something did since a picture was taken */
    bool refused;         /* a size above the limits */
    bool out_of_memory;
    /* in the message under way */
    bool resized, copied, has_cell, has_more;
};

/* What libvncclient tells in no other way. A process has one screen. */
static atomic_bool is_closed, is_corrupt;

static int tag; /* its address names the screen among a client's data */

/* ---- libvncclient's messages ---- */

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

__attribute__((format(printf, 1, 2))) static void take_message(const char *format, ...)
{
    /* as 0.9.14 writes them. After these it goes on as if all were well: */
    static const char *const corruptions[] = {"ZRLE decoding failed", "Warning: possible ZRLE corruption", "Rect out of bounds",
                                              "Source rect out of bounds", "Dest rect out of bounds"};
    static const char *const closings[] = {"VNC server closed connection", "read (", "write"};
    char line[LINE_SIZE];
    va_list arguments;

    for (size_t i = 0; i < sizeof corruptions / sizeof *corruptions; i++)
        if (begins_with(format, corruptions[i]))
            atomic_store(&is_corrupt, true);
    for (size_t i = 0; i < sizeof closings / sizeof *closings; i++)
        if (begins_with(format, closings[i]))
            atomic_store(&is_closed, true);
    if (dd_log_threshold() < DD_LOG_DEBUG)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line[strcspn(line, "\r\n")] = '\0';
    dd_log_debug("libvncclient: %s", line);
}

/* ---- its hooks ---- */

static struct dd_vnc_framebuffer *screen_of(rfbClient *client)
{
    return rfbClientGetClientData(client, &tag);
}

static uint32_t read_pixel(const struct dd_vnc_framebuffer *s, int x, int y)
{
    uint32_t pixel;

    memcpy(&pixel, s->pixels + ((size_t)y * (size_t)s->client->width + (size_t)x) * PIXEL, sizeof pixel);
    return pixel & COLOR_MASK;
}

/* Remembers what is in the probe's cell. True if that was something else before. */
static bool read_cell(const struct dd_vnc_framebuffer *s, struct probe *p)
{
    bool changed = false;

    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            uint32_t pixel = read_pixel(s, p->x + x, p->y + y);
            changed = changed || pixel != p->pixels[y][x];
            p->pixels[y][x] = pixel;
        }
    return changed;
}

static struct probe *last_probe(struct dd_vnc_framebuffer *s)
{
    return &s->probes[(s->probe_count + PROBES_KEPT - 1) % PROBES_KEPT];
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Chooses the next cell. */
static struct probe *next_probe(struct dd_vnc_framebuffer *s)
{
    int width = least(CELL_WIDTH, s->client->width / CELLS_MIN), height = least(CELL_HEIGHT, s->client->height / CELLS_MIN);
    struct probe *p = &s->probes[s->probe_count % PROBES_KEPT];

    p->width = width ? width : 1;
    p->height = height ? height : 1;
    unsigned columns = (unsigned)(s->client->width / p->width), rows = (unsigned)(s->client->height / p->height);
    p->x = (int)(s->probe_count % columns) * p->width;
    p->y = (int)(s->probe_count / columns % rows) * p->height;
    read_cell(s, p);
    s->probe_count++;
    return p;
}

static bool is_in_cell(const struct probe *p, int x, int y, int width, int height)
{
    return x >= p->x && y >= p->y && x + width <= p->x + p->width && y + height <= p->y + p->height;
}

static bool overlaps(int x, int y, int width, int height, const struct probe *p)
{
    return x < p->x + p->width && y < p->y + p->height && x + width > p->x && y + height > p->y;
}

static bool has_pixel(const struct probe *p, int x, int y, int width, int height)
{
    return p->width && x <= p->x && y <= p->y && x + width > p->x && y + height > p->y;
}

/* A rectangle within the cells of probes is what they asked for, and may be what was there before. */
static bool is_unchanged(struct dd_vnc_framebuffer *s, int x, int y, int width, int height)
{
    bool found = false, changed = false;

    for (size_t i = 0; i < PROBES_KEPT; i++) {
        struct probe *p = &s->probes[i];
        if (!overlaps(x, y, width, height, p))
            continue;
        changed = read_cell(s, p) || changed;
        found = found || is_in_cell(p, x, y, width, height);
    }
    return found && !changed;
}

/* Notes that these pixels have come. What is copied from elsewhere on the screen may come from where nothing has. */
static void note_seen(struct dd_vnc_framebuffer *s, int x, int y, int width, int height)
{
    if (!s->seen || s->copied || x < 0 || y < 0 || width > s->client->width - x || height > s->client->height - y)
        return;
    for (int row = y; row < y + height; row++)
        for (int column = x; column < x + width; column++) {
            size_t i = (size_t)row * (size_t)s->client->width + (size_t)column;
            uint8_t bit = (uint8_t)(1 << i % 8);
            s->missing -= !(s->seen[i / 8] & bit);
            s->seen[i / 8] |= bit;
        }
    if (s->missing)
        return;
    free(s->seen);
    s->seen = NULL;
}

/* A rectangle has come. */
static void note_update(rfbClient *client, int x, int y, int width, int height)
{
    struct dd_vnc_framebuffer *s = screen_of(client);
    const struct probe *last = last_probe(s);

    if (width <= 0 || height <= 0 || !s->pixels)
        return;
    note_seen(s, x, y, width, height);
    s->copied = false;
    if (!is_unchanged(s, x, y, width, height))
        s->changed = true;
    if (!has_pixel(last, x, y, width, height))
        return;
    if (is_in_cell(last, x, y, width, height))
        s->has_cell = true;
    else
        s->has_more = true;
}

static void note_copy(rfbClient *client, int from_x, int from_y, int width, int height, int to_x, int to_y)
{
    struct dd_vnc_framebuffer *s = screen_of(client);

    s->copied = true;
    s->copy(client, from_x, from_y, width, height, to_x, to_y);
}

static rfbBool allocate(rfbClient *client)
{
    struct dd_vnc_framebuffer *s = screen_of(client);

    free(s->pixels);
    free(s->seen);
    client->frameBuffer = s->pixels = s->seen = NULL;
    s->refused = !dd_vnc_framebuffer_fits(client->width, client->height);
    if (s->refused)
        return FALSE;
    s->missing = (uint64_t)client->width * (uint64_t)client->height;
    s->pixels = calloc(s->missing, PIXEL);
    s->seen = calloc(s->missing / 8 + 1, 1);
    s->out_of_memory = !s->pixels || !s->seen;
    client->frameBuffer = s->pixels;
    memset(s->probes, 0, sizeof s->probes); /* of another size */
    s->changed = s->resized = true;
    return !s->out_of_memory;
}

static char *no_password(rfbClient *client)
{
    (void)client;
    return NULL;
}

static rfbCredential *no_credential(rfbClient *client, int kind)
{
    (void)client;
    (void)kind;
    return NULL;
}

/* Of the encoding "tight", which is not asked for: this ends it before libjpeg, and before a decoder that is never freed. */
static rfbBool refuse_jpeg(rfbClient *client, const uint8_t *buffer, int length, int x, int y, int width, int height)
{
    (void)client, (void)length, (void)x, (void)y, (void)width, (void)height;
    free((void *)(uintptr_t)buffer); /* 0.9.14 leaves that to this hook */
    return FALSE;
}

/* ---- exports ---- */

bool dd_vnc_framebuffer_fits(int width, int height)
{
    return width >= 1 && height >= 1 && width <= DD_VNC_FRAMEBUFFER_SIDE_MAX && height <= DD_VNC_FRAMEBUFFER_SIDE_MAX &&
           (uint64_t)width * (uint64_t)height <= DD_VNC_FRAMEBUFFER_BYTES_MAX / PIXEL;
}

/* The only message that we ever send from here on. A server may send a list of its own, which would take its place. */
static void allow_requests(rfbClient *client)
{
    memset(&client->supportedMessages, 0, sizeof client->supportedMessages);
    client->supportedMessages.client2server[rfbFramebufferUpdateRequest / 8] = 1 << rfbFramebufferUpdateRequest % 8;
}

struct dd_vnc_framebuffer *dd_vnc_framebuffer_new(int fd, int width, int height)
{
    struct dd_vnc_framebuffer *s = calloc(1, sizeof *s);

    rfbClientLog = rfbClientErr = take_message;
    atomic_store(&is_closed, false);
    atomic_store(&is_corrupt, false);
    if (!s)
        goto fail0;
    rfbClient *client = s->client = rfbGetClient(8, 3, PIXEL);
    if (!client)
        goto fail1;
    rfbClientSetClientData(client, &tag, s);
    client->sock = s->fd = fd;
    client->width = client->updateRect.w = width;
    client->height = client->updateRect.h = height;
    client->updateRect.x = client->updateRect.y = 0;
    /* as dd_vnc_handshake_run() asked for them */
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->canHandleNewFBSize = TRUE;
    client->appData.viewOnly = TRUE;
    client->connectTimeout = client->readTimeout = TIMEOUT_S;
    client->MallocFrameBuffer = allocate;
    client->GotFrameBufferUpdate = note_update;
    client->GotJpeg = refuse_jpeg;
    s->copy = client->GotCopyRect;
    client->GotCopyRect = note_copy;
    client->appData.qualityLevel = QUALITY;
    client->GetPassword = no_password;
    client->GetCredential = no_credential;
    allow_requests(client);
    if (!allocate(client))
        goto fail2;
    s->resized = false;
    return s;

fail2:
    dd_vnc_framebuffer_free(s);
    dd_log_error("no memory for a desktop of %dx%d", width, height);
    return NULL;
fail1:
    free(s);
fail0:
    close(fd);
    dd_log_error("no memory for a VNC connection");
    return NULL;
}

void dd_vnc_framebuffer_free(struct dd_vnc_framebuffer *s)
{
    if (!s)
        return;
    /* 0.9.14 forgets these, the shape of a cursor that a server sends unasked */
    free(s->client->rcSource);
    free(s->client->rcMask);
    s->client->rcSource = s->client->rcMask = NULL;
    rfbClientCleanup(s->client);
    free(s->pixels);
    free(s->seen);
    free(s);
}

static bool request_all(struct dd_vnc_framebuffer *s, bool incremental)
{
    return SendFramebufferUpdateRequest(s->client, 0, 0, s->client->width, s->client->height, incremental);
}

static bool request_pixel(struct dd_vnc_framebuffer *s)
{
    const struct probe *p = next_probe(s);

    return SendFramebufferUpdateRequest(s->client, p->x, p->y, 1, 1, FALSE);
}

bool dd_vnc_framebuffer_probe(struct dd_vnc_framebuffer *s)
{
    s->answered = s->doubtful = false;
    return request_all(s, !s->missing) && request_pixel(s);
}

/* The pixel has come with more than was asked for: with all that has changed since, or in an update that was on its way before
 * the probe. Of the latter there is one at most, so the next with a pixel asked for is the answer. */
static bool resolve_doubt(struct dd_vnc_framebuffer *s)
{
    if (s->answered)
        return true;
    s->answered = s->has_cell || (s->has_more && s->doubtful);
    if (s->answered || !s->has_more)
        return true;
    s->doubtful = true;
    return request_pixel(s);
}

bool dd_vnc_framebuffer_handle(struct dd_vnc_framebuffer *s)
{
    s->resized = s->copied = s->has_cell = s->has_more = false;
    bool done = HandleRFBServerMessage(s->client);
    allow_requests(s->client);
    if (done && s->resized) /* the pixel of a probe under way was of another size */
        done = request_all(s, false) && (s->answered || request_pixel(s));
    else if (done)
        done = resolve_doubt(s);
    return done && !atomic_load(&is_corrupt);
}

void dd_vnc_framebuffer_interrupt(const struct dd_vnc_framebuffer *s)
{
    shutdown(s->fd, SHUT_RDWR);
}

bool dd_vnc_framebuffer_has_read(const struct dd_vnc_framebuffer *s)
{
    return s->client->buffered > 0;
}

bool dd_vnc_framebuffer_is_answered(const struct dd_vnc_framebuffer *s)
{
    return s->answered;
}

bool dd_vnc_framebuffer_has_changed(const struct dd_vnc_framebuffer *s)
{
    return s->changed && s->missing == 0;
}

bool dd_vnc_framebuffer_is_whole(const struct dd_vnc_framebuffer *s)
{
    return s->missing == 0;
}

void dd_vnc_framebuffer_take(struct dd_vnc_framebuffer *s, struct dd_picture *picture)
{
    s->changed = false;
    picture->format = DD_PICTURE_BGRX;
    picture->width = s->client->width;
    picture->height = s->client->height;
    picture->plane[0] = s->pixels;
    picture->stride[0] = s->client->width * PIXEL;
}

enum dd_vnc_framebuffer_trouble dd_vnc_framebuffer_trouble(const struct dd_vnc_framebuffer *s, int *width, int *height)
{
    *width = s->client->width;
    *height = s->client->height;
    if (s->refused)
        return DD_VNC_FRAMEBUFFER_TOO_LARGE;
    if (s->out_of_memory)
        return DD_VNC_FRAMEBUFFER_MEMORY;
    if (atomic_load(&is_corrupt))
        return DD_VNC_FRAMEBUFFER_BROKEN;
    return atomic_load(&is_closed) ? DD_VNC_FRAMEBUFFER_CLOSED : DD_VNC_FRAMEBUFFER_BROKEN;
}
