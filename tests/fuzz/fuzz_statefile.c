/* SPDX-License-Identifier: MIT */
/* statefile: any text as it stands, and once more with a right checksum at its end, so that the
 * fuzzer gets past it. What is accepted is written and read again to the same rows. */
#include "trackerd/table/statefile.h"

#include <inttypes.h>

#include "common/base/fnv.h"
#include "tests/fuzz/fuzz.h"

#define CAPACITY 16

static const struct cooldown_now now = {.at = UINT64_C(60000000000000),
                                        .wall_ms = UINT64_C(1790000000000)};

static void check_row(const struct shm_table_state *row)
{
    FUZZ_CHECK(shm_table_rest_ns(&row->hot, now.at) <= SHM_TABLE_REST_MAX_NS);
    FUZZ_CHECK(row->hot.cooldown_began_at <= now.at);
    FUZZ_CHECK(memchr(row->provider, '\0', sizeof(row->provider)) != NULL);
    FUZZ_CHECK(memchr(row->model, '\0', sizeof(row->model)) != NULL);
    FUZZ_CHECK(memchr(row->reason, '\0', sizeof(row->reason)) != NULL);
}

static void write_and_read_again(const struct table *table)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct table *copy = table_new(CAPACITY);
    unsigned restored;
    statefile_write(table, now, &first);
    FUZZ_CHECK(statefile_read(first.data, first.len, copy, now, &restored) == STATEFILE_OK);
    statefile_write(copy, now, &second);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    table_free(&copy);
    buf_free(&first);
    buf_free(&second);
}

static void read_text(const char *text, size_t len)
{
    unsigned restored;
    struct table *table = table_new(CAPACITY);
    if (statefile_read(text, len, table, now, &restored) == STATEFILE_OK) {
        for (uint32_t i = 0; i < CAPACITY; i++)
            check_row(&table->rows[i].state);
        write_and_read_again(table);
    } else {
        FUZZ_CHECK(restored == 0 && table->moves == 0);
    }
    table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf sealed = BUF_INIT;
    char *text = fuzz_copy((const char *)data, size);
    read_text(text, size);
    buf_put(&sealed, text, size);
    buf_printf(&sealed, "{\"end\":\"%016" PRIx64 "\"}\n", fnv1a(FNV1A_BASIS, text, size));
    read_text(sealed.data, sealed.len);
    buf_free(&sealed);
    free(text);
    return 0;
}
