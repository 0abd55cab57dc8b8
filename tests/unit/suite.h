/* Check suites: SUITE("base/cursor", a_test, another_test) declares that of one file. main.c runs all suites of a program. */
#ifndef DD_TESTS_UNIT_SUITE_H
#define DD_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stddef.h>
#include <stdlib.h>

/* Adds a suite of count tests to those that main() runs. name and the tests are borrowed for the program's life, their
 * array for this call. */
void suite_add(const char *name, const TTest *const *tests, size_t count);

#define SUITE(name, ...)                                                                                                         \
    static void __attribute__((constructor)) suite_register(void)                                                                \
    {                                                                                                                            \
        const TTest *const tests[] = {__VA_ARGS__};                                                                              \
        suite_add(name, tests, sizeof tests / sizeof *tests);                                                                    \
    }

#endif
