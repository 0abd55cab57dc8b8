/* Header, FRAGMENT and STATUS from bytes: what reads soundly keeps the contract, and writes back to the same bytes. The input
 * is a byte that chooses max_frame_bytes, then a datagram or a message. */
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "fuzz.h"

static const uint32_t limits[] = {1, 1400, 100000, 8 << 20, UINT32_MAX};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void try_header(const uint8_t *bytes, size_t size)
{
    uint8_t back[DD_WIRE_HEADER_BYTES];
    struct dd_wire_header header;
    int error = dd_wire_read_header(&header, bytes, size);
    MUST((error == DD_ERROR_SPACE) == (size < DD_WIRE_DATAGRAM_MIN || size > DD_WIRE_DATAGRAM_MAX));
    if (error)
        return;
    dd_wire_write_header(&header, back);
    MUST(!memcmp(back, bytes, sizeof back));
}

/* The rules of docs/protocol.md, in 64 bits. */
static void check_fragment(const struct dd_wire_fragment *f, uint32_t limit)
{
    MUST(f->frame >= 1 && f->frame <= DD_WIRE_FRAME_NUMBER_MAX);
    MUST(f->frame_bytes >= 1 && f->frame_bytes <= limit && f->symbol_bytes >= 1);
    MUST(f->data >= 1 && f->data <= DD_WIRE_DATA_MAX && f->data + f->parity <= DD_WIRE_SYMBOLS_MAX);
    MUST(f->index < f->data + f->parity && f->block < f->blocks);
    uint64_t symbols = ((uint64_t)f->frame_bytes + f->symbol_bytes - 1) / f->symbol_bytes;
    MUST(f->symbol_bytes == (f->frame_bytes + symbols - 1) / symbols);
    MUST(f->symbol_bytes >= 64 || symbols <= 4);
    MUST(f->blocks <= symbols && symbols <= (uint64_t)f->blocks * DD_WIRE_DATA_MAX);
    uint64_t here = 0;
    for (uint64_t j = f->block; j < symbols && here <= DD_WIRE_DATA_MAX; j += f->blocks)
        here++;
    MUST(f->data == here);
    MUST(f->index >= f->data || (uint64_t)f->index * f->blocks + f->block < symbols);
}

static void try_fragment(const uint8_t *bytes, size_t size, uint32_t limit)
{
    static uint8_t back[DD_WIRE_DATAGRAM_MAX];
    struct dd_wire_fragment fragment, other;
    int error = dd_wire_read_fragment(&fragment, limit, bytes, size);
    if (error == DD_ERROR_SPACE)
        MUST(fragment.frame_bytes > limit && dd_wire_read_fragment(&other, UINT32_MAX, bytes, size) == 0);
    if (error)
        return;
    check_fragment(&fragment, limit);
    MUST(dd_wire_type(bytes, size) == DD_WIRE_FRAGMENT);
    MUST(dd_wire_write_fragment(&fragment, back, sizeof back) == size && !memcmp(back, bytes, size));
    MUST(dd_wire_write_fragment(&fragment, back, size - 1) == 0);
}

static void try_status(const uint8_t *bytes, size_t size)
{
    uint8_t back[DD_WIRE_STATUS_BYTES];
    struct dd_wire_status status;
    if (dd_wire_read_status(&status, bytes, size))
        return;
    MUST(size == DD_WIRE_STATUS_BYTES && dd_wire_type(bytes, size) == DD_WIRE_STATUS);
    MUST(status.source <= DD_WIRE_SOURCE_FAILED && status.frame <= DD_WIRE_FRAME_NUMBER_MAX && status.period_ms);
    MUST(status.frame || !status.frames_sent);
    MUST(status.jpeg_quality <= DD_WIRE_JPEG_QUALITY_MAX);
    MUST(dd_wire_reason_text(status.reason)[0]);
    MUST(dd_wire_write_status(&status, back, sizeof back) == size && !memcmp(back, bytes, size));
    MUST(dd_wire_write_status(&status, back, size - 1) == 0);
}

