/* SPDX-License-Identifier: MIT */
/* See changes.h. The wording of the mid-stream lines is a promise to users (CONTRACT 5.2). */
#include "trackerd/table/changes.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/terms/cause.h"
#include "common/terms/outcome.h"

#define UNKNOWN_EVERY_NS (UINT64_C(60) * 1000000000)

/* The fields that every line about a pair has, and those it has when they say something. */
#define PAIR_FIELDS(row, change)                                                   \
    LOG_LIST(LOG_STR("provider", (row)->provider), LOG_STR("model", (row)->model), \
             LOG_STR("cause", cooldown_cause_word((change)->cause)),               \
             LOG_INT("cooldownMs", (change)->duration_ms))

static const char *streak_name(enum cooldown_cause cause)
{
    return cause == CAUSE_PRE_STREAM ? "pre-stream" : "mid-stream";
}

static void log_failure(const struct shm_table_state *row, const struct cooldown_change *change)
{
    log_fields(LOGLV_DEBUG, PAIR_FIELDS(row, change),
               change->threshold != 0 ? "Provider %s/%s %s failure %" PRIu32 "/%" PRIu32
                                      : "Provider %s/%s %s failure %" PRIu32,
               row->provider, row->model, streak_name(change->cause), change->failures,
               change->threshold);
}

static void log_cooldown(const struct shm_table_state *row, const struct cooldown_change *change)
{
    if (change->failures != 0)
        log_fields(LOGLV_WARN, PAIR_FIELDS(row, change),
                   "Provider %s/%s %s failures (%" PRIu32 ") exceeded threshold (%" PRIu32
                   "), applying %" PRIu64 "ms cooldown",
                   row->provider, row->model, streak_name(change->cause), change->failures,
                   change->threshold, change->duration_ms);
    else if (change->is_extension)
        log_fields(LOGLV_INFO, PAIR_FIELDS(row, change),
                   "Provider %s/%s %s, cooldown extended to %" PRIu64 "ms from now", row->provider,
                   row->model, row->reason, change->duration_ms);
    else
        log_fields(LOGLV_WARN, PAIR_FIELDS(row, change),
                   "Provider %s/%s %s, applying %" PRIu64 "ms cooldown", row->provider, row->model,
                   row->reason, change->duration_ms);
}

static void log_reset(const struct shm_table_state *row, const struct cooldown_change *change)
{
    log_fields(LOGLV_DEBUG, PAIR_FIELDS(row, change), "Provider %s/%s %s failure counter reset",
               row->provider, row->model, streak_name(change->cause));
}

static void log_cleared(const struct shm_table_state *row, const struct cooldown_change *change)
{
    log_fields(LOGLV_INFO, PAIR_FIELDS(row, change), "Provider %s/%s cleared by the operator",
               row->provider, row->model);
}

static void log_recovered(const struct shm_table_state *row, const struct cooldown_change *change)
{
    log_fields(LOGLV_INFO, PAIR_FIELDS(row, change), "Provider %s/%s recovered", row->provider,
               row->model);
}

static void log_quota(const struct shm_table_state *row, const struct cooldown_change *change)
{
    log_fields(LOGLV_DEBUG, PAIR_FIELDS(row, change), "Provider %s/%s quota updated", row->provider,
               row->model);
}

void changes_listen(struct change_listeners *listeners, struct change_listener *listener)
{
    LIST_INSERT_HEAD(listeners, listener, link);
}

void changes_unlisten(struct change_listener *listener)
{
    LIST_REMOVE(listener, link);
}

static void call_listeners(const struct change_listeners *listeners,
                           const struct shm_table_state *row, const struct cooldown_change *change)
{
    struct evwire_change message = {
        .at_wall_ms = clock_wall_ms(),
        .kind = change->kind,
        .cause = change->cause,
        .duration_ms = change->duration_ms,
        .failures = change->failures,
        .threshold = change->threshold,
        .state = *row,
    };
    struct change_listener *listener;
    LIST_FOREACH(listener, listeners, link)
    {
        listener->on_change(listener->arg, &message);
    }
}

void changes_report(const struct change_listeners *listeners, const struct shm_table_state *row,
                    const struct cooldown_changes *changes)
{
    static void (*const log_kind[])(const struct shm_table_state *,
                                    const struct cooldown_change *) = {
        [EVCH_FAILURE] = log_failure, [EVCH_COOLDOWN] = log_cooldown,   [EVCH_RESET] = log_reset,
        [EVCH_CLEARED] = log_cleared, [EVCH_RECOVERED] = log_recovered, [EVCH_QUOTA] = log_quota,
    };
    for (unsigned i = 0; i < changes->n; i++) {
        log_kind[changes->items[i].kind](row, &changes->items[i]);
        call_listeners(listeners, row, &changes->items[i]);
    }
}

void changes_log_late(const struct shm_table_state *row, const struct evwire_event *event,
                      const struct cooldown_changes *changes)
{
    if (!changes->was_history && !changes->was_overtaken)
        return;
    log_fields(LOGLV_DEBUG,
               LOG_LIST(LOG_STR("provider", row->provider), LOG_STR("model", row->model),
                        LOG_STR("outcome", outcome_info(event->outcome)->word)),
               "late outcome of %s/%s not counted: %s", row->provider, row->model,
               changes->was_history ? "the attempt began before the latest cooldown"
                                    : "a stream that ended later completed");
}

void changes_log_unknown(const struct evwire_event *event)
{
    static uint64_t last_at;
    uint64_t now_at = clock_boot_ns();
    if (last_at != 0 && now_at - last_at < UNKNOWN_EVERY_NS)
        return;
    last_at = now_at;
    log_fields(LOGLV_WARN, LOG_LIST(LOG_STR("outcome", outcome_info(event->outcome)->word)),
               "an event of a pair that is not in the table was dropped: do weir and weir-trackerd "
               "use the same configuration?");
}
