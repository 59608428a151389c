/* SPDX-License-Identifier: MIT */
/* What is wrong with a configuration file: collected while it is read, printed together, in the
 * order of the file. Used by yaml.c and check.c and what they call. No text given here may carry a
 * secret: say what was expected, not what stood there. Pure. */
#ifndef WEIR_COMMON_CONF_FAULTS_H
#define WEIR_COMMON_CONF_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/* A place in the file; lines and columns count from 1, columns in characters. */
struct conf_place {
    uint32_t line, column;
};

struct conf_fault {
    struct conf_place place;
    size_t order; /* faults of the same place stay in the order in which they were found */
    char *text;
};

struct conf_faults {
    struct conf_fault *list;
    size_t n, cap;
    size_t n_errors; /* the others are warnings */
};

#define CONF_FAULTS_INIT \
    {                    \
        NULL, 0, 0, 0    \
    }

void conf_faults_add(struct conf_faults *faults, struct conf_place place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A warning does not keep the file from being used. */
void conf_faults_warn(struct conf_faults *faults, struct conf_place place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends `PATH:LINE:COLUMN: text` for each, sorted by place. */
void conf_faults_print(struct conf_faults *faults, const char *path, struct buf *out);
void conf_faults_free(struct conf_faults *faults);

/* Appends text from the file as a message may show it: control characters escaped, cut after
 * CONF_SHOWN_MAX bytes. */
#define CONF_SHOWN_MAX 64
void conf_put_shown(struct buf *out, const char *text, size_t len);

#endif
