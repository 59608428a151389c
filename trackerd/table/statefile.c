/* SPDX-License-Identifier: MIT */
/* See statefile.h. */
#include "trackerd/table/statefile.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fnv.h"
#include "common/base/utf8.h"
#include "common/json/jsonscan.h"
#include "common/terms/pair_key.h"

#define HEAD_KEY "weirTrackerState"
#define END_KEY  "end"

const char *statefile_error_text(enum statefile_error error)
{
    static const char *const texts[] = {
        [STATEFILE_OK] = "no error",
        [STATEFILE_CUT] = "it ends too early",
        [STATEFILE_DAMAGED] = "its checksum or syntax is wrong",
        [STATEFILE_FOREIGN] = "it is of another version, or no state file",
    };
    return texts[(unsigned)error <= STATEFILE_FOREIGN ? error : STATEFILE_DAMAGED];
}

/* ---- the fields of a row --------------------------------------------------------------------- */

enum field_type {
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_INSTANT, /* boot clock in the row, wall clock in the file */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
};

#define FIELD(key, type, member)                                    \
    {                                                               \
        key, FIELD_##type, offsetof(struct shm_table_state, member) \
    }

static const struct field fields[] = {
    FIELD("cooldownUntil", INSTANT, hot.cooldown_until_at),
    FIELD("cooldownBegan", INSTANT, hot.cooldown_began_at),
    FIELD("incident", U64, hot.incident),
    FIELD("midFailures", U32, hot.mid_failures),
    FIELD("preFailures", U32, hot.pre_failures),
    FIELD("flags", U32, hot.flags),
    FIELD("cause", U32, cause),
    FIELD("escalation", U32, escalation),
    FIELD("cooldowns", U64, cooldowns),
    FIELD("midFailuresTotal", U64, mid_failures_total),
    FIELD("lastSuccess", INSTANT, last_success_at),
    FIELD("lastAnswerSuccess", INSTANT, last_answer_success_at),
    FIELD("remainingRequests", I64, quota_remaining_requests),
    FIELD("remainingTokens", I64, quota_remaining_tokens),
    FIELD("resetRequests", U64, quota_reset_requests_wall_ms),
    FIELD("resetTokens", U64, quota_reset_tokens_wall_ms),
    FIELD("quotaUpdated", U64, quota_updated_wall_ms),
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* Instants: 0 stays 0 (never). One before this boot becomes 1, the earliest instant. */
static int64_t wall_from_boot(uint64_t at, struct cooldown_now now)
{
    if (at == 0)
        return 0;
    int64_t ms = at > now.at ? (int64_t)((at - now.at) / CLOCK_NS_PER_MS)
                             : -(int64_t)((now.at - at) / CLOCK_NS_PER_MS);
    return (int64_t)now.wall_ms + ms;
}

static uint64_t boot_from_wall(int64_t wall_ms, struct cooldown_now now)
{
    if (wall_ms <= 0)
        return 0;
    int64_t ms = wall_ms - (int64_t)now.wall_ms;
    if (ms >= 0)
        return now.at + ((uint64_t)ms < SHM_TABLE_REST_MAX_NS / CLOCK_NS_PER_MS
                             ? (uint64_t)ms * CLOCK_NS_PER_MS
                             : SHM_TABLE_REST_MAX_NS);
    uint64_t ago = (uint64_t)-ms;
    return ago < now.at / CLOCK_NS_PER_MS ? now.at - ago * CLOCK_NS_PER_MS : 1;
}

static int64_t field_get(const struct field *field, const struct shm_table_state *state,
                         struct cooldown_now now)
{
    const char *at = (const char *)state + field->offset;
    uint32_t u32;
    uint64_t u64;
    if (field->type == FIELD_U32) {
        memcpy(&u32, at, sizeof(u32));
        return u32;
    }
    memcpy(&u64, at, sizeof(u64));
    return field->type == FIELD_INSTANT ? wall_from_boot(u64, now) : (int64_t)u64;
}

static bool field_set(const struct field *field, struct shm_table_state *state, int64_t value,
                      struct cooldown_now now)
{
    char *at = (char *)state + field->offset;
    if (field->type == FIELD_U32) {
        uint32_t u32 = (uint32_t)value;
        memcpy(at, &u32, sizeof(u32));
        return value >= 0 && value <= UINT32_MAX;
    }
    uint64_t u64 = field->type == FIELD_INSTANT ? boot_from_wall(value, now) : (uint64_t)value;
    memcpy(at, &u64, sizeof(u64));
    return value >= 0 || field->type == FIELD_I64;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_worth_keeping(const struct shm_table_state *state)
{
    return state->hot.key_hash != 0 &&
           (state->cooldowns != 0 || state->hot.mid_failures != 0 || state->hot.pre_failures != 0 ||
            state->hot.flags != 0 || state->mid_failures_total != 0 || state->last_success_at != 0);
}

static void write_row(const struct shm_table_state *state, struct cooldown_now now, struct buf *out)
{
    buf_puts(out, "{\"provider\":");
    buf_put_json(out, state->provider, strlen(state->provider));
    buf_puts(out, ",\"model\":");
    buf_put_json(out, state->model, strlen(state->model));
    buf_puts(out, ",\"reason\":");
    buf_put_json(out, state->reason, strlen(state->reason));
    for (size_t i = 0; i < N_FIELDS; i++)
        buf_printf(out, ",\"%s\":%" PRId64, fields[i].key, field_get(&fields[i], state, now));
    buf_puts(out, ",\"byCause\":[");
    for (int i = 0; i < SHM_TABLE_CAUSES; i++)
        buf_printf(out, "%s%" PRIu32, i > 0 ? "," : "", state->cooldowns_by_cause[i]);
    buf_puts(out, "]}\n");
}

void statefile_write(const struct table *table, struct cooldown_now now, struct buf *out)
{
    size_t start = out->len;
    unsigned n = 0;
    for (uint32_t i = 0; i < table->capacity; i++)
        n += is_worth_keeping(&table->rows[i].state);
    buf_printf(out, "{\"" HEAD_KEY "\":%d,\"writtenAt\":%" PRIu64 ",\"pairs\":%u}\n",
               STATEFILE_VERSION, now.wall_ms, n);
    for (uint32_t i = 0; i < table->capacity; i++)
        if (is_worth_keeping(&table->rows[i].state))
            write_row(&table->rows[i].state, now, out);
    uint64_t sum = fnv1a(FNV1A_BASIS, out->data + start, out->len - start);
    buf_printf(out, "{\"" END_KEY "\":\"%016" PRIx64 "\"}\n", sum);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_json(const char *line, size_t len)
{
    struct jsonscan scan;
    jsonscan_init(&scan, line, len);
    return jsonscan_skip(&scan, NULL) && jsonscan_finish(&scan);
}

/* The object of one line; the caller frees it. NULL: not one JSON object and nothing else. json-c
 * is not asked to be strict: then 0.18 refuses every byte above 0x7f. */
static json_object *parse_line(const char *line, size_t len)
{
    if (len > INT_MAX || !is_json(line, len))
        return NULL;
    json_tokener *tokener = json_tokener_new_ex(4);
    json_object *o = json_tokener_parse_ex(tokener, line, (int)len);
    bool is_whole = json_tokener_get_error(tokener) == json_tokener_success &&
                    json_tokener_get_parse_end(tokener) == len &&
                    json_object_is_type(o, json_type_object);
    json_tokener_free(tokener);
    if (is_whole)
        return o;
    json_object_put(o);
    return NULL;
}

static bool get_number(json_object *o, const char *key, int64_t *out)
{
    json_object *value;
    if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_int))
        return false;
    *out = json_object_get_int64(value);
    return true;
}

/* How many bytes of a text are whole characters and fit in a field of that size with its NUL. */
static size_t fitting(const char *text, size_t len, size_t size)
{
    size_t at = 0;
    while (at < len && text[at] != '\0') {
        size_t n = utf8_length((const unsigned char *)text + at, len - at);
        if (n == 0 || at + n >= size)
            break;
        at += n;
    }
    return at;
}

/* A text member, which must fit unless it may be cut. */
static bool get_text(json_object *o, const char *key, char *out, size_t size, bool may_cut)
{
    json_object *value;
    if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_string))
        return false;
    size_t len = (size_t)json_object_get_string_len(value);
    size_t fits = fitting(json_object_get_string(value), len, size);
    memcpy(out, json_object_get_string(value), fits);
    out[fits] = '\0';
    return fits == len || may_cut;
}

