/* SPDX-License-Identifier: MIT */
/* See sim_answer.h. */
#include "tests/sim/sim_answer.h"

#include <string.h>
#include <time.h>

#define BYTES_PER_PROMPT_TOKEN 4
#define EMBEDDING_VALUES       8

static const struct {
    int status;
    const char *reason;
    const char *type; /* of the error object, as OpenAI words it */
    const char *code; /* NULL: null */
} statuses[] = {
    {200, "OK", NULL, NULL},
    {201, "Created", NULL, NULL},
    {202, "Accepted", NULL, NULL},
    {204, "No Content", NULL, NULL},
    {304, "Not Modified", NULL, NULL},
    {400, "Bad Request", "invalid_request_error", NULL},
    {401, "Unauthorized", "invalid_request_error", "invalid_api_key"},
    {402, "Payment Required", "insufficient_quota", "insufficient_quota"},
    {403, "Forbidden", "invalid_request_error", "forbidden"},
    {404, "Not Found", "invalid_request_error", "not_found"},
    {405, "Method Not Allowed", "invalid_request_error", "method_not_allowed"},
    {408, "Request Timeout", "server_error", "request_timeout"},
    {413, "Content Too Large", "invalid_request_error", "request_too_large"},
    {422, "Unprocessable Content", "invalid_request_error", NULL},
    {429, "Too Many Requests", "requests", "rate_limit_exceeded"},
    {431, "Request Header Fields Too Large", "invalid_request_error", "headers_too_large"},
    {500, "Internal Server Error", "server_error", NULL},
    {502, "Bad Gateway", "server_error", NULL},
    {503, "Service Unavailable", "server_error", "overloaded"},
    {504, "Gateway Timeout", "server_error", NULL},
    {529, "Overloaded", "overloaded_error", "overloaded"},
};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

static const char *reason_of(int status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (statuses[i].status == status)
            return statuses[i].reason;
    return "Simulated";
}

static void error_of(int status, const char **type, const char **code)
{
    const char *usual_type = status < 500 ? "invalid_request_error" : "server_error";
    const char *usual_code = NULL;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (statuses[i].status == status && statuses[i].type != NULL) {
            usual_type = statuses[i].type;
            usual_code = statuses[i].code;
        }
    }
    *type = *type != NULL ? *type : usual_type;
    *code = *code != NULL ? *code : usual_code;
}

void answer_put_number(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_put(b, digits + at, sizeof(digits) - at);
}

void answer_put_padding(struct buf *b, uint64_t n)
{
    memset(buf_reserve(b, n), 'x', n);
    b->len += n;
}

/* The same second asks many times; formatting once is enough. */
static void put_date(struct buf *b, uint64_t created)
{
    static uint64_t formatted;
    static char text[40];
    static size_t len;
    if (len == 0 || formatted != created) {
        time_t t = (time_t)created;
        struct tm tm;
        gmtime_r(&t, &tm);
        len = strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        formatted = created;
    }
    buf_put(b, text, len);
}

static void put_field(struct buf *b, const char *name, const char *value)
{
    buf_puts(b, name);
    buf_put(b, ": ", 2);
    buf_puts(b, value);
    buf_put(b, "\r\n", 2);
}

static void put_framing(struct buf *b, const struct answer_head *h)
{
    if (h->length >= 0) {
        buf_puts(b, "Content-Length: ");
        answer_put_number(b, (uint64_t)h->length);
        buf_put(b, "\r\n", 2);
    } else if (h->length == ANSWER_CHUNKED) {
        buf_puts(b, "Transfer-Encoding: chunked\r\n");
    }
    if (!h->is_keep_alive)
        buf_puts(b, "Connection: close\r\n");
}

static void put_added_headers(struct buf *b, const struct scenario *s)
{
    for (size_t i = 0; i < s->header_count; i++)
        put_field(b, s->headers[i].name, s->headers[i].value);
}

