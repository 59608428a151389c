/* weirctl's commands. See weirctl.h; the grammar is the table at the end. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/conf_nearest.h"
#include "common/wpages.h"
#include "trackerd/weirctl.h"
#include "trackerd/weirctl_print.h"

#define TOP_INTERVAL_S   1.0
#define TOP_INTERVAL_MIN 0.1
#define RECONNECT_MS     500
/* A tracker that has shown no life for this long is stopped or gone, whatever its process says. */
#define SILENCE_MAX_MS 5000

static void wait_seconds(double seconds)
{
    struct timespec ts = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&ts, NULL);
}

/* ---- pairs by name --------------------------------------------------------------------------- */

static bool pair_matches(const struct conf_pair *pair, const char *pattern)
{
    size_t len = strlen(pair->provider->id);
    if (strncmp(pattern, pair->provider->id, len) != 0)
        return false;
    return pattern[len] == '\0' ||
           (pattern[len] == '/' && strcmp(pattern + len + 1, pair->model) == 0);
}

/* The configured pair, or provider, that somebody probably meant; in a static buffer. */
static const char *nearest_pair(const struct conf *conf, const char *provider, const char *model)
{
    static char best[CONF_PROVIDER_ID_MAX + CONF_MODEL_MAX + 2];
    char *word = xasprintf("%s/%s", provider, model);
    struct conf_nearest nearest = conf_nearest_start(word, strlen(word));
    char **names = xcalloc(conf->n_pairs + 1, sizeof(*names));
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        names[i] = xasprintf("%s/%s", conf->pairs[i].provider->id, conf->pairs[i].model);
        conf_nearest_offer(&nearest, names[i]);
    }
    snprintf(best, sizeof(best), "%s", nearest.best != NULL ? nearest.best : "");
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        free(names[i]);
    free(names);
    free(word);
    return best;
}

/* ---- status, top ----------------------------------------------------------------------------- */

struct view { /* what status looks at */
    struct shmtab *tab;
    struct wpages *pages;
    struct ratelimit_row *rows;
    size_t n;
};

static int view_open(struct view *view, const struct conf *conf)
{
    enum shmtab_error error = shmtab_open_reader(conf->tracker_shm, &view->tab);
    if (error != SHMTAB_OK)
        return weirctl_fail(EX_UNAVAILABLE, "table %s: %s", conf->tracker_shm,
                            shmtab_error_text(error));
    view->pages = wpages_open_reader(conf->tracker_shm);
    view->rows = xcalloc(conf->n_pairs, sizeof(*view->rows));
    return 0;
}

static void view_close(struct view *view)
{
    shmtab_close(&view->tab);
    wpages_close(&view->pages);
    free(view->rows);
}

static void view_read(struct view *view, const struct conf *conf, const char *pattern)
{
    view->n = 0;
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        if (pattern == NULL || pair_matches(&conf->pairs[i], pattern))
            ratelimits_row(conf, i, view->tab, view->pages, &view->rows[view->n++]);
}

static struct print_tracker look_at_tracker(const struct view *view, const struct conf *conf)
{
    struct shmtab_tracker seen = shmtab_tracker(view->tab);
    uint64_t now_at = clock_boot_ns();
    struct print_tracker out = {.pid = seen.pid};
    out.silent_ms = now_at > seen.heartbeat_at ? (now_at - seen.heartbeat_at) / CLOCK_NS_PER_MS : 0;
    enum link_state link = link_probe(conf);
    bool is_there = link == LINK_UP || (link == LINK_FORBIDDEN && seen.pid > 0 &&
                                        (kill(seen.pid, 0) == 0 || errno == EPERM));
    out.is_running = seen.pid != 0 && is_there && out.silent_ms <= SILENCE_MAX_MS;
    out.is_unresponsive = seen.pid != 0 && is_there && !out.is_running;
    if (out.is_running && now_at > seen.started_at)
        out.uptime_ms = (now_at - seen.started_at) / CLOCK_NS_PER_MS;
    return out;
}

static void print_view(const struct weirctl *ctl, const struct view *view)
{
    struct print_tracker tracker = look_at_tracker(view, ctl->conf);
    if (ctl->as_json)
        print_status_json(&tracker, view->rows, view->n);
    else
        print_status_text(&tracker, view->rows, view->n);
}

static int fail_pattern(const struct conf *conf, const char *pattern)
{
    const char *slash = strchr(pattern, '/');
    char *provider = xstrndup(pattern, slash != NULL ? (size_t)(slash - pattern) : strlen(pattern));
    int code = weirctl_fail(WEIRCTL_REFUSED, "no pair is called %s; did you mean %s?", pattern,
                            nearest_pair(conf, provider, slash != NULL ? slash + 1 : ""));
    free(provider);
    return code;
}

static int run_status(struct weirctl *ctl)
{
    struct view view = {0};
    const char *pattern = ctl->argc > 0 ? ctl->argv[0] : NULL;
    int code = view_open(&view, ctl->conf);
    if (code != 0)
        return code;
    view_read(&view, ctl->conf, pattern);
    if (view.n > 0 || pattern == NULL)
        print_view(ctl, &view);
    else
        code = fail_pattern(ctl->conf, pattern);
    view_close(&view);
    return code;
}

