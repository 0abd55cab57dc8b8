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
#include "send/capture/vnc/probe.h"
#include "send/picture.h"
#include "send/rect.h"

enum {
    PIXEL_BYTES = 4,
    /* Of libvncclient's own waits, which never happen: the socket blocks, and is shut down. */
    TIMEOUT_S = 1,
    LINE_SIZE = 1024,
    /* The best. Below it libvncclient would let a server run filters for which it has no memory. */
    QUALITY = 9,
};

struct dd_vnc_framebuffer {
    rfbClient *client;
    int fd;                    /* owned by client, which closes it */
    uint8_t *pixels;           /* client->frameBuffer */
    uint8_t *arrived;          /* a bit for each pixel that has arrived; NULL once all have */
    uint64_t missing;          /* pixels that have not arrived */
    GotCopyRectProc copy_rect; /* libvncclient's own */
    struct dd_vnc_probe *probe;
    bool changed; /* since the last dd_vnc_framebuffer_get_picture() */
    bool too_large;
    bool out_of_memory;
    bool resized;   /* by the message under way */
    bool is_copied; /* the rectangle that comes next is a CopyRect */
};

/* What libvncclient tells in its log only. */
static atomic_bool is_closed, is_corrupt;

static int tag; /* its address is the key of the framebuffer among a client's data */

/* ---- libvncclient's log ---- */

static bool begins_with_any(const char *text, const char *const *starts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

__attribute__((format(printf, 1, 2))) static void on_log_message(const char *format, ...)
{
    /* As 0.9.14 words them. After these it goes on as if all were well. */
    static const char *const corruptions[] = {"ZRLE decoding failed", "Warning: possible ZRLE corruption", "Rect out of bounds",
                                              "Source rect out of bounds", "Dest rect out of bounds"};
    static const char *const closings[] = {"VNC server closed connection", "read (", "write"};
    char line[LINE_SIZE];
    va_list arguments;

    if (begins_with_any(format, corruptions, sizeof corruptions / sizeof *corruptions))
        atomic_store(&is_corrupt, true);
    if (begins_with_any(format, closings, sizeof closings / sizeof *closings))
        atomic_store(&is_closed, true);
    if (dd_log_threshold() < DD_LOG_DEBUG)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line[strcspn(line, "\r\n")] = '\0';
    dd_log_debug("libvncclient: %s", line);
}

/* ---- libvncclient's hooks ---- */

static struct dd_vnc_framebuffer *framebuffer_of(rfbClient *client)
{
    return rfbClientGetClientData(client, &tag);
}

static struct dd_vnc_probe_desktop desktop_of(const struct dd_vnc_framebuffer *framebuffer)
{
    return (struct dd_vnc_probe_desktop){
        .pixels = framebuffer->pixels, .width = framebuffer->client->width, .height = framebuffer->client->height};
}

static void mark_arrived(struct dd_vnc_framebuffer *framebuffer, const struct dd_rect *rect)
{
    const rfbClient *client = framebuffer->client;

    if (!framebuffer->arrived || rect->x < 0 || rect->y < 0 || rect->width > client->width - rect->x ||
        rect->height > client->height - rect->y)
        return;
    for (int y = rect->y; y < rect->y + rect->height; y++)
        for (int x = rect->x; x < rect->x + rect->width; x++) {
            size_t i = (size_t)y * (size_t)client->width + (size_t)x;
            uint8_t bit = (uint8_t)(1 << i % 8);
            framebuffer->missing -= !(framebuffer->arrived[i / 8] & bit);
            framebuffer->arrived[i / 8] |= bit;
        }
    if (framebuffer->missing)
        return;
    free(framebuffer->arrived);
    framebuffer->arrived = NULL;
}

/* A rectangle has been drawn. */
static void on_update(rfbClient *client, int x, int y, int width, int height)
{
    struct dd_vnc_framebuffer *framebuffer = framebuffer_of(client);
    const struct dd_rect rect = {.x = x, .y = y, .width = width, .height = height};

    if (width <= 0 || height <= 0 || !framebuffer->pixels)
        return;
    /* a copy may be of pixels that have not arrived themselves */
    if (!framebuffer->is_copied)
        mark_arrived(framebuffer, &rect);
    framebuffer->is_copied = false;
    const struct dd_vnc_probe_desktop desktop = desktop_of(framebuffer);
    if (dd_vnc_probe_update(framebuffer->probe, &desktop, &rect))
        framebuffer->changed = true;
}

static void on_copy_rect(rfbClient *client, int from_x, int from_y, int width, int height, int to_x, int to_y)
{
    struct dd_vnc_framebuffer *framebuffer = framebuffer_of(client);

    framebuffer->is_copied = true;
    framebuffer->copy_rect(client, from_x, from_y, width, height, to_x, to_y);
}

/* The desktop has a size, the first or a new one. */
static rfbBool on_size(rfbClient *client)
{
    struct dd_vnc_framebuffer *framebuffer = framebuffer_of(client);

    free(framebuffer->pixels);
    free(framebuffer->arrived);
    client->frameBuffer = framebuffer->pixels = framebuffer->arrived = NULL;
    framebuffer->too_large = !dd_vnc_framebuffer_fits(client->width, client->height);
    if (framebuffer->too_large)
        return FALSE;
    framebuffer->missing = (uint64_t)client->width * (uint64_t)client->height;
    framebuffer->pixels = calloc(framebuffer->missing, PIXEL_BYTES);
    framebuffer->arrived = calloc(framebuffer->missing / 8 + 1, 1);
    framebuffer->out_of_memory = !framebuffer->pixels || !framebuffer->arrived;
    client->frameBuffer = framebuffer->pixels;
    dd_vnc_probe_reset(framebuffer->probe);
    framebuffer->changed = framebuffer->resized = true;
    return !framebuffer->out_of_memory;
}

static char *refuse_password(rfbClient *client)
{
    (void)client;
    return NULL;
}

static rfbCredential *refuse_credential(rfbClient *client, int kind)
{
    (void)client;
    (void)kind;
    return NULL;
}

/* Of the encoding Tight, which is not asked for. A refusal ends it before libjpeg, and before a decoder that is never freed. */
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
           (uint64_t)width * (uint64_t)height <= DD_VNC_FRAMEBUFFER_BYTES_MAX / PIXEL_BYTES;
}

