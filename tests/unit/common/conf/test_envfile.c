/* SPDX-License-Identifier: MIT */
/* What a line of the file of variables says. */
#include "common/conf/envfile.h"

#include <string.h>

#include "tests/unit/unit.h"

START_TEST(values)
{
    static const struct {
        const char *text, *value; /* of KEY; NULL: it is not set */
    } rows[] = {
        {"", NULL},
        {"KEY", NULL},
        {"#KEY=a\n", NULL},
        {"; KEY=a\n", NULL},
        {"KEYS=a\nXKEY=b\n", NULL},
        {"export KEY=a\n", NULL}, /* systemd does not take it either */
        {"KEY=", ""},
        {"KEY=a", "a"},
        {"KEY=a\nKEY=b\n", "b"},
        {"  KEY=a b \t\r\n", "a b"},
        {"X=1\nKEY=a=b\nY=2\n", "a=b"},
        {"KEY=\"a b\"\n", "a b"},
        {"KEY='a'\n", "a"},
        {"KEY='\n", "'"},
        {"KEY=\"a'\n", "\"a'"},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct buf value = BUF_INIT;
        bool is_set = envfile_find(rows[i].text, strlen(rows[i].text), "KEY", &value);
        ck_assert_msg(is_set == (rows[i].value != NULL), "%s", rows[i].text);
        if (is_set)
            ck_assert_str_eq(buf_cstr(&value), rows[i].value);
        buf_free(&value);
    }
}
END_TEST

UNIT_MAIN("envfile", values)