static bool parse_seconds(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out) && *out > 0;
}

static volatile sig_atomic_t is_interrupted;
static void on_interrupt(int signal)
{
    is_interrupted = 1;
}

/* The loops of top and events end with the signal, and then tidily. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int run_top(struct weirctl *ctl)
{
    double interval = TOP_INTERVAL_S;
    if (ctl->argc > 0 && (!parse_seconds(ctl->argv[0], &interval) || interval < TOP_INTERVAL_MIN))
        return weirctl_fail(EX_USAGE, "%s is not a number of seconds of at least %.1f",
                            ctl->argv[0], TOP_INTERVAL_MIN);
    struct view view = {0};
    int code = view_open(&view, ctl->conf);
    catch_interrupt();
    while (code == 0 && !is_interrupted) {
        if (shmtab_is_retired(view.tab) || (view.pages != NULL && !wpages_is_current(view.pages)) ||
            view.pages == NULL) {
            view_close(&view);
            view = (struct view){0};
            code = view_open(&view, ctl->conf);
            if (code != 0)
                break;
        }
        view_read(&view, ctl->conf, NULL);
        if (!ctl->as_json && isatty(STDOUT_FILENO))
            fputs("\033[H\033[J", stdout);
        print_view(ctl, &view);
        if (fflush(stdout) != 0)
            break; /* nobody reads any more */
        wait_seconds(interval);
    }
    view_close(&view);
    return code;
}

/* ---- commands to trackerd -------------------------------------------------------------------- */

static int fail_link(const struct conf *conf)
{
    return weirctl_fail(EX_UNAVAILABLE, "weir-trackerd at %s: %s", conf->tracker_socket,
                        errno != 0 ? strerror(errno) : "it closed the connection");
}

static int code_of(enum ev_status status)
{
    return status == EVST_DONE ? WEIRCTL_DONE : WEIRCTL_REFUSED;
}

static int ask(struct weirctl *ctl, const struct evwire_command *command,
               struct evwire_reply *reply)
{
    int fd = link_open(ctl->conf);
    if (fd < 0)
        return fail_link(ctl->conf);
    int rc = link_ask(fd, command, reply);
    int error = errno;
    close(fd);
    errno = error;
    return rc == 0 ? 0 : fail_link(ctl->conf);
}

static void print_done(const struct weirctl *ctl, const struct evwire_reply *reply)
{
    if (ctl->as_json) {
        json_object *o = json_object_new_object();
        json_object_object_add(
            o, "status", json_object_new_string(reply->status == EVST_DONE ? "done" : "refused"));
        json_object_object_add(o, "rows", json_object_new_int64(reply->count));
        json_object_object_add(o, "message", json_object_new_string(reply->text));
        puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        json_object_put(o);
    } else if (reply->status == EVST_DONE) {
        puts(reply->text);
    }
}

/* Sends a command about one pair and tells how it went. */
static int ask_about_pair(struct weirctl *ctl, struct evwire_command *command)
{
    struct evwire_reply reply;
    const char *provider = ctl->argv[0], *model = ctl->argv[1];
    if (strlen(provider) >= sizeof(command->provider) || strlen(model) >= sizeof(command->model))
        return weirctl_fail(WEIRCTL_REFUSED, "no pair %s %s: the name is too long", provider,
                            model);
    strcpy(command->provider, provider);
    strcpy(command->model, model);
    int code = ask(ctl, command, &reply);
    if (code != 0)
        return code;
    print_done(ctl, &reply);
    if (reply.status == EVST_UNKNOWN_PAIR)
        return weirctl_fail(WEIRCTL_REFUSED, "%s: %s/%s; did you mean %s?", reply.text, provider,
                            model, nearest_pair(ctl->conf, provider, model));
    if (reply.status != EVST_DONE)
        weirctl_fail(WEIRCTL_REFUSED, "%s", reply.text);
    return code_of(reply.status);
}

static int ask_about_all(struct weirctl *ctl, enum ev_command number)
{
    struct evwire_command command = {.command = number};
    struct evwire_reply reply;
    int code = ask(ctl, &command, &reply);
    if (code != 0)
        return code;
    print_done(ctl, &reply);
    if (reply.status != EVST_DONE)
        weirctl_fail(WEIRCTL_REFUSED, "%s", reply.text);
    return code_of(reply.status);
}

static bool join(char *out, size_t size, int argc, char **argv)
{
    size_t len = 0;
    for (int i = 0; i < argc && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "", argv[i]);
    return len < size;
}

