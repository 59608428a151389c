/* SPDX-License-Identifier: MIT */
/* See attempt.h. */
#include "server/attempt/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/attempt/body.h"
#include "server/attempt/classify.h"
#include "server/attempt/key_mask.h"
#include "server/coding/coding.h"
#include "server/judge/judge.h"
#include "server/loop/crumb.h"
#include "server/loop/defer.h"
#include "server/provider/provider.h"

#define REQUEST_TEXT_BYTES 1024 /* what URL and headers of a request usually need */
/* Decoding steps a turn of the loop: at most 64 KiB of input, 256 KiB of output. */
#define SLICE_STEPS 4
/* The default of firstTokenTimeoutMs is at least this for a request that asks for reasoning. */
#define FIRST_TOKEN_EFFORT_MS 120000

/* What comes is known for sure with the first bytes of the body that are no blanks: until then it
 * is taken for what was asked for. */
enum attempt_phase {
    PHASE_WAITING, /* for the response's head */
    PHASE_STREAM,  /* 2xx, events come */
    PHASE_ANSWER,  /* 2xx, one JSON body comes */
    PHASE_ERROR,   /* not 2xx, its body comes */
    PHASE_OVER,
};

/* A body that comes in a content coding. */
struct packed {
    enum coding coding; /* as its header says, then as its first byte does */
    struct coding_decoder *decoder;
    struct buf waiting; /* input for the next slices */
    size_t at;          /* how much of it was used */
    bool is_slice_due;
    bool has_ended; /* the transfer has, behind what is waiting: so, and why */
    enum transfer_end end;
    char detail[ATTEMPT_MESSAGE_BYTES];
    char out[CODING_STEP_OUT];
};

struct attempt {
    struct attempt_spec spec;
    const struct conf_provider *provider;
    const struct dialect *dialect;
    const struct attempt_events *events;
    void *arg;
    enum attempt_phase phase;
    struct dialect_request request;
    struct attempt_body sent_body;
    bool is_stream;
    bool was_refused_usage;    /* what runs is the second try, without asking for it */
    struct transfer *transfer; /* NULL once it is over */
    bool is_sure;              /* its body is of the kind that the phase says */
    bool is_plain;             /* its body needs no decoding */
    bool is_labelled_stream;
    char first[CLASSIFY_FIRST_BYTES]; /* of the body, blanks before them left out */
    uint8_t n_first;
    enum coding coding;    /* of the body, as its header says */
    struct packed *packed; /* NULL: it is plain, or did not begin */
    struct sse *sse;
    struct buf body;
    unsigned malformed;  /* events in a row */
    bool has_lost_event; /* one of them was torn */
    uint64_t n_events;
    struct dialect_stream stream; /* what its events have said */
    struct limits limits;         /* what the head said */
    uint64_t header_timeout_ms;
    uint64_t last_sign_at; /* the latest event that says something, or piece of a body */
    uint64_t complete_at;  /* when everything was said; 0 = not yet */
    bool is_paused;
    struct attempt_result result;
};

/* ---- the end ------------------------------------------------------------------------------- */

static void end(struct attempt *a, enum outcome outcome)
{
    struct transfer *transfer = a->transfer;
    a->phase = PHASE_OVER;
    a->result.outcome = outcome;
    a->result.ended_at = clock_boot_ns();
    a->result.has_finish = a->stream.has_finish;
    a->transfer = NULL;
    if (a->packed != NULL && a->packed->is_slice_due)
        defer_cancel_slice(a);
    if (transfer == NULL)
        return;
    if (outcome == OUTCOME_STREAM_COMPLETED || outcome == OUTCOME_STREAM_UNPROVED)
        transfer_finish(transfer);
    else
        transfer_abort(transfer);
}

/* The one way an attempt ends on its own. */
static void end_with(struct attempt *a, enum outcome outcome)
{
    if (a->phase == PHASE_OVER)
        return;
    end(a, outcome);
    a->events->done(a->arg);
}

static void set_message(struct attempt *a, const char *text, size_t len)
{
    if (len >= sizeof(a->result.message))
        len = sizeof(a->result.message) - 1;
    memcpy(a->result.message, text, len);
    a->result.message[len] = '\0';
    key_mask_text(a->provider->api_key, a->result.message, len);
}

