/* weir: the gateway. Parses options, reads the configuration, goes to the background, and hands
 * over to the master. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/daemon.h"
#include "common/log.h"
#include "server/master.h"

int main(int argc, char **argv)
{
    struct daemon_options options;
    log_init("weir");
    daemon_parse_options(argc, argv, "weir",
                         "LLM gateway that fails over between providers, also mid-stream",
                         &options);
    struct conf *conf = daemon_load_conf(&options);
    log_set_level(conf->log_level);
    daemon_open_log(&options, conf);
    daemon_background(&options);
    if (daemon_pid_file_write(conf->pid_file) != 0)
        log_fatal(EX_UNAVAILABLE, "pid file %s: %s", conf->pid_file,
                  errno == EAGAIN ? "another weir holds it" : strerror(errno));
    int code = master_run(conf, &options);
    daemon_pid_file_remove();
    return code;
}
