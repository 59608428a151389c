/* SPDX-License-Identifier: MIT */
/* See commands.h. The commands that are only a question to trackerd, or need no process at all, are
 * here, too. */
#include "trackerd/weirctl/commands.h"

#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/fd.h"
#include "common/conf/effective.h"
#include "common/conf/load.h"
#include "common/process/options.h"
#include "common/terms/pair_key.h"
#include "trackerd/weirctl/events.h"
#include "trackerd/weirctl/explain.h"
#include "trackerd/weirctl/init.h"
#include "trackerd/weirctl/link.h"
#include "trackerd/weirctl/print.h"
#include "trackerd/weirctl/probe_command.h"
#include "trackerd/weirctl/route.h"
#include "trackerd/weirctl/view.h"
#include "trackerd/weirctl/weir.h"

/* ---- commands to trackerd -------------------------------------------------------------------- */

static int ask(const struct weirctl *ctl, const struct evwire_command *command,
               struct evwire_reply *reply)
{
    int fd = link_open(ctl->conf);
    if (fd < 0)
        return link_fail(ctl->conf);
    bool is_answered = link_ask(fd, command, reply);
    fd_close_keeping_errno(fd);
    return is_answered ? WEIRCTL_DONE : link_fail(ctl->conf);
}

/* How trackerd took it; an exit code. */
static int tell(const struct weirctl *ctl, const struct evwire_reply *reply)
{
    print_result(ctl->as_json, reply->status == EVST_DONE, reply->count, reply->text);
    return reply->status == EVST_DONE ? WEIRCTL_DONE
                                      : weirctl_fail(WEIRCTL_REFUSED, "%s", reply->text);
}

static int ask_about_pair(const struct weirctl *ctl, struct evwire_command *command)
{
    struct evwire_reply reply;
    const char *provider = ctl->argv[0], *model = ctl->argv[1];
    if (strlen(provider) >= sizeof(command->provider) || strlen(model) >= sizeof(command->model))
        return weirctl_fail(WEIRCTL_REFUSED, "no pair %s %s: the name is too long", provider,
                            model);
    strcpy(command->provider, provider);
    strcpy(command->model, model);
    int code = ask(ctl, command, &reply);
    if (code != WEIRCTL_DONE)
        return code;
    if (reply.status != EVST_UNKNOWN_PAIR)
        return tell(ctl, &reply);
    print_result(ctl->as_json, false, reply.count, reply.text);
    if (conf_find_pair(ctl->conf, pair_key_hash(provider, model)) >= 0)
        return weirctl_fail(WEIRCTL_REFUSED,
                            "%s: %s/%s, which stands in the configuration: has weir-trackerd been "
                            "reloaded, and is tracker.capacity large enough?",
                            reply.text, provider, model);
    return weirctl_fail(WEIRCTL_REFUSED, "%s: %s/%s%s", reply.text, provider, model,
                        weirctl_hint_pair(ctl->conf, provider, model));
}

static int clear_all(const struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_CLEAR_ALL};
    struct evwire_reply reply;
    int code = ask(ctl, &command, &reply);
    return code != WEIRCTL_DONE ? code : tell(ctl, &reply);
}

/* The arguments as one text; false when there is no room for it. */
static bool join(char *out, size_t size, int argc, char **argv)
{
    size_t len = 0;
    for (int i = 0; i < argc && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "", argv[i]);
    return len < size;
}

static int run_cooldown(const struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_COOLDOWN};
    double seconds, max = (double)(SHM_TABLE_REST_MAX_NS / 1000000000);
    if (!weirctl_parse_seconds(ctl->argv[2], &seconds) || seconds > max)
        return weirctl_fail(EX_USAGE, "%s is not a number of seconds above 0 and up to %.0f",
                            ctl->argv[2], max);
    command.duration_ms = (uint64_t)ceil(seconds * 1000);
    if (!join(command.reason, sizeof(command.reason), ctl->argc - 3, ctl->argv + 3))
        return weirctl_fail(EX_USAGE, "the reason is longer than %zu bytes",
                            sizeof(command.reason) - 1);
    return ask_about_pair(ctl, &command);
}

static int run_clear(const struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_CLEAR};
    return ctl->is_all ? clear_all(ctl) : ask_about_pair(ctl, &command);
}

/* weir reloads even without a tracker, but not a file that trackerd has refused. */
static int run_reload(const struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_RELOAD};
    struct evwire_reply reply;
    const char *which = ctl->argc > 0 ? ctl->argv[0] : NULL;
    if (which != NULL && strcmp(which, "weir") == 0)
        return weir_reload(ctl, true);
    if (which != NULL && strcmp(which, "trackerd") != 0)
        return weirctl_fail(EX_USAGE, "reload weir, or trackerd, or (without an argument) both");
    int code = ask(ctl, &command, &reply);
    if (code == WEIRCTL_DONE && (which != NULL || reply.status != EVST_DONE))
        return tell(ctl, &reply);
    int weirs_code = which == NULL ? weir_reload(ctl, false) : code;
    if (code == WEIRCTL_DONE && weirs_code == WEIRCTL_DONE)
        return tell(ctl, &reply);
    return code != WEIRCTL_DONE ? code : weirs_code;
}