/* FramebufferUpdateRequest is the only message that libvncclient may send. A server can replace this list by one of its own. */
static void allow_update_requests_only(rfbClient *client)
{
    memset(&client->supportedMessages, 0, sizeof client->supportedMessages);
    client->supportedMessages.client2server[rfbFramebufferUpdateRequest / 8] = 1 << rfbFramebufferUpdateRequest % 8;
}

static void configure(struct dd_vnc_framebuffer *framebuffer, int width, int height)
{
    rfbClient *client = framebuffer->client;

    rfbClientSetClientData(client, &tag, framebuffer);
    client->sock = framebuffer->fd;
    client->width = client->updateRect.w = width;
    client->height = client->updateRect.h = height;
    client->updateRect.x = client->updateRect.y = 0;
    /* the pixel format that dd_vnc_handshake_run() asked for */
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->canHandleNewFBSize = TRUE;
    client->appData.viewOnly = TRUE;
    client->appData.qualityLevel = QUALITY;
    client->connectTimeout = client->readTimeout = TIMEOUT_S;
    client->MallocFrameBuffer = on_size;
    client->GotFrameBufferUpdate = on_update;
    client->GotJpeg = refuse_jpeg;
    framebuffer->copy_rect = client->GotCopyRect;
    client->GotCopyRect = on_copy_rect;
    client->GetPassword = refuse_password;
    client->GetCredential = refuse_credential;
    allow_update_requests_only(client);
}

struct dd_vnc_framebuffer *dd_vnc_framebuffer_new(int fd, int width, int height)
{
    struct dd_vnc_framebuffer *framebuffer = calloc(1, sizeof *framebuffer);

    rfbClientLog = rfbClientErr = on_log_message;
    atomic_store(&is_closed, false);
    atomic_store(&is_corrupt, false);
    if (!framebuffer)
        goto fail0;
    framebuffer->fd = fd;
    framebuffer->probe = dd_vnc_probe_new();
    if (!framebuffer->probe)
        goto fail1;
    framebuffer->client = rfbGetClient(8, 3, PIXEL_BYTES);
    if (!framebuffer->client)
        goto fail2;
    configure(framebuffer, width, height);
    if (!on_size(framebuffer->client))
        goto fail3;
    framebuffer->resized = false;
    return framebuffer;

fail3:
    dd_vnc_framebuffer_free(framebuffer);
    dd_log_error("no memory for a desktop of %dx%d", width, height);
    return NULL;
fail2:
    dd_vnc_probe_free(framebuffer->probe);
fail1:
    free(framebuffer);
fail0:
    close(fd);
    dd_log_error("no memory for a VNC connection");
    return NULL;
}

