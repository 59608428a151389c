/* SPDX-License-Identifier: MIT */
/* See sim_play.h: the steps of a stream. Each appends to p->raw what it has to say. */
#include <string.h>

#include "tests/sim/sim_play.h"

#define PADDING_BYTES   (64 * 1024) /* put at a time */
#define MALFORMED_AFTER 1           /* content events sent before the malformed ones */

enum step_result step_stream(struct play *p)
{
    const struct scenario *s = p->scenario;
    p->is_chunked = !s->is_close_delimited && conn_is_http11(p->conn);
    p->is_streaming = true;
    struct answer_head head = {.status = (int)s->status,
                               .content_type = "text/event-stream; charset=utf-8",
                               .length = p->is_chunked ? ANSWER_CHUNKED : ANSWER_TO_CLOSE,
                               .is_keep_alive = p->is_chunked && conn_is_keep_alive(p->conn),
                               .headers = s,
                               .number = p->answer.number,
                               .created = p->answer.created};
    answer_put_head(conn_out(p->conn), &head);
    event_shape_init(&p->shape, &p->answer);
    return play_wait(p, (uint64_t)s->first_delay_ms, STEP_ROLE);
}

enum step_result step_role(struct play *p)
{
    const struct scenario *s = p->scenario;
    if (s->has_bom)
        buf_puts(&p->raw, "\xef\xbb\xbf");
    for (int64_t i = 0; i < s->choices; i++)
        event_put_role(&p->raw, &p->shape, i);
    p->step = STEP_CONTENT;
    if (s->is_lump)
        return PLAY_ON;
    if (s->role_delay_ms > 0)
        return play_wait(p, (uint64_t)s->role_delay_ms, STEP_CONTENT);
    return s->delay_ms > 0 ? PLAY_FLUSH : PLAY_ON;
}

static enum step_result end_with_error(struct play *p, bool is_named)
{
    event_put_error(&p->raw, &p->shape, is_named);
    event_put_done(&p->raw, &p->shape);
    return play_finish(p, END_FINISH, ENDING_FAULT);
}

/* Whether the scenario breaks the stream here; *result is then what comes of it. */
static bool breaks_here(struct play *p, enum step_result *result)
{
    const struct scenario *s = p->scenario;
    if (p->contents == s->cut_after)
        *result = play_finish(p, END_RESET, ENDING_FAULT);
    else if (p->contents == s->close_after)
        *result = play_finish(p, END_CLOSE, ENDING_FAULT);
    else if (p->contents == s->eof_after)
        *result = play_finish(p, END_FINISH, ENDING_FAULT);
    else if (p->contents == s->error_event_after || p->contents == s->error_name_after)
        *result = end_with_error(p, p->contents == s->error_name_after);
    else if (p->contents == s->stall_after)
        *result = play_wait(p, PLAY_FOR_EVER, STEP_CONTENT);
    else
        return false;
    return true;
}

enum step_result step_content(struct play *p)
{
    enum step_result result;
    if (breaks_here(p, &result))
        return result;
    if (p->contents == MALFORMED_AFTER && p->malformed < p->scenario->malformed)
        return play_go(p, STEP_MALFORMED);
    if (p->contents == p->shape.contents)
        return play_go(p, STEP_FINISH);
    p->padding = event_open_content(&p->raw, &p->shape, p->contents);
    return play_go(p, STEP_PADDING);
}

enum step_result step_malformed(struct play *p)
{
    for (; p->malformed < p->scenario->malformed; p->malformed++)
        event_put_malformed(&p->raw, &p->shape);
    return play_go(p, STEP_CONTENT);
}

enum step_result step_padding(struct play *p)
{
    uint64_t now = p->padding < PADDING_BYTES ? p->padding : PADDING_BYTES;
    answer_put_padding(&p->raw, now);
    p->padding -= now;
    if (p->padding > 0)
        return PLAY_ON;
    event_close_content(&p->raw, &p->shape, p->contents++);
    bool is_paced = p->contents < p->shape.contents && !p->scenario->is_lump;
    return play_wait(p, is_paced ? (uint64_t)p->scenario->delay_ms : 0, STEP_CONTENT);
}

enum step_result step_finish(struct play *p)
{
    const struct scenario *s = p->scenario;
    bool is_without = s->finish != NULL && strcmp(s->finish, "none") == 0;
    for (int64_t i = 0; i < s->choices && !is_without; i++)
        event_put_finish(&p->raw, &p->shape, i);
    return play_go(p, STEP_USAGE);
}

enum step_result step_usage(struct play *p)
{
    if (p->answer.is_usage_wanted && !p->scenario->is_without_usage)
        event_put_usage(&p->raw, &p->shape);
    return play_go(p, STEP_DONE);
}

enum step_result step_done(struct play *p)
{
    if (!p->scenario->is_without_done)
        event_put_done(&p->raw, &p->shape);
    return play_finish(p, END_FINISH, ENDING_COMPLETED);
}
