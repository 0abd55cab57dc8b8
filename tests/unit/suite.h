/* Check suites: SUITE("base/cursor", a_test, another_test) declares that of one file. main.c runs all suites of a program. */
#ifndef DD_TESTS_UNIT_SUITE_H
#define DD_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Adds a suite of count tests to those that main() runs. name and the tests are borrowed for the program's life, their
 * array for this call. */
void suite_add(const char *name, const TTest *const *tests, size_t count);

/* Check's own notes each assertion that holds in a file, to tell where a test crashed. Sanitizers and valgrind tell that, too,
 * and loops over pixels spend most of their time on it. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                                                 \
    ((expr) ? (void)0 : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))

/* True if DD_TEST_SHORT is in the environment, as scripts/test has it under valgrind, where everything takes 20 to 100 times as
 * long. Then tests with long loops make fewer rounds, through the same code. */
bool suite_is_short(void);

/* Stops dd_clock_now_us() at now_us, for the test and the code under test; 0 lets it go on. So a test needs neither wait nor be
 * fast. Each test begins with a clock that goes. */
void suite_stop_clock(uint64_t now_us);
/* The same for dd_clock_wall_us(). */
void suite_stop_wall_clock(uint64_t wall_us);

#define SUITE(name, ...)                                                                                                         \
    static void __attribute__((constructor)) suite_register(void)                                                                \
    {                                                                                                                            \
        const TTest *const tests[] = {__VA_ARGS__};                                                                              \
        suite_add(name, tests, sizeof tests / sizeof *tests);                                                                    \
    }

#endif
