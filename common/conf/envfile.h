/* SPDX-License-Identifier: MIT */
/* The file of variables beside the configuration (etc/environment): NAME=value lines, as systemd
 * and the init scripts give them to the daemons. Read by load.c for checks, which people run in
 * shells that do not have these variables. Pure.
 *
 * Known to be weak: a shell would do more with a value than take quotes off its ends. */
#ifndef WEIR_COMMON_CONF_ENVFILE_H
#define WEIR_COMMON_CONF_ENVFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"

/* Replaces out by the value of the last line that sets the name. False when none does. */
WEIR_MUST_CHECK bool envfile_find(const char *text, size_t len, const char *name, struct buf *out);

#endif
