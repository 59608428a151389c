/* See exchange.h. Each state is a step with a name; a step does its work and says whether the
 * driver goes on or waits. Only set_state changes the state; only leave ends an exchange. */
#include "server/exchange.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/access_log.h"
#include "server/answer.h"
#include "server/attempt.h"
#include "server/chat.h"
#include "server/choose.h"
#include "server/classify.h"
#include "server/relay.h"
#include "server/trail.h"
#include "server/turn.h"

/* One byte longer than any chain's or pair's name, so that a name that is cut matches none. */
#define ROUTE_NAME_BYTES (CONF_PROVIDER_ID_MAX + 1 + CONF_MODEL_MAX + 2)

enum exchange_state {
    EX_READ,    /* the body is there: is it a chat request? */
    EX_ROUTE,   /* which chain? */
    EX_CHOOSE,  /* which entry is next? */
    EX_ATTEMPT, /* an attempt runs, nothing of it was shown to the client */
    EX_RETRY,   /* the same entry is tried again, perhaps after the wait it asked for */
    EX_RELAY,   /* committed: content goes to the client, no other entry any more */
    EX_SETTLE,  /* the end is known; trackerd is given a moment to apply what was reported */
    EX_FINISH,  /* the end goes to the client */
    EX_OVER,
};

/* How it will end, once it is known. */
enum ending {
    ENDING_NONE,
    ENDING_REFUSED,   /* an error of weir's own: x->refusal, x->message */
    ENDING_ANSWER,    /* the attempt's whole answer */
    ENDING_PROVIDER,  /* the provider's own error, relayed */
    ENDING_EXHAUSTED, /* no entry is left */
    ENDING_STREAMED,  /* a stream came to its clean end */
    ENDING_BROKEN,    /* a stream broke after commit: x->message */
};

/* The first provider error of the kind that is relayed when all agree. */
struct kept_error {
    int status;
    char *body, *content_type; /* NULL = nothing kept */
    size_t len;
    uint32_t pair;
};

struct exchange {
    struct exchange_env env;
    const struct exchange_client *ops;
    void *client;
    struct exchange_request request;
    char *request_id;
    enum exchange_state state;
    enum ending ending;

    struct chat_request chat;
    const struct conf_chain *chain;
    struct conf_chain pinned; /* of one entry: the model named a pair */
    uint32_t pinned_pair;
    uint32_t next_entry; /* position in the chain: entries before it were tried or passed by */
    uint32_t retries;    /* of the current entry */
    enum delivery delivery;
    struct tableview_pick pick;
    struct attempt *attempt;
    bool is_recorded; /* the attempt's result is in the trail */
    bool is_counted;  /* as an active stream */
    struct trail trail;
    struct relay relay;

    enum answer_error refusal;
    struct buf message; /* of the error that ends it */
    struct kept_error kept;
    bool has_disagreement; /* an entry that was tried failed otherwise than by an agreeable 4xx */

    uint64_t deadline_at, heartbeat_at, retry_at, settle_at; /* 0 = none */
    struct report_waiter waiter;
    uint64_t last_event_seq; /* of the last event that was reported; 0 = none */

    int status;           /* of the answer, for the log */
    enum outcome outcome; /* of the attempt that ended it */
    uint64_t first_token_at;
    int64_t prompt_tokens, completion_tokens;
    uint64_t answer_bytes;
};

enum step {
    GO_ON,
    WAIT,
};

static void run(struct exchange *x);
static void update_timer(struct exchange *x);

/* ---- states -------------------------------------------------------------------------------- */

static enum step step_read(struct exchange *x);
static enum step step_route(struct exchange *x);
static enum step step_choose(struct exchange *x);
static enum step step_retry(struct exchange *x);
static enum step step_wait(struct exchange *x);
static enum step step_settle(struct exchange *x);
static enum step step_finish(struct exchange *x);

