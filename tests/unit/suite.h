/* A Check suite of one file: SUITE_MAIN("base/cursor", a_test, another_test) makes its main(). */
#ifndef DD_TESTS_UNIT_SUITE_H
#define DD_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

#define SUITE_MAIN(name, ...)                                                                                                    \
    int main(void)                                                                                                               \
    {                                                                                                                            \
        const TTest *const cases[] = {__VA_ARGS__};                                                                              \
        Suite *suite = suite_create(name);                                                                                       \
        TCase *tcase = tcase_create("all");                                                                                      \
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)                                                                \
            tcase_add_test(tcase, cases[i]);                                                                                     \
        suite_add_tcase(suite, tcase);                                                                                           \
        SRunner *runner = srunner_create(suite);                                                                                 \
        srunner_run_all(runner, CK_ENV);                                                                                         \
        int failed = srunner_ntests_failed(runner);                                                                              \
        srunner_free(runner);                                                                                                    \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                                             \
    }

#endif
