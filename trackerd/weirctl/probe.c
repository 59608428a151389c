/* SPDX-License-Identifier: MIT */
/* See probe.h. */
#include "trackerd/weirctl/probe.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/utf8.h"
#include "common/http/response.h"
#include "common/http/sse.h"
#include "common/terms/outcome.h"
#include "common/terms/provider_type.h"

#define BODY_MAX_BYTES  (1u << 20) /* of an error */
#define JSON_DEPTH      64
#define EVENT_MAX_BYTES (8u << 20)

struct probe {
    struct http_response response;
    struct http_response_head head; /* of weir's answer */
    struct buf error;               /* the body, when that is an error */
    struct sse *sse;                /* the body, when that is a stream */
    bool is_answer_cut;
    uint64_t now_at; /* of the feed */
    struct probe_result result;
};

/* ---- the request ----------------------------------------------------------------------------- */

static void put_body(struct buf *out, const struct conf_pair *pair)
{
    char *name = xasprintf("%s/%s", pair->provider->id, pair->model);
    buf_puts(out, "{\"model\":");
    buf_put_json(out, name, strlen(name));
    buf_printf(out,
               ",\"stream\":true,\"%s\":%d,\"messages\":[{\"role\":\"user\",\"content\":"
               "\"Answer with one word: pong\"}]}",
               provider_type_token_limit(pair->provider->type), PROBE_MAX_TOKENS);
    free(name);
}

void probe_put_request(struct buf *out, const struct conf_pair *pair, const char *api_key)
{
    struct buf body = BUF_INIT;
    put_body(&body, pair);
    buf_printf(out,
               "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer "
               "%s\r\nX-Weir-Probe: 1\r\nX-Weir-Delivery: stream\r\nContent-Type: "
               "application/json\r\nContent-Length: %zu\r\n\r\n",
               api_key, body.len);
    buf_put(out, body.data, body.len);
    buf_free(&body);
}

/* ---- what events and errors say ------------------------------------------------------------- */

static json_object *parse(const char *text, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    json_object *root = json_tokener_parse_ex(tokener, text, (int)len);
    json_tokener_free(tokener);
    return root;
}

static json_object *member(json_object *o, const char *key)
{
    json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

/* "" for anything but a string. */
static const char *text_of(json_object *o, const char *key)
{
    json_object *value = member(o, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static int64_t count_of(json_object *o, const char *key)
{
    json_object *value = member(o, key);
    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
}

/* Copies what there is room for, cut between characters. True if that is all of it. */
static bool copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text), whole_len = len;
    if (len >= size) {
        len = size - 1;
        while (len > 0 && utf8_is_tail((unsigned char)text[len]))
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return len == whole_len;
}

/* weir's error object. It has a member `probe` if the pair was tried; else weir itself refused. */
static void read_error(struct probe_result *r, json_object *root)
{
    json_object *error = member(root, "error"), *probe = member(root, "probe");
    r->end = probe != NULL ? PROBE_FAILED : PROBE_REFUSED;
    copy(r->outcome, sizeof(r->outcome),
         probe != NULL ? text_of(probe, "outcome") : text_of(error, "code"));
    copy(r->message, sizeof(r->message), text_of(probe != NULL ? probe : error, "message"));
    if (probe != NULL)
        r->status = (int)count_of(probe, "status");
}

static void read_usage(struct probe_result *r, json_object *usage)
{
    if (!json_object_is_type(usage, json_type_object))
        return;
    r->prompt_tokens = count_of(usage, "prompt_tokens");
    r->completion_tokens = count_of(usage, "completion_tokens");
}

static json_object *first_choice(json_object *root)
{
    json_object *choices = member(root, "choices");
    return json_object_is_type(choices, json_type_array) ? json_object_array_get_idx(choices, 0)
                                                         : NULL;
}

static void read_chunk(struct probe *p, json_object *root)
{
    struct probe_result *r = &p->result;
    size_t len = strlen(r->answer);
    const char *content = text_of(member(first_choice(root), "delta"), "content");
    if (!p->is_answer_cut)
        p->is_answer_cut = !copy(r->answer + len, sizeof(r->answer) - len, content);
    if (r->model[0] == '\0')
        copy(r->model, sizeof(r->model), text_of(root, "model"));
    read_usage(r, member(root, "usage"));
}

/* weir sends nothing before content, so the first event other than an error is the first token. */
static bool on_event(void *arg, const struct sse_event *event)
{
    struct probe *p = arg;
    struct probe_result *r = &p->result;
    if (event->data_len == strlen("[DONE]") &&
        memcmp(event->data, "[DONE]", event->data_len) == 0) {
        r->end = PROBE_COMPLETED;
        copy(r->outcome, sizeof(r->outcome), outcome_info(OUTCOME_STREAM_COMPLETED)->word);
        r->status = 200;
        return false;
    }
    json_object *root = parse(event->data, event->data_len);
    if (member(root, "error") != NULL) {
        read_error(r, root);
    } else {
        r->first_token_at = r->first_token_at != 0 ? r->first_token_at : p->now_at;
        read_chunk(p, root);
    }
    json_object_put(root);
    return r->end == PROBE_UNFINISHED;
}

/* ---- the answer's bytes ---------------------------------------------------------------------- */

struct probe *probe_new(void)
{
    struct probe *p = xcalloc(1, sizeof(*p));
    http_response_init(&p->response);
    p->sse = sse_new(on_event, p, EVENT_MAX_BYTES);
    p->result.prompt_tokens = p->result.completion_tokens = -1;
    return p;
}

void probe_free(struct probe **probe)
{
    sse_free(&(*probe)->sse);
    buf_free(&(*probe)->error);
    http_response_deinit(&(*probe)->response);
    free(*probe);
    *probe = NULL;
}

const struct probe_result *probe_result(const struct probe *p)
{
    return &p->result;
}

static bool end_with(struct probe *p, enum probe_end end)
{
    p->result.end = end;
    return false;
}

static bool feed_body(struct probe *p, const struct http_text *piece)
{
    if (p->head.status == 200)
        return sse_feed(p->sse, piece->at, piece->len) == SSE_OK;
    if (p->error.len + piece->len > BODY_MAX_BYTES)
        return end_with(p, PROBE_NOT_WEIR);
    buf_put(&p->error, piece->at, piece->len);
    return true;
}

/* The body is over, or as much of it as came. */
static void finish_body(struct probe *p)
{
    if (p->head.status == 200) {
        sse_finish(p->sse);
        return;
    }
    json_object *root = parse(p->error.data, p->error.len);
    if (member(root, "error") != NULL)
        read_error(&p->result, root);
    else
        end_with(p, PROBE_NOT_WEIR);
    json_object_put(root);
}

bool probe_feed(struct probe *p, const char *data, size_t len, uint64_t now_at)
{
    p->now_at = now_at;
    for (;;) {
        struct http_text piece;
        size_t used;
        switch (http_response_feed(&p->response, data, len, &used, &p->head, &piece)) {
        case HTTP_RESPONSE_MORE:
            return true;
        case HTTP_RESPONSE_HEAD:
            break;
        case HTTP_RESPONSE_DATA:
            if (!feed_body(p, &piece))
                return false;
            break;
        case HTTP_RESPONSE_END:
            finish_body(p);
            return false;
        case HTTP_RESPONSE_BAD:
            return end_with(p, PROBE_NOT_WEIR);
        }
        data += used;
        len -= used;
    }
}

void probe_finish(struct probe *p, uint64_t now_at)
{
    p->now_at = now_at;
    if (p->result.end == PROBE_UNFINISHED && http_response_has_head(&p->response))
        finish_body(p);
}
