#include "send/capture/vnc/initialization.h"

#include "dd/base/cursor.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/vnc/handshake_io.h"

enum { SHARED = 1 /* of ClientInit */, SERVER_INIT_BYTES = 20 /* without the name */, SET_ENCODINGS = 2 };

static int exchange_init(const struct dd_vnc_handshake *h)
{
    uint8_t bytes[SERVER_INIT_BYTES];
    char name[DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1];
    int error = dd_vnc_handshake_io_write_u8(h, SHARED);

    if (!error)
        error = dd_vnc_handshake_io_read(h, bytes, sizeof bytes);
    if (error)
        return error;
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);
    h->result->width = dd_cursor_read_u16(&c);
    h->result->height = dd_cursor_read_u16(&c);
    return dd_vnc_handshake_io_read_text(h, name);
}

static int set_pixel_format(const struct dd_vnc_handshake *h)
{
    static const uint8_t message[] = {
        0,  0,   0, 0,           /* SetPixelFormat */
        32, 24,  0, 1,           /* bits, depth, little-endian, true colour */
        0,  255, 0, 255, 0, 255, /* the maxima of red, green and blue, */
        16, 8,   0, 0,   0, 0,   /* and their shifts */
    };

    return dd_vnc_handshake_io_write(h, message, sizeof message);
}

static int set_encodings(const struct dd_vnc_handshake *h)
{
    /* ZRLE, Hextile, CopyRect, Raw; DesktopSize tells a new size (libvncclient 0.9.14 ignores ExtendedDesktopSize if the screen's
     * id is 0). No Cursor: so the server draws it into the picture. */
    static const int32_t encodings[] = {16, 5, 1, 0, -223};
    enum { COUNT = sizeof encodings / sizeof *encodings };
    uint8_t bytes[4 + 4 * COUNT];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);

    dd_cursor_write_u8(&c, SET_ENCODINGS);
    dd_cursor_write_u8(&c, 0);
    dd_cursor_write_u16(&c, COUNT);
    for (int i = 0; i < COUNT; i++)
        dd_cursor_write_u32(&c, (uint32_t)encodings[i]);
    return dd_vnc_handshake_io_write(h, bytes, sizeof bytes);
}

int dd_vnc_initialization_run(const struct dd_vnc_handshake *h)
{
    int error = exchange_init(h);

    if (!error)
        error = set_pixel_format(h);
    return error ? error : set_encodings(h);
}
