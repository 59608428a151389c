/* See relay.h. */
#include "server/relay.h"

#include <string.h>

#include "server/answer.h"

#define EVENT_FRAME_BYTES 32 /* around an event's data, one line of it */

void relay_init(struct relay *r, const struct exchange_client *ops, void *client)
{
    *r = (struct relay){.ops = ops, .client = client, .held = BUF_INIT, .pending = BUF_INIT};
}

void relay_deinit(struct relay *r)
{
    buf_free(&r->held);
    buf_free(&r->pending);
}

void relay_flush(struct relay *r)
{
    if (r->pending.len == 0)
        return;
    struct iovec piece = {r->pending.data, r->pending.len};
    r->sent_bytes += r->pending.len;
    r->ops->body(r->client, &piece, 1);
    buf_free(&r->pending); /* a stream that waits holds nothing */
}

static void put_event(struct buf *out, const struct sse_event *ev)
{
    buf_reserve(out, ev->type_len + ev->data_len + EVENT_FRAME_BYTES);
    if (ev->type_len > 0) {
        buf_puts(out, "event: ");
        buf_put(out, ev->type, ev->type_len);
        buf_putc(out, '\n');
    }
    const char *at = ev->data, *end = ev->data + ev->data_len;
    const char *lf;
    do {
        lf = memchr(at, '\n', (size_t)(end - at));
        buf_puts(out, "data: ");
        buf_put(out, at, (size_t)((lf != NULL ? lf : end) - at));
        buf_putc(out, '\n');
        at = lf != NULL ? lf + 1 : end;
    } while (lf != NULL);
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
    r->ops->head(r->client, 200, headers, len, -1);
}

void relay_heartbeat(struct relay *r, const char *headers, size_t headers_len)
{
    send_head(r, headers, headers_len);
    buf_puts(&r->pending, ": weir\n\n");
    relay_flush(r);
}

void relay_commit(struct relay *r, const char *headers, size_t headers_len)
{
    send_head(r, headers, headers_len);
    r->is_committed = true;
    r->pending = r->held;
    r->held = (struct buf)BUF_INIT;
}

void relay_event(struct relay *r, const struct sse_event *event)
{
    put_event(&r->pending, event);
}

void relay_error_json(struct relay *r, const char *json, size_t len)
{
    relay_event(r, &(struct sse_event){.data = json, .data_len = len});
    relay_flush(r);
}

void relay_error(struct relay *r, const char *code, const char *message, size_t len)
{
    struct buf json = BUF_INIT;
    answer_put_stream_error(&json, code, message, len);
    relay_error_json(r, json.data, json.len);
    buf_free(&json);
}

void relay_done(struct relay *r)
{
    buf_puts(&r->pending, "data: [DONE]\n\n");
    relay_flush(r);
}