static int run_cooldown(struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_COOLDOWN};
    double seconds, max = (double)(SHMTAB_REST_MAX_NS / 1000000000);
    if (!parse_seconds(ctl->argv[2], &seconds) || seconds > max)
        return weirctl_fail(EX_USAGE, "%s is not a number of seconds above 0 and up to %.0f",
                            ctl->argv[2], max);
    command.duration_ms = (uint64_t)ceil(seconds * 1000);
    if (!join(command.reason, sizeof(command.reason), ctl->argc - 3, ctl->argv + 3))
        return weirctl_fail(EX_USAGE, "the reason is longer than %zu bytes",
                            sizeof(command.reason) - 1);
    return ask_about_pair(ctl, &command);
}

static int run_clear(struct weirctl *ctl)
{
    struct evwire_command command = {.command = EVCMD_CLEAR};
    return ctl->is_all ? ask_about_all(ctl, EVCMD_CLEAR_ALL) : ask_about_pair(ctl, &command);
}

/* weir reloads on SIGHUP to its master, which owns the workers' pages. */
static int reload_weir(const struct conf *conf)
{
    struct wpages *pages = wpages_open_reader(conf->tracker_shm);
    pid_t master = pages != NULL ? wpages_live_master(pages) : 0;
    wpages_close(&pages);
    if (master <= 0)
        return 0; /* nothing to reload */
    if (kill(master, SIGHUP) == 0)
        return 0;
    return weirctl_fail(WEIRCTL_REFUSED, "weir (pid %d): %s", (int)master, strerror(errno));
}

static int run_reload(struct weirctl *ctl)
{
    int code = ask_about_all(ctl, EVCMD_RELOAD);
    return code == 0 ? reload_weir(ctl->conf) : code;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Subscribes. -1: not now; an exit code above 0: never. */
static int subscribe(struct weirctl *ctl, int *fd)
{
    struct evwire_command command = {.command = EVCMD_EVENTS};
    struct evwire_reply reply;
    *fd = link_open(ctl->conf);
    if (*fd < 0)
        return -1;
    if (link_ask(*fd, &command, &reply) != 0)
        return -1;
    return reply.status == EVST_DONE ? 0 : weirctl_fail(WEIRCTL_REFUSED, "%s", reply.text);
}

static void follow(const struct weirctl *ctl, int fd)
{
    struct evwire_change change;
    while (!is_interrupted && link_next_change(fd, &change) == 0) {
        if (ctl->as_json)
            print_change_json(&change);
        else
            print_change_text(&change);
        if (fflush(stdout) != 0)
            is_interrupted = 1; /* nobody reads any more */
    }
}

static int run_events(struct weirctl *ctl)
{
    int fd, code = subscribe(ctl, &fd);
    if (code < 0)
        return fail_link(ctl->conf);
    catch_interrupt();
    while (code <= 0 && !is_interrupted) {
        if (code == 0) {
            follow(ctl, fd);
            if (!is_interrupted)
                weirctl_fail(0, "weir-trackerd is gone; waiting for it");
        }
        if (fd >= 0)
            close(fd);
        fd = -1;
        if (is_interrupted)
            break;
        wait_seconds(RECONNECT_MS / 1000.0);
        code = subscribe(ctl, &fd);
    }
    if (fd >= 0)
        close(fd);
    return code > 0 ? code : 0;
}

/* ---- check, version -------------------------------------------------------------------------- */

static int run_check(struct weirctl *ctl)
{
    struct buf messages = BUF_INIT, text = BUF_INIT;
    struct conf *conf = NULL;
    int rc = conf_load_without_secrets(ctl->conf_path, &conf, &messages);
    fputs(buf_cstr(&messages), stderr);
    if (rc == 0 && ctl->is_effective) {
        conf_print_effective(conf, &text);
        fputs(buf_cstr(&text), stdout);
    } else if (rc == 0) {
        printf("configuration %s is valid\n", ctl->conf_path);
    }
    buf_free(&messages);
    buf_free(&text);
    conf_free(&conf);
    return rc == 0 ? WEIRCTL_DONE : EX_CONFIG;
}

static int run_version(struct weirctl *ctl)
{
    puts(ctl->as_json ? "{\"version\":\"" PACKAGE_VERSION "\"}" : "weirctl " PACKAGE_VERSION);
    return WEIRCTL_DONE;
}

const struct weirctl_command weirctl_commands[] = {
    {"status", "[PROVIDER[/MODEL]]", "every pair and how it stands", 0, 1, true, false, false,
     run_status},
    {"top", "[SECONDS]", "the same, live", 0, 1, true, false, false, run_top},
    {"events", "", "follow what happens to pairs", 0, 0, true, false, false, run_events},
    {"cooldown", "PROVIDER MODEL SECONDS [REASON]", "let a pair rest", 3, -1, true, false, false,
     run_cooldown},
    {"clear", "PROVIDER MODEL | --all", "end a rest and forget failures", 2, 2, true, true, false,
     run_clear},
    {"reload", "", "read the configuration again", 0, 0, true, false, false, run_reload},
    {"check", "[--effective]", "check the configuration", 0, 0, false, false, true, run_check},
    {"version", "", "print the version", 0, 0, false, false, false, run_version},
    {NULL, NULL, NULL, 0, 0, false, false, false, NULL},
};