static const struct {
    const char *name;
    enum step (*step)(struct exchange *x);
} states[] = {
    [EX_READ] = {"read", step_read},       [EX_ROUTE] = {"route", step_route},
    [EX_CHOOSE] = {"choose", step_choose}, [EX_ATTEMPT] = {"attempt", step_wait},
    [EX_RETRY] = {"retry", step_retry},    [EX_RELAY] = {"relay", step_wait},
    [EX_SETTLE] = {"settle", step_settle}, [EX_FINISH] = {"finish", step_finish},
    [EX_OVER] = {"over", step_wait},
};

static void set_state(struct exchange *x, enum exchange_state state)
{
    log_fields(LOGLV_DEBUG, LOG_LIST(LOG_STR("requestId", x->request_id)), "exchange %s -> %s",
               states[x->state].name, states[state].name);
    x->state = state;
}

static void run(struct exchange *x)
{
    while (x->state != EX_OVER && states[x->state].step(x) == GO_ON)
        continue;
    if (x->state != EX_OVER)
        update_timer(x);
}

static enum step step_wait(struct exchange *x)
{
    return WAIT;
}

static enum step end_with(struct exchange *x, enum ending ending)
{
    x->ending = ending;
    set_state(x, EX_SETTLE);
    return GO_ON;
}

static enum step refuse(struct exchange *x, enum answer_error error, const char *message)
{
    x->refusal = error;
    buf_puts(&x->message, message);
    return end_with(x, ENDING_REFUSED);
}

/* ---- read, route, choose ------------------------------------------------------------------- */

static enum step step_read(struct exchange *x)
{
    char why[160];
    if (!chat_read(x->request.kind, x->request.body, x->request.body_len, &x->chat, why,
                   sizeof(why)))
        return refuse(x, ERROR_INVALID_REQUEST, why);
    set_state(x, EX_ROUTE);
    return GO_ON;
}

/* The pair that `name` ("PROVIDER/MODEL") names exactly, or -1. */
static int find_pair(const struct conf *conf, const char *name)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        const char *id = conf->pairs[i].provider->id;
        size_t len = strlen(id);
        if (strncmp(name, id, len) == 0 && name[len] == '/' &&
            strcmp(name + len + 1, conf->pairs[i].model) == 0)
            return (int)i;
    }
    return -1;
}

static void find_chain(struct exchange *x)
{
    const struct conf *conf = x->env.conf;
    char name[ROUTE_NAME_BYTES] = "";
    size_t len = x->chat.has_model ? jsonscan_unescape(x->chat.model, name, sizeof(name)) : 0;
    int chain = conf_chain_lookup(conf, name, len);
    /* A NUL in the client's name ends ours: then it is no pair's either. */
    int pair = chain < 0 && strlen(name) == len ? find_pair(conf, name) : -1;
    if (pair < 0) {
        x->chain = &conf->chains[chain >= 0 ? (uint32_t)chain : conf->default_chain];
        return;
    }
    x->pinned_pair = (uint32_t)pair;
    x->pinned =
        (struct conf_chain){.pairs = &x->pinned_pair, .n_pairs = 1, .delivery = conf->delivery};
    x->chain = &x->pinned;
}

static enum step step_route(struct exchange *x)
{
    const struct conf *conf = x->env.conf;
    find_chain(x);
    x->delivery =
        x->request.delivery >= 0 ? (enum delivery)x->request.delivery : x->chain->delivery;
    if (conf->deadline_ms != 0)
        x->deadline_at = x->request.received_at + conf->deadline_ms * CLOCK_NS_PER_MS;
    if (x->chat.is_stream && conf->stream_heartbeat_ms != 0)
        x->heartbeat_at = clock_boot_ns() + conf->stream_heartbeat_ms * CLOCK_NS_PER_MS;
    x->is_counted = x->chat.is_stream;
    if (x->is_counted)
        wcounter_add(&x->env.slot->active_streams, 1);
    set_state(x, EX_CHOOSE);
    return GO_ON;
}

