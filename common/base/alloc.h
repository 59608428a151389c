/* SPDX-License-Identifier: MIT */
/* Allocation that cannot fail, for every process. A daemon that is out of memory dies with a
 * message and is restarted by its parent; half-built state would be worse. free(3) frees. */
#ifndef WEIR_COMMON_BASE_ALLOC_H
#define WEIR_COMMON_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* As reallocarray(3): the product is checked for overflow. */
void *xreallocarray(void *ptr, size_t count, size_t size);
char *xstrdup(const char *s);
/* Copies at most len bytes of s and ends them with a NUL. */
char *xstrndup(const char *s, size_t len);
/* Copies len bytes, whatever they are, and puts a NUL behind them. */
char *xmemdup(const void *data, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
