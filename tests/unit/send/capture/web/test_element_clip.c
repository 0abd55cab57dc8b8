#include "send/capture/web/element_clip.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/json.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/cdp_target.h"
#include "suite.h"

static struct dd_element_clip element;
static struct dd_cdp_target_clip clip;

static void set_up(void)
{
    element = (struct dd_element_clip){.selector = "#e", .zoom = 1, .short_interval = true};
}

/* The answer of measure_element.js in a viewport of 800x600 pixels, scrolled down by scrolled. */
static struct dd_json *box(double x, double y, double scrolled, double width, double height)
{
    char text[300];
    unsigned line;
    snprintf(text, sizeof text, "{\"result\": {\"value\": [%g, %g, %g, %g, %g, %g, 800, 600]}}", x, y, x, y + scrolled, width,
             height);
    return dd_json_parse(text, strlen(text), &line);
}

static bool plan_picture(struct dd_json *at)
{
    bool clipped = dd_element_clip_plan(&element, &(struct dd_cdp_answer){.result = at}, &clip);
    dd_json_free(at);
    return clipped;
}

static bool verify_box(struct dd_json *at)
{
    bool same = dd_element_clip_verify(&element, &(struct dd_cdp_answer){.result = at});
    dd_json_free(at);
    return same;
}

START_TEST(an_element_in_the_viewport_is_cropped)
{
    set_up();
    element.zoom = 1.5;
    ck_assert(!plan_picture(box(11, 20, 1000, 101, 50)));
    ck_assert(!element.beyond_viewport && !element.clipped && element.verify);
    ck_assert_int_eq(element.crop.x, 16);
    ck_assert_int_eq(element.crop.y, 30);
    ck_assert_int_eq(element.crop.width, 152);
    ck_assert_int_eq(element.crop.height, 75);
}
END_TEST

START_TEST(an_element_beyond_the_viewport_is_clipped)
{
    static const double places[][4] = {
        {-1, 0, 100, 100}, {0, -1, 100, 100}, {701, 0, 100, 100}, {0, 501, 100, 100}, {0, 0, 801, 10}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        set_up();
        ck_assert(plan_picture(box(places[i][0], places[i][1], 300, places[i][2], places[i][3])));
        ck_assert(element.beyond_viewport && clip.beyond_viewport && element.crop.width == 0);
        ck_assert_double_eq(clip.x, places[i][0]);
        ck_assert_double_eq(clip.y, places[i][1] + 300);
        ck_assert_double_eq(clip.width, places[i][2]);
        ck_assert_double_eq(clip.height, places[i][3]);
    }
}
END_TEST

START_TEST(without_an_element_the_viewport_is_shown)
{
    set_up();
    ck_assert(plan_picture(box(0, 0, 0, 900, 100)));
    ck_assert(!plan_picture(box(0, 0, 0, 0, 100)));
    ck_assert(element.missing && !element.beyond_viewport && !element.verify && element.crop.width == 0);
    ck_assert(!plan_picture(NULL));
    ck_assert(!plan_picture(box(1e9, 0, 0, 10, 10)));
    ck_assert(!plan_picture(box(0, 0, 0, 10, 10)));
    ck_assert(!element.missing && element.crop.width == 10);
    ck_assert(!dd_element_clip_plan(&element, NULL, &clip));
    ck_assert(!element.verify && element.crop.width == 0);
}
END_TEST

START_TEST(the_box_has_to_be_the_same_after_the_picture)
{
    set_up();
    plan_picture(box(10, 20, 0, 100, 50));
    ck_assert(verify_box(box(10, 20, 0, 100, 50)));
    ck_assert(!verify_box(box(10, 21, 0, 100, 50)));
    ck_assert(!verify_box(box(10, 20, 0, 101, 50)));
    ck_assert(!verify_box(NULL));
    /* the page may scroll before and after a clip: its box is in the document */
    set_up();
    plan_picture(box(10, 20, 0, 900, 50));
    ck_assert(verify_box(box(10, -80, 100, 900, 50)));
    ck_assert(!verify_box(box(10, 20, 100, 900, 50)));
}
END_TEST

