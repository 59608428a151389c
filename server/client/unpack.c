/* SPDX-License-Identifier: MIT */
/* See unpack.h. */
#include "server/client/unpack.h"

#include "server/client/answer.h"
#include "server/client/head.h"
#include "server/client/state.h"
#include "server/loop/crumb.h"
#include "server/loop/defer.h"

#define SLICE_STEPS 8 /* of decoding, a turn: at most 128 KiB of input, 512 KiB of output */

static void refuse(struct client *c, enum own_error error, const char *message)
{
    client_end_unpacking(c);
    client_answer_error(c, error, NULL, message);
}

static void refuse_coded(struct client *c, enum coding_result result)
{
    if (result == CODING_TOO_BIG)
        refuse(c, OWN_ERROR_UNSUPPORTED_ENCODING, "The body's zstd window is larger than 8 MiB.");
    else
        refuse(c, OWN_ERROR_INVALID_REQUEST,
               "The body is not what its Content-Encoding says, or was cut.");
}

static void serve(struct client *c)
{
    buf_free(&c->body);
    c->body = c->unpacking.out;
    c->unpacking.out = (struct buf)BUF_INIT;
    c->body_expected = c->body.len;
    buf_reserve(&c->body, 1);
    client_end_unpacking(c);
    client_serve(c);
}

static void unpack_slice(void *ptr)
{
    struct client *c = ptr;
    struct client_unpacking *u = &c->unpacking;
    crumb_leave(CRUMB_REQUEST);
    u->is_slice_due = false;
    for (unsigned step = 0; step < SLICE_STEPS; step++) {
        size_t used, got;
        char *to = buf_reserve(&u->out, CODING_STEP_OUT);
        enum coding_result result =
            coding_decode(u->decoder, c->body.data + u->at, c->body_expected - u->at, &used, to,
                          CODING_STEP_OUT, &got);
        u->at += used;
        u->out.len += got;
        bool is_through = u->at == c->body_expected && got < CODING_STEP_OUT;
        if (u->out.len > c->owner->setup.conf->max_body_bytes) {
            refuse(c, OWN_ERROR_REQUEST_TOO_LARGE,
                   "The decoded body is larger than server.maxBodyBytes.");
            return;
        }
        if (result != CODING_GOOD || (is_through && !coding_decoder_may_end(u->decoder))) {
            refuse_coded(c, result);
            return;
        }
        if (is_through) {
            serve(c);
            return;
        }
    }
    u->is_slice_due = true;
    defer_slice(unpack_slice, c);
}

void client_take_body(struct client *c)
{
    if (c->coding == CODING_NONE) {
        client_serve(c);
        return;
    }
    client_set_state(c, CLIENT_BUSY);
    client_set_timer_at(c, 0);
    c->unpacking.decoder = coding_decoder_new(c->coding);
    unpack_slice(c);
}
