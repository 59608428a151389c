/* SPDX-License-Identifier: MIT */
/* See control.h. */
#include "trackerd/daemon/control.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/utf8.h"
#include "trackerd/daemon/reload.h"
#include "trackerd/table/apply.h"

static void set_reply(struct evwire_reply *reply, enum ev_status status, const char *text)
{
    reply->status = status;
    snprintf(reply->text, sizeof(reply->text), "%s", text != NULL ? text : ev_status_text(status));
}

/* The reason will be shown in logs, in the state file and on terminals. */
static bool is_plain_text(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_length((const unsigned char *)text + i, len - i);
        if (n == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return true;
}

static void run_cooldown(struct keeper *keeper, const struct evwire_command *command,
                         struct evwire_reply *reply)
{
    bool was_kept = false;
    if (command->duration_ms == 0 || !is_plain_text(command->reason)) {
        set_reply(reply, EVST_BAD_REQUEST,
                  command->duration_ms == 0 ? "a cooldown needs a duration"
                                            : "a reason is UTF-8 text without control characters");
        return;
    }
    enum ev_status status = apply_cooldown(keeper, command->provider, command->model,
                                           command->duration_ms, command->reason, &was_kept);
    reply->count = status == EVST_DONE && !was_kept;
    set_reply(reply, status, was_kept ? "a longer cooldown is running and stays" : NULL);
}

static void run_clear(struct keeper *keeper, const struct evwire_command *command,
                      struct evwire_reply *reply)
{
    enum ev_status status = apply_clear(keeper, command->provider, command->model);
    reply->count = status == EVST_DONE;
    set_reply(reply, status, NULL);
}

static void run_clear_all(struct keeper *keeper, const struct evwire_command *command,
                          struct evwire_reply *reply)
{
    reply->count = apply_clear_all(keeper);
    set_reply(reply, EVST_DONE, NULL);
}

static void run_reload(struct keeper *keeper, const struct evwire_command *command,
                       struct evwire_reply *reply)
{
    struct buf messages = BUF_INIT;
    bool is_valid = reload_conf(keeper, &messages);
    set_reply(reply, is_valid ? EVST_DONE : EVST_REFUSED,
              is_valid && messages.len == 0 ? NULL : buf_cstr(&messages));
    buf_free(&messages);
}

static void run_nothing(struct keeper *keeper, const struct evwire_command *command,
                        struct evwire_reply *reply)
{
    set_reply(reply, EVST_DONE, NULL); /* CHANGES: intake does the rest. PING: that is all. */
}

static const struct {
    const char *name;
    bool is_change; /* only for users who may change the table */
    void (*run)(struct keeper *, const struct evwire_command *, struct evwire_reply *);
} commands[] = {
    [EVCMD_COOLDOWN] = {"cooldown", true, run_cooldown},
    [EVCMD_CLEAR] = {"clear", true, run_clear},
    [EVCMD_CLEAR_ALL] = {"clear --all", true, run_clear_all},
    [EVCMD_RELOAD] = {"reload", true, run_reload},
    [EVCMD_CHANGES] = {"events", false, run_nothing},
    [EVCMD_PING] = {"ping", false, run_nothing},
};

void control_run(struct keeper *keeper, const struct evwire_command *command, bool may_change,
                 uid_t uid, struct evwire_reply *reply)
{
    uint32_t number = command->command;
    if (number >= sizeof(commands) / sizeof(commands[0]) || commands[number].run == NULL) {
        set_reply(reply, EVST_BAD_REQUEST, "an unknown command");
        return;
    }
    if (commands[number].is_change && !may_change)
        set_reply(reply, EVST_NOT_ALLOWED, NULL);
    else
        commands[number].run(keeper, command, reply);
    log_fields(commands[number].is_change ? LOGLV_INFO : LOGLV_DEBUG,
               LOG_LIST(LOG_INT("uid", uid), LOG_INT("rows", reply->count),
                        LOG_STR("result", ev_status_text(reply->status))),
               "command %s", commands[number].name);
}