static void end_with_message(struct attempt *a, enum outcome outcome, const char *text)
{
    set_message(a, text, strlen(text));
    end_with(a, outcome);
}

static void set_message_json(struct attempt *a, struct jsonscan_span words)
{
    if (words.len == 0)
        return;
    size_t len = jsonscan_unescape(words, a->result.message, sizeof(a->result.message));
    key_mask_text(a->provider->api_key, a->result.message, len);
}

/* What an event does not say keeps what an earlier one said. */
static void set_usage(struct attempt *a, const struct dialect_usage *usage)
{
    if (usage->prompt_tokens >= 0)
        a->result.usage.prompt_tokens = usage->prompt_tokens;
    if (usage->completion_tokens >= 0)
        a->result.usage.completion_tokens = usage->completion_tokens;
    if (usage->total_tokens >= 0)
        a->result.usage.total_tokens = usage->total_tokens;
}

static void keep_body(struct attempt *a)
{
    a->result.body = buf_cstr(&a->body);
    a->result.body_len = a->body.len;
}

/* The provider told an error, in a->body, wherever it stood: whose fault is it? When it is its own,
 * the outcome is `own_fault`. */
static void fail_with_fault(struct attempt *a, const struct dialect_fault *fault,
                            enum outcome own_fault, bool is_whole)
{
    const struct judge_error error = {
        .status = a->result.status,
        .provider = a->provider->type,
        .has_retry_after = a->limits.has_wait,
        .code = fault->code,
        .type = fault->type,
        .reason = fault->reason,
        .message = fault->message,
    };
    enum outcome outcome = classify_verdict(judge(&error), own_fault);
    /* What is said of a request may quote it, and goes into the log: its code will do. */
    if (outcome == OUTCOME_CLIENT_ERROR || outcome == OUTCOME_CONTENT_FILTERED)
        set_message_json(a, fault->code.len > 0 ? fault->code : fault->type);
    else
        set_message_json(a, fault->message);
    if (is_whole) {
        keep_body(a);
        key_mask_json(a->provider->api_key, a->body.data, a->body.len);
    }
    a->result.rest_ms = classify_rest_ms(outcome, a->spec.conf, &a->limits);
    end_with(a, outcome);
}

/* ---- a stream ------------------------------------------------------------------------------ */

/* Torn JSON is told by its length and place, never by its text. */
static bool drop_malformed(struct attempt *a, const struct sse_event *event)
{
    a->malformed++;
    a->has_lost_event = true;
    log_fields(LOGLV_WARN,
               LOG_LIST(LOG_STR("requestId", a->spec.request_id),
                        LOG_STR("provider", a->provider->id),
                        LOG_STR("model", a->spec.conf->pairs[a->spec.pair].model),
                        LOG_INT("bytes", event->data_len), LOG_INT("event", a->n_events)),
               "dropped an event whose data is not JSON");
    bool is_in_tool = false;
    for (size_t i = 0; i < DIALECT_PART_WORDS; i++)
        is_in_tool |= a->stream.parts[i].in_tool != 0;
    if (a->malformed <= ATTEMPT_MALFORMED_MAX && !is_in_tool)
        return true;
    end_with(a, OUTCOME_STREAM_MALFORMED);
    return false;
}

static bool is_error_typed(const struct sse_event *event)
{
    return event->type_len == 5 && memcmp(event->type, "error", 5) == 0;
}

static bool fail_with_event(struct attempt *a, const struct sse_event *event,
                            const struct dialect_event *facts)
{
    if (facts->kind == DIALECT_EVENT_JSON) {
        buf_clear(&a->body);
        buf_put(&a->body, event->data, event->data_len);
        strcpy(a->result.content_type, "application/json");
        fail_with_fault(a, &facts->fault, OUTCOME_STREAM_ERROR, true);
    } else {
        set_message(a, event->data, event->data_len);
        end_with(a, OUTCOME_STREAM_ERROR);
    }
    return false;
}

/* Towards the exchange, in its usual form where that is wanted. */
static void hand_on(struct attempt *a, const struct sse_event *event)
{
    struct sse_event normalized = *event;
    char *data = NULL;
    if (a->spec.conf->normalize_responses && a->dialect->normalize_event != NULL)
        data = a->dialect->normalize_event(event->data, event->data_len, &normalized.data_len);
    if (data != NULL)
        normalized.data = data;
    a->events->event(a->arg, &normalized);
    free(data);
}

