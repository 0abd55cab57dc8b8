#include "dd/send/capture/vnc_screen.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfbclient.h>

#include "dd/base/log.h"
#include "dd/send/picture.h"

enum {
    PIXEL = 4,
    COLOR_MASK = 0xffffff, /* B, G, R; the fourth byte is nobody's */
    TIMEOUT_S = 1,         /* of the library's own waits. None comes about: the socket blocks, and is shut down */
    LINE_SIZE = 1024,
};

struct dd_vnc_screen {
    rfbClient *client;
    int fd;           /* client's own, which closes it */
    uint8_t *pixels;  /* of client->frameBuffer */
    uint64_t missing; /* pixels to come before there is a whole picture */
    uint32_t corner;  /* the pixel that probes ask for, as last seen */
    bool answered;    /* it came after the last probe */
    bool changed;     /* something else did, or it did and was another */
    bool resized;     /* in the message under way */
    bool refused;     /* a size above the limits */
    bool out_of_memory;
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

static struct dd_vnc_screen *screen_of(rfbClient *client)
{
    return rfbClientGetClientData(client, &tag);
}

static uint32_t read_corner(const struct dd_vnc_screen *s)
{
    uint32_t pixel;

    memcpy(&pixel, s->pixels, sizeof pixel);
    return pixel & COLOR_MASK;
}

/* A rectangle has come. */
static void note_update(rfbClient *client, int x, int y, int width, int height)
{
    struct dd_vnc_screen *s = screen_of(client);
    uint64_t count = (uint64_t)width * (uint64_t)height;

    if (count == 0 || !s->pixels)
        return;
    s->missing -= count < s->missing ? count : s->missing;
    bool corner = x == 0 && y == 0;
    s->answered = s->answered || corner;
    if (!corner || count > 1 || read_corner(s) != s->corner)
        s->changed = true;
    if (corner)
        s->corner = read_corner(s);
}

static rfbBool allocate(rfbClient *client)
{
    struct dd_vnc_screen *s = screen_of(client);

    free(s->pixels);
    client->frameBuffer = s->pixels = NULL;
    s->refused = !dd_vnc_screen_fits(client->width, client->height);
    if (s->refused)
        return FALSE;
    s->missing = (uint64_t)client->width * (uint64_t)client->height;
    s->pixels = calloc(s->missing, PIXEL);
    s->out_of_memory = !s->pixels;
    client->frameBuffer = s->pixels;
    s->corner = 0;
    s->changed = s->resized = true;
    return s->pixels != NULL;
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

bool dd_vnc_screen_fits(int width, int height)
{
    return width >= 1 && height >= 1 && width <= DD_VNC_SCREEN_SIDE_MAX && height <= DD_VNC_SCREEN_SIDE_MAX &&
           (uint64_t)width * (uint64_t)height <= DD_VNC_SCREEN_BYTES_MAX / PIXEL;
}

/* The only message that we ever send from here on. A server may send a list of its own, which would take its place. */
static void allow_requests(rfbClient *client)
{
    memset(&client->supportedMessages, 0, sizeof client->supportedMessages);
    client->supportedMessages.client2server[rfbFramebufferUpdateRequest / 8] = 1 << rfbFramebufferUpdateRequest % 8;
}

struct dd_vnc_screen *dd_vnc_screen_new(int fd, int width, int height)
{
    struct dd_vnc_screen *s = calloc(1, sizeof *s);

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
    /* as dd_vnc_login() asked for them */
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->canHandleNewFBSize = TRUE;
    client->appData.viewOnly = TRUE;
    client->connectTimeout = client->readTimeout = TIMEOUT_S;
    client->MallocFrameBuffer = allocate;
    client->GotFrameBufferUpdate = note_update;
    client->GotJpeg = refuse_jpeg;
    client->GetPassword = no_password;
    client->GetCredential = no_credential;
    allow_requests(client);
    if (!allocate(client))
        goto fail2;
    s->resized = false;
    return s;

fail2:
    dd_vnc_screen_free(s);
    dd_log_error("no memory for a desktop of %dx%d", width, height);
    return NULL;
fail1:
    free(s);
fail0:
    close(fd);
    dd_log_error("no memory for a VNC connection");
    return NULL;
}

void dd_vnc_screen_free(struct dd_vnc_screen *s)
{
    if (!s)
        return;
    rfbClientCleanup(s->client);
    free(s->pixels);
    free(s);
}

static bool request_all(struct dd_vnc_screen *s, bool incremental)
{
    return SendFramebufferUpdateRequest(s->client, 0, 0, s->client->width, s->client->height, incremental);
}

bool dd_vnc_screen_probe(struct dd_vnc_screen *s)
{
    s->answered = false;
    if (s->missing)
        return request_all(s, false);
    return request_all(s, true) && SendFramebufferUpdateRequest(s->client, 0, 0, 1, 1, FALSE);
}

bool dd_vnc_screen_handle(struct dd_vnc_screen *s)
{
    s->resized = false;
    bool done = HandleRFBServerMessage(s->client);
    allow_requests(s->client);
    if (done && s->resized)
        done = request_all(s, false);
    return done && !atomic_load(&is_corrupt);
}

void dd_vnc_screen_interrupt(const struct dd_vnc_screen *s)
{
    shutdown(s->fd, SHUT_RDWR);
}

bool dd_vnc_screen_has_read(const struct dd_vnc_screen *s)
{
    return s->client->buffered > 0;
}

bool dd_vnc_screen_is_answered(const struct dd_vnc_screen *s)
{
    return s->answered;
}

bool dd_vnc_screen_has_changed(const struct dd_vnc_screen *s)
{
    return s->changed && s->missing == 0;
}

bool dd_vnc_screen_is_whole(const struct dd_vnc_screen *s)
{
    return s->missing == 0;
}

void dd_vnc_screen_take(struct dd_vnc_screen *s, struct dd_picture *picture)
{
    s->changed = false;
    picture->format = DD_PICTURE_BGRX;
    picture->width = s->client->width;
    picture->height = s->client->height;
    picture->plane[0] = s->pixels;
    picture->stride[0] = s->client->width * PIXEL;
}

enum dd_vnc_screen_trouble dd_vnc_screen_trouble(const struct dd_vnc_screen *s, int *width, int *height)
{
    *width = s->client->width;
    *height = s->client->height;
    if (s->refused)
        return DD_VNC_SCREEN_TOO_LARGE;
    if (s->out_of_memory)
        return DD_VNC_SCREEN_MEMORY;
    if (atomic_load(&is_corrupt))
        return DD_VNC_SCREEN_BROKEN;
    return atomic_load(&is_closed) ? DD_VNC_SCREEN_CLOSED : DD_VNC_SCREEN_BROKEN;
}
