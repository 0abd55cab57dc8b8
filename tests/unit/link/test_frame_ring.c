#include "dd/link/frame_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "suite.h"

enum { FRAME = 1000, ARENA = 8192 };

static const struct dd_frame_ring_shape shape = {.entries = 4, .arena_bytes = ARENA};
static int fd;
static struct dd_frame_ring *writer, *reader;
static uint8_t bytes[ARENA];

static void open_both(int wake_fd)
{
    fd = dd_frame_ring_create("test", &shape);
    ck_assert_int_ge(fd, 0);
    writer = dd_frame_ring_open_writer(fd, &shape, wake_fd);
    reader = dd_frame_ring_open_reader(fd, &shape);
    ck_assert_ptr_nonnull(writer);
    ck_assert_ptr_nonnull(reader);
}

static void close_both(void)
{
    dd_frame_ring_close(writer);
    dd_frame_ring_close(reader);
    close(fd);
}

static void put(uint64_t number, uint32_t size)
{
    struct dd_frame_ring_frame frame = {.number = number, .bytes = size, .width = 1};
    uint8_t *place = dd_frame_ring_reserve(writer, size);
    ck_assert_ptr_nonnull(place);
    memset(place, (int)number, size);
    dd_frame_ring_commit(writer, &frame);
}

START_TEST(gives_back_what_was_put)
{
    struct dd_frame_ring_frame frame;
    open_both(-1);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 0);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 0, &frame, bytes, sizeof bytes), DD_ERROR_GONE);
    put(7, FRAME);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 0, &frame, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(frame.number, 7);
    ck_assert_uint_eq(frame.bytes, FRAME);
    ck_assert_uint_gt(frame.stored_us, 0);
    ck_assert_uint_eq(bytes[FRAME - 1], 7);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 0, &frame, bytes, FRAME - 1), DD_ERROR_SPACE);
    ck_assert_uint_eq(frame.bytes, FRAME);
    close_both();
}
END_TEST

START_TEST(drops_the_oldest_by_entries_and_by_bytes)
{
    struct dd_frame_ring_frame frame;
    open_both(-1);
    for (uint64_t i = 0; i < 6; i++)
        put(i, 64);
    ck_assert_uint_eq(dd_frame_ring_oldest(reader), 2);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 1, &frame, bytes, sizeof bytes), DD_ERROR_GONE);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 2, &frame, bytes, sizeof bytes), 0);
    put(6, 4000);
    put(7, 2000);
    put(8, 2000); /* at the start again, where the small ones lie */
    ck_assert_int_eq(dd_frame_ring_copy(reader, 7, &frame, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(dd_frame_ring_oldest(reader), 7);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 6, &frame, bytes, sizeof bytes), DD_ERROR_GONE);
    close_both();
}
END_TEST

/* All sizes round and round: whatever the reader gets is whole, and the newest is always there. */
START_TEST(keeps_every_frame_whole)
{
    struct dd_frame_ring_frame frame;
    uint64_t random = 1;
    open_both(-1);
    for (uint64_t i = 0; i < (suite_is_short() ? UINT64_C(2000) : UINT64_C(20000)); i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        put(i, (uint32_t)(random >> 33) % (ARENA / 2) + 1);
        for (uint64_t p = dd_frame_ring_oldest(reader); p < dd_frame_ring_count(reader); p++) {
            ck_assert_int_eq(dd_frame_ring_copy(reader, p, &frame, bytes, sizeof bytes), 0);
            ck_assert_uint_eq(frame.number, p);
            ck_assert_uint_eq(bytes[0], p % 256);
            ck_assert_mem_eq(bytes, bytes + 1, frame.bytes - 1);
        }
        ck_assert_uint_eq(dd_frame_ring_count(reader), i + 1);
    }
    close_both();
}
END_TEST