/* The mark of the end was sent: is it one? Middlemen that swallow a cut send it, too. */
static void end_at_mark(struct attempt *a)
{
    if (a->stream.is_complete)
        end_with(a, a->has_lost_event ? OUTCOME_STREAM_UNPROVED : OUTCOME_STREAM_COMPLETED);
    else if (a->result.first_content_at == 0)
        end_with(a, OUTCOME_STREAM_EMPTY);
    else if (a->stream.has_finish || a->events->expects_finish(a->arg))
        end_with(a, OUTCOME_STREAM_TRUNCATED);
    else
        end_with(a, OUTCOME_STREAM_UNPROVED);
}

/* From the first content on silence has a limit of its own, and so has the rest when all was said.
 */
static void set_pace(struct attempt *a, const struct dialect_event *facts, bool was_complete)
{
    bool is_first = a->result.first_content_at == 0 && (facts->has_content || facts->has_finish);
    a->last_sign_at = clock_boot_ns();
    if (is_first)
        a->result.first_content_at = a->last_sign_at;
    if (a->stream.is_complete && !was_complete)
        a->complete_at = a->last_sign_at;
    if (is_first || a->stream.is_complete != was_complete)
        a->events->due_sooner(a->arg);
}

/* Takes the first line off an event's data; false when there is none left. */
static bool next_line(struct sse_event *rest, struct sse_event *line)
{
    if (rest->data_len == 0)
        return false;
    const char *lf = memchr(rest->data, '\n', rest->data_len);
    size_t len = lf != NULL ? (size_t)(lf - rest->data) : rest->data_len;
    *line = *rest;
    line->data_len = len;
    len += lf != NULL;
    rest->data += len;
    rest->data_len -= len;
    return true;
}

/* Some providers end events with one line end instead of two. One document that is torn may have
 * several lines, too: then none of them says anything by itself. */
static bool holds_events(const struct attempt *a, const struct sse_event *event)
{
    struct sse_event rest = *event, line;
    if (memchr(event->data, '\n', event->data_len) == NULL)
        return false;
    while (next_line(&rest, &line)) {
        struct dialect_stream stream = a->stream;
        struct dialect_event facts;
        a->dialect->read_event(&stream, line.data, line.data_len, &facts);
        if (facts.kind == DIALECT_EVENT_JSON || facts.kind == DIALECT_EVENT_END)
            return true;
    }
    return false;
}

static bool on_json(struct attempt *a, const struct sse_event *event);

static bool on_lines(struct attempt *a, const struct sse_event *event)
{
    struct sse_event rest = *event, line;
    while (next_line(&rest, &line))
        if (!on_json(a, &line))
            return false;
    return true;
}

static bool on_json(struct attempt *a, const struct sse_event *event)
{
    struct dialect_event facts;
    bool was_complete = a->stream.is_complete;
    a->dialect->read_event(&a->stream, event->data, event->data_len, &facts);
    if (facts.has_error || is_error_typed(event))
        return fail_with_event(a, event, &facts);
    bool is_document = facts.kind == DIALECT_EVENT_JSON || facts.kind == DIALECT_EVENT_END;
    if (!is_document && holds_events(a, event))
        return on_lines(a, event);
    switch (facts.kind) {
    case DIALECT_EVENT_KEEP_ALIVE:
        return true;
    case DIALECT_EVENT_MALFORMED:
        return drop_malformed(a, event);
    case DIALECT_EVENT_END:
        end_at_mark(a);
        return false;
    case DIALECT_EVENT_JSON:
        break;
    }
    a->malformed = 0;
    set_usage(a, &facts.usage);
    set_pace(a, &facts, was_complete);
    if (facts.is_usage && a->request.asks_usage && !a->spec.shows_usage)
        return true;
    hand_on(a, event);
    return a->phase == PHASE_STREAM;
}

static bool on_event(void *arg, const struct sse_event *event)
{
    struct attempt *a = arg;
    a->n_events++;
    return on_json(a, event);
}

