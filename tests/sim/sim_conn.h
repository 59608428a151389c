/* SPDX-License-Identifier: MIT */
/* One accepted connection: reads requests, queues and sends answers, closes in the ways a provider
 * can. Plain recv and send on non-blocking sockets with struct event; reading never stops, so that
 * a peer's departure is seen at once whatever the answer is waiting for.
 *
 * For each complete request the handler of conn_setup is called; it or what it starts answers by
 * appending to conn_out and flushing, and ends the answer with exactly one of conn_finish,
 * conn_close and conn_reset. Requests that the peer sent ahead wait for that. */
#ifndef WEIR_SIM_CONN_H
#define WEIR_SIM_CONN_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_http.h"

struct conn;

/* Callbacks of an answer that takes time. None is called after the answer's end. */
struct conn_answerer {
    void (*on_writable)(void *arg); /* all that was queued is sent; or conn_wake was called */
    void (*on_timer)(void *arg);
    void (*on_gone)(void *arg); /* the peer left; the connection must not be touched again */
};

struct conn_handler {
    /* A request is complete. `data` is its head and, unless it was chunked, its body; valid, as is
     * r, only during the call. */
    void (*on_request)(struct conn *c, struct sim_http_request *r, const char *data, size_t len);
    /* A request that cannot be read: answer r->error_status, then conn_close. */
    void (*on_bad_request)(struct conn *c, struct sim_http_request *r);
    /* A body begins to arrive: should it be read slowly? */
    bool (*is_slow)(const char *body, size_t len);
    void (*on_open)(void);
    void (*on_closed)(bool is_quiet);
};

/* Before the first conn_new; both borrowed until conn_shutdown. */
void conn_setup(struct event_base *base, const struct conn_handler *handler);
/* Closes every connection and frees them. */
void conn_shutdown(void);

void conn_new(evutil_socket_t fd); /* takes the fd */

void conn_answer_with(struct conn *c, const struct conn_answerer *answerer, void *arg);

/* Where to append bytes for the peer. */
struct buf *conn_out(struct conn *c);
/* Sends what the socket takes. True: nothing is left; else on_writable will be called. */
bool conn_flush(struct conn *c);
/* Calls on_writable in a later turn of the loop, so that others get theirs. */
void conn_wake(struct conn *c);
/* Calls on_timer once, not before `at` (see clock.h). */
void conn_set_timer(struct conn *c, uint64_t at);

/* The answer's end. What is queued is sent first, in all three. */
void conn_finish(struct conn *c); /* the connection lives on, if both sides keep it alive */
void conn_close(struct conn *c);  /* with FIN */
void conn_reset(struct conn *c);  /* with RST, once the peer has acknowledged everything */

bool conn_is_keep_alive(const struct conn *c);
bool conn_is_http11(const struct conn *c); /* else it knows no chunks */
/* It is a control connection: not to be counted. */
void conn_set_quiet(struct conn *c);
bool conn_is_quiet(const struct conn *c);

#endif
