/* SPDX-License-Identifier: MIT */
/* Small texts of weirctl for people. Pure. */
#ifndef WEIR_TRACKERD_WEIRCTL_TEXT_H
#define WEIR_TRACKERD_WEIRCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/* 850ms, 12.3s, 3m20s, 2h05m, 3d04h */
void text_put_duration(struct buf *out, uint64_t ms);

/* Appends text without control characters: names come from a file and a table, messages from a
 * provider, and none of them may control a terminal. */
void text_put_clean(struct buf *out, const char *text);

/* In characters, each counted as one column. */
size_t text_width(const char *text, size_t len);

/* Appends at most `width` characters (0 = all); a text that was cut ends with a tilde. */
void text_put_cut(struct buf *out, const char *text, size_t len, size_t width);

#endif
