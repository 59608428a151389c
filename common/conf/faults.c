/* SPDX-License-Identifier: MIT */
/* See faults.h. */
#include "common/conf/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/utf8.h"

static char *format_text(const char *fmt, va_list ap)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        text = xstrdup(fmt);
    return text;
}

/* Takes the text. */
static void take_fault(struct conf_faults *faults, struct conf_place place, char *text)
{
    if (faults->n == faults->cap) {
        faults->cap = faults->cap != 0 ? faults->cap * 2 : 8;
        faults->list = xreallocarray(faults->list, faults->cap, sizeof(*faults->list));
    }
    faults->list[faults->n] = (struct conf_fault){place, faults->n, text};
    faults->n++;
}

void conf_faults_add(struct conf_faults *faults, struct conf_place place, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    take_fault(faults, place, format_text(fmt, ap));
    va_end(ap);
    faults->n_errors++;
}

void conf_faults_warn(struct conf_faults *faults, struct conf_place place, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = format_text(fmt, ap);
    va_end(ap);
    take_fault(faults, place, xasprintf("warning: %s", text));
    free(text);
}

static int compare_numbers(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_faults(const void *a, const void *b)
{
    const struct conf_fault *x = a, *y = b;
    int by_line = compare_numbers(x->place.line, y->place.line);
    int by_column = compare_numbers(x->place.column, y->place.column);
    return by_line != 0     ? by_line
           : by_column != 0 ? by_column
                            : compare_numbers(x->order, y->order);
}

void conf_faults_print(struct conf_faults *faults, const char *path, struct buf *out)
{
    if (faults->n > 1)
        qsort(faults->list, faults->n, sizeof(*faults->list), compare_faults);
    for (size_t i = 0; i < faults->n; i++) {
        const struct conf_fault *fault = &faults->list[i];
        buf_printf(out, "%s:%u:%u: %s\n", path, fault->place.line, fault->place.column,
                   fault->text);
    }
}

void conf_faults_free(struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++)
        free(faults->list[i].text);
    free(faults->list);
    *faults = (struct conf_faults)CONF_FAULTS_INIT;
}

void conf_put_shown(struct buf *out, const char *text, size_t len)
{
    size_t shown = len < CONF_SHOWN_MAX ? len : CONF_SHOWN_MAX;
    /* A cut must not end inside a character. */
    while (shown < len && shown > 0 && utf8_is_tail((unsigned char)text[shown]))
        shown--;
    buf_put_json(out, text, shown);
    if (shown < len)
        buf_puts(out, "...");
}
