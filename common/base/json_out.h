/* SPDX-License-Identifier: MIT */
/* Members of a JSON object that is built with json-c: the kinds that weir's own answers are made
 * of. Used by status, GET /v1/ratelimits and weirctl --json; not for a request's way, which builds
 * no trees. The key is copied. What is not known becomes null, so that an object has the same
 * members at all times. */
#ifndef WEIR_COMMON_BASE_JSON_OUT_H
#define WEIR_COMMON_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* NULL becomes null. */
void json_out_text(json_object *o, const char *key, const char *text);
void json_out_bool(json_object *o, const char *key, bool value);
/* Below 2^63. */
void json_out_number(json_object *o, const char *key, uint64_t number);
/* null unless it is known. */
void json_out_known(json_object *o, const char *key, bool is_known, int64_t number);
/* 0 becomes null. */
void json_out_nonzero(json_object *o, const char *key, uint64_t number);
/* Microseconds as milliseconds, with three decimals. */
void json_out_ms(json_object *o, const char *key, double us);

#endif
