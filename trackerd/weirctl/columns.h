/* SPDX-License-Identifier: MIT */
/* The pairs as columns for people, on as much of a screen as there is. Pure. Used by weirctl's
 * status and top. */
#ifndef WEIR_TRACKERD_WEIRCTL_COLUMNS_H
#define WEIR_TRACKERD_WEIRCTL_COLUMNS_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/routing/pair_rows.h"
#include "trackerd/weirctl/screen.h"

/* Appends headings and rows. A screen's width is kept: what says least is left out first, then
 * names are cut. With a height, that many lines are written at most (2 are the least); where not
 * all rows fit, those that are not simply available come first, and the last line says how many
 * are left out. */
void columns_put(struct buf *out, const struct ratelimit_row *rows, size_t n,
                 const struct screen *screen);

/* Appends `N pairs: N available, ...; N requests, N failed`. */
void columns_put_totals(struct buf *out, const struct ratelimit_row *rows, size_t n);

#endif
