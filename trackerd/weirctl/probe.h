/* SPDX-License-Identifier: MIT */
/* A probe: one small chat with one pair, as a client of weir sends it and reads the answer. Pure.
 * probe_command.c moves the bytes and reads the clock. The request is HTTP/1.0, so that nothing but
 * the end of the connection delimits the answer. */
#ifndef WEIR_TRACKERD_WEIRCTL_PROBE_H
#define WEIR_TRACKERD_WEIRCTL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"

#define PROBE_ANSWER_BYTES  120  /* kept of the answer's beginning */
#define PROBE_MESSAGE_BYTES 1024 /* of an error's message */
#define PROBE_MAX_TOKENS    16   /* for the answer */

/* Appends the whole request. */
void probe_put_request(struct buf *out, const struct conf_pair *pair, const char *api_key);

enum probe_end {
    PROBE_UNFINISHED, /* no end was seen yet; if the connection is over, weir broke off */
    PROBE_COMPLETED,  /* the stream ended cleanly */
    PROBE_FAILED,     /* the pair failed */
    PROBE_REFUSED,    /* weir itself refused or ended the request; says nothing of the pair */
    PROBE_NOT_WEIR,   /* what answered is not weir */
};

struct probe_result {
    enum probe_end end;
    char outcome[64];                         /* its word; for PROBE_REFUSED the error's code */
    int status;                               /* the provider's HTTP status; 0 = none, or unknown */
    char message[PROBE_MESSAGE_BYTES];        /* the provider's words, or weir's; may be "" */
    char answer[PROBE_ANSWER_BYTES + 1];      /* its beginning */
    char model[CONF_MODEL_MAX + 1];           /* as the provider names it; "" = not at all */
    int64_t prompt_tokens, completion_tokens; /* -1 = not reported */
    uint64_t first_token_at;                  /* 0 = never */
};

struct probe;
struct probe *probe_new(void);
void probe_free(struct probe **probe);
/* Takes bytes that arrived at now_at. False: no more are needed. */
bool probe_feed(struct probe *probe, const char *data, size_t len, uint64_t now_at);
/* The connection ended. */
void probe_finish(struct probe *probe, uint64_t now_at);
/* Valid until the probe is freed. */
const struct probe_result *probe_result(const struct probe *probe);

#endif
