/* SPDX-License-Identifier: MIT */
/* weir: the gateway. Parses options, reads the configuration, goes to the background, and hands
 * over to the master. A weir that another one started to be replaced by it stays where it is. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/options.h"
#include "common/process/pidfile.h"
#include "common/process/user.h"
#include "server/master/master.h"
#include "server/upstream/module.h"

static void become_daemon(const struct daemon_options *options, const struct conf *conf)
{
    int uid, gid;
    daemon_background(options);
    daemon_lookup_user(conf, &uid, &gid);
    pidfile_begin(conf->pid_file, "weir", uid, gid);
}

int main(int argc, char **argv)
{
    struct daemon_options options;
    struct master_handover handover;
    daemon_hold_signals();
    log_init("weir");
    bool is_successor = master_handover_take(&handover);
    daemon_parse_options(argc, argv, "weir",
                         "LLM gateway that fails over between providers, also mid-stream",
                         &options);
    options.load_needs = transfer_module_load;
    struct conf *conf = daemon_load_conf(&options);
    daemon_open_log(&options, conf);
    if (!is_successor) /* a successor is in the background already, and gets the pid file later */
        become_daemon(&options, conf);
    int code = master_run(conf, &options, is_successor ? &handover : NULL);
    pidfile_remove();
    free(handover.fds);
    return code;
}