/* ---- check, version -------------------------------------------------------------------------- */

static int run_check(const struct weirctl *ctl)
{
    struct buf messages = BUF_INIT, text = BUF_INIT;
    struct conf *conf = NULL;
    /* What is printed has no secret, so that none needs to be there. */
    bool is_good = ctl->is_effective ? conf_load_without_secrets(ctl->conf_path, &conf, &messages)
                                     : conf_load_for_check(ctl->conf_path, &conf, &messages);
    fputs(buf_cstr(&messages), stderr);
    if (is_good && ctl->is_effective) {
        conf_print_effective(conf, &text);
        fputs(buf_cstr(&text), stdout);
    } else {
        if (is_good)
            buf_printf(&text, "configuration %s is valid", ctl->conf_path);
        print_result(ctl->as_json, is_good, 0, buf_cstr(is_good ? &text : &messages));
    }
    buf_free(&messages);
    buf_free(&text);
    conf_free(&conf);
    return is_good ? WEIRCTL_DONE : EX_CONFIG;
}

static int run_version(const struct weirctl *ctl)
{
    puts(ctl->as_json ? "{\"version\":\"" PACKAGE_VERSION "\"}" : "weirctl " PACKAGE_VERSION);
    return WEIRCTL_DONE;
}

static int run_help(const struct weirctl *ctl)
{
    if (ctl->argc == 0) {
        commands_print_usage(stdout);
        return WEIRCTL_DONE;
    }
    for (const struct command *c = commands; c->name != NULL; c++)
        if (strcmp(c->name, ctl->argv[0]) == 0) {
            printf("weirctl [-c FILE] [--json] %s%s%s\n\n%s\n\nweirctl(8) says more.\n", c->name,
                   c->usage[0] != '\0' ? " " : "", c->usage, c->help);
            return WEIRCTL_DONE;
        }
    return weirctl_fail(EX_USAGE, "there is no command %s", ctl->argv[0]);
}

void commands_print_usage(FILE *to)
{
    fputs("usage: weirctl [-c FILE] [--json] COMMAND\n\n", to);
    for (const struct command *c = commands; c->name != NULL; c++)
        fprintf(to, "  %-10s %-34s %s\n", c->name, c->usage, c->help);
    fputs("\n  -c, --config FILE   the configuration (default " DAEMON_DEFAULT_CONF ")\n"
          "      --json          output for programs\n"
          "  -V, --version       print the version\n"
          "  -h, --help          print this\n"
          "\nPROVIDER MODEL may be written PROVIDER/MODEL.\n",
          to);
}

const struct command commands[] = {
    {"status", "[PROVIDER[/MODEL]]", "every pair and how it stands", 0, 2, true, false, false,
     view_run_status, false},
    {"top", "[SECONDS]", "the same, live", 0, 1, true, false, false, view_run_top, false},
    {"events", "", "follow what happens to pairs", 0, 0, true, false, false, events_run, false},
    {"route", "[CHAIN]", "which entry a request would take now, and why", 0, 1, true, false, false,
     route_run, false},
    {"explain", "[REQUEST-ID]", "what became of a request, or of the latest ones", 0, 1, true,
     false, false, explain_run, false},
    {"probe", "PROVIDER MODEL | --chain NAME",
     "try a pair, or each of a chain, with one small chat", 2, 2, true, false, false,
     probe_command_run, true},
    {"cooldown", "PROVIDER MODEL SECONDS [REASON]", "let a pair rest", 3, -1, true, false, false,
     run_cooldown, false},
    {"clear", "PROVIDER MODEL | --all", "end a rest and forget failures", 2, 2, true, true, false,
     run_clear, false},
    {"reload", "[weir | trackerd]", "read the configuration again", 0, 1, true, false, false,
     run_reload, false},
    {"upgrade", "", "replace the running weir by the installed one", 0, 0, true, false, false,
     weir_run_upgrade, false},
    {"check", "[--effective]", "check the configuration", 0, 0, false, false, true, run_check,
     false},
    {"init", "", "write a first configuration from the keys in the environment", 0, 0, false, false,
     false, init_run, false},
    {"help", "[COMMAND]", "what a command does", 0, 1, false, false, false, run_help, false},
    {"version", "", "print the version", 0, 0, false, false, false, run_version, false},
    {NULL, NULL, NULL, 0, 0, false, false, false, NULL, false},
};