START_TEST(keeps_the_newest_while_the_next_is_written)
{
    struct dd_frame_ring_frame frame;
    uint64_t random = 1;
    open_both(-1);
    for (uint64_t i = 0; i < 5000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        put(i, (uint32_t)(random >> 33) % 2688 + 1); /* a third of the arena, in units of 64 */
        ck_assert_ptr_nonnull(dd_frame_ring_reserve(writer, 2688));
        ck_assert_int_eq(dd_frame_ring_copy(reader, i, &frame, bytes, sizeof bytes), 0);
    }
    ck_assert_ptr_null(dd_frame_ring_reserve(writer, 0));
    ck_assert_ptr_null(dd_frame_ring_reserve(writer, ARENA + 1));
    ck_assert_ptr_nonnull(dd_frame_ring_reserve(writer, ARENA));
    close_both();
}
END_TEST

START_TEST(notices_a_change_during_reading_in_place)
{
    struct dd_frame_ring_frame frame;
    const uint8_t *place;
    open_both(-1);
    put(1, 4000);
    ck_assert_int_eq(dd_frame_ring_peek(reader, 0, &frame, &place), 0);
    ck_assert(dd_frame_ring_unchanged(reader, 0));
    put(2, 4000);
    ck_assert(dd_frame_ring_unchanged(reader, 0));
    put(3, 4000);
    ck_assert(!dd_frame_ring_unchanged(reader, 0));
    close_both();
}
END_TEST

START_TEST(goes_on_after_a_writer_died)
{
    struct dd_frame_ring_frame frame;
    open_both(-1);
    put(1, FRAME);
    put(2, FRAME);
    ck_assert_ptr_nonnull(dd_frame_ring_reserve(writer, FRAME));
    dd_frame_ring_publish(writer, "old", 4, false);
    dd_frame_ring_close(writer);
    writer = dd_frame_ring_open_writer(fd, &shape, -1);
    ck_assert_ptr_nonnull(writer);
    ck_assert_uint_eq(dd_frame_ring_oldest(reader), dd_frame_ring_count(reader));
    put(3, FRAME);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 3);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 2, &frame, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(frame.number, 3);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 1, &frame, bytes, sizeof bytes), DD_ERROR_GONE);
    close_both();
}
END_TEST

START_TEST(publishes_state_and_heartbeat)
{
    char state[8] = "before";
    open_both(-1);
    ck_assert_int_eq(dd_frame_ring_observe(reader, state, sizeof state), DD_ERROR_AGAIN);
    ck_assert_str_eq(state, "before");
    dd_frame_ring_publish(writer, "1234567", 8, false);
    ck_assert_int_eq(dd_frame_ring_observe(reader, state, 7), DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_frame_ring_observe(reader, state, sizeof state), 0);
    ck_assert_str_eq(state, "1234567");
    ck_assert_uint_eq(dd_frame_ring_alive_until(reader), 0);
    dd_frame_ring_beat(writer, 42);
    ck_assert_uint_eq(dd_frame_ring_alive_until(reader), 42);
    close_both();
}
END_TEST

START_TEST(wakes_without_ever_blocking)
{
    uint64_t count = 0;
    int event = eventfd(0, EFD_NONBLOCK), ends[2];
    open_both(event);
    put(1, FRAME);
    dd_frame_ring_publish(writer, "x", 2, true);
    dd_frame_ring_publish(writer, "x", 2, false);
    ck_assert_int_eq(read(event, &count, sizeof count), sizeof count);
    ck_assert_uint_eq(count, 2);
    close_both();
    close(event);
    /* a pipe that nobody empties, and then one that nobody reads any more */
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    open_both(ends[1]);
    for (uint64_t i = 0; i < 5000; i++)
        put(i, 64);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    put(5000, 64);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 5001);
    close_both();
    close(ends[1]);
}
END_TEST

START_TEST(refuses_another_shape_and_unsealed_memory)
{
    struct dd_frame_ring_shape other = {.entries = 4, .arena_bytes = ARENA + 4096};
    open_both(-1);
    ck_assert_ptr_null(dd_frame_ring_open_reader(fd, &other));
    close_both();
    int unsealed = memfd_create("test", MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(unsealed, (off_t)dd_frame_ring_memory(&shape)), 0);
    ck_assert_ptr_null(dd_frame_ring_open_reader(unsealed, &shape));
    close(unsealed);
    other.entries = 1;
    ck_assert_int_lt(dd_frame_ring_create("test", &other), 0);
}
END_TEST

