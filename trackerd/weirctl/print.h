/* SPDX-License-Identifier: MIT */
/* What weirctl prints on standard output: plain columns for people, JSON for programs. No control
 * character of a name or a message reaches a terminal. */
#ifndef WEIR_TRACKERD_WEIRCTL_PRINT_H
#define WEIR_TRACKERD_WEIRCTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "common/routing/pair_rows.h"
#include "common/wire/evwire.h"
#include "trackerd/weirctl/tracker.h"

/* Without control characters (text.h), padded with blanks to that width. */
void print_clean(const char *text, int width);
/* 850ms, 12.3s, 3m20s, 2h05m, 3d04h; returns out. */
#define PRINT_DURATION_BYTES 32
const char *print_duration(char out[PRINT_DURATION_BYTES], uint64_t ms);
/* In local time, down to the millisecond; format: strftime(3)'s, to the second. Returns out. */
#define PRINT_TIME_BYTES 48
const char *print_time(char out[PRINT_TIME_BYTES], uint64_t wall_ms, const char *format)
    __attribute__((format(strftime, 3, 0)));
/* On one line; frees the object. */
void print_json(json_object *o);
/* How a command went: a JSON object, or, for people, the text if it is done. */
void print_result(bool as_json, bool is_done, uint32_t rows, const char *text);

void print_tracker_text(const struct tracker *tracker);
json_object *print_tracker_json(const struct tracker *tracker);

void print_status_text(const struct tracker *tracker, const struct pair_row *rows, size_t n);
/* The same as a picture that stays in place, with totals, as large as the terminal; without a
 * terminal, as print_status_text. */
void print_top_text(const struct tracker *tracker, const struct pair_row *rows, size_t n);
/* {"tracker":{...},"ratelimits":[...]} on one line */
void print_status_json(const struct tracker *tracker, const struct pair_row *rows, size_t n);

void print_change_text(const struct evwire_change *change);
void print_change_json(const struct evwire_change *change);

#endif
