/* SPDX-License-Identifier: MIT */
/* reason: every status that weir itself answers with has its phrase. */
#include "common/http/reason.h"

#include <string.h>

#include "tests/unit/unit.h"

START_TEST(each_status_of_weirs_own_has_a_phrase)
{
    static const int statuses[] = {200, 400, 401, 404, 405, 408, 413, 415, 417, 422, 431, 503, 504, 505};
    for (size_t i = 0; i < UNIT_ROWS(statuses); i++)
        ck_assert_msg(strcmp(http_reason_phrase(statuses[i]), "Unknown") != 0, "%d", statuses[i]);
    ck_assert_str_eq(http_reason_phrase(413), "Content Too Large");
    ck_assert_str_eq(http_reason_phrase(299), "Unknown");
}
END_TEST

UNIT_MAIN("reason", each_status_of_weirs_own_has_a_phrase)
