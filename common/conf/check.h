/* SPDX-License-Identifier: MIT */
/* From the text of a configuration file to a struct conf, without touching the system: the part of
 * loading (load.h) that tests and the fuzzer drive. Goes on after a fault, so that one run reports
 * all of them. Pure. */
#ifndef WEIR_COMMON_CONF_CHECK_H
#define WEIR_COMMON_CONF_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "common/conf/conf.h"

/* Everything the result depends on. Borrowed for the call. */
struct conf_source {
    const char *path; /* for messages, and the folder that relative paths start from */
    const char *text;
    size_t len;
    /* Where ${NAME} comes from; NULL: it is left as it stands, and may be unset. */
    const char *(*lookup_env)(const char *name);
    uint32_t n_cpus; /* what workers: auto means */
    /* Can this file be read now? NULL: nobody will read it. */
    bool (*can_read)(const char *path);
    bool wants_client_keys_only; /* in a provider's key, ${NAME} is left all the same */
};

/* As conf_load. */
WEIR_MUST_CHECK bool conf_parse(const struct conf_source *source, struct conf **out,
                                struct buf *messages);

#endif
