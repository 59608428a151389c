/* SPDX-License-Identifier: MIT */
/* How a stream reaches the client: what is held before content, the head, heartbeats, events as
 * they come, the error event, the end (CONTRACT 4.3). Owned and driven by exchange; decides
 * nothing. */
#ifndef WEIR_SERVER_EXCHANGE_RELAY_H
#define WEIR_SERVER_EXCHANGE_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/http/sse.h"
#include "server/dialect/dialect.h"
#include "server/exchange/downstream.h"

struct relay {
    const struct dialect *dialect; /* what weir itself says in a stream */
    const struct downstream *downstream;
    void *client;
    struct buf held;   /* events before content, ready to send */
    size_t sent_bytes; /* of the body */
    bool is_head_sent; /* 200 went out, by commit or by a heartbeat */
    bool is_committed; /* content went out */
};

void relay_init(struct relay *relay, const struct dialect *dialect,
                const struct downstream *downstream, void *client);
void relay_deinit(struct relay *relay);

/* Keeps an event for the commit. */
void relay_hold(struct relay *relay, const struct sse_event *event);
/* Forgets what was held: the attempt failed before the client saw any of it. */
void relay_drop_held(struct relay *relay);
/* Shows the client that the connection lives; sends the head first if nothing has yet. */
void relay_heartbeat(struct relay *relay, const char *headers, size_t headers_len);
/* Content has come: writes the head, unless a heartbeat did, and what was held. All of it goes out
 * with the next flush. */
void relay_commit(struct relay *relay, const char *headers, size_t headers_len);
/* An event, byte for byte in its data; it goes out with the next flush. */
void relay_event(struct relay *relay, const struct sse_event *event);
/* Writes all events since the last flush at once. Called at the end of each read that came from the
 * provider: what arrived together is written together, and nothing is ever delayed. */
void relay_flush(struct relay *relay);
/* The closing event after a failure, a JSON document; no end mark follows. The head must be out. */
void relay_error(struct relay *relay, const char *json, size_t len);
/* The mark of a clean end. */
void relay_end(struct relay *relay);

#endif
