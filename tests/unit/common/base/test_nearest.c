/* SPDX-License-Identifier: MIT */
/* nearest and conf_index: the words somebody may have meant, and finding words at all. */
#include "common/base/nearest.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
    const char *a, *b;
    unsigned distance;
} distances[] = {
    {"", "", 0},
    {"abc", "abc", 0},
    {"", "abc", 6},
    {"abc", "", 6},
    {"abc", "abd", 2},
    {"abc", "ab", 2},
    {"abc", "xabc", 2},
    {"abc", "ABC", 3},
    {"kitten", "sitting", 6},
    {"apiKey", "apikey", 1},
    {"ab", "ba", 4},
};

START_TEST(distances_are_those_of_levenshtein)
{
    for (size_t i = 0; i < UNIT_ROWS(distances); i++) {
        const char *a = distances[i].a, *b = distances[i].b;
        ck_assert_msg(nearest_distance(a, strlen(a), b, strlen(b)) == distances[i].distance,
                      "%s %s", a, b);
        ck_assert_msg(nearest_distance(b, strlen(b), a, strlen(a)) == distances[i].distance,
                      "%s %s", b, a);
    }
}
END_TEST

START_TEST(long_words_are_compared_by_their_beginning)
{
    char a[4 * NEAREST_MAX], b[4 * NEAREST_MAX];
    memset(a, 'x', sizeof(a));
    memset(b, 'x', sizeof(b));
    b[NEAREST_MAX] = 'y';
    ck_assert_uint_eq(nearest_distance(a, sizeof(a), b, sizeof(b)), 0);
}
END_TEST

START_TEST(the_nearest_is_kept_and_the_first_of_equals)
{
    struct nearest search = nearest_start("pord", 4);
    ck_assert_ptr_null(search.best);
    nearest_offer(&search, "something");
    nearest_offer(&search, "port");
    nearest_offer(&search, "word");
    ck_assert_str_eq(search.best, "port");
    nearest_offer(&search, "pord");
    ck_assert_str_eq(search.best, "pord");
}
END_TEST

UNIT_MAIN("nearest", distances_are_those_of_levenshtein, long_words_are_compared_by_their_beginning,
          the_nearest_is_kept_and_the_first_of_equals)
