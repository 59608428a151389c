/* SPDX-License-Identifier: MIT */
/* See state.h. */
#include "server/client/state.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/shm/pages.h"
#include "server/client/answer.h"
#include "server/loop/defer.h"

void client_set_state(struct client *c, enum client_state state)
{
#define TO(state) (1u << CLIENT_##state)
    static const unsigned char next[] = {
        [CLIENT_HEAD] = TO(HEAD) | TO(BODY) | TO(BUSY) | TO(DEAD),
        [CLIENT_BODY] = TO(BUSY) | TO(DEAD),
        [CLIENT_BUSY] = TO(HEAD) | TO(LINGER) | TO(DEAD),
        [CLIENT_LINGER] = TO(DEAD),
        [CLIENT_DEAD] = 0,
    };
#undef TO
    assert((next[c->state] >> state & 1) != 0);
    c->state = state;
}

void client_set_timer_at(struct client *c, uint64_t at)
{
    if (at == c->timer_at)
        return;
    c->timer_at = at;
    if (at == 0) {
        event_del(&c->on_time);
        return;
    }
    uint64_t now_at = clock_boot_ns();
    uint64_t us = at > now_at ? (at - now_at) / 1000 + 1 : 0;
    struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    event_add(&c->on_time, &tv);
}

void client_set_timer_ms(struct client *c, uint32_t ms)
{
    client_set_timer_at(c, clock_boot_ns() + ms * CLOCK_NS_PER_MS);
}

void client_await_request(struct client *c)
{
    const struct conf *conf = c->owner->setup.conf;
    bool has_begun = c->in.len > 0;
    client_set_state(c, CLIENT_HEAD);
    c->dialect = DIALECT_DEFAULT;
    c->head_looked = 0;
    buf_free(&c->body);
    client_set_timer_ms(c,
                        has_begun ? conf->client_header_timeout_ms : conf->keep_alive_timeout_ms);
}

static void destroy(void *ptr)
{
    struct client *c = ptr;
    if (c->out != NULL)
        evbuffer_free(c->out);
    buf_free(&c->in);
    buf_free(&c->body);
    free(c);
}

static void discard_output(struct client *c)
{
    struct client_outbox *box = &c->owner->outbox;
    if (box->client != c)
        return;
    box->client = NULL;
    box->len = 0;
    box->is_in_chunk = false;
}

void client_drop(struct client *c)
{
    if (c->state == CLIENT_DEAD)
        return;
    client_set_state(c, CLIENT_DEAD);
    discard_output(c);
    if (c->job != NULL) {
        void *job = c->job;
        c->job = NULL;
        c->job_ops->left(job);
    }
    event_del(&c->on_read);
    event_del(&c->on_write);
    event_del(&c->on_time);
    close(c->fd);
    LIST_REMOVE(c, link);
    c->owner->count--;
    pages_counter_set(&c->owner->setup.slot->connections, c->owner->count);
    defer_call(destroy, c);
}
