/* SPDX-License-Identifier: MIT */
/* See input.h. */
#include "server/client/input.h"

#include <event2/event.h>

#include "common/base/clock.h"
#include "server/client/answer.h"
#include "server/client/head.h"
#include "server/client/output.h"
#include "server/client/state.h"
#include "server/client/unpack.h"
#include "server/loop/crumb.h"

#define LINGER_MAX (256u << 20) /* sent after the last answer: more closes the connection */
#define TURN_MAX   64           /* requests sent ahead, before others have their turn */

static size_t take_counted(struct client *c, const char *data, size_t len)
{
    size_t missing = c->body_expected - c->body.len;
    size_t n = len < missing ? len : missing;
    buf_put(&c->body, data, n);
    if (c->body.len == c->body_expected)
        client_take_body(c);
    return n;
}

static size_t take_chunked(struct client *c, const char *data, size_t len)
{
    size_t taken = 0;
    for (;;) {
        size_t used = 0;
        struct http_text piece;
        enum http_chunked_result result =
            http_chunked_feed(&c->chunked, data + taken, len - taken, &used, &piece);
        taken += used;
        switch (result) {
        case HTTP_CHUNKED_DATA:
            if (c->body.len + piece.len > c->owner->setup.conf->max_body_bytes) {
                client_refuse(c, OWN_ERROR_REQUEST_TOO_LARGE,
                              "The body is larger than server.maxBodyBytes.");
                return len;
            }
            buf_put(&c->body, piece.at, piece.len);
            break;
        case HTTP_CHUNKED_END:
            c->body_expected = c->body.len;
            client_take_body(c);
            return taken;
        case HTTP_CHUNKED_BAD:
            client_refuse(c, OWN_ERROR_INVALID_REQUEST, "The chunked body is malformed.");
            return len;
        case HTTP_CHUNKED_MORE:
            return len;
        }
    }
}

/* The rest waits while the client does not take its answers, or for the next turn of the loop. */
static bool may_use(struct client *c, unsigned n_heads)
{
    if (c->state != CLIENT_HEAD)
        return c->state == CLIENT_BODY;
    if (n_heads == TURN_MAX) {
        c->goes_on = true;
        c->timer_at = 1; /* no other timer is sooner */
        event_add(&c->on_time, &(struct timeval){0, 0});
    }
    return n_heads < TURN_MAX && client_queued(c) <= CLIENT_OUT_HIGH;
}

/* Uses input (which is not in c->in) as far as it goes and returns how much was used. */
static size_t use(struct client *c, const char *data, size_t len)
{
    size_t used = 0;
    unsigned n_heads = 0;
    while (used < len && may_use(c, n_heads)) {
        n_heads += c->state == CLIENT_HEAD;
        const char *at = data + used;
        size_t left = len - used, n;
        if (c->state == CLIENT_HEAD)
            n = client_take_head(c, at, left);
        else if (c->framing == HTTP_REQUEST_LENGTH)
            n = take_counted(c, at, left);
        else
            n = take_chunked(c, at, left);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}

/* Keeps what was not used, unless the connection will not use it any more. */
static void keep_rest(struct client *c, const char *data, size_t len)
{
    bool begins = c->state == CLIENT_HEAD && c->in.len == 0;
    if (c->state == CLIENT_LINGER || c->state == CLIENT_DEAD)
        return;
    buf_put(&c->in, data, len);
    if (begins)
        client_set_wait_timer(c);
}

static void use_kept(struct client *c)
{
    struct buf in = c->in;
    c->in = (struct buf)BUF_INIT;
    size_t used = use(c, in.data, in.len);
    if (used == 0 && c->state == CLIENT_HEAD) {
        c->in = in; /* a head that grows byte by byte is not copied each time */
        return;
    }
    if (used < in.len)
        keep_rest(c, in.data + used, in.len - used);
    buf_free(&in);
}

void client_go_on(void *ptr)
{
    struct client *c = ptr;
    if (c->state == CLIENT_HEAD && c->in.len > 0)
        use_kept(c);
    client_update_reading(c);
}

/* What a client sends that has had its last answer is dropped, within bounds: a reset would take
 * the answer away from it. */
static void drop_input(struct client *c, size_t len)
{
    uint64_t now_at = clock_boot_ns();
    c->lingered += len;
    if (c->lingered > LINGER_MAX || now_at >= c->linger_until_at)
        client_drop(c);
    else if (c->out == NULL)
        client_set_timer_ms(c, CLIENT_LINGER_MS);
}

void client_on_input(struct client *c, const char *data, size_t len)
{
    crumb_leave(CRUMB_REQUEST);
    if (c->state == CLIENT_LINGER) {
        drop_input(c, len);
    } else if (c->in.len > 0) {
        buf_put(&c->in, data, len);
        if (c->state != CLIENT_BUSY)
            use_kept(c);
    } else {
        size_t used = use(c, data, len);
        if (used < len)
            keep_rest(c, data + used, len - used);
    }
    client_update_reading(c);
}
