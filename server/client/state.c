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

#define DRAIN_GRACE_MS 500u /* an idle client's next request may be on its way */

void client_set_state(struct client *c, enum client_state state)
{
#define TO(state) (1u << CLIENT_##state)
    static const unsigned char next[] = {
        [CLIENT_HEAD] = TO(HEAD) | TO(BODY) | TO(BUSY) | TO(DEAD),
        [CLIENT_BODY] = TO(BUSY) | TO(DEAD),
        [CLIENT_BUSY] = TO(BUSY) | TO(HEAD) | TO(LINGER) | TO(DEAD), /* BUSY: its body is decoded */
        [CLIENT_LINGER] = TO(DEAD),
        [CLIENT_DEAD] = 0,
    };
#undef TO
    assert((next[c->state] >> state & 1) != 0);
    c->state = state;
}

/* ---- the clock ----------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b) /* 0 = never */
{
    return b == 0 || (a != 0 && a < b) ? a : b;
}

void client_arm_timer(struct client *c)
{
    uint64_t at = sooner(sooner(c->due_at, c->write_due_at), c->is_reading ? 0 : c->look_at);
    if (at == 0 || (c->timer_at != 0 && c->timer_at <= at))
        return;
    c->timer_at = at;
    uint64_t now_at = clock_boot_ns();
    uint64_t us = at > now_at ? (at - now_at) / 1000 + 1 : 0;
    struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    event_add(&c->on_time, &tv);
}

void client_set_timer_at(struct client *c, uint64_t at)
{
    c->due_at = at;
    client_arm_timer(c);
}

void client_set_timer_ms(struct client *c, uint32_t ms)
{
    client_set_timer_at(c, clock_boot_ns() + ms * CLOCK_NS_PER_MS);
}

void client_set_wait_timer(struct client *c)
{
    const struct conf *conf = c->owner->setup.conf;
    if (c->out != NULL)
        client_set_timer_at(c, 0);
    else if (c->in.len > 0)
        client_set_timer_ms(c, conf->client_header_timeout_ms);
    else
        client_set_timer_ms(c,
                            c->owner->is_draining ? DRAIN_GRACE_MS : conf->keep_alive_timeout_ms);
}

void client_begin_write_timer(struct client *c)
{
    c->write_due_at =
        clock_boot_ns() + c->owner->setup.conf->client_write_timeout_ms * CLOCK_NS_PER_MS;
    client_arm_timer(c);
}

void client_end_write_timer(struct client *c)
{
    c->write_due_at = 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool wants_input(const struct client *c)
{
    switch (c->state) {
    case CLIENT_HEAD:
        return !c->goes_on && (c->out == NULL || evbuffer_get_length(c->out) <= CLIENT_OUT_HIGH);
    case CLIENT_BUSY:
        return c->in.len <= CLIENT_AHEAD_MAX;
    case CLIENT_BODY:
    case CLIENT_LINGER:
    case CLIENT_DEAD:
        break;
    }
    return true;
}

void client_update_reading(struct client *c)
{
    bool reads = wants_input(c);
    if (c->state == CLIENT_DEAD || reads == c->is_reading)
        return;
    c->is_reading = reads;
    if (reads) {
        event_add(&c->on_read, NULL);
        return;
    }
    event_del(&c->on_read);
    c->look_at = clock_boot_ns() + CLIENT_LOOK_MS * CLOCK_NS_PER_MS;
    client_arm_timer(c);
}

/* ---- a request, and the end ------------------------------------------------------------------ */

void client_await_request(struct client *c)
{
    client_set_state(c, CLIENT_HEAD);
    c->dialect = DIALECT_DEFAULT;
    c->head_looked = 0;
    buf_free(&c->body);
    buf_free(&c->cors);
    buf_free(&c->name);
    buf_free(&c->query);
    client_set_wait_timer(c);
}

static void destroy(void *ptr)
{
    struct client *c = ptr;
    if (c->out != NULL)
        evbuffer_free(c->out);
    buf_free(&c->in);
    buf_free(&c->body);
    buf_free(&c->cors);
    buf_free(&c->name);
    buf_free(&c->query);
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

void client_end_unpacking(struct client *c)
{
    struct client_unpacking *u = &c->unpacking;
    if (u->is_slice_due)
        defer_cancel_slice(c);
    coding_decoder_free(&u->decoder);
    buf_free(&u->out);
    *u = (struct client_unpacking){.out = BUF_INIT};
}

void client_drop(struct client *c)
{
    if (c->state == CLIENT_DEAD)
        return;
    client_set_state(c, CLIENT_DEAD);
    client_end_unpacking(c);
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
    c->owner->n_surplus -= c->is_surplus;
    pages_counter_set(&c->owner->setup.slot->connections, c->owner->count);
    defer_call(destroy, c);
}
