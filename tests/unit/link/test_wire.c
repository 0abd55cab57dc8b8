#include "dd/link/wire.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

enum { MAX_FRAME = 1 << 20 };

/* Block 1 of 3, symbol 2 of 4: 10 symbols of 100 bytes. */
static struct dd_wire_fragment sound(void)
{
    static const uint8_t symbol[100] = {42};
    return (struct dd_wire_fragment){.index = 2,
                                     .data = 3,
                                     .parity = 1,
                                     .block = 1,
                                     .blocks = 3,
                                     .frame = 77,
                                     .captured_us = 1000,
                                     .frame_bytes = 991,
                                     .symbol_bytes = 100,
                                     .symbol = symbol};
}

static int read_back(const struct dd_wire_fragment *f)
{
    uint8_t bytes[512];
    struct dd_wire_fragment out;
    size_t size = dd_wire_write_fragment(f, bytes, sizeof bytes);
    ck_assert_uint_eq(size, DD_WIRE_FRAGMENT_BYTES + (size_t)f->symbol_bytes);
    return dd_wire_read_fragment(&out, MAX_FRAME, bytes, size);
}

START_TEST(reads_back_a_header)
{
    uint8_t datagram[DD_WIRE_DATAGRAM_MIN] = {0};
    struct dd_wire_header in = {0x01020304, 0x05060708090a0b0c, 0x0d0e0f1011121314, 0x15161718191a1b1c}, out;
    dd_wire_write_header(&in, datagram);
    ck_assert_int_eq(dd_wire_read_header(&out, datagram, sizeof datagram), 0);
    ck_assert_uint_eq(out.key_id, in.key_id);
    ck_assert_uint_eq(out.session_start_us, in.session_start_us);
    ck_assert_uint_eq(out.session_salt, in.session_salt);
    ck_assert_uint_eq(out.counter, in.counter);
    ck_assert_int_eq(dd_wire_read_header(&out, datagram, sizeof datagram - 1), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_wire_read_header(&out, datagram, 0), DD_ERROR_SPACE);
    for (size_t i = 0; i < 4; i++) {
        datagram[i] ^= 2;
        ck_assert_int_eq(dd_wire_read_header(&out, datagram, sizeof datagram), DD_ERROR_INPUT);
        datagram[i] ^= 2;
    }
}
END_TEST

START_TEST(reads_back_a_fragment)
{
    uint8_t bytes[512];
    struct dd_wire_fragment in = sound(), out;
    size_t size = dd_wire_write_fragment(&in, bytes, sizeof bytes);
    ck_assert_uint_eq(dd_wire_type(bytes, size), DD_WIRE_FRAGMENT);
    ck_assert_int_eq(dd_wire_read_fragment(&out, MAX_FRAME, bytes, size), 0);
    ck_assert_uint_eq(out.index, in.index);
    ck_assert_uint_eq(out.frame, in.frame);
    ck_assert_uint_eq(out.captured_us, in.captured_us);
    ck_assert_mem_eq(out.symbol, in.symbol, in.symbol_bytes);
    ck_assert_int_eq(dd_wire_read_fragment(&out, 990, bytes, size), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_wire_read_fragment(&out, MAX_FRAME, bytes, size - 1), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_wire_read_fragment(&out, MAX_FRAME, bytes, size + 1), DD_ERROR_INPUT);
    bytes[31] = 1;
    ck_assert_int_eq(dd_wire_read_fragment(&out, MAX_FRAME, bytes, size), DD_ERROR_INPUT);
    ck_assert_uint_eq(dd_wire_write_fragment(&in, bytes, 131), 0);
}
END_TEST

