/* SPDX-License-Identifier: MIT */
/* weir-trackerd: the tracker daemon. Parses options, reads the configuration, goes to the
 * background, and hands over to trackerd.c. */
#include "common/base/log.h"
#include "common/process/daemon.h"
#include "common/process/options.h"
#include "common/process/pidfile.h"
#include "common/process/user.h"
#include "trackerd/daemon/trackerd.h"

int main(int argc, char **argv)
{
    struct daemon_options options;
    int uid, gid;
    daemon_hold_signals();
    log_init("weir-trackerd");
    daemon_parse_options(argc, argv, "weir-trackerd",
                         "keeps the table of cooldowns that all weir workers share", &options);
    options.without_secrets = true; /* it talks to no provider */
    struct conf *conf = daemon_load_conf(&options);
    daemon_open_log(&options, conf);
    daemon_background(&options);
    daemon_lookup_user(conf, &uid, &gid);
    pidfile_begin(conf->tracker_pid_file, "weir-trackerd", daemon_lookup_tracker_user(conf), gid);
    int code = trackerd_run(&options, conf);
    pidfile_remove();
    return code;
}
