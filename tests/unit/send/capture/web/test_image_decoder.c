#include "send/capture/web/image_decoder.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "send/picture.h"
#include "suite.h"

/* 2x2 pixels of one colour */
static const char white[] = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAADklEQVR4nGP4DwYMEAoAU7oL9ZisIGcAAAAASUVORK5CYII=";
static const char dark[] = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGPgEpEDIgYIBQAGTgDxOGMygQAAAABJRU5ErkJggg==";

static int decode(struct dd_image_decoder *still, const char *base64, struct dd_picture *picture)
{
    struct dd_image_decoder_text text = {0};
    ck_assert_int_eq(dd_image_decoder_text_copy(&text, base64), 0);
    int error = dd_image_decoder_decode(still, &text, picture);
    dd_image_decoder_text_free(&text);
    return error;
}

START_TEST(each_picture_stands_for_itself)
{
    struct dd_image_decoder *still = dd_image_decoder_new();
    struct dd_picture picture;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(decode(still, white, &picture), 0);
        ck_assert_int_eq(picture.width, 2);
        ck_assert_int_eq(picture.height, 2);
        ck_assert_uint_eq(picture.plane[0][0], 255);
        ck_assert_int_eq(decode(still, dark, &picture), 0);
        ck_assert_uint_eq(picture.plane[0][0], 10);
        ck_assert_uint_eq(picture.plane[0][picture.stride[0] + 5], 30);
    }
    dd_image_decoder_free(still);
}
END_TEST

START_TEST(rubbish_is_refused_and_forgotten)
{
    static const char *const wrong[] = {
        "", "AAAA", "no base64!", "iVBORw0KGgo=", "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91Jpz", "/9j/4AAQ"};
    struct dd_image_decoder *still = dd_image_decoder_new();
    struct dd_picture picture;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(decode(still, wrong[i], &picture) == DD_ERROR_INPUT, "%s", wrong[i]);
        ck_assert_int_eq(decode(still, dark, &picture), 0);
    }
    dd_image_decoder_free(still);
}
END_TEST

START_TEST(kept_pictures_are_compared)
{
    struct dd_image_decoder_text a = {0}, b = {0};

    ck_assert(!dd_image_decoder_text_equal(&a, &b));
    ck_assert_int_eq(dd_image_decoder_text_copy(&a, white) | dd_image_decoder_text_copy(&b, dark), 0);
    ck_assert(!dd_image_decoder_text_equal(&a, &b));
    ck_assert_int_eq(dd_image_decoder_text_copy(&a, dark), 0);
    ck_assert(dd_image_decoder_text_equal(&a, &b));
    dd_image_decoder_text_free(&a);
    dd_image_decoder_text_free(&b);
}
END_TEST

SUITE("send/capture/web/image_decoder", each_picture_stands_for_itself, rubbish_is_refused_and_forgotten,
      kept_pictures_are_compared)
