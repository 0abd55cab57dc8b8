#include "recv/serve/shared_picture.h"

#include <string.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "suite.h"

enum { BYTES = 10000, TAKES = BYTES + DD_SHARED_PICTURE_OVERHEAD, MAX = 20000 };

static const struct dd_frame_ring_shape shape = {.entries = 16, .arena_bytes = 512 * 1024};

static struct {
    int fd;
    struct dd_frame_ring *writer, *reader;
} ring;

static void set_up(void)
{
    ring.fd = dd_frame_ring_create("test", &shape);
    ring.writer = dd_frame_ring_open_writer(ring.fd, &shape, -1);
    ring.reader = dd_frame_ring_open_reader(ring.fd, &shape);
    ck_assert(ring.writer && ring.reader);
    for (uint64_t number = 1; number <= 10; number++) {
        const struct dd_frame_ring_frame frame = {.number = number, .captured_us = number, .bytes = BYTES};
        memset(dd_frame_ring_reserve(ring.writer, BYTES), (int)number, BYTES);
        dd_frame_ring_commit(ring.writer, &frame);
    }
}

static void tear_down(void)
{
    ck_assert_uint_eq(dd_shared_picture_memory(), 0);
    dd_frame_ring_close(ring.reader);
    dd_frame_ring_close(ring.writer);
    close(ring.fd);
}

static struct dd_shared_picture *copy(uint64_t number)
{
    return dd_shared_picture_copy(ring.reader, number - 1, MAX);
}

static int get(uint64_t number, struct dd_shared_picture **picture)
{
    return dd_shared_picture_get(ring.reader, number - 1, MAX, picture);
}

/* A viewer. */
struct viewer {
    struct dd_shared_picture_hold hold;
    unsigned asked;
};

static void give_up(struct dd_shared_picture_hold *hold)
{
    ((struct viewer *)hold)->asked++;
}

static void hold(struct viewer *viewer, struct dd_shared_picture *picture)
{
    viewer->hold.give_up = give_up;
    ck_assert_ptr_nonnull(picture);
    dd_shared_picture_hold(&viewer->hold, picture);
}

static void set_limits(uint64_t requested, uint64_t ask_back, uint64_t all)
{
    dd_shared_picture_set_limits(
        &(struct dd_shared_picture_limits){.requested = requested * TAKES, .ask_back = ask_back * TAKES, .all = all * TAKES});
}

START_TEST(who_asks_for_the_same_picture_shares_it)
{
    struct dd_shared_picture *a, *b, *c;
    set_up();
    struct dd_shared_picture *newest = copy(10);
    ck_assert_int_eq(get(3, &a), 0);
    uint64_t taken = dd_shared_picture_memory();
    ck_assert_int_eq(get(3, &b), 0);
    ck_assert_int_eq(get(10, &c), 0);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_eq(newest, c);
    ck_assert_uint_eq(dd_shared_picture_memory(), taken);
    ck_assert_uint_eq(taken, 2 * TAKES);
    ck_assert_int_eq(dd_shared_picture_bytes(a)[BYTES - 1], 3);
    dd_shared_picture_unref(&a);
    ck_assert_int_eq(dd_shared_picture_bytes(b)[0], 3);
    dd_shared_picture_unref(&b);
    ck_assert_uint_lt(dd_shared_picture_memory(), taken);
    ck_assert_int_eq(get(11, &a), DD_ERROR_GONE);
    ck_assert_ptr_null(a);

    /* another picture that says the same of itself, as one with a mark does, is not taken for it */
    struct dd_shared_picture *marked = dd_shared_picture_new(4, 4, dd_shared_picture_bytes(c), BYTES);
    ck_assert_int_eq(get(4, &b), 0);
    ck_assert_ptr_ne(b, marked);
    ck_assert_int_eq(dd_shared_picture_bytes(b)[0], 4);
    dd_shared_picture_unref(&marked);
    dd_shared_picture_unref(&b);
    dd_shared_picture_unref(&c);
    dd_shared_picture_unref(&newest);
    tear_down();
}
END_TEST

START_TEST(copies_end_at_the_limit)
{
    struct dd_shared_picture *a, *b, *c;
    set_up();
    set_limits(2, 9, 3);
    ck_assert_int_eq(get(1, &a), 0);
    ck_assert_int_eq(get(2, &b), 0);
    ck_assert_int_eq(get(3, &c), DD_ERROR_SPACE);
    ck_assert_ptr_null(c);
    ck_assert_int_eq(get(2, &c), 0); /* shared, so there is room */
    dd_shared_picture_unref(&c);
    struct dd_shared_picture *newest = copy(10);
    ck_assert_ptr_nonnull(newest);
    ck_assert_ptr_null(copy(9));
    dd_shared_picture_unref(&a);
    a = copy(9);
    ck_assert_ptr_nonnull(a);
    dd_shared_picture_unref(&a);
    dd_shared_picture_unref(&b);
    dd_shared_picture_unref(&newest);
    tear_down();
}
END_TEST

START_TEST(the_oldest_are_asked_back)
{
    struct viewer viewers[5] = {0};
    set_up();
    set_limits(9, 3, 5);
    struct dd_shared_picture *newest = copy(1), *other = NULL;
    hold(&viewers[0], dd_shared_picture_ref(newest)); /* oldest of all, but the picture would stay */
    hold(&viewers[1], copy(2));
    hold(&viewers[2], copy(3));
    ck_assert_int_eq(get(2, &other), 0);
    hold(&viewers[3], other); /* both that have it are needed to get its memory back */
    ck_assert_uint_eq(viewers[1].asked + viewers[2].asked + viewers[3].asked, 0);
    hold(&viewers[4], copy(4));
    ck_assert(viewers[1].asked == 1 && viewers[3].asked == 1);
    ck_assert_uint_eq(viewers[0].asked + viewers[2].asked + viewers[4].asked, 0);

    /* nobody gets what is asked back; and nobody else is asked as long as that suffices */
    ck_assert_int_eq(get(2, &other), 0);
    ck_assert_ptr_ne(other, viewers[1].hold.picture);
    ck_assert(viewers[2].asked == 1 && viewers[4].asked == 0);
    dd_shared_picture_unref(&other);
    dd_shared_picture_release(&viewers[1].hold);
    dd_shared_picture_release(&viewers[1].hold);
    dd_shared_picture_release(&viewers[3].hold);
    dd_shared_picture_release(&viewers[2].hold);
    hold(&viewers[1], copy(5)); /* asked afresh */
    hold(&viewers[2], copy(6));
    ck_assert(viewers[4].asked == 1 && viewers[1].asked == 1 && viewers[0].asked == 0);
    for (size_t i = 0; i < 5; i++)
        dd_shared_picture_release(&viewers[i].hold);
    dd_shared_picture_unref(&newest);
    tear_down();
}
END_TEST

SUITE("recv/serve/shared_picture", who_asks_for_the_same_picture_shares_it, copies_end_at_the_limit, the_oldest_are_asked_back)