void answer_put_head(struct buf *b, const struct answer_head *h)
{
    buf_puts(b, "HTTP/1.1 ");
    answer_put_number(b, (uint64_t)h->status);
    buf_putc(b, ' ');
    buf_puts(b, reason_of(h->status));
    buf_put(b, "\r\n", 2);
    put_date(b, h->created);
    bool is_type_added =
        h->headers != NULL && scenario_header_value(h->headers, "content-type") != NULL;
    if (h->content_type != NULL && !is_type_added)
        put_field(b, "Content-Type", h->content_type);
    buf_puts(b, "x-request-id: req-sim-");
    answer_put_number(b, h->number);
    buf_put(b, "\r\n", 2);
    if (h->allow != NULL)
        put_field(b, "Allow", h->allow);
    put_framing(b, h);
    if (h->headers != NULL)
        put_added_headers(b, h->headers);
    buf_put(b, "\r\n", 2);
}

static void put_string(struct buf *b, const char *s)
{
    if (s != NULL)
        buf_put_json(b, s, strlen(s));
    else
        buf_puts(b, "null");
}

void answer_put_error(struct buf *b, int status, const char *message, const char *type,
                      const char *code)
{
    error_of(status, &type, &code);
    buf_puts(b, "{\"error\":{\"message\":");
    put_string(b, message);
    buf_puts(b, ",\"type\":");
    put_string(b, type);
    buf_puts(b, ",\"param\":null,\"code\":");
    put_string(b, code);
    buf_puts(b, "}}");
}

void answer_put_scenario_error(struct buf *b, const struct scenario *s, int status)
{
    const char *message = s->error_message != NULL ? s->error_message : "simulated failure";
    answer_put_error(b, status, message, s->error_type, s->error_code);
}

uint64_t answer_put_token(struct buf *b, const struct scenario *s, int64_t token, bool is_big)
{
    int64_t wanted = is_big ? s->big : s->size;
    size_t before = b->len;
    if (s->text != NULL) {
        buf_put_json(b, s->text, strlen(s->text));
        /* without the quotes around it */
        memmove(b->data + before, b->data + before + 1, b->len - before - 2);
        b->len -= 2;
    } else {
        buf_putc(b, 't');
        answer_put_number(b, (uint64_t)token);
        buf_putc(b, ' ');
        if (wanted >= 0 && (uint64_t)wanted < b->len - before)
            b->len = before + (size_t)wanted;
    }
    uint64_t natural = s->text != NULL ? strlen(s->text) : b->len - before;
    return wanted > 0 && (uint64_t)wanted > natural ? (uint64_t)wanted - natural : 0;
}

void answer_put_usage(struct buf *b, const struct answer *a)
{
    uint64_t prompt = a->prompt_bytes / BYTES_PER_PROMPT_TOKEN;
    uint64_t completion = (uint64_t)scenario_content_events(a->scenario);
    buf_puts(b, "{\"prompt_tokens\":");
    answer_put_number(b, prompt);
    buf_puts(b, ",\"completion_tokens\":");
    answer_put_number(b, completion);
    buf_puts(b, ",\"total_tokens\":");
    answer_put_number(b, prompt + completion);
    buf_putc(b, '}');
}

void answer_put_intro(struct buf *b, const struct answer *a, const char *object)
{
    buf_puts(b, a->is_completion ? "{\"id\":\"cmpl-sim-" : "{\"id\":\"chatcmpl-sim-");
    answer_put_number(b, a->number);
    buf_puts(b, "\",\"object\":\"");
    buf_puts(b, object);
    buf_puts(b, "\",\"created\":");
    answer_put_number(b, a->created);
    buf_puts(b, ",\"model\":");
    put_string(b, a->model);
}

static void put_tokens(struct buf *b, const struct scenario *s, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        bool is_big = s->big != SCENARIO_UNSET && i == s->tokens / 2;
        answer_put_padding(b, answer_put_token(b, s, i, is_big));
    }
}

