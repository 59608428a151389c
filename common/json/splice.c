/* SPDX-License-Identifier: MIT */
/* See splice.h. */
#include "common/json/splice.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

#define FIRST_CAPACITY 8

void splices_free(struct splices *s)
{
    free(s->items);
    *s = (struct splices)SPLICES_INIT;
}

/* An insertion comes before what begins at the same offset and takes bytes away. */
static bool is_before(const struct splice *a, const struct splice *b)
{
    return a->from != b->from ? a->from < b->from : a->to < b->to;
}

void splices_add(struct splices *s, size_t from, size_t to, struct jsonscan_span with)
{
    struct splice added = {from, to, with};
    if (s->n == s->cap) {
        s->cap = s->cap != 0 ? s->cap * 2 : FIRST_CAPACITY;
        s->items = xreallocarray(s->items, s->cap, sizeof(*s->items));
    }
    size_t place = s->n;
    while (place > 0 && is_before(&added, &s->items[place - 1]))
        place--;
    memmove(s->items + place + 1, s->items + place, (s->n - place) * sizeof(*s->items));
    s->items[place] = added;
    s->n++;
}

static size_t length_after(const struct splices *s, size_t len)
{
    for (size_t i = 0; i < s->n; i++)
        len = len - (s->items[i].to - s->items[i].from) + s->items[i].with.len;
    return len;
}

static char *put(char *out, const char *from, size_t len)
{
    if (len > 0)
        memcpy(out, from, len);
    return out + len;
}

char *splices_apply(const struct splices *s, const char *text, size_t len, size_t *out_len)
{
    size_t at = 0;
    *out_len = length_after(s, len);
    char *applied = xmalloc(*out_len + 1), *out = applied;
    for (size_t i = 0; i < s->n; i++) {
        const struct splice *splice = &s->items[i];
        out = put(out, text + at, splice->from - at);
        out = put(out, splice->with.at, splice->with.len);
        at = splice->to;
    }
    *put(out, text + at, len - at) = '\0';
    return applied;
}

static size_t add_piece(struct iovec *pieces, size_t n, const char *from, size_t len)
{
    if (len > 0)
        pieces[n++] = (struct iovec){(char *)from, len};
    return n;
}

size_t splices_pieces(const struct splices *s, const char *text, size_t len, struct iovec *pieces)
{
    size_t at = 0, n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct splice *splice = &s->items[i];
        n = add_piece(pieces, n, text + at, splice->from - at);
        n = add_piece(pieces, n, splice->with.at, splice->with.len);
        at = splice->to;
    }
    return add_piece(pieces, n, text + at, len - at);
}

/* An item goes with the comma before it; those that nothing kept stands before, with the one behind
 * them. */
void splice_prune(struct splice_pruner *p, size_t from, size_t to, bool is_removed)
{
    if (p->is_pending)
        splices_add(p->out, p->pending_from, from, SPLICE_TEXT(""));
    p->is_pending = is_removed && !p->has_kept;
    if (p->is_pending)
        p->pending_from = from;
    else if (is_removed)
        splices_add(p->out, p->last_to, to, SPLICE_TEXT(""));
    p->has_kept |= !is_removed;
    p->last_to = to;
}

void splice_prune_end(struct splice_pruner *p)
{
    if (p->is_pending)
        splices_add(p->out, p->pending_from, p->last_to, SPLICE_TEXT(""));
    p->is_pending = false;
}