void dd_vnc_framebuffer_free(struct dd_vnc_framebuffer *framebuffer)
{
    if (!framebuffer)
        return;
    /* 0.9.14 does not free these, the shape of a cursor that a server sends unasked */
    free(framebuffer->client->rcSource);
    free(framebuffer->client->rcMask);
    framebuffer->client->rcSource = framebuffer->client->rcMask = NULL;
    rfbClientCleanup(framebuffer->client);
    dd_vnc_probe_free(framebuffer->probe);
    free(framebuffer->pixels);
    free(framebuffer->arrived);
    free(framebuffer);
}

static bool request_desktop(struct dd_vnc_framebuffer *framebuffer, bool incremental)
{
    rfbClient *client = framebuffer->client;

    return SendFramebufferUpdateRequest(client, 0, 0, client->width, client->height, incremental);
}

static bool request_pixel(struct dd_vnc_framebuffer *framebuffer)
{
    const struct dd_vnc_probe_desktop desktop = desktop_of(framebuffer);
    int x, y;

    dd_vnc_probe_next_pixel(framebuffer->probe, &desktop, &x, &y);
    return SendFramebufferUpdateRequest(framebuffer->client, x, y, 1, 1, FALSE);
}

bool dd_vnc_framebuffer_probe(struct dd_vnc_framebuffer *framebuffer)
{
    dd_vnc_probe_start(framebuffer->probe);
    return request_desktop(framebuffer, framebuffer->missing == 0) && request_pixel(framebuffer);
}

bool dd_vnc_framebuffer_handle_message(struct dd_vnc_framebuffer *framebuffer)
{
    framebuffer->resized = framebuffer->is_copied = false;
    dd_vnc_probe_begin_message(framebuffer->probe);
    bool done = HandleRFBServerMessage(framebuffer->client);
    allow_update_requests_only(framebuffer->client);
    if (done && framebuffer->resized) /* the pixel of a probe under way was of the old size */
        done =
            request_desktop(framebuffer, false) && (dd_vnc_probe_is_answered(framebuffer->probe) || request_pixel(framebuffer));
    else if (done)
        done = !dd_vnc_probe_end_message(framebuffer->probe) || request_pixel(framebuffer);
    return done && !atomic_load(&is_corrupt);
}

void dd_vnc_framebuffer_interrupt(const struct dd_vnc_framebuffer *framebuffer)
{
    shutdown(framebuffer->fd, SHUT_RDWR);
}

enum dd_vnc_framebuffer_failure dd_vnc_framebuffer_failure(const struct dd_vnc_framebuffer *framebuffer, int *width, int *height)
{
    *width = framebuffer->client->width;
    *height = framebuffer->client->height;
    if (framebuffer->too_large)
        return DD_VNC_FRAMEBUFFER_TOO_LARGE;
    if (framebuffer->out_of_memory)
        return DD_VNC_FRAMEBUFFER_MEMORY;
    return atomic_load(&is_closed) && !atomic_load(&is_corrupt) ? DD_VNC_FRAMEBUFFER_CLOSED : DD_VNC_FRAMEBUFFER_BROKEN;
}

bool dd_vnc_framebuffer_has_buffered(const struct dd_vnc_framebuffer *framebuffer)
{
    return framebuffer->client->buffered > 0;
}

bool dd_vnc_framebuffer_is_answered(const struct dd_vnc_framebuffer *framebuffer)
{
    return dd_vnc_probe_is_answered(framebuffer->probe);
}

bool dd_vnc_framebuffer_is_whole(const struct dd_vnc_framebuffer *framebuffer)
{
    return framebuffer->missing == 0;
}

bool dd_vnc_framebuffer_has_changed(const struct dd_vnc_framebuffer *framebuffer)
{
    return framebuffer->changed && framebuffer->missing == 0;
}

void dd_vnc_framebuffer_get_picture(struct dd_vnc_framebuffer *framebuffer, struct dd_picture *picture)
{
    framebuffer->changed = false;
    picture->format = DD_PICTURE_BGRX;
    picture->width = framebuffer->client->width;
    picture->height = framebuffer->client->height;
    picture->plane[0] = framebuffer->pixels;
    picture->stride[0] = framebuffer->client->width * PIXEL_BYTES;
}
