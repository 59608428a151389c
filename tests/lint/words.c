/* SPDX-License-Identifier: MIT */
/* Prints `PAGE<tab>WORD` for every word of an interface that a man page must explain, from the
 * tables and functions of the programs themselves: for words.sh. The argument is a configuration
 * to make documents from, any that loads. */
#include <event2/event.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/conf/load.h"
#include "common/routing/pair_rows.h"
#include "common/shm/table.h"
#include "common/terms/cause.h"
#include "common/terms/outcome.h"
#include "common/wire/evwire.h"
#include "server/api/endpoints.h"
#include "server/api/metrics.h"
#include "server/api/status.h"
#include "server/dialect/own_error.h"
#include "server/loop/defer.h"
#include "server/record/access_log.h"
#include "server/record/request_record.h"
#include "trackerd/weirctl/weirctl.h"

static void print(const char *page, const char *word)
{
    if (word[0] != '\0')
        printf("%s\t%s\n", page, word);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void print_outcomes(void)
{
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        print("weir.8", info->word);
        if (info->error_code != NULL)
            print("weir.8", info->error_code);
    }
    for (unsigned i = 0; i < OWN_ERROR_COUNT; i++)
        print("weir.8", own_error_code((enum own_error)i));
}

static void print_table_words(void)
{
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        print("weir-table.7", cooldown_cause_word((enum cooldown_cause)i));
        print("weir-table.7", cooldown_cause_reason((enum cooldown_cause)i));
    }
    for (int i = PAIR_AVAILABLE; i <= PAIR_RECOVERING; i++) {
        print("weir-table.7", pair_status_word(i));
        print("weirctl.8", pair_status_word(i));
    }
    for (int i = EVCH_FAILURE; i <= EVCH_QUOTA; i++)
        print("weirctl.8", ev_change_word(i));
    for (int i = EVST_DONE; i < EVST_REFUSED; i++)
        print("weir-table.7", ev_status_text(i));
    for (int i = SHM_TABLE_ABSENT; i < SHM_TABLE_ERRORS; i++)
        print("weirctl.8", shm_table_error_text(i));
}

static void print_endpoints(void)
{
    for (const struct client_endpoint *e = api_endpoints; e->path != NULL; e++)
        printf("weir.8\t%s %s\n", e->method, e->path);
}

/* ---- documents ------------------------------------------------------------------------------- */

/* The names of all members, also of those within; puts `value`. */
static void print_members_within(const char *page, json_object *value)
{
    if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0)
        print_members_within(page, json_object_array_get_idx(value, 0));
    if (!json_object_is_type(value, json_type_object))
        return;
    json_object_object_foreach(value, name, member)
    {
        print(page, name);
        print_members_within(page, member);
    }
}

static void print_members(const char *page, json_object *document)
{
    print_members_within(page, document);
    json_object_put(document);
}

static void print_documents(const struct conf *conf)
{
    struct pair_row row = {.provider = "", .model = "", .has_quota = true};
    print_members("weirctl.8", pair_row_json(&row));
    const struct health_answers none = {.n = 0};
    print_members("weir.8", status_json(&(struct status_view){.conf = conf, .answers = &none}));
}

/* Every metric has its head, also when it has no value yet. */
static void print_metrics(const struct conf *conf)
{
    struct buf text = BUF_INIT;
    char name[128];
    metrics_print(conf, NULL, NULL, false, &text);
    for (const char *at = buf_cstr(&text); (at = strstr(at, "# TYPE ")) != NULL; at++)
        if (sscanf(at, "# TYPE %127s", name) == 1)
            print("weir.8", name);
    buf_free(&text);
}

/* A line goes through a file, as any does. */
static void print_access_log(const struct conf *conf)
{
    char path[] = "words-XXXXXX", line[1024] = "";
    struct event_base *base = event_base_new();
    int fd = mkstemp(path);
    struct trail trail = TRAIL_INIT;
    trail_add(&trail, 0, OUTCOME_NONE);
    defer_init(base);
    if (fd < 0 || !access_log_open(path, -1, -1))
        exit(EX_CANTCREAT);
    access_log_write(conf, &(struct request_record){.request_id = "",
                                                    .method = "",
                                                    .path = "",
                                                    .chain = &conf->chains[0],
                                                    .pair = &conf->pairs[0],
                                                    .trail = &trail,
                                                    .first_token_us = 1,
                                                    .outcome = ""});
    trail_free(&trail);
    defer_deinit();
    if (read(fd, line, sizeof(line) - 1) > 0)
        print_members("weir.8", json_tokener_parse(line));
    access_log_close();
    event_base_free(base);
    close(fd);
    unlink(path);
}

int main(int argc, char **argv)
{
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    if (argc != 2 || !conf_load_without_secrets(argv[1], &conf, &messages))
        return EX_USAGE;
    print_outcomes();
    print_table_words();
    printf("weirctl.8\texit %d\n", WEIRCTL_REFUSED);
    print_endpoints();
    print_documents(conf);
    print_metrics(conf);
    print_access_log(conf);
    conf_free(&conf);
    buf_free(&messages);
    return ferror(stdout) != 0;
}
