/* SPDX-License-Identifier: MIT */
/* The settings in force, printed by the schema as a configuration file that loads again (with its
 * secrets masked, of course); and which settings of two configurations differ, found by comparing
 * what is printed of them. For weirctl config and for reloads. Pure. */
#ifndef WEIR_COMMON_CONF_EFFECTIVE_H
#define WEIR_COMMON_CONF_EFFECTIVE_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"

/* Appends the settings in force as YAML. Secrets are masked. */
void conf_print_effective(const struct conf *conf, struct buf *out);

/* For a reload: appends the keys that differ but take effect only at a restart, as "server.user,
 * tracker.shm", and returns how many there are. */
size_t conf_print_fixed_changes(const struct conf *running, const struct conf *fresh,
                                struct buf *out);

/* The same, and then gives `fresh` the running values of those keys. */
size_t conf_keep_fixed(const struct conf *running, struct conf *fresh, struct buf *out);

#endif
