/* SPDX-License-Identifier: MIT */
/* weirctl's door: reads the options and the configuration, finds the command and runs it. */
#include "config.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/alloc.h"
#include "common/base/nearest.h"
#include "common/conf/load.h"
#include "common/process/options.h"
#include "common/shm/mapping.h"
#include "trackerd/weirctl/commands.h"
#include "trackerd/weirctl/weirctl.h"

enum {
    OPT_ALL = 256,
    OPT_CHAIN,
    OPT_EFFECTIVE
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"all", no_argument, NULL, OPT_ALL},
    {"chain", required_argument, NULL, OPT_CHAIN},
    {"effective", no_argument, NULL, OPT_EFFECTIVE},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- usage ----------------------------------------------------------------------------------- */

static int fail_usage(const struct command *command)
{
    if (command != NULL)
        fprintf(stderr, "usage: weirctl [-c FILE] [--json] %s%s%s\n", command->name,
                command->usage[0] != '\0' ? " " : "", command->usage);
    else
        commands_print_usage(stderr);
    return EX_USAGE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
    struct nearest nearest = nearest_start(name, strlen(name));
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
        nearest_offer(&nearest, c->name);
    }
    weirctl_fail(EX_USAGE, "there is no command %s%s", name,
                 weirctl_hint(nearest_if_close(&nearest)));
    return NULL;
}

static bool takes_pair(const struct command *command)
{
    return strncmp(command->usage, "PROVIDER MODEL", strlen("PROVIDER MODEL")) == 0;
}

static bool is_pair(const struct conf *conf, const char *text, size_t id_len)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        const char *id = conf->pairs[i].provider->id;
        if (strlen(id) == id_len && memcmp(id, text, id_len) == 0 &&
            strcmp(conf->pairs[i].model, text + id_len + 1) == 0)
            return true;
    }
    return false;
}

/* PROVIDER/MODEL, where it is one word, becomes the two that commands take. Ids may have slashes
 * of their own: a pair that there is comes first. Returns the arguments that it made, whose first
 * is its own, too; NULL = none. */
static char **split_pair(const struct command *command, struct weirctl *ctl)
{
    char *first = ctl->argc > 0 ? ctl->argv[0] : NULL, *slash = NULL;
    for (char *at = first; first != NULL && slash == NULL && (at = strchr(at, '/')) != NULL; at++)
        slash = is_pair(ctl->conf, first, (size_t)(at - first)) ? at : NULL;
    if (slash == NULL && first != NULL && ctl->argc < command->min_args)
        slash = strchr(first, '/');
    if (slash == NULL)
        return NULL;
    char **argv = xcalloc((size_t)ctl->argc + 2, sizeof(*argv));
    argv[0] = xstrndup(first, (size_t)(slash - first));
    argv[1] = slash + 1;
    for (int i = 1; i < ctl->argc; i++)
        argv[i + 1] = ctl->argv[i];
    ctl->argv = argv;
    ctl->argc++;
    return argv;
}

static bool arguments_fit(const struct command *command, const struct weirctl *ctl)
{
    bool is_named = (ctl->is_all && command->takes_all) ||
                    (ctl->chain != NULL && command->takes_chain); /* by an option */
    int min = is_named ? 0 : command->min_args, max = is_named ? 0 : command->max_args;
    min -= takes_pair(command) && ctl->argc > 0 && strchr(ctl->argv[0], '/') != NULL;
    return ctl->argc >= min && (max < 0 || ctl->argc <= max) &&
           (!ctl->is_all || command->takes_all) && (ctl->chain == NULL || command->takes_chain) &&
           (!ctl->is_effective || command->takes_effective);
}

static bool load_conf(struct weirctl *ctl)
{
    struct buf messages = BUF_INIT;
    bool is_good = conf_load_without_secrets(ctl->conf_path, &ctl->conf, &messages);
    if (!is_good)
        fputs(buf_cstr(&messages), stderr);
    buf_free(&messages);
    return is_good;
}

static void trust_user(const char *name)
{
    const struct passwd *user = name != NULL ? getpwnam(name) : NULL;
    shm_trust_uid(user != NULL ? (int)user->pw_uid : -1);
}

/* Whose shared memory is looked at: the users that the file names, and whoever wrote the file. */
static void trust_owners(const struct weirctl *ctl)
{
    struct stat st;
    trust_user(ctl->conf->user);
    trust_user(ctl->conf->tracker_user);
    shm_trust_uid(stat(ctl->conf_path, &st) == 0 ? (int)st.st_uid : -1);
}

static int run(struct weirctl *ctl, int argc, char **argv)
{
    if (argc == 0)
        return fail_usage(NULL);
    const struct command *command = find_command(argv[0]);
    if (command == NULL)
        return EX_USAGE;
    ctl->argc = argc - 1;
    ctl->argv = argv + 1;
    if (!arguments_fit(command, ctl))
        return fail_usage(command);
    if (command->needs_conf && !load_conf(ctl))
        return EX_CONFIG;
    if (command->needs_conf)
        trust_owners(ctl);
    char **split = takes_pair(command) ? split_pair(command, ctl) : NULL;
    int code = command->run(ctl);
    if (split != NULL)
        free(split[0]);
    free(split);
    conf_free(&ctl->conf);
    if (fflush(stdout) != 0 && code == 0)
        code = weirctl_fail(EX_IOERR, "cannot write the output");
    return code;
}

int main(int argc, char **argv)
{
    struct weirctl ctl = {.conf_path = DAEMON_DEFAULT_CONF};
    int option;
    while ((option = getopt_long(argc, argv, "c:jVh", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            ctl.conf_path = optarg;
            break;
        case 'j':
            ctl.as_json = true;
            break;
        case OPT_ALL:
            ctl.is_all = true;
            break;
        case OPT_CHAIN:
            ctl.chain = optarg;
            break;
        case OPT_EFFECTIVE:
            ctl.is_effective = true;
            break;
        case 'V':
            puts("weirctl " PACKAGE_VERSION);
            return 0;
        case 'h':
            commands_print_usage(stdout);
            return 0;
        default:
            return fail_usage(NULL);
        }
    }
    return run(&ctl, argc - optind, argv + optind);
}
