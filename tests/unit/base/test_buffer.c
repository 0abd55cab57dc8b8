#include "dd/base/buffer.h"

#include <stdint.h>
#include <string.h>

#include "dd/base/error.h"
#include "suite.h"

START_TEST(grows_and_keeps_what_it_holds)
{
    struct dd_buffer b = {0};
    int count = suite_is_short() ? 10000 : 100000;

    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(dd_buffer_grow(&b, 1), 0);
        b.bytes[b.size++] = (uint8_t)(i * 7);
    }
    ck_assert_uint_ge(b.capacity, (size_t)count);
    ck_assert_uint_le(b.capacity, 2 * (size_t)count);
    for (int i = 0; i < count; i++)
        ck_assert_uint_eq(b.bytes[i], (uint8_t)(i * 7));
    dd_buffer_free(&b);
    ck_assert_ptr_null(b.bytes);
    ck_assert_uint_eq(b.size + b.capacity, 0);
    dd_buffer_free(&b);
}
END_TEST

START_TEST(reserves_just_what_is_asked_for)
{
    struct dd_buffer b = {0};

    ck_assert_int_eq(dd_buffer_reserve(&b, 10), 0);
    ck_assert_uint_eq(b.capacity, 10);
    memcpy(b.bytes, "0123456789", 10);
    b.size = 10;
    ck_assert_int_eq(dd_buffer_reserve(&b, 11), 0);
    ck_assert_uint_eq(b.capacity, 11);
    ck_assert_mem_eq(b.bytes, "0123456789", 10);
    ck_assert_int_eq(dd_buffer_reserve(&b, 3), 0);
    ck_assert_uint_eq(b.capacity, 11);
    dd_buffer_free(&b);
}
END_TEST

START_TEST(consumes_from_the_front_and_wipes_the_rest)
{
    struct dd_buffer b = {0};

    ck_assert_int_eq(dd_buffer_reserve(&b, 6), 0);
    memcpy(b.bytes, "secret", 6);
    b.size = 6;
    dd_buffer_consume(&b, 4);
    ck_assert_uint_eq(b.size, 2);
    ck_assert_mem_eq(b.bytes, "et\0\0\0\0", 6);
    dd_buffer_consume(&b, 2);
    ck_assert_uint_eq(b.size, 0);
    dd_buffer_consume(&b, 0);
    dd_buffer_free(&b);
}
END_TEST

START_TEST(takes_a_copy)
{
    struct dd_buffer b = {0};

    ck_assert_int_eq(dd_buffer_assign(&b, "first", 5), 0);
    ck_assert_int_eq(dd_buffer_assign(&b, "two", 3), 0);
    ck_assert_uint_eq(b.size, 3);
    ck_assert_mem_eq(b.bytes, "two", 3);
    ck_assert_int_eq(dd_buffer_assign(&b, "", SIZE_MAX - 1), DD_ERROR_MEMORY);
    ck_assert_uint_eq(b.size, 0);
    dd_buffer_free(&b);
}
END_TEST

START_TEST(refuses_what_memory_never_has)
{
    struct dd_buffer b = {0};

    ck_assert_int_eq(dd_buffer_grow(&b, SIZE_MAX - 5), DD_ERROR_MEMORY);
    ck_assert_uint_eq(b.capacity, 0);
}
END_TEST

/* The two are not there at once: that is seen where there is no memory for the second. */
START_TEST(frees_memory_without_content_before_it_takes_more)
{
#ifndef DD_SANITIZED /* sanitizers end the program where malloc() would fail */
    const size_t too_large = SIZE_MAX / 2;
    struct dd_buffer b = {0};

    ck_assert_int_eq(dd_buffer_reserve(&b, 10), 0);
    memcpy(b.bytes, "x", 1);
    b.size = 1;
    ck_assert_int_eq(dd_buffer_reserve(&b, too_large), DD_ERROR_MEMORY);
    ck_assert_uint_eq(b.capacity, 10);
    ck_assert_mem_eq(b.bytes, "x", b.size);
    b.size = 0;
    ck_assert_int_eq(dd_buffer_reserve(&b, too_large), DD_ERROR_MEMORY);
    ck_assert_ptr_null(b.bytes);
    ck_assert_uint_eq(b.capacity, 0);
#endif
}
END_TEST

SUITE("base/buffer", grows_and_keeps_what_it_holds, reserves_just_what_is_asked_for, consumes_from_the_front_and_wipes_the_rest,
      takes_a_copy, refuses_what_memory_never_has, frees_memory_without_content_before_it_takes_more)
