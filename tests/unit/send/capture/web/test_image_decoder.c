#include "send/capture/web/image_decoder.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "send/picture.h"
#include "suite.h"

/* 2x2 pixels of one colour */
static const char white[] = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAADklEQVR4nGP4DwYMEAoAU7oL9ZisIGcAAAAASUVORK5CYII=";
static const char dark[] = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGPgEpEDIgYIBQAGTgDxOGMygQAAAABJRU5ErkJggg==";

START_TEST(each_picture_is_decoded_by_itself)
{
    struct dd_image_decoder *decoder = dd_image_decoder_new();
    struct dd_picture picture;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(dd_image_decoder_decode(decoder, white, &picture), 0);
        ck_assert_int_eq(picture.width, 2);
        ck_assert_int_eq(picture.height, 2);
        ck_assert_uint_eq(picture.plane[0][0], 255);
        ck_assert_int_eq(dd_image_decoder_decode(decoder, dark, &picture), 0);
        ck_assert_uint_eq(picture.plane[0][0], 10);
        ck_assert_uint_eq(picture.plane[0][picture.stride[0] + 5], 30);
    }
    dd_image_decoder_free(decoder);
}
END_TEST

START_TEST(an_invalid_picture_does_not_affect_the_next)
{
    static const char *const wrong[] = {
        "", "AAAA", "no base64!", "iVBORw0KGgo=", "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91Jpz", "/9j/4AAQ"};
    struct dd_image_decoder *decoder = dd_image_decoder_new();
    struct dd_picture picture;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(dd_image_decoder_decode(decoder, wrong[i], &picture) == DD_ERROR_INPUT, "%s", wrong[i]);
        ck_assert_int_eq(dd_image_decoder_decode(decoder, dark, &picture), 0);
    }
    dd_image_decoder_free(decoder);
}
END_TEST

SUITE("send/capture/web/image_decoder", each_picture_is_decoded_by_itself, an_invalid_picture_does_not_affect_the_next)
