/* SPDX-License-Identifier: MIT */
/* What the simulator knows of each model: its scenario (from its name or from a script) and its
 * counters; and the counters of the whole. Called by sim_serve.c, sim_play.c, sim_control.c and
 * sim_wait.c. Touches no socket. */
#ifndef WEIR_SIM_MODELS_H
#define WEIR_SIM_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_scenario.h"

#define MODELS_MAX       4096 /* further names are refused: each costs memory until a reset */
#define SCRIPT_ITEMS_MAX 10000

/* How an answer ended. */
enum ending {
    ENDING_ACTIVE,    /* it has not */
    ENDING_COMPLETED, /* sent whole */
    ENDING_ABORTED,   /* the peer left before */
    ENDING_FAULT      /* the scenario broke it off */
};

struct counters {
    uint64_t requests;
    uint64_t active;
    uint64_t completed;
    uint64_t aborted;
    uint64_t faults;
    uint64_t connections;
    uint64_t open_connections;
};

struct model;

/* The model of that name, made when new; NULL: there are MODELS_MAX. Lives until models_reset
 * while no request of it is active. */
struct model *model_find(const char *name);
/* As model_find, but never makes one. */
struct model *model_peek(const char *name);
const char *model_name(const struct model *m);

/* The scenario of the next request: the script's turn (of the exact name, else of its BASE), else
 * what the name says. With a reference for the caller. NULL: the name is no scenario; *error says
 * why and lives as long as m. */
struct scenario *model_next_scenario(struct model *m, const char **error);
/* Whether that scenario reads slowly; moves no script on. */
bool model_is_slow(struct model *m);

/* Sets a script: `count` scenarios, whose references are taken with the array itself. */
void model_set_script(struct model *m, struct scenario **items, size_t count, bool is_loop);
void model_delete_script(struct model *m);
bool model_has_script(const struct model *m);

/* Counting. `m` may be NULL: a request without a model. An ending belongs to the reset epoch in
 * which its request began; later it only ends being active. */
uint32_t models_epoch(void);
void models_count_request(struct model *m); /* it is active from here on */
void models_count_ending(struct model *m, enum ending ending, uint32_t epoch);
void models_count_open(void);
void models_count_closed(bool is_quiet);
void models_uncount_connection(void); /* it turned out to be a control connection */

const struct counters *models_total(void);
/* Of one model; all 0 when the name is unknown. */
struct counters models_counters(const char *name);

/* Calls fn for each model, in the order of their first request. */
void models_each(void (*fn)(const struct model *m, const struct counters *counters, void *arg),
                 void *arg);

/* Called after each change of a counter. */
void models_on_change(void (*fn)(void));

void models_reset(void); /* scripts and counters; what is active stays active */
void models_free(void);  /* everything, at exit */

#endif
