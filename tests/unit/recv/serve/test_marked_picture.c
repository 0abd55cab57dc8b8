#include "recv/serve/marked_picture.h"

#include "dd/base/clock.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark.h"
#include "suite.h"

#define MS ((uint64_t)DD_CLOCK_US_PER_MS)
#define START (1000 * MS)

static const struct dd_stale_mark_words stalled = {.level = DD_FRESHNESS_STALLED, .age_s = 45, .reason = "sender delayed"};
static const struct dd_stale_mark_words older = {.level = DD_FRESHNESS_STALLED, .age_s = 50, .reason = "sender delayed"};
static const struct dd_stale_mark_words stale = {.level = DD_FRESHNESS_STALE, .age_s = 45, .reason = "sender delayed"};
static const struct dd_stale_mark_words silent = {.level = DD_FRESHNESS_STALLED, .age_s = 45, .reason = "waiting"};

static struct dd_shared_picture *make(uint64_t number, uint64_t captured_us)
{
    return dd_shared_picture_new(number, captured_us, (const uint8_t *)"x", 1);
}

/* A picture with number 7 that is marked at START. */
static struct dd_marked_picture *set_up(struct dd_shared_picture **picture)
{
    struct dd_marked_picture *marked = dd_marked_picture_new();
    *picture = make(7, 8);
    ck_assert(dd_marked_picture_want(marked, *picture, &stalled, START));
    dd_marked_picture_set(marked, *picture, &stalled, START, START);
    return marked;
}

START_TEST(is_made_once_for_the_same_and_again_for_another)
{
    const struct dd_stale_mark_words *words[] = {&older, &stale, &silent}, *got;
    struct dd_shared_picture *picture, *same = make(7, 8), *next = make(8, 8), *other = make(7, 9);
    struct dd_marked_picture *marked = set_up(&picture);
    ck_assert(!dd_marked_picture_want(marked, same, &stalled, START + 900 * MS));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert(dd_marked_picture_want(marked, same, words[i], START + (i + 1) * 1000 * MS));
    ck_assert(dd_marked_picture_want(marked, next, &stalled, START + 5000 * MS));
    ck_assert(dd_marked_picture_want(marked, other, &stalled, START + 6000 * MS));
    dd_marked_picture_drop(marked);
    ck_assert_ptr_null(dd_marked_picture_get(marked, START + 6000 * MS, &got));
    ck_assert(dd_marked_picture_want(marked, same, &stalled, START + 7000 * MS));
    dd_shared_picture_unref(&picture);
    dd_shared_picture_unref(&same);
    dd_shared_picture_unref(&next);
    dd_shared_picture_unref(&other);
    dd_marked_picture_free(marked);
    dd_marked_picture_free(NULL);
}
END_TEST

START_TEST(is_sent_for_a_second_after_it_was_right)
{
    const struct dd_stale_mark_words *words;
    struct dd_shared_picture *picture;
    struct dd_marked_picture *marked = set_up(&picture);
    ck_assert_ptr_eq(dd_marked_picture_get(marked, START + 1000 * MS, &words), picture);
    ck_assert(dd_stale_mark_words_equal(words, &stalled));
    ck_assert_ptr_null(dd_marked_picture_get(marked, START + 1001 * MS, &words));
    ck_assert(!dd_marked_picture_want(marked, picture, &stalled, START + 5000 * MS)); /* it is still right */
    ck_assert_ptr_eq(dd_marked_picture_get(marked, START + 6000 * MS, &words), picture);
    ck_assert(dd_marked_picture_want(marked, picture, &stale, START + 6000 * MS));
    ck_assert_ptr_eq(dd_marked_picture_get(marked, START + 6000 * MS, &words), picture);
    ck_assert_ptr_null(dd_marked_picture_get(marked, START + 6001 * MS, &words));
    dd_shared_picture_unref(&picture);
    dd_marked_picture_free(marked);
}
END_TEST

START_TEST(is_not_made_all_the_time)
{
    struct dd_shared_picture *picture;
    struct dd_marked_picture *marked = set_up(&picture);
    ck_assert(!dd_marked_picture_want(marked, picture, &older, START + 249 * MS));
    ck_assert(dd_marked_picture_want(marked, picture, &older, START + 250 * MS));
    ck_assert(!dd_marked_picture_want(marked, picture, &older, START + 499 * MS));
    ck_assert(dd_marked_picture_want(marked, picture, &older, START + 500 * MS)); /* it could not be made */

    /* one that takes 400 ms is made every 1600 ms */
    dd_marked_picture_set(marked, picture, &older, START + 500 * MS, START + 900 * MS);
    ck_assert(!dd_marked_picture_want(marked, picture, &stale, START + 2099 * MS));
    ck_assert(dd_marked_picture_want(marked, picture, &stale, START + 2100 * MS));
    dd_shared_picture_unref(&picture);
    dd_marked_picture_free(marked);
}
END_TEST

SUITE("recv/serve/marked_picture", is_made_once_for_the_same_and_again_for_another, is_sent_for_a_second_after_it_was_right,
      is_not_made_all_the_time)
