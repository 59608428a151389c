/* SPDX-License-Identifier: MIT */
/* Makes the shared table, keeps it sound, and makes it anew when it is not: the life of the table
 * as a whole, as opposed to single changes (apply.c). */
#ifndef WEIR_TRACKERD_TABLE_KEEPER_H
#define WEIR_TRACKERD_TABLE_KEEPER_H

#include "trackerd/daemon/trackerd.h"

/* Attaches to the living table or makes one (from the state file when there is one), and fits it to
 * the configuration. 0, or -1 with errno: EBUSY when another trackerd has it. */
int tablekeeper_open(struct trackerd *td);
void tablekeeper_close(struct trackerd *td);

/* The configuration changed: rules, pairs, capacity. */
void tablekeeper_configure(struct trackerd *td);

/* Once a second: sign of life, rows that nobody wants, damage. */
void tablekeeper_tick(struct trackerd *td);

#endif