static enum outcome verdict(void *arg, uint32_t pair, uint64_t *rest_ms)
{
    struct exchange *x = arg;
    return tableview_verdict(x->env.view, pair, clock_boot_ns(), &x->pick, rest_ms);
}

static void attempt_event(void *arg, const struct sse_event *event, const struct chunk *chunk);
static void attempt_done(void *arg);
static const struct attempt_events attempt_events = {attempt_event, attempt_done};

static void start_attempt(struct exchange *x, uint32_t pair)
{
    const char *model = x->env.conf->pairs[pair].model;
    size_t len = chat_upstream_length(&x->chat, x->request.body_len, model);
    struct attempt_spec spec = {
        .conf = x->env.conf,
        .transfers = x->env.transfers,
        .pair = pair,
        .endpoint = x->request.endpoint,
        .request_id = x->request_id,
        .is_stream = x->chat.is_stream,
        .body = xmalloc(len),
        .body_len = len,
    };
    chat_write_upstream(&x->chat, x->request.body, x->request.body_len, model, spec.body);
    account_started(x->env.account, pair);
    x->is_recorded = false;
    x->attempt = attempt_start(&spec, &attempt_events, x);
}

static bool agree(const struct exchange *x)
{
    return x->kept.body != NULL && !x->has_disagreement;
}

static bool is_past_deadline(const struct exchange *x)
{
    return x->deadline_at != 0 && clock_boot_ns() >= x->deadline_at;
}

static enum step end_by_deadline(struct exchange *x)
{
    buf_printf(&x->message,
               "No content within deadlineMs (%" PRIu32 " ms): ", x->env.conf->deadline_ms);
    trail_describe(&x->trail, x->env.conf, &x->message);
    x->refusal = ERROR_DEADLINE;
    return end_with(x, ENDING_REFUSED);
}

static enum step step_choose(struct exchange *x)
{
    if (is_past_deadline(x))
        return end_by_deadline(x);
    int entry = choose_next(x->chain, x->next_entry, verdict, x, &x->trail);
    if (entry < 0) {
        x->next_entry = x->chain->n_pairs;
        return end_with(x, agree(x) ? ENDING_PROVIDER : ENDING_EXHAUSTED);
    }
    x->next_entry = (uint32_t)entry + 1;
    x->retries = 0;
    start_attempt(x, x->chain->pairs[entry]);
    set_state(x, EX_ATTEMPT);
    return WAIT;
}

/* The wait is over. The pair may be at rest for another reason by now: then it is passed by. */
static enum step step_retry(struct exchange *x)
{
    if (clock_boot_ns() < x->retry_at)
        return WAIT;
    x->retry_at = 0;
    x->next_entry--;
    uint32_t retries = x->retries;
    set_state(x, EX_CHOOSE);
    enum step step = step_choose(x);
    x->retries = retries;
    return step;
}

/* ---- what the attempt tells ---------------------------------------------------------------- */

/* The trail, with the attempt that still runs as its last step. */
static void put_trail(const struct exchange *x, struct buf *out)
{
    trail_put(&x->trail, x->env.conf, out);
    if (x->attempt == NULL || x->is_recorded)
        return;
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    uint64_t elapsed_ns = clock_boot_ns() - attempt_result(x->attempt)->started_at;
    buf_printf(out, "%s%s/%s=%s;%" PRIu64 "ms", x->trail.n > 0 ? ", " : "", pair->provider->id,
               pair->model, outcome_info(OUTCOME_NONE)->word, elapsed_ns / CLOCK_NS_PER_MS);
}

static void put_common_headers(const struct exchange *x, struct buf *out)
{
    buf_printf(out, "X-Request-Id: %s\r\n", x->request_id);
    if (x->chain != NULL)
        buf_printf(out, "X-Weir-Attempts: %u\r\n", x->next_entry);
    if (x->request.explain && x->chain != NULL) {
        buf_puts(out, "X-Weir-Trail: ");
        put_trail(x, out);
        buf_puts(out, "\r\n");
    }
}

