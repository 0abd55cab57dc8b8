#include "dd/base/cursor.h"

#include <string.h>

#include "suite.h"

START_TEST(writes_big_endian_and_reads_back)
{
    uint8_t bytes[15 + 3];
    struct dd_cursor w = dd_cursor_writer(bytes, sizeof bytes);
    dd_cursor_write_u8(&w, 0x01);
    dd_cursor_write_u16(&w, 0x0203);
    dd_cursor_write_u32(&w, 0x04050607);
    dd_cursor_write_u64(&w, 0x08090a0b0c0d0e0f);
    dd_cursor_write_bytes(&w, "abc", 3);
    ck_assert(!w.failed);
    ck_assert_uint_eq(dd_cursor_remaining(&w), 0);
    for (uint8_t i = 0; i < 15; i++)
        ck_assert_uint_eq(bytes[i], i + 1);

    struct dd_cursor r = dd_cursor_reader(bytes, sizeof bytes);
    ck_assert_uint_eq(dd_cursor_read_u8(&r), 0x01);
    ck_assert_uint_eq(dd_cursor_read_u16(&r), 0x0203);
    ck_assert_uint_eq(dd_cursor_read_u32(&r), 0x04050607);
    ck_assert_uint_eq(dd_cursor_read_u64(&r), 0x08090a0b0c0d0e0f);
    ck_assert_int_eq(memcmp(dd_cursor_read_bytes(&r, 3), "abc", 3), 0);
    ck_assert(!r.failed);
}
END_TEST

START_TEST(stays_failed_after_the_end)
{
    const uint8_t bytes[3] = {1, 2, 3};
    struct dd_cursor r = dd_cursor_reader(bytes, sizeof bytes);
    ck_assert_uint_eq(dd_cursor_read_u32(&r), 0);
    ck_assert(r.failed);
    /* one byte would be there, but what came before it was not read */
    ck_assert_uint_eq(dd_cursor_read_u8(&r), 0);
    ck_assert_uint_eq(dd_cursor_remaining(&r), 0);
    ck_assert_ptr_null(dd_cursor_read_bytes(&r, 0));
}
END_TEST

START_TEST(never_writes_beyond_the_end)
{
    uint8_t bytes[4] = {9, 9, 9, 9};
    struct dd_cursor w = dd_cursor_writer(bytes, 3);
    dd_cursor_write_u16(&w, 0);
    dd_cursor_write_u16(&w, 0);
    dd_cursor_write_u8(&w, 7);
    ck_assert(w.failed);
    ck_assert_uint_eq(bytes[2], 9);
    ck_assert_uint_eq(bytes[3], 9);
    w = dd_cursor_writer(bytes, 3);
    dd_cursor_write_bytes(&w, bytes, SIZE_MAX);
    ck_assert(w.failed);
}
END_TEST

SUITE("base/cursor", writes_big_endian_and_reads_back, stays_failed_after_the_end, never_writes_beyond_the_end)
