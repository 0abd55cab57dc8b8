/* The format is ITU-T T.81, annex B; the first segment is JFIF's. What is left out on purpose: all other applications' segments
 * and comments, restart intervals, 16-bit quantisers, fill bytes, and scans of single components. libjpeg makes none of them
 * unless it is told to. */
#include "recv/intake/jpeg_header.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"

enum marker {
    MARKER_SOF0 = 0xffc0, /* baseline */
    MARKER_DHT = 0xffc4,
    MARKER_SOI = 0xffd8,
    MARKER_SOS = 0xffda,
    MARKER_DQT = 0xffdb,
    MARKER_APP0 = 0xffe0,
};

enum {
    END_OF_IMAGE = 0xd9, /* after 0xff */
    BITS = 8,
    COMPONENTS = 3,
    COEFFICIENTS = 64,
    QUANTISERS = 4,    /* tables */
    HUFFMAN_PAIRS = 2, /* tables for DC, and for AC: as many as baseline allows */
    CODE_BITS_MAX = 16,
    DC_BITS_MAX = 11, /* of a difference, in baseline */
    DC_SYMBOLS_MAX = 12,
    AC_BITS_MAX = 10, /* of a coefficient */
    AC_SYMBOLS_MAX = 162,
    RUN_OF_ZEROS = 0xf0,  /* a symbol of AC: 16 zeros */
    SAMPLING_FULL = 0x11, /* horizontal and vertical factor */
    SAMPLING_LUMA_420 = 0x22,
};

/* What the segments so far have said. */
struct jpeg {
    bool has_jfif;
    bool has_quantiser[QUANTISERS], has_dc[HUFFMAN_PAIRS], has_ac[HUFFMAN_PAIRS];
    unsigned components; /* 0: the frame header is still to come */
    uint8_t quantiser[COMPONENTS];
    uint16_t width, height;
};

/* JFIF 1, without a thumbnail. It says that three components are YCbCr. */
static bool read_jfif(struct jpeg *jpeg, struct dd_cursor *c)
{
    static const uint8_t name[] = {'J', 'F', 'I', 'F', '\0', 1};
    enum { MINOR_VERSION_AND_DENSITY = 6 };
    const uint8_t *found = dd_cursor_read_bytes(c, sizeof name);
    dd_cursor_read_bytes(c, MINOR_VERSION_AND_DENSITY);
    jpeg->has_jfif = true;
    return dd_cursor_read_u16(c) == 0 && found && memcmp(found, name, sizeof name) == 0;
}

static bool read_quantisers(struct jpeg *jpeg, struct dd_cursor *c)
{
    while (dd_cursor_remaining(c)) {
        uint8_t table = dd_cursor_read_u8(c); /* the upper half is 0: 8 bits */
        const uint8_t *values = dd_cursor_read_bytes(c, COEFFICIENTS);
        if (table >= QUANTISERS || !values || memchr(values, 0, COEFFICIENTS))
            return false;
        jpeg->has_quantiser[table] = true;
    }
    return true;
}

static bool is_symbol(uint8_t symbol, bool is_ac)
{
    unsigned bits = symbol & 0x0f;
    if (!is_ac)
        return symbol <= DC_BITS_MAX;
    return bits ? bits <= AC_BITS_MAX : symbol == 0 || symbol == RUN_OF_ZEROS;
}

/* The codes of each length follow those of the length before; none is all ones. */
static bool read_huffman_tables(struct jpeg *jpeg, struct dd_cursor *c)
{
    while (dd_cursor_remaining(c)) {
        unsigned kind = dd_cursor_read_u8(c), table = kind & 0x0f, code = 0, count = 0;
        bool is_ac = kind >> 4;
        const uint8_t *counts = dd_cursor_read_bytes(c, CODE_BITS_MAX);
        if (kind >> 4 > 1 || table >= HUFFMAN_PAIRS || !counts)
            return false;
        for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
            code = 2 * code + counts[bits - 1];
            count += counts[bits - 1];
            if (code >= 1U << bits)
                return false;
        }
        const uint8_t *symbols = dd_cursor_read_bytes(c, count);
        if (!symbols || count > (is_ac ? AC_SYMBOLS_MAX : DC_SYMBOLS_MAX))
            return false;
        for (unsigned i = 0; i < count; i++)
            if (!is_symbol(symbols[i], is_ac))
                return false;
        *(is_ac ? &jpeg->has_ac[table] : &jpeg->has_dc[table]) = count > 0;
    }
    return true;
}

