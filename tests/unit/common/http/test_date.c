/* SPDX-License-Identifier: MIT */
/* date: the three formats of HTTP, RFC 3339, and what only looks like them. */
#include "common/http/date.h"

#include "tests/unit/unit.h"

#define NOW_MS UINT64_C(1764000000000) /* November 2025 */

static const struct {
    const char *text;
    uint64_t wall_ms;
} good[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", UINT64_C(784111777000)},
    {"Sunday, 06-Nov-94 08:49:37 GMT", UINT64_C(784111777000)},
    {"Sun Nov  6 08:49:37 1994", UINT64_C(784111777000)},
    {"Wed Nov 16 08:49:37 1994", UINT64_C(784975777000)},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Tue, 29 Feb 2000 23:59:59 GMT", UINT64_C(951868799000)},
    {"Wed, 01 Mar 2000 00:00:00 GMT", UINT64_C(951868800000)},
    {"Mon, 29 Feb 2016 12:00:00 GMT", UINT64_C(1456747200000)},
    {"Mon, 01 Mar 2100 00:00:00 GMT", UINT64_C(4107542400000)},
    {"Sat, 31 Dec 2016 23:59:60 GMT", UINT64_C(1483228800000)},
    {"Fri, 31 Dec 9999 23:59:59 GMT", UINT64_C(253402300799000)},
    /* two digits: at most 50 years ahead of now */
    {"Tuesday, 31-Dec-75 00:00:00 GMT", UINT64_C(3344976000000)},
    {"Wednesday, 31-Dec-80 00:00:00 GMT", UINT64_C(347068800000)},
    {"Saturday, 01-Jan-00 00:00:00 GMT", UINT64_C(946684800000)},
};

START_TEST(reads_the_three_formats)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        uint64_t wall_ms = 1;
        ck_assert_msg(http_date_parse(good[i].text, NOW_MS, &wall_ms), "%s", good[i].text);
        ck_assert_msg(wall_ms == good[i].wall_ms, "%s: %llu", good[i].text,
                      (unsigned long long)wall_ms);
    }
}
END_TEST

static const char *const bad[] = {
    "",
    "x",
    "0",
    "Sun",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "sun, 06 nov 1994 08:49:37 gmt",
    "Xyz, 06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Xyz 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 29 Feb 2001 08:49:37 GMT",
    "Sun, 29 Feb 2100 08:49:37 GMT",
    "Sun, 06 Nov 1969 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 199x 08:49:37 GMT",
    "Sun, 06 Nov 19/4 08:49:37 GMT",
    "Sun, 06 Nov 19940 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 08:49 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  6 08:49:37 1994 GMT",
    "2025-11-24T00:00:00Z",
};

START_TEST(refuses_all_else)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        uint64_t wall_ms;
        ck_assert_msg(!http_date_parse(bad[i], NOW_MS, &wall_ms), "%s", bad[i]);
    }
}
END_TEST

static const struct {
    const char *text;
    uint64_t wall_ms;
} rfc3339[] = {
    {"1985-04-12T23:20:50.52Z", UINT64_C(482196050520)}, /* RFC 3339 5.8 */
    {"1996-12-19T16:39:57-08:00", UINT64_C(851042397000)},
    {"1990-12-31T23:59:60Z", UINT64_C(662688000000)},
    {"1990-12-31T15:59:60-08:00", UINT64_C(662688000000)},
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T05:00:00+05:00", 0},
    {"2000-02-29T23:59:59Z", UINT64_C(951868799000)},
    {"2025-11-24T16:00:00Z", NOW_MS},
    {"2025-11-24t16:00:00z", NOW_MS},
    {"2025-11-24 16:00:00Z", NOW_MS},
    {"2025-11-24T16:00:00", NOW_MS},
    {"2025-11-24T16:00:00.5", NOW_MS + 500},
    {"2025-11-24T16:00:00.123456789Z", NOW_MS + 124},
    {"2025-11-24T16:00:00.123000Z", NOW_MS + 123},
    {"2025-11-24T16:00:00.0000000000000000000001Z", NOW_MS + 1},
    {"2025-11-24T21:45:00+05:45", NOW_MS},
    {"2025-11-24T21:45:00+0545", NOW_MS},
    {"2025-11-24T16:00:00+00:00", NOW_MS},
    {"2025-11-24T16:00:00-00:00", NOW_MS},
    {"9999-12-31T23:59:59Z", UINT64_C(253402300799000)},
    {"9999-12-31T23:59:59-23:59", UINT64_C(253402387139000)},
};

START_TEST(reads_rfc3339)
{
    for (size_t i = 0; i < UNIT_ROWS(rfc3339); i++) {
        uint64_t wall_ms = 1;
        ck_assert_msg(http_date_parse_rfc3339(rfc3339[i].text, &wall_ms), "%s", rfc3339[i].text);
        ck_assert_msg(wall_ms == rfc3339[i].wall_ms, "%s: %llu", rfc3339[i].text,
                      (unsigned long long)wall_ms);
    }
}
END_TEST

static const char *const bad_rfc3339[] = {
    "",
    "2025",
    "2025-11-24",
    "2025-11-24T",
    "2025-11-24T16",
    "2025-11-24T16:00",
    "2025-11-24T16:00Z",
    "2025-11-24T16:00:00.",
    "2025-11-24T16:00:00.Z",
    "2025-11-24T16:00:00,5Z",
    "2025-11-24T16:00:00ZZ",
    "2025-11-24T16:00:00Z ",
    " 2025-11-24T16:00:00Z",
    "2025-11-24T16:00:00Z+01:00",
    "2025-11-24T16:00:00 Z",
    "2025-11-24T16:00:00 UTC",
    "2025-11-24T16:00:00+1:00",
    "2025-11-24T16:00:00+01",
    "2025-11-24T16:00:00+24:00",
    "2025-11-24T16:00:00+01:60",
    "2025-11-24T24:00:00Z",
    "2025-11-24T16:60:00Z",
    "2025-11-24T16:00:61Z",
    "2025-00-24T16:00:00Z",
    "2025-13-24T16:00:00Z",
    "2025-11-00T16:00:00Z",
    "2025-11-31T16:00:00Z",
    "2025-02-29T16:00:00Z",
    "25-11-24T16:00:00Z",
    "2025-1-24T16:00:00Z",
    "2025/11/24T16:00:00Z",
    "20251124T160000Z",
    "+2025-11-24T16:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "1764000000",
};

START_TEST(refuses_what_is_no_rfc3339)
{
    for (size_t i = 0; i < UNIT_ROWS(bad_rfc3339); i++) {
        uint64_t wall_ms;
        ck_assert_msg(!http_date_parse_rfc3339(bad_rfc3339[i], &wall_ms), "%s", bad_rfc3339[i]);
    }
}
END_TEST

START_TEST(writes_what_it_reads)
{
    static const char *const texts[] = {
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2000 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    };
    for (size_t i = 0; i < UNIT_ROWS(texts); i++) {
        uint64_t wall_ms = 0;
        char text[HTTP_DATE_BYTES];
        ck_assert(http_date_parse(texts[i], NOW_MS, &wall_ms));
        http_date_put(text, wall_ms + 999);
        ck_assert_str_eq(text, texts[i]);
    }
}
END_TEST

UNIT_MAIN("date", reads_the_three_formats, refuses_all_else, reads_rfc3339,
          refuses_what_is_no_rfc3339, writes_what_it_reads)
