#include "send/capture/web/captured_image.h"

#include <string.h>

#include "dd/base/error.h"
#include "send/picture.h"
#include "suite.h"

static struct dd_captured_image make(char *base64)
{
    return (struct dd_captured_image){.base64 = {.bytes = (uint8_t *)base64, .size = strlen(base64) + 1}};
}

START_TEST(is_the_same_if_its_bytes_and_its_part_are)
{
    char one[] = "AAAA", same[] = "AAAA", other[] = "AAAB", longer[] = "AAAAAAAA";
    struct dd_captured_image a = make(one), b = make(same), c = make(other), d = make(longer), none = {0};
    b.captured_us = 5;
    ck_assert(dd_captured_image_is_same(&a, &b));
    ck_assert(!dd_captured_image_is_same(&a, &c));
    ck_assert(!dd_captured_image_is_same(&a, &d));
    ck_assert(!dd_captured_image_is_same(&a, &none) && !dd_captured_image_is_same(&none, &none));
    b.clipped = true;
    ck_assert(!dd_captured_image_is_same(&a, &b));
    b = make(same);
    b.crop.x = 1;
    ck_assert(!dd_captured_image_is_same(&a, &b));
}
END_TEST

START_TEST(shows_its_part_of_what_was_decoded)
{
    static uint8_t pixels[4 * 8 * 6];
    const struct dd_picture decoded = {.format = DD_PICTURE_BGRX, .width = 8, .height = 6, .plane = {pixels}, .stride = {4 * 8}};
    const struct dd_rect viewport = {.width = 7, .height = 7};
    struct dd_captured_image image = {0};
    struct dd_picture picture;
    /* what is in the viewport */
    ck_assert_int_eq(dd_captured_image_crop(&image, &viewport, &decoded, &picture), 0);
    ck_assert_int_eq(picture.width, 7);
    ck_assert_int_eq(picture.height, 6);
    /* all of it, whatever the viewport is */
    image.clipped = true;
    ck_assert_int_eq(dd_captured_image_crop(&image, &viewport, &decoded, &picture), 0);
    ck_assert_int_eq(picture.width, 8);
    /* an element, as far as the picture reaches */
    image.clipped = false;
    image.crop = (struct dd_rect){.x = 5, .y = 2, .width = 10, .height = 3};
    ck_assert_int_eq(dd_captured_image_crop(&image, &viewport, &decoded, &picture), 0);
    ck_assert_int_eq(picture.width, 3);
    ck_assert_int_eq(picture.height, 3);
    ck_assert_ptr_eq(picture.plane[0], pixels + 2 * 32 + 5 * 4);
    image.crop.x = 8;
    ck_assert_int_eq(dd_captured_image_crop(&image, &viewport, &decoded, &picture), DD_ERROR_INPUT);
}
END_TEST

SUITE("send/capture/web/captured_image", is_the_same_if_its_bytes_and_its_part_are, shows_its_part_of_what_was_decoded)
