/* SPDX-License-Identifier: MIT */
/* path: rows with and without a name, and near misses. */
#include "server/client/path.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct client_endpoint table[] = {
    {.path = "/v1/chat/completions"},
    {.path = "/v1/completions"},
    {.path = "/v1/models"},
    {.path = "/v1/models", .takes_name = true},
    {.path = "/health"},
    {.path = "/"},
    {.path = NULL},
};

static const struct {
    const char *path;
    int row;           /* -1: none */
    const char *meant; /* when there is none; NULL: nothing */
} rows[] = {
    {"/v1/chat/completions", 0, NULL},
    {"/v1/completions", 1, NULL},
    {"/v1/models", 2, NULL},
    {"/v1/models/x", 3, NULL},
    {"/v1/models/vendor/three:free", 3, NULL},
    {"/health", 4, NULL},
    {"/", 5, NULL},
    {"/chat/completions", -1, "/v1/chat/completions"},
    {"/v1/v1/chat/completions", -1, "/v1/chat/completions"},
    {"/api/v1/chat/completions", -1, "/v1/chat/completions"},
    {"/V1/Chat/Completions", -1, "/v1/chat/completions"},
    {"/openai/deployments/x/chat/completions", -1, "/v1/chat/completions"},
    {"/v1/v1/completions", -1, "/v1/completions"},
    {"/completions", -1, "/v1/completions"},
    {"/models", -1, "/v1/models"},
    {"/v1/v1/models/x", -1, "/v1/models/NAME"},
    {"/models/x/y", -1, "/v1/models/NAME"},
    {"/v1/health", -1, "/health"},
    {"/v1/chat", -1, NULL},
    {"/v1", -1, NULL},
    {"/v1/mychat/xcompletions", -1, NULL},
    {"/healthy", -1, NULL},
    {"*", -1, NULL},
};

START_TEST(rows_and_near_misses)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct http_text path = {rows[i].path, strlen(rows[i].path)};
        int found = -1;
        for (int e = 0; table[e].path != NULL; e++)
            if (client_path_is(&table[e], path))
                found = e;
        ck_assert_msg(found == rows[i].row, "%s: row %d", rows[i].path, found);
        struct buf meant = BUF_INIT;
        if (found < 0 && client_path_put_meant(table, path, &meant)) {
            ck_assert_msg(rows[i].meant != NULL, "%s: %s", rows[i].path, buf_cstr(&meant));
            ck_assert_str_eq(buf_cstr(&meant), rows[i].meant);
        } else if (found < 0) {
            ck_assert_msg(rows[i].meant == NULL, "%s", rows[i].path);
        }
        buf_free(&meant);
    }
}
END_TEST

UNIT_MAIN("path", rows_and_near_misses)