START_TEST(cannot_be_written_once_sealed)
{
    open_both(-1);
    ck_assert_int_eq(dd_frame_ring_seal_future_writes(fd), 0);
    ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    ck_assert_int_eq(write(fd, "x", 1), -1);
    ck_assert_int_eq(ftruncate(fd, 0), -1);
    put(1, FRAME); /* the writer that is there goes on */
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);
    close_both();
}
END_TEST

START_TEST(a_writer_cannot_keep_out_the_next_one)
{
    open_both(-1);
    ck_assert_int_eq(dd_frame_ring_forbid_seals(fd), 0);
    dd_frame_ring_close(writer);
    ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    writer = dd_frame_ring_open_writer(fd, &shape, -1);
    ck_assert_ptr_nonnull(writer);
    put(1, FRAME);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);
    close_both();
}
END_TEST

/* A writer that means harm can put anything into the memory: the reader stays within it. */
START_TEST(survives_a_hostile_writer)
{
    struct dd_frame_ring_frame frame;
    const uint8_t *place;
    open_both(-1);
    size_t size = (size_t)dd_frame_ring_memory(&shape);
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    uint64_t random = 3;
    for (int round = 0; round < 2000; round++) {
        put((uint64_t)round, FRAME);
        uint64_t newest = dd_frame_ring_count(reader) - 1;
        for (int i = 0; i < 64; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            memory[4096 + (random >> 33) % 256] = (uint8_t)(random >> 56);
        }
        if (dd_frame_ring_peek(reader, newest, &frame, &place) == 0) {
            /* under a sanitizer this touches every byte that the reader was promised */
            volatile uint8_t sum = 0;
            for (uint32_t i = 0; i < frame.bytes; i++)
                sum = (uint8_t)(sum + place[i]);
        }
        dd_frame_ring_oldest(reader);
        dd_frame_ring_close(writer);
        memset(memory + 4096, 0, 4096);
        writer = dd_frame_ring_open_writer(fd, &shape, -1);
        ck_assert_ptr_nonnull(writer);
    }
    munmap(memory, size);
    close_both();
}
END_TEST

/* The ring's header, as far as a writer that means harm needs it. */
struct hostile_header {
    uint64_t alive_until_us, count, oldest, state_sequence;
};