static bool get_causes(json_object *o, struct shm_table_state *state)
{
    json_object *list;
    if (!json_object_object_get_ex(o, "byCause", &list) ||
        !json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) != SHM_TABLE_CAUSES)
        return false;
    for (size_t i = 0; i < SHM_TABLE_CAUSES; i++)
        state->cooldowns_by_cause[i] =
            (uint32_t)json_object_get_int64(json_object_array_get_idx(list, i));
    return true;
}

/* A cooldown that began in the future was written before the wall clock was set back: how much of
 * it was left nobody knows, but no more than its whole length. */
static bool bound_cooldown(json_object *o, struct shm_table_state *state, struct cooldown_now now)
{
    int64_t began_wall_ms, until_wall_ms;
    if (!get_number(o, "cooldownBegan", &began_wall_ms) ||
        !get_number(o, "cooldownUntil", &until_wall_ms))
        return false;
    if (began_wall_ms <= (int64_t)now.wall_ms)
        return true;
    state->hot.cooldown_began_at = now.at;
    state->hot.cooldown_until_at =
        until_wall_ms > began_wall_ms
            ? boot_from_wall((int64_t)now.wall_ms + (until_wall_ms - began_wall_ms), now)
            : 0;
    return true;
}

/* Corrects what a reboot has made pointless, and what no trackerd would have written. */
static void make_plausible(struct shm_table_state *state, struct cooldown_now now)
{
    struct shm_table_hot *hot = &state->hot;
    if (hot->cooldown_until_at <= now.at || shm_table_rest_ns(hot, now.at) == 0)
        hot->cooldown_until_at = 0;
    if (hot->cooldown_began_at > now.at)
        hot->cooldown_began_at = now.at;
    if (state->last_success_at > now.at)
        state->last_success_at = now.at;
    if (state->last_answer_success_at > now.at)
        state->last_answer_success_at = now.at;
    hot->flags &= SHM_TABLE_RECOVERING | SHM_TABLE_QUOTA;
    hot->key_hash = pair_key_hash(state->provider, state->model);
}

