/* Blocking calls on a worker thread: their end, a deadline, a stop. */
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "send/capture/source.h"
#include "send/capture/worker.h"
#include "suite.h"

enum { LONG_US = 20 * DD_CLOCK_US_PER_S, SOON_US = 50 * DD_CLOCK_US_PER_MS };

struct world {
    struct dd_source_io io;
    struct dd_worker *worker;
    sem_t freed;
    unsigned runs, interrupts, checkpoints;
    bool stopped;
};

static bool checkpoint(void *context)
{
    struct world *w = context;

    w->checkpoints++;
    return w->stopped;
}

static void count(void *context)
{
    struct world *w = context;

    w->runs++;
}

static void block(void *context)
{
    struct world *w = context;

    sem_wait(&w->freed);
    w->runs++;
}

static void release(void *context)
{
    struct world *w = context;

    w->interrupts++;
    sem_post(&w->freed);
}

static void set_up(struct world *w)
{
    memset(w, 0, sizeof *w);
    sem_init(&w->freed, 0, 0);
    w->io =
        (struct dd_source_io){.deadline_us = dd_clock_now_us() + LONG_US, .checkpoint = checkpoint, .context = w, .stop_fd = -1};
    w->worker = dd_worker_new("test");
    ck_assert_ptr_nonnull(w->worker);
}

static void tear_down(struct world *w)
{
    dd_worker_free(w->worker);
    sem_destroy(&w->freed);
}

START_TEST(runs_calls)
{
    struct world w;

    set_up(&w);
    const struct dd_worker_call call = {.run = count, .interrupt = release, .context = &w};
    for (unsigned i = 1; i <= 1000; i++) {
        ck_assert_int_eq(dd_worker_run(w.worker, &call, &w.io, UINT64_MAX), 0);
        ck_assert_uint_eq(w.runs, i);
    }
    ck_assert_uint_eq(w.interrupts, 0);
    tear_down(&w);
}
END_TEST

START_TEST(interrupts_at_a_deadline)
{
    struct world w;

    set_up(&w);
    const struct dd_worker_call call = {.run = block, .interrupt = release, .context = &w};
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_eq(dd_worker_run(w.worker, &call, &w.io, start_us + SOON_US), DD_ERROR_TIMEOUT);
    ck_assert_uint_ge(dd_clock_now_us(), start_us + SOON_US);
    w.io.deadline_us = dd_clock_now_us() + SOON_US;
    ck_assert_int_eq(dd_worker_run(w.worker, &call, &w.io, UINT64_MAX), DD_ERROR_TIMEOUT);
    ck_assert_uint_eq(w.runs, 2);
    ck_assert_uint_eq(w.interrupts, 2);
    /* the worker can be used again */
    w.io.deadline_us = dd_clock_now_us() + LONG_US;
    const struct dd_worker_call other = {.run = count, .interrupt = release, .context = &w};
    ck_assert_int_eq(dd_worker_run(w.worker, &other, &w.io, UINT64_MAX), 0);
    tear_down(&w);
}
END_TEST

START_TEST(interrupts_at_a_stop)
{
    struct world w;

    set_up(&w);
    const struct dd_worker_call call = {.run = block, .interrupt = release, .context = &w};
    w.stopped = true;
    ck_assert_int_eq(dd_worker_run(w.worker, &call, &w.io, UINT64_MAX), DD_ERROR_TIMEOUT);
    ck_assert_uint_eq(w.interrupts, 1);
    tear_down(&w);
}
END_TEST

START_TEST(keeps_the_heartbeat)
{
    struct world w;

    set_up(&w);
    const struct dd_worker_call call = {.run = block, .interrupt = release, .context = &w};
    ck_assert_int_eq(dd_worker_run(w.worker, &call, &w.io, dd_clock_now_us() + DD_CLOCK_US_PER_S), DD_ERROR_TIMEOUT);
    ck_assert_uint_ge(w.checkpoints, 4);
    tear_down(&w);
}
END_TEST

START_TEST(free_takes_null)
{
    dd_worker_free(NULL);
}
END_TEST

SUITE("send/capture/worker", runs_calls, interrupts_at_a_deadline, interrupts_at_a_stop, keeps_the_heartbeat, free_takes_null)