static struct hostile_header *map_header(void)
{
    void *memory = mmap(NULL, (size_t)dd_frame_ring_memory(&shape), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

static const uint64_t counts[] = {0,
                                  1,
                                  5,
                                  UINT64_C(1) << 32,
                                  (UINT64_C(1) << 62) - 1,
                                  UINT64_C(1) << 62,
                                  (UINT64_C(1) << 63) - 2,
                                  (UINT64_C(1) << 63) - 1,
                                  UINT64_C(1) << 63,
                                  UINT64_MAX - 2,
                                  UINT64_MAX - 1,
                                  UINT64_MAX};
enum { COUNTS = sizeof counts / sizeof *counts };

/* A writer that meant harm leaves any counts behind. What the reader takes for whole under the next one is whole, at every
 * position, and also what it has been reading in place since before. */
START_TEST(a_new_writer_begins_well_whatever_the_last_one_left)
{
    struct dd_frame_ring_frame frame;
    for (size_t i = 0; i < COUNTS * COUNTS; i++) {
        open_both(-1);
        struct hostile_header *header = map_header();
        for (uint64_t number = 0; number < 3; number++)
            put(number, FRAME);
        dd_frame_ring_close(writer);
        header->count = counts[i / COUNTS];
        header->oldest = counts[i % COUNTS];
        header->state_sequence = counts[i % COUNTS];
        writer = dd_frame_ring_open_writer(fd, &shape, -1);
        ck_assert_uint_eq(dd_frame_ring_oldest(reader), dd_frame_ring_count(reader));
        for (uint64_t number = 1; number <= 12; number++) {
            put(number, 2600);
            uint64_t newest = dd_frame_ring_count(reader) - 1;
            const uint8_t *in_place;
            ck_assert_int_eq(dd_frame_ring_copy(reader, newest, &frame, bytes, sizeof bytes), 0);
            ck_assert_uint_eq(frame.number, number);
            ck_assert_int_eq(dd_frame_ring_peek(reader, newest, &frame, &in_place), 0);
            for (uint64_t next = number + 1; next < number + 5; next++) {
                put(next, 2600);
                for (uint32_t at = 0; at < frame.bytes; at++)
                    if (in_place[at] != number)
                        ck_assert_msg(!dd_frame_ring_unchanged(reader, newest), "count %ju, oldest %ju, frame %ju",
                                      (uintmax_t)counts[i / COUNTS], (uintmax_t)counts[i % COUNTS], (uintmax_t)number);
            }
        }
        dd_frame_ring_publish(writer, "state", 6, false);
        ck_assert_int_eq(dd_frame_ring_observe(reader, bytes, 6), 0);
        munmap(header, (size_t)dd_frame_ring_memory(&shape));
        close_both();
    }
}
END_TEST

/* Counts of a writer that means harm lead the reader nowhere: not through more entries than there are, nor to one that was
 * dropped. */
START_TEST(a_reader_survives_any_counts)
{
    struct dd_frame_ring_frame frame;
    open_both(-1);
    struct hostile_header *header = map_header();
    put(1, FRAME);
    put(2, FRAME);
    /* an entry that was dropped has the sequence 0, and so has the position 2^63 - 1 if it wraps around */
    uint8_t *entry = (uint8_t *)header + 4096;
    for (size_t i = 0; i < shape.entries; i++)
        memset(entry + i * (8 + 8 + sizeof frame), 0, 8);
    for (size_t i = 0; i < COUNTS; i++) {
        ck_assert_int_eq(dd_frame_ring_peek(reader, counts[i], &frame, NULL), DD_ERROR_GONE);
        ck_assert(!dd_frame_ring_unchanged(reader, counts[i]));
    }
    for (size_t i = 0; i < COUNTS * COUNTS; i++) {
        header->count = counts[i / COUNTS];
        header->oldest = counts[i % COUNTS];
        uint64_t count = dd_frame_ring_count(reader), oldest = dd_frame_ring_oldest(reader);
        ck_assert_uint_le(count, DD_FRAME_RING_COUNT_MAX);
        ck_assert_uint_le(oldest, count);
        ck_assert_uint_le(count - oldest, shape.entries);
    }
    munmap(header, (size_t)dd_frame_ring_memory(&shape));
    close_both();
}
END_TEST

/* Two processes, as in life: what the reader accepts is whole although the writer never waits. */
START_TEST(holds_between_processes)
{
    struct dd_frame_ring_frame frame;
    open_both(-1);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (uint64_t i = 0;; i++)
            put(i, (uint32_t)(i * 37 % 4000) + 1);
    }
    uint64_t taken = 0, begin = dd_clock_now_us();
    while (taken <= 10 || dd_clock_now_us() - begin < 300000) {
        ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
        uint64_t count = dd_frame_ring_count(reader);
        if (!count || dd_frame_ring_copy(reader, count - 1, &frame, bytes, sizeof bytes))
            continue;
        ck_assert_uint_eq(frame.number, count - 1);
        for (uint32_t i = 0; i < frame.bytes; i++)
            ck_assert_uint_eq(bytes[i], (uint8_t)frame.number);
        taken++;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close_both();
}
END_TEST

SUITE("link/frame_ring", gives_back_what_was_put, drops_the_oldest_by_entries_and_by_bytes, keeps_every_frame_whole,
      keeps_the_newest_while_the_next_is_written, notices_a_change_during_reading_in_place, goes_on_after_a_writer_died,
      publishes_state_and_heartbeat, wakes_without_ever_blocking, refuses_another_shape_and_unsealed_memory,
      cannot_be_written_once_sealed, a_writer_cannot_keep_out_the_next_one, survives_a_hostile_writer,
      a_new_writer_begins_well_whatever_the_last_one_left, a_reader_survives_any_counts, holds_between_processes)