static void put_provider_header(const struct exchange *x, uint32_t pair, struct buf *out)
{
    const struct conf_pair *p = &x->env.conf->pairs[pair];
    buf_printf(out, "X-Weir-Provider: %s/%s\r\n", p->provider->id, p->model);
}

static void put_stream_headers(struct buf *out)
{
    buf_puts(out, "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                  "X-Accel-Buffering: no\r\n");
}

static void commit(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    put_stream_headers(&headers);
    put_provider_header(x, attempt_pair(x->attempt), &headers);
    put_common_headers(x, &headers);
    x->heartbeat_at = x->deadline_at = 0;
    x->first_token_at = clock_boot_ns();
    set_state(x, EX_RELAY);
    relay_commit(&x->relay, headers.data, headers.len);
    buf_free(&headers);
}

static void hold_back_if_slow(struct exchange *x)
{
    if (x->ops->queued(x->client) > EXCHANGE_QUEUED_HIGH)
        attempt_pause(x->attempt, true);
}

/* Is the event kept from the client for now? */
static bool may_hold(const struct exchange *x, const struct sse_event *event,
                     const struct chunk *chunk)
{
    bool is_full = x->relay.held.len + event->data_len > x->env.conf->max_held_bytes;
    if (is_full && x->delivery == DELIVERY_COMPLETE)
        log_fields(LOGLV_WARN, LOG_LIST(LOG_STR("requestId", x->request_id)),
                   "the answer grew past server.maxHeldBytes: it is committed and streamed");
    return !is_full &&
           (x->delivery == DELIVERY_COMPLETE || (!chunk->has_content && !chunk->has_finish));
}

static void attempt_event(void *arg, const struct sse_event *event, const struct chunk *chunk)
{
    struct exchange *x = arg;
    if (x->state == EX_ATTEMPT) {
        if (may_hold(x, event, chunk)) {
            relay_hold(&x->relay, event);
            return;
        }
        commit(x);
    }
    relay_event(&x->relay, event);
    hold_back_if_slow(x);
}

/* The result goes to the counters, the trail and the log, whatever follows from it. */
static void record_attempt(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    uint32_t pair = attempt_pair(x->attempt);
    struct trail_step *step = trail_add(&x->trail, pair, r->outcome);
    step->status = r->status;
    step->rest_ms = r->rest_ms;
    x->is_recorded = true;
    step->elapsed_ms = (r->ended_at - r->started_at) / CLOCK_NS_PER_MS;
    x->outcome = r->outcome;
    x->prompt_tokens = r->prompt_tokens;
    x->completion_tokens = r->completion_tokens;
    uint64_t seq = account_ended(x->env.account, &(struct account_result){
                                                     .pair = pair,
                                                     .outcome = r->outcome,
                                                     .pick = x->pick,
                                                     .started_at = r->started_at,
                                                     .ended_at = r->ended_at,
                                                     .rest_ms = r->rest_ms,
                                                     .quota = r->quota,
                                                     .tokens = r->total_tokens,
                                                 });
    if (seq != 0)
        x->last_event_seq = seq;
}

static void log_failure(const struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    enum log_level level = r->outcome == OUTCOME_AUTH_FAILED ? LOGLV_ERROR : LOGLV_WARN;
    log_fields(level,
               LOG_LIST(LOG_STR("requestId", x->request_id),
                        LOG_STR("provider", pair->provider->id), LOG_STR("model", pair->model),
                        LOG_STR("outcome", outcome_info(r->outcome)->word),
                        LOG_INT("status", r->status), LOG_STR("detail", r->message)),
               "Provider %s/%s failed: %s", pair->provider->id, pair->model,
               outcome_info(r->outcome)->text);
}

static void keep_error_of(struct exchange *x, const struct attempt_result *r)
{
    free(x->kept.body);
    free(x->kept.content_type);
    x->kept = (struct kept_error){
        .status = r->status,
        .body = xmemdup(r->body, r->body_len),
        .len = r->body_len,
        .content_type = xstrdup(r->content_type[0] != '\0' ? r->content_type : "application/json"),
        .pair = attempt_pair(x->attempt),
    };
}

static void keep_error(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    if (r->outcome != OUTCOME_CLIENT_ERROR || !classify_is_agreeable(r->status) || r->body == NULL)
        x->has_disagreement = true;
    else if (x->kept.body == NULL)
        keep_error_of(x, r);
}

static void describe_broken(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    buf_printf(&x->message, "%s/%s: %s", pair->provider->id, pair->model,
               outcome_info(r->outcome)->text);
    if (r->message[0] != '\0')
        buf_printf(&x->message, ": %s", r->message);
    if (x->request.explain) {
        buf_puts(&x->message, " [");
        put_trail(x, &x->message);
        buf_putc(&x->message, ']');
    }
}

/* May the same entry be tried once more, and after how long? Never after a timeout: a silent route
 * stays silent. */
static bool may_retry(const struct exchange *x, uint64_t *wait_ms)
{
    const struct conf *conf = x->env.conf;
    const struct attempt_result *r = attempt_result(x->attempt);
    *wait_ms = 0;
    if (x->retries >= conf->retry_attempts)
        return false;
    if (r->outcome == OUTCOME_RATE_LIMITED) {
        *wait_ms = r->rest_ms;
        return r->has_named_wait && r->rest_ms <= conf->retry_max_wait_ms;
    }
    return r->outcome == OUTCOME_CONNECTION_LOST || r->status == 500 || r->status == 502;
}

static void retry(struct exchange *x, uint64_t wait_ms)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    x->retry_at = r->ended_at + wait_ms * CLOCK_NS_PER_MS;
    x->retries++;
    set_state(x, EX_RETRY);
}

