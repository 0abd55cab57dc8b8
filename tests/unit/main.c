/* Runs the suites of a program; CK_RUN_SUITE=base/cursor runs one of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

static SRunner *runner;

#ifdef DD_SUITE_CLOCK
static _Atomic uint64_t stopped_us, stopped_wall_us; /* the code under test may have threads */

/* The linker puts the second in the place of dd_clock_now_us(), and gives that the first name (--wrap). */
uint64_t __real_dd_clock_now_us(void);
uint64_t __wrap_dd_clock_now_us(void);

uint64_t __wrap_dd_clock_now_us(void)
{
    uint64_t us = stopped_us;
    return us ? us : __real_dd_clock_now_us();
}

uint64_t __real_dd_clock_wall_us(void);
uint64_t __wrap_dd_clock_wall_us(void);

uint64_t __wrap_dd_clock_wall_us(void)
{
    uint64_t us = stopped_wall_us;
    return us ? us : __real_dd_clock_wall_us();
}

void suite_stop_wall_clock(uint64_t wall_us)
{
    stopped_wall_us = wall_us;
}

void suite_stop_clock(uint64_t now_us)
{
    stopped_us = now_us;
}
#endif

void suite_add(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create("all");

    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    if (runner)
        srunner_add_suite(runner, suite);
    else
        runner = srunner_create(suite);
}

bool suite_is_short(void)
{
    return getenv("DD_TEST_SHORT") != NULL;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as in a role */
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0)
        fputs("there is no such suite\n", stderr);
    return run == 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