/* Whatever a sender cuts is sound, down to its last datagram. */
static void try_cut(const uint8_t *bytes, size_t size)
{
    static const uint8_t picture[1 << 16];
    static uint8_t symbol[UINT16_MAX], message[DD_WIRE_DATAGRAM_MAX];
    struct dd_cursor c = dd_cursor_reader(bytes, size);
    uint32_t frame_bytes = 1 + dd_cursor_read_u16(&c);
    struct fuzz_cut cut = {.symbol_bytes = (uint16_t)(FUZZ_SYMBOL_MIN + dd_cursor_read_u16(&c) % (1401 - FUZZ_SYMBOL_MIN))};
    cut.data = (uint8_t)(1 + dd_cursor_read_u8(&c) % DD_WIRE_DATA_MAX);
    cut.parity = dd_cursor_read_u8(&c);
    struct fuzz_frame frame = fuzz_frame_cut(picture, frame_bytes, cut, UINT16_MAX);
    struct dd_wire_fragment fragment = {.frame = 1}, back;
    fuzz_frame_fragment(&frame, dd_cursor_read_u32(&c) % fuzz_frame_datagrams(&frame), &fragment, symbol);
    size_t length = dd_wire_write_fragment(&fragment, message, sizeof message);
    MUST(dd_wire_read_fragment(&back, frame_bytes, message, length) == 0);
    MUST(back.index == fragment.index && back.block == fragment.block && back.parity == fragment.parity);
    MUST(frame_bytes == 1 || dd_wire_read_fragment(&back, frame_bytes - 1, message, length) == DD_ERROR_SPACE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint32_t limit = limits[data[0] % (sizeof limits / sizeof *limits)];
    try_header(data + 1, size - 1);
    try_fragment(data + 1, size - 1, limit);
    try_status(data + 1, size - 1);
    try_cut(data + 1, size - 1);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    static const struct {
        uint32_t size;
        uint16_t symbol_bytes;
        uint8_t data, parity;
    } cuts[] = {{1, 1, 1, 0},       {100, 100, 128, 3},    {1000, 80, 128, 20},
                {1000, 80, 5, 240}, {60000, 1352, 128, 5}, {20000, 80, 128, 0}};
    static const uint8_t picture[60000] = {0xff, 0xd8};
    static uint8_t symbol[UINT16_MAX];
    size_t cut_count = sizeof cuts / sizeof *cuts;
    memset(seed, 0, FUZZ_SEED_SIZE);
    seed[0] = 3;
    if (i < 2 * cut_count) {
        struct fuzz_cut cut = {cuts[i / 2].symbol_bytes, cuts[i / 2].data, cuts[i / 2].parity};
        struct fuzz_frame frame = fuzz_frame_cut(picture, cuts[i / 2].size, cut, UINT16_MAX);
        struct dd_wire_fragment f = {.frame = 1767268800123 + i, .captured_us = 1767268800123456};
        fuzz_frame_fragment(&frame, i % 2 ? fuzz_frame_datagrams(&frame) - 1 : 0, &f, symbol);
        return 1 + dd_wire_write_fragment(&f, seed + 1, FUZZ_SEED_SIZE - 1);
    }
    if (i < 2 * cut_count + 4) {
        uint64_t frame = i % 2 * 1767268800123;
        struct dd_wire_status s = {.source = (uint8_t)(i % 4),
                                   .frame = frame,
                                   .frames_sent = frame,
                                   .period_ms = 1000,
                                   .width = 640,
                                   .height = 480,
                                   .epoch_us = i << 40,
                                   .jpeg_quality = 60,
                                   .boot_tag = 7};
        return 1 + dd_wire_write_status(&s, seed + 1, FUZZ_SEED_SIZE - 1);
    }
    if (i == 2 * cut_count + 4) {
        struct dd_wire_header h = {.key_id = 1, .session_start_us = 2, .session_salt = 3, .counter = 4};
        dd_wire_write_header(&h, seed + 1);
        return 1 + DD_WIRE_DATAGRAM_MIN;
    }
    return 0;
}