START_TEST(refuses_fields_that_contradict_each_other)
{
#define WRONG(field, value)                                                                                                      \
    do {                                                                                                                         \
        struct dd_wire_fragment f = sound();                                                                                     \
        f.field = value;                                                                                                         \
        ck_assert_msg(read_back(&f) == DD_ERROR_INPUT, #field " " #value);                                                       \
    } while (0)
    struct dd_wire_fragment right = sound();
    ck_assert_int_eq(read_back(&right), 0);
    WRONG(index, 4);
    WRONG(data, 0);
    WRONG(data, 4); /* block 1 of 10 symbols in 3 blocks has 3 */
    WRONG(data, 129);
    WRONG(parity, 253);
    WRONG(parity, 252); /* block 0 has 4 */
    right.parity = 251;
    ck_assert_int_eq(read_back(&right), 0);
    /* a block of 128 in a frame that has one of 129 */
    static const uint8_t symbol[DD_WIRE_SYMBOL_MIN] = {0};
    struct dd_wire_fragment large = {.data = 128,
                                     .block = 1,
                                     .blocks = 2,
                                     .frame = 1,
                                     .frame_bytes = 257 * DD_WIRE_SYMBOL_MIN,
                                     .symbol_bytes = DD_WIRE_SYMBOL_MIN,
                                     .symbol = symbol};
    ck_assert_int_eq(read_back(&large), DD_ERROR_INPUT);
    large.frame_bytes = 256 * DD_WIRE_SYMBOL_MIN;
    ck_assert_int_eq(read_back(&large), 0);
    WRONG(block, 3);
    WRONG(block, 0); /* has 4 */
    WRONG(blocks, 0);
    WRONG(blocks, 11);
    WRONG(frame, 0);
    WRONG(frame, DD_WIRE_FRAME_NUMBER_MAX + 1);
    WRONG(frame_bytes, 0);
    WRONG(frame_bytes, 989); /* symbols would be shorter */
    WRONG(frame_bytes, 1001);
    WRONG(symbol_bytes, 99);
#undef WRONG
}
END_TEST

/* Only a frame of a few symbols may have short ones. */
START_TEST(refuses_many_short_symbols)
{
    static const uint8_t symbol[DD_WIRE_SYMBOL_MIN] = {0};
    for (uint16_t bytes = 1; bytes <= DD_WIRE_SYMBOL_MIN; bytes++)
        for (uint8_t data = 1; data <= 8; data++) {
            struct dd_wire_fragment f = {.data = data,
                                         .blocks = 1,
                                         .frame = 1,
                                         .frame_bytes = (uint32_t)bytes * data,
                                         .symbol_bytes = bytes,
                                         .symbol = symbol};
            bool sound = bytes == DD_WIRE_SYMBOL_MIN || data <= DD_WIRE_SYMBOLS_SHORT;
            ck_assert_msg(read_back(&f) == (sound ? 0 : DD_ERROR_INPUT), "%u symbols of %u bytes", data, bytes);
        }
}
END_TEST

START_TEST(reads_back_a_status)
{
    uint8_t bytes[DD_WIRE_STATUS_BYTES + 1];
    struct dd_wire_status in = {.source = DD_WIRE_SOURCE_FAILED,
                                .reason = DD_WIRE_REASON_TIMEOUT,
                                .interval_ms = 40,
                                .frame = 5,
                                .captured_us = 6,
                                .age_ms = 7,
                                .period_ms = 1000,
                                .width = 1280,
                                .height = 720,
                                .frames_skipped = 8,
                                .frames_sent = 9,
                                .sent_us = 10,
                                .epoch_us = 11,
                                .jpeg_quality = 100,
                                .boot_tag = 12},
                          out;
    ck_assert_uint_eq(dd_wire_write_status(&in, bytes, sizeof bytes), DD_WIRE_STATUS_BYTES);
    ck_assert_int_eq(dd_wire_read_status(&out, bytes, DD_WIRE_STATUS_BYTES), 0);
    ck_assert_uint_eq(out.reason, in.reason);
    ck_assert_uint_eq(out.height, in.height);
    ck_assert_uint_eq(out.sent_us, in.sent_us);
    ck_assert_uint_eq(out.epoch_us, in.epoch_us);
    ck_assert_uint_eq(out.jpeg_quality, in.jpeg_quality);
    ck_assert_uint_eq(out.boot_tag, in.boot_tag);
    ck_assert_int_eq(dd_wire_read_status(&out, bytes, DD_WIRE_STATUS_BYTES + 1), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_wire_read_status(&out, bytes, DD_WIRE_STATUS_BYTES - 1), DD_ERROR_INPUT);
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{1, 4}, {64, 101}, {64, 255}, {65, 1}, {66, 128}, {67, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t right = bytes[wrong[i].at];
        bytes[wrong[i].at] = wrong[i].value;
        ck_assert_int_eq(dd_wire_read_status(&out, bytes, DD_WIRE_STATUS_BYTES), DD_ERROR_INPUT);
        bytes[wrong[i].at] = right;
    }
    ck_assert_int_eq(dd_wire_read_status(&out, bytes, DD_WIRE_STATUS_BYTES), 0);
    ck_assert_int_eq(dd_wire_read_status(&out, bytes, 56), DD_ERROR_INPUT); /* as it was before it had an epoch */
}
END_TEST

START_TEST(knows_every_reason_in_words)
{
    for (unsigned i = 0; i <= DD_WIRE_REASON_UNEXPECTED; i++)
        ck_assert_str_ne(dd_wire_reason_text(i), "unknown");
    ck_assert_str_eq(dd_wire_reason_text(DD_WIRE_REASON_UNEXPECTED + 1), "unknown");
    ck_assert_str_eq(dd_wire_reason_text(UINT16_MAX), "unknown");
}
END_TEST

SUITE("link/wire", reads_back_a_header, reads_back_a_fragment, refuses_fields_that_contradict_each_other,
      refuses_many_short_symbols, reads_back_a_status, knows_every_reason_in_words)
