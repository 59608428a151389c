/* SPDX-License-Identifier: MIT */
/* See sim_play.h. The driver: runs steps until there is enough to send, sends it in pieces, waits
 * for the socket or the clock, and goes on. */
#include "tests/sim/sim_play.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define BATCH_BYTES (64 * 1024)   /* made ahead of the socket */
#define TURN_BYTES  (1024 * 1024) /* sent before others get their turn */
#define TURN_SENDS  64

static const struct {
    const char *name;
    enum step_result (*run)(struct play *p);
} steps[] = {
    [STEP_START] = {"start", step_start},
    [STEP_HEAD] = {"head", step_head},
    [STEP_STREAM] = {"stream", step_stream},
    [STEP_ROLE] = {"role", step_role},
    [STEP_CONTENT] = {"content", step_content},
    [STEP_PADDING] = {"padding", step_padding},
    [STEP_MALFORMED] = {"malformed", step_malformed},
    [STEP_FINISH] = {"finish", step_finish},
    [STEP_USAGE] = {"usage", step_usage},
    [STEP_DONE] = {"done", step_done},
};

enum step_result play_go(struct play *p, enum step step)
{
    p->step = step;
    return PLAY_ON;
}

enum step_result play_wait(struct play *p, uint64_t ms, enum step step)
{
    p->step = step;
    p->wait_ms = ms;
    return ms > 0 ? PLAY_WAIT : PLAY_ON;
}

enum step_result play_finish(struct play *p, enum play_end end, enum ending ending)
{
    p->end = end;
    p->ending = ending;
    p->is_last_chunk_due = end == END_FINISH && p->is_chunked;
    return PLAY_END;
}

static void log_end(const struct play *p)
{
    static const char *const endings[] = {"active", "completed", "aborted", "fault"};
    log_fields(LOGLV_INFO,
               LOG_LIST(LOG_STR("model", model_name(p->model)),
                        LOG_INT("status", p->scenario->status),
                        LOG_STR("kind", p->is_stream ? "stream" : "whole"),
                        LOG_STR("step", steps[p->step].name), LOG_INT("tokens", p->contents),
                        LOG_INT("ms", (clock_boot_ns() - p->begun_at) / CLOCK_NS_PER_MS),
                        LOG_STR("ended", endings[p->ending])),
               "request");
}

static void play_free(struct play *p)
{
    log_end(p);
    journal_end(p->entry, p->ending);
    models_count_ending(p->model, p->ending, p->epoch);
    scenario_unref(p->scenario);
    event_shape_free(&p->shape);
    buf_free(&p->raw);
    free(p);
}

static void end_play(struct play *p)
{
    struct conn *c = p->conn;
    enum play_end end = p->end;
    bool is_to_close = p->is_streaming && !p->is_chunked;
    if (end == END_RESET)
        conn_reset(c);
    else if (end == END_CLOSE || is_to_close)
        conn_close(c);
    play_free(p);
    if (end == END_FINISH && !is_to_close)
        conn_finish(c); /* last: it may begin the next answer */
}

static void put_piece(struct play *p, size_t len)
{
    struct buf *out = conn_out(p->conn);
    if (p->is_chunked)
        buf_printf(out, "%zx\r\n", len);
    buf_put(out, p->raw.data + p->raw_at, len);
    if (p->is_chunked)
        buf_put(out, "\r\n", 2);
    p->raw_at += len;
    if (p->raw_at == p->raw.len) {
        p->raw_at = 0;
        buf_clear(&p->raw);
    }
}

static size_t next_piece(const struct play *p)
{
    size_t left = p->raw.len - p->raw_at;
    size_t split = (size_t)p->scenario->split;
    return split > 0 && split < left ? split : left;
}

/* Frames and sends what the steps have made. False: the socket is full, or it is others' turn. */
static bool send_made(struct play *p)
{
    size_t bytes = 0;
    for (int sends = 0; p->raw.len > 0; sends++) {
        if (sends == TURN_SENDS || bytes >= TURN_BYTES) {
            conn_wake(p->conn);
            return false;
        }
        size_t piece = next_piece(p);
        put_piece(p, piece);
        bytes += piece;
        if (p->raw.len > 0 && !conn_flush(p->conn))
            return false;
    }
    if (p->is_last_chunk_due)
        buf_puts(conn_out(p->conn), "0\r\n\r\n");
    p->is_last_chunk_due = false;
    return conn_flush(p->conn);
}

static void set_timer(struct play *p)
{
    uint64_t at = p->wait_until_at;
    if (p->comment_at != 0 && p->comment_at < at)
        at = p->comment_at;
    if (at != PLAY_FOR_EVER)
        conn_set_timer(p->conn, at);
}

static void start_waiting(struct play *p)
{
    uint64_t now = clock_boot_ns();
    uint64_t comment_ms = (uint64_t)p->scenario->comment_ms;
    p->wait_until_at =
        p->wait_ms == PLAY_FOR_EVER ? PLAY_FOR_EVER : now + p->wait_ms * CLOCK_NS_PER_MS;
    p->comment_at = p->is_streaming && comment_ms > 0 ? now + comment_ms * CLOCK_NS_PER_MS : 0;
    p->wait_ms = 0;
}

/* Steps until there is enough to send, or something has to happen first. */
static void make(struct play *p)
{
    enum step_result result;
    bool is_lump = p->scenario->is_lump;
    p->wait_ms = 0;
    do {
        result = steps[p->step].run(p);
    } while (result == PLAY_ON && (is_lump || p->raw.len < BATCH_BYTES));
    if (result != PLAY_WAIT)
        p->wait_ms = 0;
}

static void run(struct play *p)
{
    size_t turns = 0;
    while (send_made(p)) {
        if (p->end != END_NONE) {
            end_play(p);
            return;
        }
        if (p->wait_ms > 0)
            start_waiting(p);
        if (p->wait_until_at != 0) {
            set_timer(p);
            return;
        }
        if (++turns > TURN_BYTES / BATCH_BYTES) {
            conn_wake(p->conn);
            return;
        }
        make(p);
    }
}

static void on_timer(void *arg)
{
    struct play *p = arg;
    uint64_t now = clock_boot_ns();
    if (now >= p->wait_until_at) {
        p->wait_until_at = 0;
    } else if (p->comment_at != 0 && now >= p->comment_at) {
        event_put_comment(&p->raw, &p->shape);
        p->comment_at = now + (uint64_t)p->scenario->comment_ms * CLOCK_NS_PER_MS;
    }
    run(p);
}

static void on_writable(void *arg)
{
    run(arg);
}

static void on_gone(void *arg)
{
    struct play *p = arg;
    p->ending = ENDING_ABORTED;
    play_free(p);
}

void play_start(struct conn *c, struct model *m, struct scenario *s, struct journal_entry *entry,
                const struct play_request *request)
{
    static const struct conn_answerer answerer = {on_writable, on_timer, on_gone};
    struct play *p = xcalloc(1, sizeof(*p));
    p->conn = c;
    p->model = m;
    p->entry = entry;
    p->scenario = s;
    p->kind = request->kind;
    p->is_stream = request->is_stream;
    p->epoch = models_epoch();
    p->begun_at = clock_boot_ns();
    p->step = STEP_START;
    p->answer = (struct answer){.scenario = s,
                                .model = model_name(m),
                                .number = request->number,
                                .created = clock_wall_ms() / 1000,
                                .prompt_bytes = request->body_len,
                                .is_completion = request->kind == PLAY_COMPLETION,
                                .is_usage_wanted = request->is_usage_wanted};
    conn_answer_with(c, &answerer, p);
    run(p);
}