static void move_on(struct exchange *x)
{
    uint64_t wait_ms;
    bool is_retry = may_retry(x, &wait_ms);
    relay_drop_held(&x->relay);
    if (is_retry) {
        retry(x, wait_ms);
    } else {
        keep_error(x);
        set_state(x, EX_CHOOSE);
    }
    attempt_free(&x->attempt);
}

static void attempt_done(void *arg)
{
    struct exchange *x = arg;
    const struct attempt_result *r = attempt_result(x->attempt);
    record_attempt(x);
    if (r->outcome == OUTCOME_STREAM_COMPLETED) {
        if (!x->relay.is_committed)
            commit(x);
        end_with(x, ENDING_STREAMED);
    } else if (r->outcome == OUTCOME_ANSWER_COMPLETED) {
        x->first_token_at = r->first_content_at;
        end_with(x, ENDING_ANSWER);
    } else {
        log_failure(x);
        if (x->relay.is_committed) {
            describe_broken(x);
            end_with(x, ENDING_BROKEN);
        } else if (r->outcome == OUTCOME_CONTENT_FILTERED && r->body != NULL) {
            end_with(x, ENDING_PROVIDER);
        } else {
            move_on(x);
        }
    }
    run(x);
}

/* ---- settle -------------------------------------------------------------------------------- */

static void on_applied(void *arg)
{
    struct exchange *x = arg;
    set_state(x, EX_FINISH);
    run(x);
}

static enum step step_settle(struct exchange *x)
{
    x->waiter = (struct report_waiter){.seq = x->last_event_seq, .fn = on_applied, .arg = x};
    if (x->last_event_seq != 0 && report_wait(x->env.report, &x->waiter)) {
        x->settle_at = clock_boot_ns() + EXCHANGE_SETTLE_MS * CLOCK_NS_PER_MS;
        return WAIT;
    }
    set_state(x, EX_FINISH);
    return GO_ON;
}

