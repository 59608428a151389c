/* SPDX-License-Identifier: MIT */
/* The text of the state file: what must survive a reboot, with wall-clock instants. One JSON
 * object a line: a head, a line for each pair, and an end with a checksum of all before it, so that
 * a file that was cut, mixed or edited is noticed. snapshot.c writes and reads the file itself.
 * Pure.
 *
 * Known weakness: a file larger than STATEFILE_MAX is refused when it is read, but written all the
 * same; that takes more than 20000 pairs with something to remember. */
#ifndef WEIR_TRACKERD_TABLE_STATEFILE_H
#define WEIR_TRACKERD_TABLE_STATEFILE_H

#include <stddef.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "trackerd/table/table.h"

#define STATEFILE_VERSION 1
#define STATEFILE_MAX     (16 * 1024 * 1024) /* bytes; a larger file is not ours */

/* Appends the whole text, for the rows that hold more than a fresh row does. */
void statefile_write(const struct table *table, struct cooldown_now now, struct buf *out);

enum statefile_error {
    STATEFILE_OK,
    STATEFILE_CUT,     /* no end line, or too few pairs */
    STATEFILE_DAMAGED, /* checksum or syntax */
    STATEFILE_FOREIGN, /* another version, or something else altogether */
};
const char *statefile_error_text(enum statefile_error error);

/* Reads a text, all of it or nothing. Its rows are adopted into the table. Cooldowns that ended
 * meanwhile are dropped, and so are those that end absurdly late. *restored: how many pairs found a
 * place. */
WEIR_MUST_CHECK enum statefile_error statefile_read(const char *text, size_t len,
                                                    struct table *table, struct cooldown_now now,
                                                    unsigned *restored);

#endif
