/* SPDX-License-Identifier: MIT */
/* weir-sim: a provider of chat completions that fails as it is told to, for tests, for the
 * quickstart and for operators who rehearse. One process, one event loop. This file has the
 * command line and the life of the process; what requests get is sim_serve.c's. */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "config.h"
#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_listen.h"
#include "tests/sim/sim_models.h"
#include "tests/sim/sim_serve.h"

#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_PORT    "18080"

struct options {
    const char *address;
    const char *port;
    const char *key;
    const char *port_file;
    bool is_quiet;
};

static void print_usage(FILE *to)
{
    fputs(
        "usage: weir-sim [-hqV] [-a ADDRESS] [-k KEY] [-P PORTFILE] [-p PORT]\n"
        "  -a, --address ADDRESS   listen there (" DEFAULT_ADDRESS ")\n"
        "  -k, --key KEY           demand `Authorization: Bearer KEY`\n"
        "  -P, --port-file FILE    write the port there once listening\n"
        "  -p, --port PORT         listen on it (" DEFAULT_PORT "); 0: on any free one\n"
        "  -q, --quiet             log warnings only\n"
        "  -V, --version           print the version\n"
        "  -h, --help              print this\n"
        "A model's name says what happens: BASE[:FAULT[,FAULT...]], as in `demo:cut=3,delay=50`.\n"
        "weir-sim(1) lists the faults.\n",
        to);
}

static void refuse_usage(const char *message, const char *what)
{
    fprintf(stderr, "weir-sim: %s%s\n", message, what);
    print_usage(stderr);
    exit(EX_USAGE);
}

static const char *check_port(const char *text)
{
    char *end;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != '\0' || port > 65535)
        refuse_usage("not a port: ", text);
    return text;
}

static void read_option(struct options *o, int letter)
{
    switch (letter) {
    case 'a':
        o->address = optarg;
        break;
    case 'k':
        o->key = optarg;
        break;
    case 'P':
        o->port_file = optarg;
        break;
    case 'p':
        o->port = check_port(optarg);
        break;
    case 'q':
        o->is_quiet = true;
        break;
    case 'V':
        puts("weir-sim " PACKAGE_VERSION);
        exit(EX_OK);
    case 'h':
        print_usage(stdout);
        exit(EX_OK);
    default:
        print_usage(stderr);
        exit(EX_USAGE);
    }
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {{"address", required_argument, NULL, 'a'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"port-file", required_argument, NULL, 'P'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = getopt_long(argc, argv, "a:k:P:p:qVh", names, NULL)) != -1)
        read_option(o, letter);
    if (optind < argc)
        refuse_usage("unexpected argument: ", argv[optind]);
    if (o->key != NULL && o->key[0] == '\0')
        refuse_usage("the key is empty", "");
}

/* Thousands of streams need thousands of descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

/* Delays are promised to be at least as long as asked for: libevent's usual clocks, coarse and
 * remembered from the turn's begin, would let timers fire early. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NO_CACHE_TIME);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (base == NULL)
        log_fatal(EX_OSERR, "cannot make an event loop");
    return base;
}

/* Under another name first, so that a reader never finds half a number. */
static void write_port_file(const char *path, int port)
{
    char *new_path = xasprintf("%s.new", path);
    FILE *f = fopen(new_path, "w");
    bool is_good = f != NULL && fprintf(f, "%d\n", port) > 0;
    if (f != NULL && fclose(f) != 0)
        is_good = false;
    if (!is_good || rename(new_path, path) != 0)
        log_fatal(EX_CANTCREAT, "cannot write %s: %s", path, strerror(errno));
    free(new_path);
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
    event_base_loopbreak(arg);
}

static void announce(const struct options *o, const struct listener *listener)
{
    if (o->port_file != NULL)
        write_port_file(o->port_file, listener_port(listener));
    printf("weir-sim: listening on %s\n", listener_name(listener));
    fflush(stdout);
}

static struct listener *listen_or_exit(struct event_base *base, const struct options *o)
{
    const char *error = NULL;
    struct listener *listener = listener_new(base, o->address, o->port, &error);
    if (listener == NULL)
        log_fatal(EX_UNAVAILABLE, "cannot listen on %s port %s: %s", o->address, o->port, error);
    return listener;
}

static void serve_until_stopped(struct event_base *base, const struct options *o)
{
    conn_setup(base, serve_handler(o->key));
    struct listener *listener = listen_or_exit(base, o);
    struct event *on_term = evsignal_new(base, SIGTERM, on_stop, base);
    struct event *on_int = evsignal_new(base, SIGINT, on_stop, base);
    event_add(on_term, NULL);
    event_add(on_int, NULL);
    announce(o, listener);
    event_base_dispatch(base);
    event_free(on_term);
    event_free(on_int);
    listener_free(listener);
    conn_shutdown();
}

int main(int argc, char **argv)
{
    struct options o = {.address = DEFAULT_ADDRESS, .port = DEFAULT_PORT};
    read_options(&o, argc, argv);
    log_init("weir-sim");
    log_set_level(o.is_quiet ? LOGLV_WARN : LOGLV_INFO);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    struct event_base *base = new_base();
    serve_until_stopped(base, &o);
    event_base_free(base);
    journal_clear();
    models_free();
    libevent_global_shutdown();
    return EX_OK;
}