static void stream_ended(struct attempt *a, enum transfer_end end, const char *detail)
{
    if (!a->is_sure && !a->is_labelled_stream && end == TRANSFER_COMPLETE) {
        end_with_message(a, OUTCOME_BAD_ANSWER, "nothing, in place of a stream");
        return;
    }
    if (sse_finish(a->sse) == SSE_TOO_LARGE)
        end_with(a, OUTCOME_EVENT_TOO_LARGE);
    if (a->phase == PHASE_OVER)
        return;
    if (a->stream.is_complete) {
        /* Everything was said; how the connection ends no longer matters. */
        end_at_mark(a);
    } else if (end == TRANSFER_COMPLETE) {
        end_with(a, OUTCOME_STREAM_TRUNCATED);
    } else {
        end_with_message(a, OUTCOME_STREAM_LOST, detail);
    }
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void normalize_body(struct attempt *a)
{
    size_t len;
    char *body = a->dialect->normalize_reply(a->body.data, a->body.len, &len);
    if (body == NULL)
        return;
    buf_free(&a->body);
    a->body = (struct buf){body, len, len + 1};
}

static void answer_ended(struct attempt *a, enum transfer_end end, const char *detail)
{
    struct dialect_reply reply;
    if (end != TRANSFER_COMPLETE) {
        end_with_message(a, OUTCOME_ANSWER_CUT, detail);
        return;
    }
    a->dialect->read_reply(a->spec.operation->kind, buf_cstr(&a->body), a->body.len, &reply);
    if (reply.kind == DIALECT_REPLY_ERROR) {
        fail_with_fault(a, &reply.fault, OUTCOME_BAD_ANSWER, true);
        return;
    }
    if (reply.kind != DIALECT_REPLY_GOOD) {
        end_with(a, OUTCOME_BAD_ANSWER);
        return;
    }
    if (a->is_stream) {
        end_with_message(a, OUTCOME_BAD_ANSWER, "a whole answer, though a stream was asked for");
        return;
    }
    set_usage(a, &reply.usage);
    if (a->spec.conf->normalize_responses && a->dialect->normalize_reply != NULL)
        normalize_body(a);
    keep_body(a);
    a->result.first_content_at = clock_boot_ns();
    end_with(a, OUTCOME_ANSWER_COMPLETED);
}

/* Is it about what weir added? Providers name it in a message, a `param` or a list of places. */
static bool is_refusal_of_usage(const struct attempt *a)
{
    static const char name[] = "stream_options";
    return a->request.asks_usage && (a->result.status == 400 || a->result.status == 422) &&
           a->body.len > 0 && memmem(a->body.data, a->body.len, name, sizeof(name) - 1) != NULL;
}

static void send_request(struct attempt *a);

static void free_packed(struct attempt *a)
{
    if (a->packed == NULL)
        return;
    coding_decoder_free(&a->packed->decoder);
    buf_free(&a->packed->waiting);
    free(a->packed);
    a->packed = NULL;
}

static void send_without_usage(struct attempt *a)
{
    a->request.asks_usage = false;
    a->was_refused_usage = true;
    a->phase = PHASE_WAITING;
    a->result.status = 0;
    a->result.content_type[0] = '\0';
    a->result.has_named_wait = false;
    a->is_sure = a->is_plain = false;
    a->n_first = 0;
    a->coding = CODING_NONE;
    free_packed(a);
    buf_clear(&a->body);
    attempt_body_free(&a->sent_body);
    send_request(a);
}

/* An error's body, or as much of it as came. One that was read to its end is whole, however its
 * connection ended. */
static void error_ended(struct attempt *a, bool is_whole)
{
    struct dialect_reply reply;
    if (is_whole && is_refusal_of_usage(a)) {
        send_without_usage(a);
        return;
    }
    a->dialect->read_reply(a->spec.operation->kind, buf_cstr(&a->body), a->body.len, &reply);
    fail_with_fault(a, &reply.fault, classify_status(a->result.status),
                    is_whole || reply.kind == DIALECT_REPLY_ERROR);
}

/* ---- what the transfer calls --------------------------------------------------------------- */

/* What the head says of limits; whether it matters is known at the end. */
static void read_limits(struct attempt *a, const struct transfer_headers *headers)
{
    const struct conf *conf = a->spec.conf;
    const struct limit_terms terms = {clock_wall_ms(), conf->cooldown_default_ms,
                                      conf->max_rest_ms};
    bool was_clamped;
    limit_headers_read(a->provider->type, transfer_header, headers, &terms, &a->limits,
                       &was_clamped);
    if (a->result.status >= 200 && a->result.status < 300)
        a->result.quota = a->limits.quota;
    a->result.has_named_wait = a->limits.has_wait;
    if (was_clamped)
        log_fields(LOGLV_WARN,
                   LOG_LIST(LOG_STR("requestId", a->spec.request_id),
                            LOG_STR("provider", a->provider->id), LOG_INT("ms", conf->max_rest_ms)),
                   "the provider asked for a longer rest than maxRestMs");
}

/* A coding that this weir does not decode. What the status says holds all the same. */
static void refuse_coding(struct attempt *a, const char *word)
{
    char text[ATTEMPT_MESSAGE_BYTES];
    snprintf(text, sizeof(text), "the Content-Encoding is %s", word);
    set_message(a, text, strlen(text));
    if (a->phase == PHASE_ERROR)
        error_ended(a, false);
    else
        end_with(a, OUTCOME_BAD_ANSWER);
}

static void on_head(void *arg, int status, const struct transfer_headers *headers)
{
    struct attempt *a = arg;
    crumb_leave(CRUMB_HEAD);
    const char *type = transfer_header(headers, "content-type");
    const char *coding = transfer_header(headers, "content-encoding");
    uint64_t was_due_at = attempt_due_at(a);
    a->last_sign_at = clock_boot_ns();
    a->result.status = status;
    if (type != NULL)
        strncpy(a->result.content_type, type, sizeof(a->result.content_type) - 1);
    read_limits(a, headers);
    if (a->was_refused_usage && status >= 200 && status < 300)
        a->events->usage_refused(a->arg);
    a->is_labelled_stream = classify_is_event_stream(type);
    if (status < 200 || status >= 300) {
        a->phase = PHASE_ERROR;
        a->is_sure = true;
    } else if (a->is_stream) {
        a->phase = PHASE_STREAM;
        a->sse = sse_new(on_event, a, a->spec.conf->max_event_bytes);
    } else {
        a->phase = PHASE_ANSWER;
    }
    if (coding != NULL) {
        a->coding = coding_find(coding, strlen(coding));
        if (a->coding == CODING_ZSTD || !coding_is_known(a->coding))
            refuse_coding(a, coding);
    }
    if (a->phase != PHASE_OVER && attempt_due_at(a) < was_due_at)
        a->events->due_sooner(a->arg);
}

/* ---- its body ------------------------------------------------------------------------------ */

/* Some providers keep a connection alive with blanks before an answer. */
static size_t skip_blanks(const char *data, size_t len)
{
    size_t n = 0;
    while (n < len && (data[n] == ' ' || data[n] == '\n' || data[n] == '\r' || data[n] == '\t'))
        n++;
    return n;
}

/* What was asked for is one thing, what the label says another, and what comes may be a third: the
 * body's first bytes decide. What they are too few to tell is harmless to either reader. */
static void look_at_first_bytes(struct attempt *a, const char *data, size_t len)
{
    size_t skip = a->n_first == 0 ? skip_blanks(data, len) : 0;
    size_t room = sizeof(a->first) - a->n_first, n = len - skip < room ? len - skip : room;
    memcpy(a->first + a->n_first, data + skip, n);
    a->n_first += (uint8_t)n;
    enum classify_body kind = classify_body(a->first, a->n_first);
    a->is_sure = kind != CLASSIFY_UNSAID;
    if (kind == CLASSIFY_JSON)
        a->phase = PHASE_ANSWER;
    else if (kind == CLASSIFY_STREAM && !a->is_stream)
        end_with_message(a, OUTCOME_BAD_ANSWER, "a stream, though none was asked for");
    else if (kind == CLASSIFY_OTHER && !(a->is_stream && a->is_labelled_stream))
        end_with_message(a, OUTCOME_BAD_ANSWER, "neither a stream nor JSON");
}

/* Some of the body, as it is meant. */
static void take_data(struct attempt *a, const char *data, size_t len)
{
    if (!a->is_sure)
        look_at_first_bytes(a, data, len);
    if (a->phase == PHASE_STREAM) {
        if (sse_feed(a->sse, data, len) == SSE_TOO_LARGE)
            end_with(a, OUTCOME_EVENT_TOO_LARGE);
        return;
    }
    if (a->phase == PHASE_OVER)
        return;
    if (skip_blanks(data, len) < len)
        a->last_sign_at = clock_boot_ns();
    size_t max = a->phase == PHASE_ERROR ? ATTEMPT_ERROR_MAX_BYTES : a->spec.conf->max_answer_bytes;
    if (len <= max - a->body.len)
        buf_put(&a->body, data, len);
    else if (a->phase == PHASE_ERROR)
        error_ended(a, false);
    else
        end_with(a, OUTCOME_EVENT_TOO_LARGE);
}

static void body_ended(struct attempt *a, enum transfer_end end, const char *detail)
{
    if (a->packed != NULL && end == TRANSFER_COMPLETE &&
        !coding_decoder_may_end(a->packed->decoder)) {
        end = TRANSFER_CUT;
        detail = "the coded body ends too early";
    }
    switch (a->phase) {
    case PHASE_WAITING:
        end_with_message(a, classify_no_head(end), detail);
        break;
    case PHASE_STREAM:
        stream_ended(a, end, detail);
        break;
    case PHASE_ANSWER:
        answer_ended(a, end, detail);
        break;
    case PHASE_ERROR:
        error_ended(a, end == TRANSFER_COMPLETE);
        break;
    case PHASE_OVER:
        break;
    }
}

/* ---- decoding it --------------------------------------------------------------------------- */

/* Reading waits for the client, and for what was read to be decoded. */
static void hold_back(struct attempt *a)
{
    bool is_slice_due = a->packed != NULL && a->packed->is_slice_due;
    if (a->transfer != NULL)
        transfer_pause(a->transfer, a->is_paused || is_slice_due);
}

static void refuse_coded(struct attempt *a)
{
    set_message(a, "the coded body is malformed", strlen("the coded body is malformed"));
    if (a->phase == PHASE_ERROR)
        error_ended(a, false);
    else
        end_with(a, a->n_events > 0 ? OUTCOME_STREAM_MALFORMED : OUTCOME_BAD_ANSWER);
}

/* Some steps of decoding; true when there is nothing more to do until more comes. */
static bool decode_some(struct attempt *a)
{
    struct packed *p = a->packed;
    size_t used, got;
    for (unsigned step = 0; step < SLICE_STEPS; step++) {
        enum coding_result result =
            coding_decode(p->decoder, p->waiting.data + p->at, p->waiting.len - p->at, &used,
                          p->out, sizeof(p->out), &got);
        p->at += used;
        if (got > 0)
            take_data(a, p->out, got);
        if (a->phase == PHASE_OVER)
            return true;
        if (result != CODING_GOOD) {
            refuse_coded(a);
            return true;
        }
        if (p->at == p->waiting.len && got < sizeof(p->out)) {
            buf_clear(&p->waiting);
            p->at = 0;
            return true;
        }
    }
    return false;
}

static void decode_slice(void *ptr);

/* Decodes in this turn what a turn may take, the rest in the next ones. */
static void decode(struct attempt *a)
{
    struct packed *p = a->packed;
    bool was_due = p->is_slice_due;
    p->is_slice_due = !decode_some(a);
    if (a->phase == PHASE_OVER)
        return;
    if (p->is_slice_due && !a->is_paused)
        defer_slice(decode_slice, a);
    if (p->is_slice_due != was_due)
        hold_back(a);
    if (!p->is_slice_due && p->has_ended)
        body_ended(a, p->end, p->detail);
}

static void decode_slice(void *ptr)
{
    struct attempt *a = ptr;
    crumb_leave(CRUMB_BODY);
    decode(a);
    if (a->phase == PHASE_STREAM)
        a->events->fed(a->arg);
}

/* The first bytes of a body: is it coded, as its header says or without a word? */
static void unpack_first(struct attempt *a, const char *data)
{
    bool is_gzip = (unsigned char)data[0] == CODING_GZIP_MAGIC;
    if (a->coding == CODING_NONE && is_gzip)
        a->coding = CODING_GZIP;
    else if (a->coding == CODING_GZIP && !is_gzip)
        a->coding = CODING_NONE;
    a->is_plain = a->coding == CODING_NONE;
    if (a->is_plain)
        return;
    if (!coding_is_known(a->coding)) {
        refuse_coding(a, "gzip");
        return;
    }
    a->packed = xcalloc(1, sizeof(*a->packed));
    a->packed->decoder = coding_decoder_new(a->coding);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct attempt *a = arg;
    crumb_leave(CRUMB_BODY);
    if (!a->is_plain && a->packed == NULL && len > 0)
        unpack_first(a, data);
    if (a->is_plain) {
        take_data(a, data, len);
    } else if (a->packed != NULL) {
        buf_put(&a->packed->waiting, data, len);
        if (!a->packed->is_slice_due)
            decode(a);
    }
}

static void on_done(void *arg, enum transfer_end end, const char *detail)
{
    struct attempt *a = arg;
    struct packed *p = a->packed;
    crumb_leave(CRUMB_END);
    a->transfer = NULL;
    if (p != NULL && p->is_slice_due) {
        p->has_ended = true;
        p->end = end;
        snprintf(p->detail, sizeof(p->detail), "%s", detail);
    } else {
        body_ended(a, end, detail);
    }
}

static void on_fed(void *arg)
{
    struct attempt *a = arg;
    if (a->phase == PHASE_STREAM)
        a->events->fed(a->arg);
}

static const struct transfer_events transfer_events = {on_head, on_data, on_fed, on_done};

/* ---- the clock ----------------------------------------------------------------------------- */

static uint64_t after_ms(uint64_t at, uint64_t ms)
{
    return at + ms * CLOCK_NS_PER_MS;
}

uint64_t attempt_last_sign_at(const struct attempt *a)
{
    return a->last_sign_at;
}

/* Until the first content, from the attempt's start. */
static uint64_t first_token_due_at(const struct attempt *a)
{
    const struct conf *conf = a->spec.conf;
    uint64_t ms = a->header_timeout_ms + conf->stream_idle_timeout_ms;
    if (conf->has_first_token_timeout)
        ms = conf->first_token_timeout_ms;
    else if (a->request.has_effort && ms < FIRST_TOKEN_EFFORT_MS)
        ms = FIRST_TOKEN_EFFORT_MS;
    return after_ms(a->result.started_at, ms);
}

uint64_t attempt_due_at(const struct attempt *a)
{
    const struct conf *conf = a->spec.conf;
    if (a->is_paused)
        return 0;
    switch (a->phase) {
    case PHASE_WAITING: {
        uint64_t head_at = after_ms(a->result.started_at, a->header_timeout_ms);
        uint64_t token_at = a->is_stream ? first_token_due_at(a) : UINT64_MAX;
        return head_at < token_at ? head_at : token_at;
    }
    case PHASE_ERROR:
        return after_ms(a->result.started_at, a->header_timeout_ms);
    case PHASE_ANSWER:
        return after_ms(a->last_sign_at, conf->answer_idle_timeout_ms);
    case PHASE_STREAM:
        if (a->stream.is_complete)
            return after_ms(a->complete_at, conf->stream_end_grace_ms);
        return a->result.first_content_at == 0
                   ? first_token_due_at(a)
                   : after_ms(a->last_sign_at, conf->stream_idle_timeout_ms);
    case PHASE_OVER:
        break;
    }
    return 0;
}

void attempt_on_timer(struct attempt *a, uint64_t now_at)
{
    uint64_t due_at = attempt_due_at(a);
    if (due_at == 0 || now_at < due_at)
        return;
    switch (a->phase) {
    case PHASE_WAITING:
        end_with(a, OUTCOME_HEADER_TIMEOUT);
        break;
    case PHASE_ERROR:
        error_ended(a, false);
        break;
    case PHASE_ANSWER:
        end_with(a, OUTCOME_ANSWER_CUT);
        break;
    case PHASE_STREAM:
        if (a->stream.is_complete)
            end_at_mark(a);
        else
            end_with(a, a->result.first_content_at == 0 ? OUTCOME_STREAM_NO_TOKEN
                                                        : OUTCOME_STREAM_IDLE);
        break;
    case PHASE_OVER:
        break;
    }
}

void attempt_pause(struct attempt *a, bool paused)
{
    bool is_slice_due = a->packed != NULL && a->packed->is_slice_due;
    if ((a->transfer == NULL && !is_slice_due) || a->is_paused == paused)
        return;
    a->is_paused = paused;
    a->last_sign_at = clock_boot_ns();
    if (is_slice_due && paused)
        defer_cancel_slice(a);
    else if (is_slice_due)
        defer_slice(decode_slice, a);
    hold_back(a);
}

/* ---- beginning and freeing ----------------------------------------------------------------- */

static void send_request(struct attempt *a)
{
    struct buf text = BUF_INIT;
    a->sent_body = attempt_body_for(&a->spec.conf->pairs[a->spec.pair], a->dialect, &a->request,
                                    a->spec.body, a->spec.body_len);
    buf_reserve(&text, REQUEST_TEXT_BYTES);
    provider_put_headers(a->provider, a->is_stream, a->spec.request_id, &text);
    size_t headers_len = text.len;
    provider_put_url(a->provider, a->spec.operation->path, a->spec.query, &text);
    buf_cstr(&text);
    struct transfer_request request = {
        .url = text.data + headers_len,
        .headers = text.data,
        .headers_len = headers_len,
        .body = a->sent_body.pieces,
        .n_body = a->sent_body.n,
        .http2 = a->provider->http2,
        .ca_file = a->provider->ca_file,
    };
    a->transfer = transfer_start(a->spec.transfers, &request, &transfer_events, a);
    explicit_bzero(text.data, text.len);
    buf_free(&text);
}

/* A whole answer comes no sooner than its last word, so it has a time of its own. */
static uint32_t header_timeout_ms(const struct attempt *a)
{
    const struct conf *conf = a->spec.conf;
    if (!a->is_stream && conf->has_answer_timeout)
        return conf->answer_timeout_ms;
    if (a->provider->timeout_ms != 0)
        return a->provider->timeout_ms;
    return a->is_stream ? conf->request_timeout_ms : conf->answer_timeout_ms;
}

struct attempt *attempt_start(const struct attempt_spec *spec, const struct attempt_events *events,
                              void *arg)
{
    struct attempt *a = xcalloc(1, sizeof(*a));
    a->spec = *spec;
    a->provider = spec->conf->pairs[spec->pair].provider;
    a->dialect = spec->operation->dialect;
    a->is_stream = spec->request->is_stream;
    a->request = *spec->request;
    a->request.asks_usage = a->request.asks_usage && spec->may_ask_usage;
    a->events = events;
    a->arg = arg;
    a->header_timeout_ms = header_timeout_ms(a);
    a->result.started_at = a->last_sign_at = clock_boot_ns();
    a->result.usage = DIALECT_USAGE_UNKNOWN;
    send_request(a);
    return a;
}

bool attempt_gives_back_body(struct attempt *a)
{
    if (a->transfer != NULL && transfer_needs_body(a->transfer))
        return false;
    attempt_body_free(&a->sent_body);
    return true;
}

void attempt_cancel(struct attempt *a, enum outcome outcome)
{
    if (a->phase != PHASE_OVER)
        end(a, outcome);
}

static void destroy(void *ptr)
{
    struct attempt *a = ptr;
    if (a->sse != NULL)
        sse_free(&a->sse);
    free_packed(a);
    attempt_body_free(&a->sent_body);
    buf_free(&a->body);
    free(a);
}

void attempt_free(struct attempt **attempt)
{
    attempt_cancel(*attempt, OUTCOME_CLIENT_LEFT);
    defer_call(destroy, *attempt);
    *attempt = NULL;
}

const struct attempt_result *attempt_result(const struct attempt *a)
{
    return &a->result;
}

uint32_t attempt_pair(const struct attempt *a)
{
    return a->spec.pair;
}

void attempt_words(const struct attempt *a, char out[ATTEMPT_MESSAGE_BYTES])
{
    struct dialect_reply reply = {0};
    memcpy(out, a->result.message, ATTEMPT_MESSAGE_BYTES);
    if (a->result.body != NULL)
        a->dialect->read_reply(a->spec.operation->kind, a->result.body, a->result.body_len, &reply);
    if (reply.fault.message.len > 0)
        key_mask_text(a->provider->api_key, out,
                      jsonscan_unescape(reply.fault.message, out, ATTEMPT_MESSAGE_BYTES));
}
