/* SPDX-License-Identifier: MIT */
/* See alloc.h. */
#include "common/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *ptr)
{
    if (ptr == NULL) {
        static const char msg[] = "out of memory\n";
        fwrite(msg, 1, sizeof(msg) - 1, stderr);
        abort();
    }
    return ptr;
}

void *xmalloc(size_t size)
{
    return must(malloc(size != 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

void *xreallocarray(void *ptr, size_t count, size_t size)
{
    return must(reallocarray(ptr, count != 0 ? count : 1, size != 0 ? size : 1));
}

char *xstrdup(const char *s)
{
    return must(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
    return must(strndup(s, len));
}

char *xmemdup(const void *data, size_t len)
{
    char *out = xmalloc(len + 1);
    memcpy(out, data, len);
    out[len] = '\0';
    return out;
}

char *xasprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return must(n < 0 ? NULL : out);
}
