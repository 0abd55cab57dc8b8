/* A Check suite of one file: list its cases, and there is a main(). */
#ifndef DD_TESTS_UNIT_SUITE_H
#define DD_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* static const TTest *const cases[] = {a, b}; SUITE_MAIN("base/cursor", cases) */
#define SUITE_MAIN(name, cases)                                                                                                  \
    int main(void)                                                                                                               \
    {                                                                                                                            \
        Suite *suite = suite_create(name);                                                                                       \
        TCase *tcase = tcase_create("all");                                                                                      \
        for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++)                                                             \
            tcase_add_test(tcase, (cases)[i]);                                                                                   \
        suite_add_tcase(suite, tcase);                                                                                           \
        SRunner *runner = srunner_create(suite);                                                                                 \
        srunner_run_all(runner, CK_ENV);                                                                                         \
        int failed = srunner_ntests_failed(runner);                                                                              \
        srunner_free(runner);                                                                                                    \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                                             \
    }

#endif
