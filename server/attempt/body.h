/* SPDX-License-Identifier: MIT */
/* A request's body as one pair is sent it: the client's bytes in place, with the model replaced and
 * the rewrite rules of the provider's type applied. Pure. attempt.c makes one when it starts;
 * nothing is copied, so that a large prompt costs no more than a small one, unless there are so
 * many edits that one copy is cheaper than to send all the pieces. */
#ifndef WEIR_SERVER_ATTEMPT_BODY_H
#define WEIR_SERVER_ATTEMPT_BODY_H

#include <stddef.h>
#include <sys/uio.h>

#include "common/conf/conf.h"
#include "server/dialect/dialect.h"

struct attempt_body {
    struct iovec *pieces; /* of the client's body, and what is put between; NULL once freed */
    size_t n;
    char *copy; /* of all of it, when there are many edits; else NULL */
};

#define ATTEMPT_BODY_EDITS_MAX 256

/* The pieces borrow from the client's body (which `request` was read from) and from the
 * configuration. */
struct attempt_body attempt_body_for(const struct conf_pair *pair, const struct dialect *dialect,
                                     const struct dialect_request *request, const char *body,
                                     size_t len);
/* May be called twice. */
void attempt_body_free(struct attempt_body *body);

#endif