static void put_texts(struct buf *b, const struct scenario *s)
{
    int64_t reasoning = s->is_reasoning ? s->tokens / 2 : 0;
    if (s->is_refusal)
        buf_puts(b, "\"content\":null,\"refusal\":\"");
    else if (reasoning > 0) {
        buf_puts(b, "\"reasoning_content\":\"");
        put_tokens(b, s, 0, reasoning);
        buf_puts(b, "\",\"content\":\"");
    } else
        buf_puts(b, "\"content\":\"");
    put_tokens(b, s, reasoning, s->tokens);
    buf_putc(b, '"');
}

/* The arguments are JSON in a JSON string: the text is escaped twice. */
static void put_tool_call(struct buf *b, const struct scenario *s)
{
    struct buf text = BUF_INIT, arguments = BUF_INIT;
    buf_puts(&text, "{\"text\":\"");
    put_tokens(&text, s, 0, s->tokens);
    buf_puts(&text, "\"}");
    buf_put_json(&arguments, text.data, text.len);
    buf_puts(b, "\"content\":null,\"tool_calls\":[{\"id\":\"call_sim_0\",\"type\":\"function\","
                "\"function\":{\"name\":\"sim_tool\",\"arguments\":");
    buf_put(b, arguments.data, arguments.len);
    buf_puts(b, "}}]");
    buf_free(&text);
    buf_free(&arguments);
}

void answer_put_finish(struct buf *b, const struct answer *a)
{
    const char *usual = a->scenario->is_tool && !a->is_completion ? "tool_calls" : "stop";
    const char *finish = a->scenario->finish != NULL ? a->scenario->finish : usual;
    put_string(b, strcmp(finish, "none") == 0 ? NULL : finish);
}

static void put_message(struct buf *b, const struct scenario *s)
{
    buf_puts(b, "\"message\":{\"role\":\"assistant\",");
    if (s->is_tool)
        put_tool_call(b, s);
    else
        put_texts(b, s);
    buf_putc(b, '}');
}

static void put_choice(struct buf *b, const struct answer *a, int64_t index)
{
    buf_puts(b, "{\"index\":");
    answer_put_number(b, (uint64_t)index);
    buf_putc(b, ',');
    if (a->is_completion) {
        buf_puts(b, "\"text\":\"");
        put_tokens(b, a->scenario, 0, a->scenario->tokens);
        buf_putc(b, '"');
    } else {
        put_message(b, a->scenario);
    }
    buf_puts(b, ",\"logprobs\":null,\"finish_reason\":");
    answer_put_finish(b, a);
    buf_putc(b, '}');
}

static void put_end(struct buf *b, const struct answer *a)
{
    if (!a->scenario->is_without_usage) {
        buf_puts(b, ",\"usage\":");
        answer_put_usage(b, a);
    }
    buf_putc(b, '}');
}

void answer_put_whole(struct buf *b, const struct answer *a)
{
    answer_put_intro(b, a, a->is_completion ? "text_completion" : "chat.completion");
    buf_puts(b, ",\"choices\":[");
    for (int64_t i = 0; i < a->scenario->choices; i++) {
        if (i > 0)
            buf_putc(b, ',');
        put_choice(b, a, i);
    }
    buf_putc(b, ']');
    put_end(b, a);
}

void answer_put_embeddings(struct buf *b, const struct answer *a)
{
    buf_puts(b, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
                "\"embedding\":[");
    for (int i = 0; i < EMBEDDING_VALUES; i++)
        buf_puts(b, i > 0 ? ",0.125" : "0.125");
    buf_puts(b, "]}],\"model\":");
    put_string(b, a->model);
    uint64_t prompt = a->prompt_bytes / BYTES_PER_PROMPT_TOKEN;
    buf_puts(b, ",\"usage\":{\"prompt_tokens\":");
    answer_put_number(b, prompt);
    buf_puts(b, ",\"total_tokens\":");
    answer_put_number(b, prompt);
    buf_puts(b, "}}");
}