/* The frame header: size, components and their sampling. */
static bool read_frame(struct jpeg *jpeg, struct dd_cursor *c)
{
    bool sound = !jpeg->components && dd_cursor_read_u8(c) == BITS;
    jpeg->height = dd_cursor_read_u16(c);
    jpeg->width = dd_cursor_read_u16(c);
    jpeg->components = dd_cursor_read_u8(c);
    if (!sound || (jpeg->components != 1 && jpeg->components != COMPONENTS))
        return false;
    for (unsigned i = 0; i < jpeg->components; i++) {
        bool is_known = dd_cursor_read_u8(c) == i + 1;
        uint8_t sampling = dd_cursor_read_u8(c);
        bool is_luma_420 = sampling == SAMPLING_LUMA_420 && i == 0 && jpeg->components == COMPONENTS;
        jpeg->quantiser[i] = dd_cursor_read_u8(c);
        if (!is_known || (sampling != SAMPLING_FULL && !is_luma_420) || jpeg->quantiser[i] >= QUANTISERS)
            return false;
    }
    return jpeg->width >= 1 && jpeg->width <= DD_JPEG_HEADER_WIDTH_MAX && jpeg->height >= 1 &&
           jpeg->height <= DD_JPEG_HEADER_HEIGHT_MAX;
}

/* The scan header: all components at once, with tables that were defined. */
static bool read_scan(const struct jpeg *jpeg, struct dd_cursor *c)
{
    enum { ALL_COEFFICIENTS = 0x003f00 }; /* from 0 to 63, at once */
    unsigned components = dd_cursor_read_u8(c);
    if (!jpeg->components || components != jpeg->components)
        return false;
    for (unsigned i = 0; i < components; i++) {
        bool is_known = dd_cursor_read_u8(c) == i + 1;
        unsigned tables = dd_cursor_read_u8(c), dc = tables >> 4, ac = tables & 0x0f;
        if (!is_known || dc >= HUFFMAN_PAIRS || ac >= HUFFMAN_PAIRS || !jpeg->has_dc[dc] || !jpeg->has_ac[ac] ||
            !jpeg->has_quantiser[jpeg->quantiser[i]])
            return false;
    }
    uint32_t coefficients = (uint32_t)dd_cursor_read_u16(c) << 8;
    return (coefficients | dd_cursor_read_u8(c)) == ALL_COEFFICIENTS;
}

/* Reads the segment of marker: all of c, no less. */
static bool read_segment(struct jpeg *jpeg, unsigned marker, struct dd_cursor *c)
{
    bool sound = false;
    if (marker == MARKER_APP0)
        sound = !jpeg->has_jfif && read_jfif(jpeg, c);
    else if (!jpeg->has_jfif)
        sound = false;
    else if (marker == MARKER_DQT)
        sound = read_quantisers(jpeg, c);
    else if (marker == MARKER_DHT)
        sound = read_huffman_tables(jpeg, c);
    else if (marker == MARKER_SOF0)
        sound = read_frame(jpeg, c);
    else if (marker == MARKER_SOS)
        sound = read_scan(jpeg, c);
    return sound && !c->failed && dd_cursor_remaining(c) == 0;
}

/* True if the rest is the data of one scan, and the end of the image. Within the data 0xff is followed by 0. */
static bool is_last_scan(struct dd_cursor *c)
{
    const uint8_t *at = dd_cursor_read_bytes(c, dd_cursor_remaining(c)), *end = c->in + c->size;
    while (at && (at = memchr(at, 0xff, (size_t)(end - at))) && ++at < end) {
        if (*at == END_OF_IMAGE)
            return at + 1 == end;
        if (*at != 0)
            return false;
    }
    return false;
}

int dd_jpeg_header_read(const uint8_t *bytes, size_t size, uint16_t *width, uint16_t *height)
{
    struct jpeg jpeg = {0};
    struct dd_cursor c = dd_cursor_reader(bytes, size);
    unsigned marker = dd_cursor_read_u16(&c);
    *width = *height = 0;
    if (marker != MARKER_SOI)
        return DD_ERROR_INPUT;
    do {
        marker = dd_cursor_read_u16(&c);
        uint16_t length = dd_cursor_read_u16(&c); /* its own two bytes included */
        const uint8_t *content = length > 2 ? dd_cursor_read_bytes(&c, length - 2U) : NULL;
        struct dd_cursor segment = dd_cursor_reader(content, content ? length - 2U : 0);
        if (!content || !read_segment(&jpeg, marker, &segment))
            return DD_ERROR_INPUT;
    } while (marker != MARKER_SOS);
    if (!is_last_scan(&c))
        return DD_ERROR_INPUT;
    *width = jpeg.width;
    *height = jpeg.height;
    return 0;
}
