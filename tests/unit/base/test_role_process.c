#include "base/role_process.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "suite.h"

/* All processes of a test share one CPU. */
static void share_a_cpu(void)
{
    cpu_set_t all, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
}

/* Starts a process that always wants to run, and gets a CPU only while nobody else wants it. */
static struct dd_role_process start_idler(void)
{
    struct dd_role_process p = {.pid = fork()};
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
        for (;;)
            ;
    }
    return p;
}

static void stop(const struct dd_role_process *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}

static void spin_until(uint64_t until_us)
{
    while (dd_clock_now_us() < until_us)
        ;
}

/* How long p starved in half a second, in which this process runs, or sleeps. */
static uint64_t watch(const struct dd_role_process *p, bool spinning)
{
    struct dd_role_process_starvation starvation;
    uint64_t now_us = dd_clock_now_us(), end_us = now_us + 500000, starved_us = 0;
    dd_role_process_watch_cpu(p, &starvation, now_us);
    while (now_us < end_us) {
        if (spinning)
            spin_until(now_us + 50000);
        else
            usleep(50000);
        now_us = dd_clock_now_us();
        starved_us = dd_role_process_starved_us(p, &starvation, now_us);
    }
    return starved_us;
}

START_TEST(a_process_without_a_cpu_is_starved)
{
    share_a_cpu();
    struct dd_role_process p = start_idler();
    ck_assert_uint_ge(watch(&p, true), 250000);
    stop(&p);
}
END_TEST

START_TEST(a_process_that_stands_still_is_not)
{
    struct dd_role_process p = start_idler();
    int status;
    kill(p.pid, SIGSTOP);
    ck_assert_int_eq(waitpid(p.pid, &status, WUNTRACED), p.pid);
    char text[DD_ROLE_PROCESS_DESCRIPTION_SIZE];
    dd_role_process_describe(&p, text);
    ck_assert_int_eq(strncmp(text, "state T", 7), 0);
    ck_assert_uint_le(watch(&p, false), 1000);
    stop(&p);
}
END_TEST

START_TEST(a_process_that_is_gone_is_not)
{
    struct dd_role_process p = start_idler();
    stop(&p);
    ck_assert_uint_eq(watch(&p, false), 0);
}
END_TEST

SUITE("base/role_process", a_process_without_a_cpu_is_starved, a_process_that_stands_still_is_not, a_process_that_is_gone_is_not)
