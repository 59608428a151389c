/* SPDX-License-Identifier: MIT */
/* Percent-encoded parts of a request's target: the path's last part and the query's members. Pure.
 * Called by sim_control.c and sim_wait.c. */
#ifndef WEIR_SIM_QUERY_H
#define WEIR_SIM_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes; the caller frees. NULL: malformed, or it has a NUL. In a query `+` is a space. */
char *query_decode(const char *text, size_t len, bool is_query);

/* Takes the next NAME=VALUE off the query; both decoded, the caller frees both. False: no more, or
 * a malformed one (then *is_bad). */
bool query_next(const char **query, size_t *len, char **name, char **value, bool *is_bad);

/* A whole number up to max. */
bool query_number(const char *text, uint64_t max, uint64_t *out);

#endif