/* ---- finish -------------------------------------------------------------------------------- */

static void send_whole(struct exchange *x, int status, const char *content_type,
                       const struct buf *extra_headers, const char *body, size_t len)
{
    struct buf headers = BUF_INIT;
    buf_printf(&headers, "Content-Type: %s\r\n", content_type);
    if (extra_headers != NULL)
        buf_put(&headers, extra_headers->data, extra_headers->len);
    put_common_headers(x, &headers);
    x->status = status;
    x->answer_bytes = len;
    x->ops->head(x->client, status, headers.data, headers.len, (int64_t)len);
    const struct iovec piece = {(void *)body, len};
    x->ops->body(x->client, &piece, 1);
    buf_free(&headers);
}

/* An error as a JSON document: as the answer's body, or, when a heartbeat has sent a 200 head
 * already, as the closing event. SDKs raise on an `error` member, and crash on what is no JSON. */
static void send_error(struct exchange *x, int status, const char *content_type,
                       const struct buf *extra_headers, const char *body, size_t len)
{
    if (x->relay.is_head_sent) {
        relay_error_json(&x->relay, body, len);
        x->status = 200;
    } else {
        send_whole(x, status, content_type, extra_headers, body, len);
    }
}

static void send_own_error(struct exchange *x, enum answer_error error, const struct buf *headers)
{
    struct buf body = BUF_INIT;
    answer_put_error(&body, error, x->message.data != NULL ? x->message.data : "", x->message.len);
    send_error(x, answer_error_status(error), "application/json", headers, body.data, body.len);
    buf_free(&body);
}

/* Until the soonest cooldown among the chain's pairs ends; 0 when none is in cooldown. */
static uint64_t soonest_ms(struct exchange *x)
{
    uint64_t soonest = 0, now_at = clock_boot_ns();
    for (uint32_t i = 0; i < x->trail.n; i++) {
        struct tableview_pick pick;
        uint64_t rest_ms = 0;
        if (tableview_verdict(x->env.view, x->trail.steps[i].pair, now_at, &pick, &rest_ms) !=
            OUTCOME_IN_COOLDOWN)
            rest_ms =
                x->trail.steps[i].outcome != OUTCOME_IN_COOLDOWN ? x->trail.steps[i].rest_ms : 0;
        if (rest_ms != 0 && (soonest == 0 || rest_ms < soonest))
            soonest = rest_ms;
    }
    return soonest;
}

static void finish_exhausted(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    uint64_t wait_ms = soonest_ms(x);
    if (wait_ms != 0)
        buf_printf(&headers, "Retry-After: %" PRIu64 "\r\nretry-after-ms: %" PRIu64 "\r\n",
                   (wait_ms + 999) / 1000, wait_ms);
    buf_puts(&x->message, "All providers exhausted: ");
    trail_describe(&x->trail, x->env.conf, &x->message);
    send_own_error(x, ERROR_ALL_EXHAUSTED, &headers);
    buf_free(&headers);
}

static void finish_answer(struct exchange *x)
{
    const struct attempt_result *r = attempt_result(x->attempt);
    struct buf headers = BUF_INIT;
    put_provider_header(x, attempt_pair(x->attempt), &headers);
    send_whole(x, 200, "application/json", &headers, r->body, r->body_len);
    buf_free(&headers);
}

static bool is_error_json(const char *body, size_t len)
{
    struct answer_facts facts;
    answer_read(body, len, &facts);
    return facts.kind == ANSWER_ERROR;
}

static void finish_provider(struct exchange *x)
{
    struct buf headers = BUF_INIT;
    if (x->attempt != NULL) /* a content filter's, relayed at once */
        keep_error_of(x, attempt_result(x->attempt));
    if (x->relay.is_head_sent && !is_error_json(x->kept.body, x->kept.len)) {
        finish_exhausted(x);
        return;
    }
    put_provider_header(x, x->kept.pair, &headers);
    send_error(x, x->kept.status, x->kept.content_type, &headers, x->kept.body, x->kept.len);
    buf_free(&headers);
}

