/* SPDX-License-Identifier: MIT */
/* A growing byte buffer, for building small texts: log lines, JSON answers, request bodies.
 * Used by every process. Not for streaming: evbuffers do that. Memory that runs out ends the
 * process (alloc.h). Pure. */
#ifndef WEIR_COMMON_BASE_BUF_H
#define WEIR_COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data; /* NULL while empty; NUL-terminated only by buf_cstr */
    size_t len;
    size_t cap;
};

#define BUF_INIT   \
    {              \
        NULL, 0, 0 \
    }

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
/* Makes room for `more` bytes after len and returns where they go; the caller adds to len. */
char *buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *data, size_t len);
void buf_putc(struct buf *b, char c);
/* In decimal. */
void buf_put_u64(struct buf *b, uint64_t number);
/* Inline, so that the length of a literal costs nothing. */
static inline void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends s as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void buf_put_json(struct buf *b, const char *s, size_t len);
/* The content with a NUL after it (not counted in len); valid until the next change of b. */
const char *buf_cstr(struct buf *b);
/* Hands the memory, NUL-terminated, to the caller, who frees it; b is empty afterwards. */
char *buf_take(struct buf *b);

#endif
