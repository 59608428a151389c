/* SPDX-License-Identifier: MIT */
/* See reload.h. */
#include "trackerd/daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/conf/effective.h"
#include "common/conf/load.h"
#include "common/process/daemon.h"

/* What names the table, the socket and the files cannot change under a running trackerd. */
static void keep_fixed(struct conf *fresh, const struct conf *old, struct buf *messages)
{
    struct buf names = BUF_INIT;
    if (conf_keep_fixed(old, fresh, &names) > 0)
        buf_printf(messages, "what has changed in %s takes effect at a restart only\n",
                   buf_cstr(&names));
    buf_free(&names);
}

bool reload_conf(struct keeper *keeper, struct buf *messages)
{
    const struct conf *old = keeper_conf(keeper);
    struct conf *fresh = NULL;
    daemon_notify("RELOADING=1");
    bool is_valid = conf_load_without_secrets(old->path, &fresh, messages);
    if (is_valid) {
        keep_fixed(fresh, old, messages);
        log_set_level(fresh->log_level);
        keeper_configure(keeper, fresh);
        log_info("configuration %s reloaded: %u pairs", fresh->path, fresh->n_pairs);
    } else {
        log_error("configuration %s is not valid; the old one stays in force", old->path);
    }
    log_lines(is_valid ? LOGLV_WARN : LOGLV_ERROR, "", buf_cstr(messages));
    daemon_notify("READY=1");
    return is_valid;
}
