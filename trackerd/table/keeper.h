/* SPDX-License-Identifier: MIT */
/* The keeper of the table: owns all that trackerd knows of pairs. Makes the shared table, keeps it
 * sound, rebuilds it when it is not, and fits it to the configuration: the life of the table as a
 * whole, as opposed to single changes (apply.c). Called by trackerd/daemon/ from the event loop;
 * knows no socket and no peer: code that wants to hear of changes registers a listener.
 *
 * Known weakness: to resize or to rebuild the table is one piece of work, in which the loop does
 * nothing else. */
#ifndef WEIR_TRACKERD_TABLE_KEEPER_H
#define WEIR_TRACKERD_TABLE_KEEPER_H

#include "common/base/attributes.h"

struct change_listener;
struct conf;
struct event_base;
struct keeper;

/* Attaches to the living table or makes one (from the state file when there is one), and fits it to
 * the configuration. Takes conf over in any case. gid: of the table, -1 = our own. NULL on failure,
 * which is logged: another trackerd owns the table, or it cannot be had. */
WEIR_MUST_CHECK struct keeper *keeper_open(struct event_base *base, struct conf *conf, int gid);
/* Frees everything but the shared table, which stays for the workers and for the next trackerd. */
void keeper_close(struct keeper **keeper);

/* Lives until the next keeper_configure. */
const struct conf *keeper_conf(const struct keeper *keeper);

/* Goes over to another configuration (rules, pairs, capacity), keeping the state of every pair that
 * stays. Takes conf over and frees the one before. */
void keeper_configure(struct keeper *keeper, struct conf *conf);

/* Once a second: shows that we are alive, frees rows that nobody wants, repairs damage. */
void keeper_tick(struct keeper *keeper);
/* Looks for the workers' pages when there are none, or when a new master has made its own. */
void keeper_find_pages(struct keeper *keeper);

/* Writes the state file now, waiting for the disk: for the stop. */
void keeper_flush(struct keeper *keeper);
/* A child process ended (SIGCHLD). */
void keeper_reap(struct keeper *keeper);

/* From now on the listener (changes.h) hears of every change, until changes_unlisten. Borrowed. */
void keeper_listen(struct keeper *keeper, struct change_listener *listener);

#endif
