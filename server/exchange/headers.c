/* SPDX-License-Identifier: MIT */
/* See headers.h. */
#include "server/exchange/headers.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "server/exchange/state.h"

void exchange_put_trail(const struct exchange *x, struct buf *out)
{
    trail_put(&x->trail, x->env.conf, out);
    if (x->attempt == NULL || attempt_result(x->attempt)->ended_at != 0)
        return;
    const struct conf_pair *pair = &x->env.conf->pairs[attempt_pair(x->attempt)];
    uint64_t elapsed_ns = clock_boot_ns() - attempt_result(x->attempt)->started_at;
    buf_printf(out, "%s%s/%s=%s;%" PRIu64 "ms", x->trail.n > 0 ? ", " : "", pair->provider->id,
               pair->model, outcome_info(OUTCOME_NONE)->word, elapsed_ns / CLOCK_NS_PER_MS);
}

void exchange_put_request_id(const struct exchange *x, struct buf *out)
{
    buf_puts(out, "X-Request-Id: ");
    buf_puts(out, x->request_id);
    buf_puts(out, "\r\n");
}

void exchange_put_common_headers(const struct exchange *x, struct buf *out)
{
    exchange_put_request_id(x, out);
    if (x->chain != NULL) {
        buf_puts(out, "X-Weir-Attempts: ");
        buf_put_u64(out, x->n_entries);
        buf_puts(out, "\r\n");
    }
    if (x->order.explain && x->chain != NULL) {
        buf_puts(out, "X-Weir-Trail: ");
        exchange_put_trail(x, out);
        buf_puts(out, "\r\n");
    }
}

void exchange_put_provider_header(const struct exchange *x, uint32_t pair, struct buf *out)
{
    const struct conf_pair *p = &x->env.conf->pairs[pair];
    buf_puts(out, "X-Weir-Provider: ");
    buf_puts(out, p->provider->id);
    buf_putc(out, '/');
    buf_puts(out, p->model);
    buf_puts(out, "\r\n");
}

void exchange_put_stream_headers(struct buf *out)
{
    buf_puts(out, "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                  "X-Accel-Buffering: no\r\n");
}
