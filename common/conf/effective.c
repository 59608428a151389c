/* SPDX-License-Identifier: MIT */
/* See effective.h. */
#include "common/conf/effective.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/conf/schema.h"

#define MASK   "\"********\""
#define INDENT 2

/* Where a section's values are, and how deep it is nested. */
struct printer {
    const struct conf *conf;
    const void *base;
    unsigned indent;
    struct buf *out;
};

typedef void print_fn(const struct printer *p, const struct conf_key *key);

static void print_section(const struct printer *p, const struct conf_section *section);

static const void *member(const struct printer *p, const struct conf_key *key)
{
    return (const char *)p->base + key->offset;
}

static void put_key(const struct printer *p, const struct conf_key *key)
{
    buf_printf(p->out, "%*s%s:", (int)p->indent, "", key->name);
}

static void put_string(const struct printer *p, const char *text)
{
    buf_put_json(p->out, text, strlen(text));
}

static uint32_t read_number(const struct printer *p, const struct conf_key *key)
{
    uint16_t narrow;
    uint32_t wide;
    if (key->size == sizeof(narrow)) {
        memcpy(&narrow, member(p, key), sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, member(p, key), sizeof(wide));
    return wide;
}

/* A number that is 0 though it may not be was not given, and has no default. */
static void print_number(const struct printer *p, const struct conf_key *key)
{
    uint32_t value = read_number(p, key);
    if (value == 0 && key->min > 0 && !key->may_be_0)
        return;
    put_key(p, key);
    buf_printf(p->out, " %u\n", value);
}

static void print_bool(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_puts(p->out, *(const bool *)member(p, key) ? " true\n" : " false\n");
}

static void print_word(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_printf(p->out, " %s\n", key->words[read_number(p, key)]);
}

static void print_text(const struct printer *p, const struct conf_key *key)
{
    const char *text = *(char *const *)member(p, key);
    if (text == NULL && key->min > 0)
        return;
    put_key(p, key);
    buf_putc(p->out, ' ');
    put_string(p, text != NULL ? text : "");
    buf_putc(p->out, '\n');
}

static void print_secret(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_puts(p->out, " " MASK "\n");
}

static void print_version(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_puts(p->out, " 1\n");
}

static void print_nothing(const struct printer *p, const struct conf_key *key)
{
}

static void print_chain_ref(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_putc(p->out, ' ');
    put_string(p, p->conf->chains[p->conf->default_chain].name);
    buf_putc(p->out, '\n');
}

static void put_dash(const struct printer *p)
{
    buf_printf(p->out, "%*s- ", (int)p->indent + INDENT, "");
}

static void print_secrets(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < p->conf->n_api_keys; i++) {
        put_dash(p);
        buf_puts(p->out, MASK "\n");
    }
}

static void print_listen(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < p->conf->n_listen; i++) {
        put_dash(p);
        put_string(p, p->conf->listen[i].text);
        buf_putc(p->out, '\n');
    }
}

static void print_origins(const struct printer *p, const struct conf_key *key)
{
    if (p->conf->n_cors_origins == 0)
        return;
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < p->conf->n_cors_origins; i++) {
        put_dash(p);
        put_string(p, p->conf->cors_origins[i]);
        buf_putc(p->out, '\n');
    }
}

/* A mapping with nothing in it is left out: a key without a value does not load. */
static void print_mapping(const struct printer *p, const struct conf_key *key)
{
    struct buf inner = BUF_INIT;
    print_section(&(struct printer){p->conf, p->base, p->indent + INDENT, &inner}, key->section);
    if (inner.len > 0) {
        put_key(p, key);
        buf_putc(p->out, '\n');
        buf_put(p->out, inner.data, inner.len);
    }
    buf_free(&inner);
}

/* An element of a list of mappings: the dash goes where its first line's indentation is. */
static void print_item(const struct printer *p, const struct conf_key *key, const void *base)
{
    size_t start = p->out->len;
    print_section(&(struct printer){p->conf, base, p->indent + 2 * INDENT, p->out}, key->section);
    p->out->data[start + p->indent + INDENT] = '-';
}

static void print_providers(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < p->conf->n_providers; i++)
        print_item(p, key, &p->conf->providers[i]);
}

