/* weir-trackerd: the tracker daemon. Parses options, reads the configuration, goes to the
 * background, and hands over to trackerd.c. */
#include "common/daemon.h"
#include "common/log.h"
#include "trackerd/trackerd.h"

int main(int argc, char **argv)
{
    struct daemon_options options;
    log_init("weir-trackerd");
    daemon_parse_options(argc, argv, "weir-trackerd",
                         "keeps the table of cooldowns that all weir workers share", &options);
    options.without_secrets = true; /* it talks to no provider */
    struct conf *conf = daemon_load_conf(&options);
    daemon_open_log(&options, conf);
    daemon_background(&options);
    return trackerd_run(&options, conf);
}
