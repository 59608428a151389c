/* SPDX-License-Identifier: MIT */
/* Reads a configuration file: the one part of the configuration that touches the system (the file,
 * the environment, the number of CPUs). Called by the daemons and weirctl at a start and at a
 * reload. What the text means is check.h's. */
#ifndef WEIR_COMMON_CONF_LOAD_H
#define WEIR_COMMON_CONF_LOAD_H

#include <stdbool.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "common/conf/conf.h"

/* A larger file is refused, in bytes. */
#define CONF_FILE_MAX 1048576

/* Reads and checks the file. True: *out is the configuration (conf_free), and messages may hold
 * warnings. False: *out is NULL, and messages holds every fault, each a line
 * `FILE:LINE:COLUMN: text`. Secrets are never in messages. */
WEIR_MUST_CHECK bool conf_load(const char *path, struct conf **out, struct buf *messages);
/* As conf_load, for people who ask what a daemon would say (weir -t, weirctl check): what is not
 * set in the environment is looked up in the file `environment` beside the configuration, which
 * units and init scripts give to the daemons. */
WEIR_MUST_CHECK bool conf_load_for_check(const char *path, struct conf **out, struct buf *messages);
/* As conf_load, for programs that use no key (weir-trackerd, weirctl): ${NAME} is left as it
 * stands, so that the environment need not hold the keys. */
WEIR_MUST_CHECK bool conf_load_without_secrets(const char *path, struct conf **out,
                                               struct buf *messages);
/* As conf_load_for_check, for a client of weir: of the keys, only settings.apiKeys are read. */
WEIR_MUST_CHECK bool conf_load_with_client_keys(const char *path, struct conf **out,
                                                struct buf *messages);

#endif