static void print_chains(const struct printer *p, const struct conf_key *key)
{
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < p->conf->n_chains; i++)
        print_item(p, key, &p->conf->chains[i]);
}

static void print_entries(const struct printer *p, const struct conf_key *key)
{
    const struct conf_chain *chain = p->base;
    put_key(p, key);
    buf_putc(p->out, '\n');
    for (uint32_t i = 0; i < chain->n_pairs; i++) {
        const struct conf_pair *pair = &p->conf->pairs[chain->pairs[i]];
        struct conf_entry entry = {pair->provider->id, (char *)pair->model};
        print_item(p, key, &entry);
    }
}

static print_fn *const print_kind[] = {
    [CONF_INT] = print_number,          [CONF_BOOL] = print_bool,
    [CONF_WORD] = print_word,           [CONF_TEXT] = print_text,
    [CONF_SECRET] = print_secret,       [CONF_URL] = print_text,
    [CONF_PATH] = print_text,           [CONF_LOG] = print_text,
    [CONF_FILE] = print_text,           [CONF_SHM] = print_text,
    [CONF_WORKERS] = print_number,      [CONF_VERSION] = print_version,
    [CONF_IGNORED] = print_nothing,     [CONF_CHAIN_REF] = print_chain_ref,
    [CONF_SECRETS] = print_secrets,     [CONF_LISTEN] = print_listen,
    [CONF_ORIGINS] = print_origins,     [CONF_SECTION] = print_mapping,
    [CONF_PROVIDERS] = print_providers, [CONF_CHAINS] = print_chains,
    [CONF_ENTRIES] = print_entries,
};

static void print_section(const struct printer *p, const struct conf_section *section)
{
    for (size_t i = 0; i < section->n_keys; i++)
        print_kind[section->keys[i].kind](p, &section->keys[i]);
}

void conf_print_effective(const struct conf *conf, struct buf *out)
{
    print_section(&(struct printer){conf, conf, 0, out}, &conf_schema);
}

static bool prints_the_same(const struct conf *a, const struct conf *b, const struct conf_key *key)
{
    struct buf of_a = BUF_INIT, of_b = BUF_INIT;
    print_kind[key->kind](&(struct printer){a, a, 0, &of_a}, key);
    print_kind[key->kind](&(struct printer){b, b, 0, &of_b}, key);
    bool is_same = strcmp(buf_cstr(&of_a), buf_cstr(&of_b)) == 0;
    buf_free(&of_a);
    buf_free(&of_b);
    return is_same;
}

size_t conf_print_fixed_changes(const struct conf *running, const struct conf *fresh,
                                struct buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < conf_schema.n_keys; i++) {
        const struct conf_section *section = conf_schema.keys[i].section;
        for (size_t j = 0; section != NULL && j < section->n_keys; j++) {
            const struct conf_key *key = &section->keys[j];
            if (key->is_fixed && !prints_the_same(running, fresh, key))
                buf_printf(out, "%s%s.%s", n++ != 0 ? ", " : "", section->path, key->name);
        }
    }
    return n;
}

/* ---- keys that only a start can change ------------------------------------------------------ */

static bool is_text(const struct conf_key *key)
{
    return key->kind == CONF_TEXT || key->kind == CONF_PATH || key->kind == CONF_LOG ||
           key->kind == CONF_SHM;
}

static void keep(const struct conf *running, struct conf *fresh, const struct conf_key *key)
{
    const char *from = (const char *)running + key->offset;
    char *to = (char *)fresh + key->offset;
    if (is_text(key)) {
        const char *text = *(char *const *)from;
        free(*(char **)to);
        *(char **)to = text != NULL ? xstrdup(text) : NULL;
    } else {
        memcpy(to, from, key->size);
    }
}

size_t conf_keep_fixed(const struct conf *running, struct conf *fresh, struct buf *out)
{
    size_t n = conf_print_fixed_changes(running, fresh, out);
    for (size_t i = 0; n > 0 && i < conf_schema.n_keys; i++) {
        const struct conf_section *section = conf_schema.keys[i].section;
        for (size_t j = 0; section != NULL && j < section->n_keys; j++)
            if (section->keys[j].is_fixed)
                keep(running, fresh, &section->keys[j]);
    }
    return n;
}