static bool read_row(json_object *o, struct shm_table_state *state, struct cooldown_now now)
{
    *state = (struct shm_table_state){0};
    if (!get_text(o, "provider", state->provider, sizeof(state->provider), false) ||
        !get_text(o, "model", state->model, sizeof(state->model), false) ||
        !get_text(o, "reason", state->reason, sizeof(state->reason), true) || !get_causes(o, state))
        return false;
    for (size_t i = 0; i < N_FIELDS; i++) {
        int64_t value;
        if (!get_number(o, fields[i].key, &value) || !field_set(&fields[i], state, value, now))
            return false;
    }
    if (!bound_cooldown(o, state, now))
        return false;
    make_plausible(state, now);
    return true;
}

struct lines { /* the parts of a text that is whole */
    const char *rows, *end;
    int64_t n;
};

static enum statefile_error read_head(const char *text, size_t len, struct lines *out)
{
    const char *newline = memchr(text, '\n', len);
    if (newline == NULL)
        return STATEFILE_FOREIGN;
    json_object *o = parse_line(text, (size_t)(newline - text));
    int64_t version = 0;
    enum statefile_error error = STATEFILE_FOREIGN;
    if (o != NULL && get_number(o, HEAD_KEY, &version) && version == STATEFILE_VERSION)
        error = get_number(o, "pairs", &out->n) ? STATEFILE_OK : STATEFILE_DAMAGED;
    json_object_put(o);
    out->rows = newline + 1;
    return error;
}

static enum statefile_error read_end(const char *text, size_t len, struct lines *out)
{
    if (len == 0 || text[len - 1] != '\n')
        return STATEFILE_CUT;
    const char *line = memrchr(text, '\n', len - 1);
    line = line != NULL ? line + 1 : text;
    json_object *o = parse_line(line, (size_t)(text + len - 1 - line));
    char want[17], found[17] = "";
    snprintf(want, sizeof(want), "%016" PRIx64, fnv1a(FNV1A_BASIS, text, (size_t)(line - text)));
    bool has_end = o != NULL && get_text(o, END_KEY, found, sizeof(found), false);
    json_object_put(o);
    if (!has_end)
        return STATEFILE_CUT;
    out->end = line;
    return strcmp(want, found) == 0 && line >= out->rows ? STATEFILE_OK : STATEFILE_DAMAGED;
}

/* Reads all rows and adopts them into the table; without a table it only checks them. */
static enum statefile_error read_rows(const struct lines *lines, struct table *table,
                                      struct cooldown_now now, unsigned *restored)
{
    int64_t n = 0;
    const char *at = lines->rows;
    for (; at < lines->end; n++) {
        const char *newline = memchr(at, '\n', (size_t)(lines->end - at));
        if (newline == NULL)
            return STATEFILE_DAMAGED;
        struct shm_table_state state;
        json_object *o = parse_line(at, (size_t)(newline - at));
        bool is_good = o != NULL && read_row(o, &state, now);
        json_object_put(o);
        if (!is_good)
            return STATEFILE_DAMAGED;
        if (table != NULL && table_adopt(table, &state) >= 0)
            ++*restored;
        at = newline + 1;
    }
    return n == lines->n ? STATEFILE_OK : STATEFILE_CUT;
}

enum statefile_error statefile_read(const char *text, size_t len, struct table *table,
                                    struct cooldown_now now, unsigned *restored)
{
    struct lines lines = {0};
    *restored = 0;
    enum statefile_error error = read_head(text, len, &lines);
    if (error == STATEFILE_OK)
        error = read_end(text, len, &lines);
    if (error == STATEFILE_OK)
        error = read_rows(&lines, NULL, now, restored);
    if (error == STATEFILE_OK)
        error = read_rows(&lines, table, now, restored);
    return error;
}
