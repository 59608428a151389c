/* SPDX-License-Identifier: MIT */
/* A list of edits to a text; every byte not edited is kept. Pure. What must change is noted as
 * splices while the text is read; then the new text is written in one go. chat, rewrite and
 * normalize note them; the sender of the text writes it. */
#ifndef WEIR_COMMON_JSON_SPLICE_H
#define WEIR_COMMON_JSON_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "common/json/jsonscan.h"

/* Bytes [from, to) of the text are replaced by `with`; equal offsets insert. `with` is borrowed: a
 * constant, or a stretch of the text itself. */
struct splice {
    size_t from, to;
    struct jsonscan_span with;
};

struct splices {
    struct splice *items;
    size_t n, cap;
};

#define SPLICES_INIT \
    {                \
        NULL, 0, 0   \
    }
/* A constant text as a span. */
#define SPLICE_TEXT(literal) ((struct jsonscan_span){(literal), sizeof(literal) - 1})

void splices_free(struct splices *splices);
/* Splices may be added in any order, but cheaply only in that of the text; those that insert at the
 * same offset keep the order in which they were added. They must not overlap. */
void splices_add(struct splices *splices, size_t from, size_t to, struct jsonscan_span with);

/* The text with all splices carried out; a NUL follows it. The caller frees it. */
char *splices_apply(const struct splices *splices, const char *text, size_t len, size_t *out_len);
/* The same without copying: pieces of the text and of the splices, which must outlive them. Writes
 * at most SPLICES_PIECES_MAX of them and returns their number; none is empty. */
#define SPLICES_PIECES_MAX(splices) (2 * (splices)->n + 1)
size_t splices_pieces(const struct splices *splices, const char *text, size_t len,
                      struct iovec *pieces);

/* Takes members out of an object, or elements out of an array, each with one comma, so that what
 * stays is still JSON. Start with {.out = ...} and name every item of the container in its order.
 */
struct splice_pruner {
    struct splices *out;
    size_t last_to;      /* end of the item before */
    size_t pending_from; /* where the item begins that goes once the next one's place is known */
    bool has_kept, is_pending;
};
/* The item: from its key, or its value in an array, to the end of its value. */
void splice_prune(struct splice_pruner *pruner, size_t from, size_t to, bool is_removed);
void splice_prune_end(struct splice_pruner *pruner);

#endif
