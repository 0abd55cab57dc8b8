/* At what size pictures are sent, and which part of them. */
#include "dd/base/error.h"
#include "send/capture/pipeline/geometry.h"
#include "suite.h"

static struct dd_geometry_request make_request(enum dd_geometry_fit fit, int limit_width, int limit_height)
{
    return (struct dd_geometry_request){
        .fit = fit, .has_resolution = true, .limit_width = limit_width, .limit_height = limit_height};
}

START_TEST(contains)
{
    static const struct {
        int width, height, aspect_num, aspect_den, limit_width, limit_height, out_width, out_height;
    } rows[] = {
        {1280, 720, 0, 0, 1280, 720, 1280, 720},
        {1920, 1080, 1, 1, 1280, 720, 1280, 720},
        {640, 480, 0, 0, 1280, 720, 640, 480},   /* never enlarged */
        {1600, 1200, 0, 0, 1280, 720, 960, 720}, /* no bars */
        {720, 1280, 0, 0, 1280, 720, 406, 720},
        {720, 576, 16, 15, 1280, 720, 768, 576}, /* pixel aspect */
        {720, 480, 8, 9, 1280, 720, 640, 480},
        {704, 576, 16, 11, 640, 480, 640, 360},
        {333, 77, 0, 0, 4096, 2304, 334, 78}, /* even */
        {4096, 2305, 0, 0, 4096, 2304, 4094, 2304},
        {5, 4000, 0, 0, 100, 100, 2, 100}, /* at least two pixels */
        {1, 1, 0, 0, 1280, 720, 2, 2},
        {100, 100, 2147483647, 1, 1280, 720, 1280, 2}, /* absurd */
        {100, 100, 1, 2147483647, 1280, 720, 2, 100},
        {100, 100, -1, 5, 1280, 720, 100, 100},
        {8192, 8192, 0, 0, 17, 17, 16, 16},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dd_geometry_request w = make_request(DD_GEOMETRY_CONTAIN, rows[i].limit_width, rows[i].limit_height);
        struct dd_geometry_result r;
        ck_assert_int_eq(dd_geometry_compute(&w, rows[i].width, rows[i].height, rows[i].aspect_num, rows[i].aspect_den, &r), 0);
        ck_assert_msg(r.width == rows[i].out_width && r.height == rows[i].out_height, "row %zu: %dx%d", i, r.width, r.height);
        ck_assert_int_eq(r.window.width, rows[i].width);
        ck_assert_int_eq(r.window.height, rows[i].height);
    }
}
END_TEST

static void check(const struct dd_geometry_request *w, int width, int height, int num, int den, struct dd_rect window,
                  int out_width, int out_height)
{
    struct dd_geometry_result r;

    ck_assert_int_eq(dd_geometry_compute(w, width, height, num, den, &r), 0);
    ck_assert_msg(r.window.x == window.x && r.window.y == window.y && r.window.width == window.width &&
                      r.window.height == window.height,
                  "window %dx%d+%d+%d", r.window.width, r.window.height, r.window.x, r.window.y);
    ck_assert_msg(r.width == out_width && r.height == out_height, "out %dx%d", r.width, r.height);
    ck_assert(!r.clipped);
}

START_TEST(covers)
{
    struct dd_geometry_request w = make_request(DD_GEOMETRY_COVER, 1280, 720);

    check(&w, 1280, 720, 0, 0, (struct dd_rect){0, 0, 1280, 720}, 1280, 720);
    check(&w, 1920, 1200, 0, 0, (struct dd_rect){0, 60, 1920, 1080}, 1280, 720);
    check(&w, 2560, 1080, 0, 0, (struct dd_rect){320, 0, 1920, 1080}, 1280, 720);
    check(&w, 640, 480, 0, 0, (struct dd_rect){0, 60, 640, 360}, 640, 360); /* cut to the aspect ratio, not enlarged */
    check(&w, 720, 576, 16, 15, (struct dd_rect){0, 72, 720, 432}, 768, 432);
    w.sideways = true;
    check(&w, 1080, 1920, 0, 0, (struct dd_rect){0, 0, 1080, 1920}, 1280, 720);
    check(&w, 1920, 1080, 0, 0, (struct dd_rect){656, 0, 608, 1080}, 1080, 608);
}
END_TEST

START_TEST(stretches)
{
    struct dd_geometry_request w = make_request(DD_GEOMETRY_STRETCH, 641, 361);

    check(&w, 1280, 720, 0, 0, (struct dd_rect){0, 0, 1280, 720}, 640, 360);
    check(&w, 100, 900, 5, 1, (struct dd_rect){0, 0, 100, 900}, 640, 360);
    w.has_resolution = false; /* "source" is no size to stretch to */
    check(&w, 100, 90, 0, 0, (struct dd_rect){0, 0, 100, 90}, 100, 90);
}
END_TEST

START_TEST(rotates)
{
    struct dd_geometry_request w = make_request(DD_GEOMETRY_CONTAIN, 1280, 720);

    w.sideways = true;
    check(&w, 1920, 1080, 0, 0, (struct dd_rect){0, 0, 1920, 1080}, 406, 720);
    check(&w, 720, 576, 16, 15, (struct dd_rect){0, 0, 720, 576}, 540, 720);
}
END_TEST

START_TEST(crops)
{
    struct dd_geometry_request w = make_request(DD_GEOMETRY_CONTAIN, 1280, 720);
    struct dd_geometry_result r;

    w.crop = (struct dd_rect){100, 20, 640, 480};
    check(&w, 1920, 1080, 0, 0, (struct dd_rect){100, 20, 640, 480}, 640, 480);
    check(&w, 740, 500, 0, 0, (struct dd_rect){100, 20, 640, 480}, 640, 480);

    ck_assert_int_eq(dd_geometry_compute(&w, 640, 360, 0, 0, &r), 0);
    ck_assert(r.clipped);
    ck_assert_int_eq(r.window.width, 540);
    ck_assert_int_eq(r.window.height, 340);
    ck_assert_int_eq(dd_geometry_compute(&w, 100, 1080, 0, 0, &r), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_geometry_compute(&w, 1920, 20, 0, 0, &r), DD_ERROR_INPUT);
}
END_TEST

SUITE("send/capture/pipeline/geometry", contains, covers, stretches, rotates, crops)
