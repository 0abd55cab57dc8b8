#include "send/capture/web/element_clip.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/json.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/cdp_target.h"
#include "suite.h"

static struct dd_element_clip element;
static struct dd_cdp_target_clip clip;

static void begin(void)
{
    element = (struct dd_element_clip){.selector = "#e", .zoom = 1, .short_interval = true};
}

/* The answer of a browser whose viewport has 800x600 pixels. */
static struct dd_json *place(double x, double y, double scrolled, double width, double height)
{
    char text[300];
    unsigned line;
    snprintf(text, sizeof text, "{\"result\": {\"value\": [%g, %g, %g, %g, %g, %g, 800, 600]}}", x, y, x, y + scrolled, width,
             height);
    return dd_json_parse(text, strlen(text), &line);
}

static bool plan(struct dd_json *at)
{
    bool alone = dd_element_clip_plan(&element, &(struct dd_cdp_answer){.result = at}, &clip);
    dd_json_free(at);
    return alone;
}

static bool stays(struct dd_json *at)
{
    bool there = dd_element_clip_verify(&element, &(struct dd_cdp_answer){.result = at});
    dd_json_free(at);
    return there;
}

START_TEST(is_cut_out_where_the_viewport_has_it)
{
    begin();
    element.zoom = 1.5;
    ck_assert(!plan(place(11, 20, 1000, 101, 50)));
    ck_assert(!element.beyond_viewport && !element.clipped && element.verify);
    ck_assert_int_eq(element.crop.x, 16);
    ck_assert_int_eq(element.crop.y, 30);
    ck_assert_int_eq(element.crop.width, 152);
    ck_assert_int_eq(element.crop.height, 75);
}
END_TEST

START_TEST(is_taken_alone_where_it_does_not)
{
    static const double places[][4] = {
        {-1, 0, 100, 100}, {0, -1, 100, 100}, {701, 0, 100, 100}, {0, 501, 100, 100}, {0, 0, 801, 10}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        begin();
        ck_assert(plan(place(places[i][0], places[i][1], 300, places[i][2], places[i][3])));
        ck_assert(element.beyond_viewport && clip.beyond_viewport && element.crop.width == 0);
        ck_assert_double_eq(clip.x, places[i][0]);
        ck_assert_double_eq(clip.y, places[i][1] + 300);
        ck_assert_double_eq(clip.width, places[i][2]);
        ck_assert_double_eq(clip.height, places[i][3]);
    }
}
END_TEST

START_TEST(leaves_the_viewport_where_there_is_none)
{
    begin();
    ck_assert(plan(place(0, 0, 0, 900, 100)));
    ck_assert(!plan(place(0, 0, 0, 0, 100)));
    ck_assert(element.missing && !element.beyond_viewport && !element.verify && element.crop.width == 0);
    ck_assert(!plan(NULL));
    ck_assert(!plan(place(1e9, 0, 0, 10, 10)));
    ck_assert(!plan(place(0, 0, 0, 10, 10)));
    ck_assert(!element.missing && element.crop.width == 10);
    ck_assert(!dd_element_clip_plan(&element, NULL, &clip));
    ck_assert(!element.verify && element.crop.width == 0);
}
END_TEST

START_TEST(has_to_be_in_its_place_after_the_picture)
{
    begin();
    plan(place(10, 20, 0, 100, 50));
    ck_assert(stays(place(10, 20, 0, 100, 50)));
    ck_assert(!stays(place(10, 21, 0, 100, 50)));
    ck_assert(!stays(place(10, 20, 0, 101, 50)));
    ck_assert(!stays(NULL));
    /* of a picture of it alone, the page may scroll */
    begin();
    plan(place(10, 20, 0, 900, 50));
    ck_assert(stays(place(10, -80, 100, 900, 50)));
    ck_assert(!stays(place(10, 20, 100, 900, 50)));
}
END_TEST

START_TEST(is_taken_alone_where_it_never_stays)
{
    begin();
    for (int i = 0; i < 3; i++) {
        ck_assert(!plan(place(10, 20, 500, 100, 50)));
        ck_assert(element.verify);
        ck_assert(!stays(place(10, 520, 0, 100, 50)));
    }
    ck_assert(plan(place(10, 520, 0, 100, 50)));
    ck_assert(element.beyond_viewport && clip.beyond_viewport && !element.verify);
    dd_element_clip_reset(&element);
    ck_assert(!plan(place(10, 20, 500, 100, 50)));
    /* one slip is none */
    ck_assert(!stays(place(10, 21, 500, 100, 50)));
    ck_assert(!stays(place(10, 21, 500, 100, 50)));
    ck_assert(stays(place(10, 20, 500, 100, 50)));
    ck_assert(!stays(place(10, 21, 500, 100, 50)));
    ck_assert(!plan(place(10, 20, 500, 100, 50)));
}
END_TEST

START_TEST(is_taken_alone_while_it_moves)
{
    begin();
    /* now and then is not often */
    for (int i = 0; i < 10; i++)
        dd_element_clip_observe(&element, false, false, false, i % 3 > 0);
    ck_assert(!dd_element_clip_is_changing(&element));
    dd_element_clip_observe(&element, false, false, true, true);
    for (int i = 0; i < 3; i++)
        dd_element_clip_observe(&element, false, false, false, true);
    ck_assert(dd_element_clip_is_changing(&element));
    ck_assert(plan(place(0, 0, 0, 10, 10)));
    ck_assert(!clip.beyond_viewport);
    dd_element_clip_observe(&element, false, true, false, true);
    dd_element_clip_observe(&element, true, true, false, true);
    ck_assert(dd_element_clip_is_changing(&element));
    dd_element_clip_observe(&element, true, true, true, true);
    ck_assert(!dd_element_clip_is_changing(&element) && !dd_element_clip_is_static(&element));
    ck_assert(!plan(place(0, 0, 0, 10, 10)));

    /* not where it would change its size, or where there is time */
    for (int way = 0; way < 2; way++) {
        begin();
        element.zoom = way ? 1 : 2;
        element.short_interval = !way;
        for (int i = 0; i < 9; i++)
            dd_element_clip_observe(&element, false, false, false, true);
        ck_assert(!dd_element_clip_is_changing(&element));
    }
    /* the whole page in its place, still again */
    begin();
    for (int i = 0; i < 3; i++)
        dd_element_clip_observe(&element, false, false, false, true);
    dd_element_clip_observe(&element, false, false, true, true);
    ck_assert(!dd_element_clip_is_changing(&element));
}
END_TEST

START_TEST(rests_until_there_is_doubt)
{
    begin();
    plan(place(0, 0, 0, 900, 10));
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

SUITE("send/capture/web/element_clip", is_cut_out_where_the_viewport_has_it, is_taken_alone_where_it_does_not,
      leaves_the_viewport_where_there_is_none, has_to_be_in_its_place_after_the_picture, is_taken_alone_where_it_never_stays,
      is_taken_alone_while_it_moves, rests_until_there_is_doubt)