static void finish_refused(struct exchange *x)
{
    send_own_error(x, x->refusal, NULL);
}

static void finish_streamed(struct exchange *x)
{
    relay_done(&x->relay);
    x->status = 200;
}

static void finish_broken(struct exchange *x)
{
    relay_error(&x->relay, outcome_info(x->outcome)->error_code, x->message.data, x->message.len);
    x->status = 200;
}

static void (*const endings[])(struct exchange *x) = {
    [ENDING_REFUSED] = finish_refused,   [ENDING_ANSWER] = finish_answer,
    [ENDING_PROVIDER] = finish_provider, [ENDING_EXHAUSTED] = finish_exhausted,
    [ENDING_STREAMED] = finish_streamed, [ENDING_BROKEN] = finish_broken,
};

static void write_access(const struct exchange *x)
{
    if (!access_log_is_on())
        return;
    uint64_t now_at = clock_boot_ns();
    const struct conf_pair *pair = NULL;
    if (x->trail.n > 0 && (x->ending == ENDING_ANSWER || x->ending == ENDING_STREAMED ||
                           x->ending == ENDING_BROKEN || x->outcome == OUTCOME_CLIENT_LEFT))
        pair = &x->env.conf->pairs[x->trail.steps[x->trail.n - 1].pair];
    const char *word = outcome_info(x->outcome)->word;
    struct buf trail = BUF_INIT;
    put_trail(x, &trail);
    if (x->ending == ENDING_REFUSED)
        word = answer_error_code(x->refusal);
    else if (x->ending == ENDING_EXHAUSTED)
        word = answer_error_code(ERROR_ALL_EXHAUSTED);
    access_log_write(&(struct access_record){
        .request_id = x->request_id,
        .method = "POST",
        .path = x->request.endpoint,
        .chain = x->chain != NULL ? x->chain->name : NULL,
        .provider = pair != NULL ? pair->provider->id : NULL,
        .model = pair != NULL ? pair->model : NULL,
        .attempts = x->trail.n,
        .status = x->status,
        .bytes = x->answer_bytes + x->relay.sent_bytes,
        .duration_us = (now_at - x->request.received_at) / 1000,
        .first_token_us =
            x->first_token_at != 0 ? (x->first_token_at - x->request.received_at) / 1000 : 0,
        .prompt_tokens = x->prompt_tokens,
        .completion_tokens = x->completion_tokens,
        .outcome = word,
        .trail = buf_cstr(&trail),
    });
    buf_free(&trail);
}

static void destroy(void *ptr)
{
    struct exchange *x = ptr;
    relay_deinit(&x->relay);
    trail_free(&x->trail);
    buf_free(&x->message);
    free(x->kept.body);
    free(x->kept.content_type);
    free(x->request.body);
    free(x->request_id);
    free(x);
}

/* The one exit. */
static void leave(struct exchange *x)
{
    write_access(x);
    set_state(x, EX_OVER);
    report_unwait(x->env.report, &x->waiter);
    if (x->attempt != NULL)
        attempt_free(&x->attempt);
    if (x->is_counted)
        wcounter_set(&x->env.slot->active_streams, wcounter_get(&x->env.slot->active_streams) - 1);
    x->ops->set_timer(x->client, 0);
    turn_defer(destroy, x);
}

static enum step step_finish(struct exchange *x)
{
    endings[x->ending](x);
    leave(x);
    x->ops->end(x->client);
    return WAIT;
}

/* ---- from outside -------------------------------------------------------------------------- */

static void sooner(uint64_t *due_at, uint64_t at)
{
    if (at != 0 && (*due_at == 0 || at < *due_at))
        *due_at = at;
}

