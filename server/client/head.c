/* SPDX-License-Identifier: MIT */
/* See head.h. */
#include "server/client/head.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/http/request.h"
#include "common/http/target.h"
#include "server/client/answer.h"
#include "server/client/cors.h"
#include "server/client/endpoint.h"
#include "server/client/keys.h"
#include "server/client/output.h"
#include "server/client/path.h"
#include "server/client/peer.h"
#include "server/client/state.h"
#include "server/loop/crumb.h"

#define BODY_FIRST_BYTES (64u << 10) /* room made for an announced body before it comes */

static bool is_sane_id(struct http_text id)
{
    if (id.len == 0 || id.len > CLIENT_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (id.at[i] <= ' ' || id.at[i] > '~' || strchr("\"\\<>{}", id.at[i]) != NULL)
            return false;
    return true;
}

static uint64_t next_random(struct clients *owner) /* xorshift128+: names, not secrets */
{
    uint64_t a = owner->id_seed[0], b = owner->id_seed[1];
    owner->id_seed[0] = b;
    a ^= a << 23;
    owner->id_seed[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return owner->id_seed[1] + b;
}

static char *put_hex(char *to, uint64_t number)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[number >> shift & 15];
    return to;
}

/* The client's own id when it is sane, else a new one; req may be NULL. */
static void take_request_id(struct client *c, const struct http_request *req)
{
    const struct http_text *id = req != NULL ? http_request_header(req, "x-request-id") : NULL;
    char *end;
    if (id != NULL && is_sane_id(*id)) {
        memcpy(c->request_id, id->at, id->len);
        end = c->request_id + id->len;
    } else {
        end = put_hex(c->request_id, next_random(c->owner));
        end = put_hex(end, next_random(c->owner));
    }
    *end = '\0';
}

void client_refuse_head(struct client *c, enum own_error error, const char *message)
{
    c->endpoint = NULL;
    c->is_http10 = c->is_head_request = false;
    take_request_id(c, NULL);
    client_refuse(c, error, message);
}

/* Answers with an error instead of reading on; the connection lives unless a body is on its way. */
static void decline(struct client *c, const struct http_request *req, enum own_error error,
                    const char *headers, const char *message)
{
    client_set_state(c, CLIENT_BUSY);
    c->keep_alive = c->keep_alive && req->framing == HTTP_REQUEST_NO_BODY;
    client_answer_error(c, error, headers, message);
}

static bool is_head_of_get(const struct client_endpoint *e, struct http_text method)
{
    return http_text_equals(method, "HEAD") && strcmp(e->method, "GET") == 0;
}

/* The path is known, the method is not: which ones would it take? False: the path is not known. */
static bool refuse_method(struct client *c, const struct http_request *req)
{
    struct buf allow = BUF_INIT;
    bool has_head = false;
    for (const struct client_endpoint *e = c->owner->setup.endpoints; e->path != NULL; e++) {
        if (!client_path_is(e, req->path))
            continue;
        bool is_get = strcmp(e->method, "GET") == 0, is_head = strcmp(e->method, "HEAD") == 0;
        if (!is_head)
            buf_printf(&allow, "%s%s", allow.len == 0 ? "Allow: " : ", ", e->method);
        has_head |= is_get || is_head;
    }
    if (has_head)
        buf_puts(&allow, allow.len == 0 ? "Allow: HEAD" : ", HEAD");
    bool is_found = allow.len > 0;
    buf_puts(&allow, "\r\n");
    if (is_found)
        decline(c, req, OWN_ERROR_METHOD_NOT_ALLOWED, buf_cstr(&allow),
                "This path does not take that method.");
    buf_free(&allow);
    return is_found;
}

static void refuse_path(struct client *c, const struct http_request *req)
{
    struct buf message = BUF_INIT;
    buf_puts(&message, "There is no such path; the one that is meant may be ");
    bool has_meant = client_path_put_meant(c->owner->setup.endpoints, req->path, &message);
    decline(c, req, OWN_ERROR_NOT_FOUND, NULL,
            has_meant ? buf_cstr(&message) : "There is no such path.");
    buf_free(&message);
}

/* Sets c->endpoint, or answers 404 / 405 itself. HEAD is answered as GET without its body, unless
 * it has a row of its own. */
static bool find_endpoint(struct client *c, const struct http_request *req)
{
    c->is_head_request = http_text_equals(req->method, "HEAD");
    c->endpoint = NULL;
    for (const struct client_endpoint *e = c->owner->setup.endpoints; e->path != NULL; e++) {
        if (!client_path_is(e, req->path))
            continue;
        c->dialect = e->dialect;
        if (c->endpoint == NULL && is_head_of_get(e, req->method))
            c->endpoint = e;
        if (http_text_equals(req->method, e->method)) {
            c->endpoint = e;
            break;
        }
    }
    if (c->endpoint == NULL && !refuse_method(c, req))
        refuse_path(c, req);
    return c->endpoint != NULL;
}

/* A client's credentials do not go to a provider. */
static void take_target(struct client *c, const struct http_request *req)
{
    static const char *const credentials[] = {"key", "api_key", "access_token", NULL};
    if (c->endpoint->takes_name) {
        size_t at = strlen(c->endpoint->path) + 1;
        struct http_text name = {req->path.at + at, req->path.len - at};
        if (!http_target_decode(name, &c->name))
            buf_clear(&c->name);
    }
    if (req->query.len > 0)
        http_target_put_query(req->query, credentials, &c->query);
}

/* Of the body; other also where more than one header names one. */
static enum coding coding_of(const struct http_request *req)
{
    static const char name[] = "content-encoding";
    enum coding coding = CODING_NONE;
    unsigned n = 0;
    for (size_t i = 0; i < req->n_headers; i++) {
        const struct http_text *value = &req->headers[i].value;
        if (req->headers[i].name.len != sizeof(name) - 1 ||
            strncasecmp(req->headers[i].name.at, name, sizeof(name) - 1) != 0)
            continue;
        coding = n++ == 0 ? coding_find(value->at, value->len) : CODING_OTHER;
    }
    return coding;
}

static bool check_body(struct client *c, const struct http_request *req)
{
    const struct conf *conf = c->owner->setup.conf;
    c->coding = coding_of(req);
    if (!coding_is_known(c->coding)) {
        struct buf headers = BUF_INIT;
        buf_printf(&headers, "Accept-Encoding: %s\r\n", coding_known_words());
        decline(c, req, OWN_ERROR_UNSUPPORTED_ENCODING, buf_cstr(&headers),
                "The body's Content-Encoding is none that weir decodes, or more than one.");
        buf_free(&headers);
        return false;
    }
    if (c->endpoint->has_body && req->framing == HTTP_REQUEST_NO_BODY) {
        decline(c, req, OWN_ERROR_INVALID_REQUEST, NULL, "The request has no body.");
        return false;
    }
    if (req->framing == HTTP_REQUEST_LENGTH && req->content_length > conf->max_body_bytes) {
        client_refuse(c, OWN_ERROR_REQUEST_TOO_LARGE,
                      "The body is larger than server.maxBodyBytes.");
        return false;
    }
    return true;
}

/* A wish that is switched on by "1". */
static bool has_flag(const struct http_request *req, const char *name)
{
    const struct http_text *value = http_request_header(req, name);
    return value != NULL && http_text_equals(*value, "1");
}

/* The wishes a client may have for one request. Like all checks: false, an error was sent. */
static bool check_wishes(struct client *c, const struct http_request *req)
{
    const struct http_text *delivery = http_request_header(req, "x-weir-delivery");
    c->delivery = delivery != NULL ? delivery_find(delivery->at, delivery->len) : -1;
    c->explain = has_flag(req, "x-weir-explain");
    c->is_probe = has_flag(req, "x-weir-probe");
    if (c->is_probe && !c->is_loopback && !client_peer_has_our_address(c->fd)) {
        client_refuse(c, OWN_ERROR_INVALID_REQUEST, "X-Weir-Probe is for this machine only.");
        return false;
    }
    if (delivery != NULL && c->delivery < 0) {
        struct buf message = BUF_INIT;
        buf_puts(&message, "X-Weir-Delivery is ");
        for (int i = 0; i < DELIVERY_COUNT; i++)
            buf_printf(&message, "%s\"%s\"", i == 0 ? "" : " or ", delivery_word(i));
        buf_putc(&message, '.');
        client_refuse(c, OWN_ERROR_INVALID_REQUEST, buf_cstr(&message));
        buf_free(&message);
        return false;
    }
    return true;
}

/* Looks for a key only where one is needed: it costs, and whoever connects may send one. */
static bool check_key(struct client *c, const struct http_request *req)
{
    enum client_access access = c->endpoint->access;
    bool is_free =
        access == CLIENT_ACCESS_ALL || (access == CLIENT_ACCESS_THIS_MACHINE && c->is_loopback);
    if (is_free || keys_find_in(c->owner->keys, req) >= 0)
        return true;
    decline(c, req, OWN_ERROR_INVALID_API_KEY, "WWW-Authenticate: Bearer\r\n",
            access == CLIENT_ACCESS_KEY ? "The API key is missing or wrong. Send it as: "
                                          "Authorization: Bearer KEY, x-api-key: KEY "
                                          "or api-key: KEY"
                                        : "From another machine, this needs an API key.");
    return false;
}

void client_serve(struct client *c)
{
    struct client_call call = {
        .endpoint = c->endpoint,
        .request_id = c->request_id,
        .received_at = c->received_at,
        .name = c->name.len > 0 ? buf_cstr(&c->name) : "",
        .query = c->query.len > 0 ? buf_cstr(&c->query) : NULL,
        .delivery = c->delivery,
        .explain = c->explain,
        .is_probe = c->is_probe,
        .body = c->body.data != NULL ? buf_take(&c->body) : NULL,
    };
    call.body_len = call.body != NULL ? c->body_expected : 0;
    client_set_state(c, CLIENT_BUSY);
    client_set_timer_at(c, 0);
    crumb_leave(CRUMB_ENDPOINT);
    c->endpoint->answer(c->owner->setup.endpoints_arg, c, &call);
    free(call.body);
}

/* The row of a preflight, for its record. */
static const struct client_endpoint preflight = {.method = "OPTIONS", .path = "/v1/"};

/* For web pages: notes the headers that the answer needs. True: it was a preflight, and is
 * answered. */
static bool serve_page(struct client *c, const struct http_request *req)
{
    struct buf headers = BUF_INIT;
    if (!cors_has_path(req->path) || !cors_put_headers(c->owner->setup.conf, req, &c->cors) ||
        !cors_is_preflight(req))
        return false;
    cors_put_preflight(req, &headers);
    client_set_state(c, CLIENT_BUSY);
    c->endpoint = &preflight;
    c->is_head_request = false;
    c->keep_alive = c->keep_alive && req->framing == HTTP_REQUEST_NO_BODY;
    client_answer(c, 200, "text/plain", buf_cstr(&headers), "", 0);
    buf_free(&headers);
    return true;
}

static void begin_body(struct client *c, const struct http_request *req)
{
    static const char go_ahead[] = "HTTP/1.1 100 Continue\r\n\r\n";
    c->framing = req->framing;
    c->body_expected = req->framing == HTTP_REQUEST_LENGTH ? req->content_length : 0;
    http_chunked_init(&c->chunked, false);
    if (req->framing == HTTP_REQUEST_NO_BODY ||
        (req->framing == HTTP_REQUEST_LENGTH && c->body_expected == 0)) {
        if (c->endpoint->has_body)
            buf_reserve(&c->body, 1);
        client_serve(c);
        return;
    }
    client_set_state(c, CLIENT_BODY);
    c->body_at_timer = 0;
    buf_reserve(&c->body,
                c->body_expected < BODY_FIRST_BYTES ? c->body_expected + 1 : BODY_FIRST_BYTES);
    client_set_timer_ms(c, c->owner->setup.conf->client_body_timeout_ms);
    if (req->expect_continue) {
        client_put(c, go_ahead, sizeof(go_ahead) - 1);
        client_flush(c);
    }
}

static void on_head(struct client *c, const char *head, size_t len)
{
    static const enum own_error kinds[] = {
        [HTTP_REQUEST_BAD] = OWN_ERROR_INVALID_REQUEST,
        [HTTP_REQUEST_TOO_MANY_HEADERS] = OWN_ERROR_HEADERS_TOO_LARGE,
        [HTTP_REQUEST_BAD_VERSION] = OWN_ERROR_HTTP_VERSION,
        [HTTP_REQUEST_EXPECTATION_FAILED] = OWN_ERROR_EXPECTATION_FAILED,
    };
    struct http_request req;
    enum http_request_error error = http_request_parse(head, len, &req);
    if (error != HTTP_REQUEST_OK) {
        client_refuse_head(c, kinds[error],
                           req.why != NULL ? req.why : "The request is not well-formed HTTP.");
        return;
    }
    c->received_at = clock_boot_ns();
    c->is_http10 = req.version_minor == 0;
    c->keep_alive = req.keep_alive;
    take_request_id(c, &req);
    struct buf room = BUF_INIT;
    req.path = http_target_tidy(req.path, &room);
    if (!serve_page(c, &req) && find_endpoint(c, &req) && check_key(c, &req) &&
        check_body(c, &req) && check_wishes(c, &req)) {
        take_target(c, &req);
        begin_body(c, &req);
    }
    buf_free(&room);
}

size_t client_take_head(struct client *c, const char *data, size_t len)
{
    size_t skip = 0;
    size_t head_len = http_head_end(data, len, c->head_looked, &skip);
    if (head_len > c->owner->setup.conf->max_header_bytes ||
        (head_len == 0 && len > c->owner->setup.conf->max_header_bytes)) {
        client_refuse_head(c, OWN_ERROR_HEADERS_TOO_LARGE,
                           "The head is larger than server.maxHeaderBytes.");
        return len;
    }
    if (head_len == 0) {
        c->head_looked = len;
        return 0;
    }
    c->head_looked = 0;
    on_head(c, data + skip, head_len - skip);
    return head_len;
}
