/* SPDX-License-Identifier: MIT */
/* The pairs as columns for people, fitted to a screen. Used by weirctl's status and top. Pure. */
#ifndef WEIR_TRACKERD_WEIRCTL_COLUMNS_H
#define WEIR_TRACKERD_WEIRCTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/routing/pair_rows.h"

/* What standard output is. */
struct screen {
    bool is_live; /* a terminal whose cursor can be moved */
    bool has_colors;
    int width, height; /* in characters; 0 = no limit */
};

enum color {
    COLOR_PLAIN,
    COLOR_HEADING,
    COLOR_GOOD,
    COLOR_WARNING,
    COLOR_BAD
};
/* The sequence that begins it; "" without colours. COLOR_PLAIN ends any. */
const char *columns_color(const struct screen *screen, enum color color);

/* Appends headings and rows. To fit the width, the least important columns are left out first, then
 * names are cut. With a height, at most that many lines are written, but no fewer than 2; if not
 * all rows fit, those that are not simply available come first, and the last line says how many are
 * missing. */
void columns_put(struct buf *out, const struct pair_row *rows, size_t n,
                 const struct screen *screen);

/* Appends `N pairs: N available, ...; N requests, N failed`. */
void columns_put_totals(struct buf *out, const struct pair_row *rows, size_t n);

#endif