/* A held answer that grows is no longer waited for: the deadline looks away until it fails. */
static bool has_content(const struct exchange *x)
{
    return x->attempt != NULL && attempt_result(x->attempt)->first_content_at != 0;
}

static void update_timer(struct exchange *x)
{
    uint64_t due_at = 0;
    if (x->state == EX_SETTLE) {
        due_at = x->settle_at;
    } else {
        sooner(&due_at, x->retry_at);
        if (!has_content(x))
            sooner(&due_at, x->deadline_at);
        sooner(&due_at, x->heartbeat_at);
        if (x->attempt != NULL)
            sooner(&due_at, attempt_due_at(x->attempt));
    }
    x->ops->set_timer(x->client, due_at);
}

static void heartbeat(struct exchange *x, uint64_t now_at)
{
    struct buf headers = BUF_INIT;
    put_stream_headers(&headers);
    buf_printf(&headers, "X-Request-Id: %s\r\n", x->request_id);
    relay_heartbeat(&x->relay, headers.data, headers.len);
    buf_free(&headers);
    x->heartbeat_at = now_at + x->env.conf->stream_heartbeat_ms * CLOCK_NS_PER_MS;
}

static void end_attempt(struct exchange *x, enum outcome outcome)
{
    if (x->attempt == NULL)
        return;
    attempt_cancel(x->attempt, outcome);
    record_attempt(x);
    attempt_free(&x->attempt);
}

static void deadline_passed(struct exchange *x)
{
    end_attempt(x, OUTCOME_DEADLINE);
    end_by_deadline(x);
    run(x);
}

void exchange_on_timer(struct exchange *x)
{
    uint64_t now_at = clock_boot_ns();
    if (x->state == EX_SETTLE) {
        if (now_at >= x->settle_at) {
            report_unwait(x->env.report, &x->waiter);
            on_applied(x);
            return;
        }
    } else if (is_past_deadline(x) && !has_content(x)) {
        deadline_passed(x);
        return;
    } else {
        if (x->state == EX_RETRY && now_at >= x->retry_at) {
            run(x);
            return;
        }
        if (x->heartbeat_at != 0 && now_at >= x->heartbeat_at)
            heartbeat(x, now_at);
        if (x->attempt != NULL) {
            attempt_on_timer(x->attempt, now_at);
            if (x->state == EX_OVER)
                return;
        }
    }
    update_timer(x);
}

void exchange_client_drained(struct exchange *x)
{
    if (x->attempt == NULL || x->state != EX_RELAY)
        return;
    attempt_pause(x->attempt, false);
    update_timer(x);
}

void exchange_client_left(struct exchange *x)
{
    if (x->state == EX_ATTEMPT || x->state == EX_RELAY)
        end_attempt(x, OUTCOME_CLIENT_LEFT);
    x->outcome = OUTCOME_CLIENT_LEFT;
    x->status = 499; /* for the log only, as nginx writes it */
    leave(x);
}

void exchange_shutdown(struct exchange *x)
{
    if (x->state != EX_ATTEMPT && x->state != EX_RELAY && x->state != EX_RETRY)
        return;
    bool is_committed = x->relay.is_committed;
    end_attempt(x, OUTCOME_SHUTDOWN);
    buf_puts(&x->message, outcome_info(OUTCOME_SHUTDOWN)->text);
    x->refusal = ERROR_OVERLOADED;
    end_with(x, is_committed ? ENDING_BROKEN : ENDING_REFUSED);
    run(x);
}

struct exchange *exchange_new(const struct exchange_env *env, struct exchange_request *request,
                              const struct exchange_client *ops, void *client)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    x->env = *env;
    x->ops = ops;
    x->client = client;
    x->request = *request;
    x->request_id = xstrdup(request->request_id);
    x->state = EX_READ;
    x->prompt_tokens = x->completion_tokens = -1;
    relay_init(&x->relay, ops, client);
    request->body = NULL;
    return x;
}

void exchange_begin(struct exchange *x)
{
    run(x);
}
