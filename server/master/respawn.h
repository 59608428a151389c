/* SPDX-License-Identifier: MIT */
/* When a worker that has died is replaced: at once, and with a growing delay from its third death
 * within RESPAWN_WINDOW_MS on. Pure. One for each worker, so that one that keeps dying holds up no
 * other. The delays themselves do not count: one that dies at its start is not taken for healthy
 * because it was long in coming. */
#ifndef WEIR_SERVER_MASTER_RESPAWN_H
#define WEIR_SERVER_MASTER_RESPAWN_H

#include <stdbool.h>
#include <stdint.h>

#define RESPAWN_WINDOW_MS 10000
#define RESPAWN_FIRST_MS  100
#define RESPAWN_LAST_MS   5000
/* The longest delay while no other worker serves: connections wait for this one. */
#define RESPAWN_ALONE_MS 250

struct respawn {
    uint64_t due_at;   /* boot clock ns; 0 = nothing is due */
    uint32_t delay_ms; /* the latest */
    uint32_t deaths;   /* as many as matter: at most 2 */
    uint64_t life_ms;  /* from the last death but one to the last, without the delay */
};

/* It has died, after that life. */
void respawn_after_death(struct respawn *respawn, uint64_t started_at, uint64_t now_at,
                         bool is_alone);
/* It could not be forked. */
void respawn_after_failed_fork(struct respawn *respawn, uint64_t now_at, bool is_alone);

#endif
