/* SPDX-License-Identifier: MIT */
/* See sim_event.h. */
#include "tests/sim/sim_event.h"

#include <string.h>

static const char *const eols[] = {
    [SCENARIO_LF] = "\n", [SCENARIO_CRLF] = "\r\n", [SCENARIO_CR] = "\r"};

static void put_line_start(struct buf *b, const struct event_shape *e)
{
    buf_puts(b, e->answer->scenario->is_without_space ? "data:" : "data: ");
}

static void put_blank_line(struct buf *b, const struct event_shape *e)
{
    buf_puts(b, e->eol);
    buf_puts(b, e->eol);
}

/* Length up to and with the first comma between members; len when there is none. */
static size_t first_comma(const char *json, size_t len)
{
    bool is_in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (json[i] == '\\')
            i++;
        else if (json[i] == '"')
            is_in_string = !is_in_string;
        else if (json[i] == ',' && !is_in_string)
            return i + 1;
    }
    return len;
}

/* The start of an event's data; may be split over two lines, for which it has to hold a comma. */
static void put_data(struct buf *b, const struct event_shape *e, const char *json, size_t len)
{
    size_t first = e->answer->scenario->is_multi_line ? first_comma(json, len) : len;
    put_line_start(b, e);
    buf_put(b, json, first);
    if (first < len) {
        buf_puts(b, e->eol);
        put_line_start(b, e);
        buf_put(b, json + first, len - first);
    }
}

static void build_open(struct event_shape *e)
{
    const struct answer *a = e->answer;
    struct buf json = BUF_INIT;
    answer_put_intro(&json, a, a->is_completion ? "text_completion" : "chat.completion.chunk");
    buf_puts(&json, ",\"choices\":[");
    put_data(&e->open, e, json.data, json.len);
    buf_free(&json);
}

void event_shape_init(struct event_shape *e, const struct answer *a)
{
    *e = (struct event_shape){.answer = a, .open = BUF_INIT, .close = BUF_INIT};
    e->eol = eols[a->scenario->eol];
    e->contents = scenario_content_events(a->scenario);
    build_open(e);
    buf_puts(&e->close, a->is_usage_wanted ? "],\"usage\":null}" : "]}");
    put_blank_line(&e->close, e);
}

void event_shape_free(struct event_shape *e)
{
    buf_free(&e->open);
    buf_free(&e->close);
}

static void open_choice(struct buf *b, const struct event_shape *e, int64_t choice)
{
    buf_put(b, e->open.data, e->open.len);
    buf_puts(b, "{\"index\":");
    answer_put_number(b, (uint64_t)choice);
    buf_puts(b, e->answer->is_completion ? ",\"text\":\"" : ",\"delta\":{");
}

void event_put_role(struct buf *b, const struct event_shape *e, int64_t choice)
{
    if (e->answer->is_completion)
        return;
    open_choice(b, e, choice);
    buf_puts(b, "\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}");
    buf_put(b, e->close.data, e->close.len);
}

/* A call's arguments are JSON inside a JSON string; its text is escaped twice. */
static uint64_t open_tool_call(struct buf *b, const struct scenario *s, int64_t token, bool is_big)
{
    if (token == 0)
        buf_puts(b, "\"tool_calls\":[{\"index\":0,\"id\":\"call_sim_0\",\"type\":\"function\","
                    "\"function\":{\"name\":\"sim_tool\",\"arguments\":\"{\\\"text\\\":\\\"");
    else
        buf_puts(b, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"");
    struct buf once = BUF_INIT;
    uint64_t padding = answer_put_token(&once, s, token, is_big);
    size_t at = b->len;
    buf_put_json(b, once.data, once.len);
    memmove(b->data + at, b->data + at + 1, b->len - at - 2);
    b->len -= 2;
    buf_free(&once);
    return padding;
}

static const char *content_member(const struct scenario *s, int64_t token)
{
    if (s->is_refusal)
        return "\"refusal\":\"";
    if (s->is_reasoning && token < s->tokens / 2)
        return "\"reasoning_content\":\"";
    return "\"content\":\"";
}

uint64_t event_open_content(struct buf *b, const struct event_shape *e, int64_t i)
{
    const struct scenario *s = e->answer->scenario;
    int64_t token = i / s->choices;
    bool is_big = s->big != SCENARIO_UNSET && i == e->contents / 2;
    open_choice(b, e, i % s->choices);
    if (e->answer->is_completion)
        return answer_put_token(b, s, token, is_big);
    if (s->is_tool)
        return open_tool_call(b, s, token, is_big);
    buf_puts(b, content_member(s, token));
    return answer_put_token(b, s, token, is_big);
}

static const char *content_end(const struct event_shape *e, int64_t i)
{
    const struct scenario *s = e->answer->scenario;
    if (e->answer->is_completion)
        return "\",\"logprobs\":null,\"finish_reason\":null}";
    if (!s->is_tool)
        return "\"},\"finish_reason\":null}";
    if (i + s->choices >= e->contents)
        return "\\\"}\"}}]},\"finish_reason\":null}";
    return "\"}}]},\"finish_reason\":null}";
}

void event_close_content(struct buf *b, const struct event_shape *e, int64_t i)
{
    buf_puts(b, content_end(e, i));
    buf_put(b, e->close.data, e->close.len);
}

void event_put_finish(struct buf *b, const struct event_shape *e, int64_t choice)
{
    open_choice(b, e, choice);
    buf_puts(b, e->answer->is_completion ? "\",\"logprobs\":null" : "}");
    buf_puts(b, ",\"finish_reason\":");
    answer_put_finish(b, e->answer);
    buf_putc(b, '}');
    buf_put(b, e->close.data, e->close.len);
}

void event_put_usage(struct buf *b, const struct event_shape *e)
{
    buf_put(b, e->open.data, e->open.len);
    buf_puts(b, "],\"usage\":");
    answer_put_usage(b, e->answer);
    buf_putc(b, '}');
    put_blank_line(b, e);
}

void event_put_done(struct buf *b, const struct event_shape *e)
{
    put_line_start(b, e);
    buf_puts(b, "[DONE]");
    if (!e->answer->scenario->is_done_bare)
        put_blank_line(b, e);
}

void event_put_malformed(struct buf *b, const struct event_shape *e)
{
    put_line_start(b, e);
    buf_puts(b, "{\"choices\":[{\"delta\":{\"content\":\"broken");
    put_blank_line(b, e);
}

void event_put_error(struct buf *b, const struct event_shape *e, bool is_named)
{
    struct buf json = BUF_INIT;
    if (is_named) {
        buf_puts(b, e->answer->scenario->is_without_space ? "event:error" : "event: error");
        buf_puts(b, e->eol);
    }
    answer_put_scenario_error(&json, e->answer->scenario, 500);
    put_data(b, e, json.data, json.len);
    put_blank_line(b, e);
    buf_free(&json);
}

void event_put_comment(struct buf *b, const struct event_shape *e)
{
    buf_puts(b, e->answer->scenario->is_without_space ? ":keep-alive" : ": keep-alive");
    put_blank_line(b, e);
}
