/* SPDX-License-Identifier: MIT */
/* See relay.h. */
#include "server/exchange/relay.h"

#include <string.h>

void relay_init(struct relay *r, const struct dialect *dialect, const struct downstream *downstream,
                void *client)
{
    *r = (struct relay){
        .dialect = dialect, .downstream = downstream, .client = client, .held = BUF_INIT};
}

void relay_deinit(struct relay *r)
{
    buf_free(&r->held);
}

void relay_flush(struct relay *r)
{
    r->downstream->flush(r->client);
}

static void send_pieces(struct relay *r, const struct iovec *pieces, int n)
{
    for (int i = 0; i < n; i++)
        r->sent_bytes += pieces[i].iov_len;
    r->downstream->body(r->client, pieces, n);
}

static void send_text(struct relay *r, const char *text, size_t len)
{
    const struct iovec piece = {(void *)text, len};
    send_pieces(r, &piece, 1);
}

/* To the line end: LF, CR or both. What was an event has no CR, an error's document may have. */
static size_t line_length(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    return (size_t)(p - at);
}

static void put_event(struct buf *out, const struct sse_event *ev)
{
    if (ev->type_len > 0) {
        buf_puts(out, "event: ");
        buf_put(out, ev->type, ev->type_len);
        buf_putc(out, '\n');
    }
    const char *at = ev->data, *end = ev->data + ev->data_len;
    for (;;) {
        size_t len = line_length(at, end);
        buf_puts(out, "data: ");
        buf_put(out, at, len);
        buf_putc(out, '\n');
        at += len;
        if (at == end)
            break;
        at += at[0] == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
    }
    buf_putc(out, '\n');
}

void relay_hold(struct relay *r, const struct sse_event *event)
{
    put_event(&r->held, event);
}

void relay_drop_held(struct relay *r)
{
    buf_clear(&r->held);
}

static void send_head(struct relay *r, const char *headers, size_t len)
{
    if (r->is_head_sent)
        return;
    r->is_head_sent = true;
    r->downstream->head(r->client, 200, headers, len, -1);
}

void relay_heartbeat(struct relay *r, const char *headers, size_t headers_len)
{
    const char *text = r->dialect->heartbeat;
    send_head(r, headers, headers_len);
    send_text(r, text, strlen(text));
    relay_flush(r);
}

void relay_commit(struct relay *r, const char *headers, size_t headers_len)
{
    send_head(r, headers, headers_len);
    r->is_committed = true;
    if (r->held.len > 0)
        send_text(r, r->held.data, r->held.len);
    buf_free(&r->held);
}

static void send_event(struct relay *r, const struct sse_event *event)
{
    struct buf text = BUF_INIT;
    put_event(&text, event);
    send_text(r, text.data, text.len);
    buf_free(&text);
}

void relay_event(struct relay *r, const struct sse_event *event)
{
    if (event->type_len > 0 || memchr(event->data, '\n', event->data_len) != NULL) {
        send_event(r, event);
        return;
    }
    const struct iovec pieces[] = {
        {(char *)"data: ", 6}, {(void *)event->data, event->data_len}, {(char *)"\n\n", 2}};
    send_pieces(r, pieces, 3);
}

void relay_error(struct relay *r, const char *json, size_t len)
{
    const char *type = r->dialect->error_event_type;
    send_event(r, &(struct sse_event){
                       .type = type, .type_len = strlen(type), .data = json, .data_len = len});
}

void relay_end(struct relay *r)
{
    const char *text = r->dialect->end_mark;
    send_text(r, text, strlen(text));
}
