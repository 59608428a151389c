/* SPDX-License-Identifier: MIT */
/* See sim_journal.h. */
#include "tests/sim/sim_journal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"

/* What is kept is one block: the struct, then head and body. They are made into JSON only when
 * somebody asks, because under load nobody does. */
struct journal_entry {
    unsigned refs;
    enum ending ending;
    uint64_t at_ms;
    char *model; /* NULL: none */
    bool is_stream;
    char digest[SHA256_HEX_BYTES]; /* empty: the body is whole */
    struct sim_http_span target, fields;
    size_t head_len, body_len, kept_len;
    char bytes[];
};

static struct {
    struct journal_entry *entries[JOURNAL_ENTRIES];
    size_t count; /* of all ever added; the newest is at (count - 1) % JOURNAL_ENTRIES */
} journal;

static void unref(struct journal_entry *e)
{
    if (e == NULL || --e->refs > 0)
        return;
    free(e->model);
    free(e);
}

/* A cut must not split a character: what is kept is to be text. */
static size_t kept_of(const char *body, size_t len)
{
    if (len <= JOURNAL_BODY_MAX)
        return len;
    size_t kept = JOURNAL_BODY_MAX;
    while (kept > JOURNAL_BODY_MAX - 4 && ((unsigned char)body[kept] & 0xc0) == 0x80)
        kept--;
    return kept;
}

struct journal_entry *journal_add(struct sim_http_request *r, const char *data, size_t len,
                                  const char *model, int is_stream)
{
    size_t body_len;
    const char *body = sim_http_body(r, data, len, &body_len);
    size_t kept = kept_of(body, body_len);
    struct journal_entry *e = xmalloc(sizeof(*e) + r->head_len + kept);
    *e = (struct journal_entry){.refs = 2, .is_stream = is_stream, .at_ms = clock_wall_ms()};
    e->model = model != NULL ? xstrdup(model) : NULL;
    e->target = r->target;
    e->fields = r->fields;
    e->head_len = r->head_len;
    e->body_len = body_len;
    e->kept_len = kept;
    memcpy(e->bytes, data, r->head_len);
    memcpy(e->bytes + r->head_len, body, kept);
    if (kept < body_len)
        sim_http_body_digest(r, e->digest);
    struct journal_entry **slot = &journal.entries[journal.count++ % JOURNAL_ENTRIES];
    unref(*slot);
    *slot = e;
    return e;
}

void journal_end(struct journal_entry *e, enum ending ending)
{
    e->ending = ending;
    unref(e);
}

/* Whether an earlier field has the same name: its member holds the values of all. */
static bool is_repeated(const struct journal_entry *e, const char *until, const char *name,
                        size_t name_len)
{
    const char *at = e->bytes + e->fields.at, *other, *value;
    size_t left = e->fields.len, other_len, value_len;
    while (sim_http_next_field(&at, &left, &other, &other_len, &value, &value_len) && other < until)
        if (other_len == name_len && strncasecmp(other, name, name_len) == 0)
            return true;
    return false;
}

static void put_values(struct buf *b, const struct journal_entry *e, const char *name,
                       size_t name_len)
{
    const char *at = e->bytes + e->fields.at, *other, *value;
    size_t left = e->fields.len, other_len, value_len;
    struct buf joined = BUF_INIT;
    while (sim_http_next_field(&at, &left, &other, &other_len, &value, &value_len)) {
        if (other_len != name_len || strncasecmp(other, name, name_len) != 0)
            continue;
        if (joined.data != NULL)
            buf_puts(&joined, ", ");
        buf_reserve(&joined, 1);
        buf_put(&joined, value, value_len);
    }
    buf_put_json(b, joined.data, joined.len);
    buf_free(&joined);
}

static void put_name(struct buf *b, const char *name, size_t len)
{
    struct buf lower = BUF_INIT;
    for (size_t i = 0; i < len; i++)
        buf_putc(&lower, (char)tolower((unsigned char)name[i]));
    buf_put_json(b, lower.data, lower.len);
    buf_free(&lower);
}

static void put_headers(struct buf *b, const struct journal_entry *e)
{
    const char *at = e->bytes + e->fields.at, *name, *value;
    size_t left = e->fields.len, name_len, value_len;
    const char *comma = "";
    buf_putc(b, '{');
    while (sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len)) {
        if (is_repeated(e, name, name, name_len))
            continue;
        buf_puts(b, comma);
        put_name(b, name, name_len);
        buf_putc(b, ':');
        put_values(b, e, name, name_len);
        comma = ",";
    }
    buf_putc(b, '}');
}

static void put_entry(struct buf *b, const struct journal_entry *e)
{
    static const char *const endings[] = {"active", "completed", "aborted", "fault"};
    buf_puts(b, "{\"model\":");
    if (e->model != NULL)
        buf_put_json(b, e->model, strlen(e->model));
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"path\":");
    buf_put_json(b, e->bytes + e->target.at, e->target.len);
    buf_printf(b, ",\"stream\":%s,\"headers\":", e->is_stream ? "true" : "false");
    put_headers(b, e);
    buf_puts(b, ",\"body\":");
    buf_put_json(b, e->bytes + e->head_len, e->kept_len);
    buf_printf(b, ",\"body_length\":%zu", e->body_len);
    if (e->digest[0] != '\0')
        buf_printf(b, ",\"body_sha256\":\"%s\"", e->digest);
    buf_printf(b, ",\"at_ms\":%llu,\"ended\":\"%s\"}", (unsigned long long)e->at_ms,
               endings[e->ending]);
}

static bool is_wanted(const struct journal_entry *e, const char *model)
{
    return e != NULL && (model == NULL || (e->model != NULL && strcmp(e->model, model) == 0));
}

void journal_put_json(struct buf *b, const char *model, size_t max)
{
    size_t oldest = journal.count > JOURNAL_ENTRIES ? journal.count - JOURNAL_ENTRIES : 0;
    size_t from = journal.count, found = 0;
    while (from > oldest && found < max)
        found += is_wanted(journal.entries[--from % JOURNAL_ENTRIES], model);
    const char *comma = "";
    buf_putc(b, '[');
    for (; from < journal.count; from++) {
        const struct journal_entry *e = journal.entries[from % JOURNAL_ENTRIES];
        if (!is_wanted(e, model))
            continue;
        buf_puts(b, comma);
        put_entry(b, e);
        comma = ",";
    }
    buf_putc(b, ']');
}

void journal_clear(void)
{
    for (size_t i = 0; i < JOURNAL_ENTRIES; i++) {
        unref(journal.entries[i]);
        journal.entries[i] = NULL;
    }
    journal.count = 0;
}