START_TEST(an_element_that_is_moved_again_and_again_is_clipped)
{
    set_up();
    for (int i = 0; i < 3; i++) {
        ck_assert(!plan_picture(box(10, 20, 500, 100, 50)));
        ck_assert(element.verify);
        ck_assert(!verify_box(box(10, 520, 0, 100, 50)));
    }
    ck_assert(plan_picture(box(10, 520, 0, 100, 50)));
    ck_assert(element.beyond_viewport && clip.beyond_viewport && !element.verify);
    dd_element_clip_reset(&element);
    ck_assert(!plan_picture(box(10, 20, 500, 100, 50)));
    /* three pictures in a row, not three in all */
    ck_assert(!verify_box(box(10, 21, 500, 100, 50)));
    ck_assert(!verify_box(box(10, 21, 500, 100, 50)));
    ck_assert(verify_box(box(10, 20, 500, 100, 50)));
    ck_assert(!verify_box(box(10, 21, 500, 100, 50)));
    ck_assert(!plan_picture(box(10, 20, 500, 100, 50)));
}
END_TEST

START_TEST(an_element_that_changes_fast_is_clipped)
{
    set_up();
    /* changes now and then do not count */
    for (int i = 0; i < 10; i++)
        dd_element_clip_observe(&element, false, false, false, i % 3 > 0);
    ck_assert(!dd_element_clip_is_changing(&element));
    dd_element_clip_observe(&element, false, false, true, true);
    for (int i = 0; i < 3; i++)
        dd_element_clip_observe(&element, false, false, false, true);
    ck_assert(dd_element_clip_is_changing(&element));
    ck_assert(plan_picture(box(0, 0, 0, 10, 10)));
    ck_assert(!clip.beyond_viewport);
    dd_element_clip_observe(&element, false, true, false, true);
    dd_element_clip_observe(&element, true, true, false, true);
    ck_assert(dd_element_clip_is_changing(&element));
    dd_element_clip_observe(&element, true, true, true, true);
    ck_assert(!dd_element_clip_is_changing(&element) && !dd_element_clip_is_static(&element));
    ck_assert(!plan_picture(box(0, 0, 0, 10, 10)));

    /* not with a zoom, nor at long intervals */
    for (int k = 0; k < 2; k++) {
        set_up();
        element.zoom = k ? 1 : 2;
        element.short_interval = !k;
        for (int i = 0; i < 9; i++)
            dd_element_clip_observe(&element, false, false, false, true);
        ck_assert(!dd_element_clip_is_changing(&element));
    }
    /* two equal pictures of the viewport: it is no longer changing */
    set_up();
    for (int i = 0; i < 3; i++)
        dd_element_clip_observe(&element, false, false, false, true);
    dd_element_clip_observe(&element, false, false, true, true);
    ck_assert(!dd_element_clip_is_changing(&element));
}
END_TEST

START_TEST(a_static_element_is_static_until_it_may_have_changed)
{
    set_up();
    plan_picture(box(0, 0, 0, 900, 10));
    dd_element_clip_observe(&element, false, true, false, false);
    ck_assert(!dd_element_clip_is_static(&element));
    dd_element_clip_observe(&element, true, true, true, true);
    ck_assert(dd_element_clip_is_static(&element));
    dd_element_clip_invalidate(&element);
    ck_assert(!dd_element_clip_is_static(&element));
    dd_element_clip_observe(&element, true, true, true, true);
    dd_element_clip_observe(&element, true, true, false, true);
    ck_assert(!dd_element_clip_is_static(&element));
}
END_TEST

SUITE("send/capture/web/element_clip", an_element_in_the_viewport_is_cropped, an_element_beyond_the_viewport_is_clipped,
      without_an_element_the_viewport_is_shown, the_box_has_to_be_the_same_after_the_picture,
      an_element_that_is_moved_again_and_again_is_clipped, an_element_that_changes_fast_is_clipped,
      a_static_element_is_static_until_it_may_have_changed)
