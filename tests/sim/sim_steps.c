/* SPDX-License-Identifier: MIT */
/* See sim_play.h: the steps before a head, and answers that are one body. */
#include <string.h>

#include "tests/sim/sim_play.h"

static const char wrong_body[] =
    "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>"
    "<body><h1>Simulated page</h1></body></html>\n";

static enum step_result put_body(struct play *p, int status, const char *type,
                                 const struct buf *body)
{
    bool is_bodiless = status == 204 || status == 304;
    struct answer_head head = {.status = status,
                               .content_type = is_bodiless ? NULL : type,
                               .length = is_bodiless ? ANSWER_NO_LENGTH : (int64_t)body->len,
                               .is_keep_alive = conn_is_keep_alive(p->conn),
                               .headers = p->scenario,
                               .number = p->answer.number,
                               .created = p->answer.created};
    struct buf *out = conn_out(p->conn);
    answer_put_head(out, &head);
    int64_t cut = p->scenario->truncate_json_at;
    bool is_cut = cut != SCENARIO_UNSET && !p->is_stream && !is_bodiless && body->len > 0;
    size_t len = is_cut && (size_t)cut < body->len ? (size_t)cut : body->len - is_cut;
    if (!is_bodiless)
        buf_put(out, body->data, len);
    return is_cut ? play_finish(p, END_CLOSE, ENDING_FAULT)
                  : play_finish(p, END_FINISH, ENDING_COMPLETED);
}

static enum step_result put_error(struct play *p, int status)
{
    struct buf body = BUF_INIT;
    answer_put_scenario_error(&body, p->scenario, status);
    enum step_result result =
        put_body(p, p->scenario->is_error_200 ? 200 : status, "application/json", &body);
    buf_free(&body);
    return result;
}

static enum step_result put_wrong_type(struct play *p)
{
    struct buf body = BUF_INIT;
    buf_puts(&body, wrong_body);
    enum step_result result = put_body(p, 200, "text/html; charset=utf-8", &body);
    buf_free(&body);
    return result;
}

static enum step_result put_whole(struct play *p)
{
    struct buf body = BUF_INIT;
    if (p->kind == PLAY_EMBEDDINGS)
        answer_put_embeddings(&body, &p->answer);
    else
        answer_put_whole(&body, &p->answer);
    enum step_result result = put_body(p, (int)p->scenario->status, "application/json", &body);
    buf_free(&body);
    return result;
}

enum step_result step_start(struct play *p)
{
    return play_wait(p, (uint64_t)p->scenario->head_delay_ms, STEP_HEAD);
}

enum step_result step_head(struct play *p)
{
    const struct scenario *s = p->scenario;
    if (s->is_hang)
        return play_wait(p, PLAY_FOR_EVER, STEP_HEAD);
    if (s->is_reset)
        return play_finish(p, END_RESET, ENDING_FAULT);
    if (s->is_close)
        return play_finish(p, END_CLOSE, ENDING_FAULT);
    if (s->status >= 300)
        return put_error(p, (int)s->status);
    if (s->is_wrong_type)
        return put_wrong_type(p);
    if (s->is_error_200)
        return put_error(p, 500);
    if (p->is_stream && !s->is_json_for_stream && s->status != 204)
        return play_go(p, STEP_STREAM);
    return put_whole(p);
}
