/* SPDX-License-Identifier: MIT */
/* Reads from a request's JSON body what decides the answer: top-level `model`, `stream` and
 * `stream_options.include_usage`. One cheap pass: nested values are skipped with their brackets
 * counted, so that 32 MB of image cost milliseconds. Pure. Called by sim_serve.c. */
#ifndef WEIR_SIM_BODY_H
#define WEIR_SIM_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define BODY_MODEL_MAX 4096 /* bytes of a model's name, fault list included */

enum body_result {
    BODY_GOOD,
    BODY_CUT, /* ended too early: what was seen so far is set */
    BODY_BAD  /* not a JSON object, or a member of the wrong type; `error` says which */
};

struct body {
    bool has_model;
    char model[BODY_MODEL_MAX + 1]; /* unescaped, NUL-terminated */
    bool is_stream;
    bool is_usage_wanted;
    const char *error;
};

enum body_result body_read(struct body *b, const char *data, size_t len);

#endif
