/* SPDX-License-Identifier: MIT */
/* What every unit test needs besides Check: one call that runs a file's tests as one case, and the
 * number of rows of a table. Tests with tables name the failing row in their message. */
#ifndef WEIR_TESTS_UNIT_H
#define WEIR_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

#define UNIT_ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* A test over a whole table, or over every way to cut a text, may take a while under valgrind. */
#define UNIT_TIMEOUT_S 60

/* Runs one case as a suite of its own; takes the case. What main returns. */
static inline int unit_run_case(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int unit_run(const char *name, const TTest *const *tests, size_t n)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    return unit_run_case(name, tcase);
}

/* int main: UNIT_MAIN("name", test_a, test_b) */
#define UNIT_MAIN(name, ...)                                        \
    int main(void)                                                  \
    {                                                               \
        const TTest *const unit_tests[] = {__VA_ARGS__};            \
        return unit_run((name), unit_tests, UNIT_ROWS(unit_tests)); \
    }

#endif
