/* SPDX-License-Identifier: MIT */
/* The errors that are weir's own (CONTRACT 4.2): which there are, and their status and code. Their
 * shape is their dialect's; what can stand beside any error's members is added here. Pure. client
 * and exchange use it. Known weakness: what is added goes through a tree, so a provider's error
 * that it is added to does not stay as it was written. */
#ifndef WEIR_SERVER_DIALECT_OWN_ERROR_H
#define WEIR_SERVER_DIALECT_OWN_ERROR_H

#include <stddef.h>

#include "common/base/buf.h"
#include "server/dialect/dialect.h"

/* An error that is not a provider's: rows of the contract's table. */
enum own_error {
    OWN_ERROR_INVALID_REQUEST,
    OWN_ERROR_INVALID_API_KEY,
    OWN_ERROR_NOT_FOUND,
    OWN_ERROR_MODEL_NOT_FOUND,
    OWN_ERROR_METHOD_NOT_ALLOWED,
    OWN_ERROR_REQUEST_TIMEOUT,
    OWN_ERROR_REQUEST_TOO_LARGE,
    OWN_ERROR_UNSUPPORTED_ENCODING,
    OWN_ERROR_HEADERS_TOO_LARGE,
    OWN_ERROR_EXPECTATION_FAILED,
    OWN_ERROR_HTTP_VERSION,
    OWN_ERROR_ALL_EXHAUSTED,
    OWN_ERROR_QUEUE_FULL,
    OWN_ERROR_QUEUE_TIMEOUT,
    OWN_ERROR_QUEUE_SHUTDOWN,
    OWN_ERROR_OVERLOADED,
    OWN_ERROR_DEADLINE,
    OWN_ERROR_COUNT
};
int own_error_status(enum own_error error);
const char *own_error_code(enum own_error error);

/* One of them in words, for the functions of a dialect's row, which borrow them. */
struct dialect_error own_error_with_message(enum own_error error, const char *message, size_t len,
                                            const char *request_id);

/* Appends an error's JSON document, weir's or a provider's, with this text as a member of its
 * `error`; of its root if `error` is not an object; unchanged if neither is one. */
void own_error_put_with(struct buf *out, const char *json, size_t len, const char *member,
                        const char *text);

/* Adds to the error that was put last what came of a probe, as the last member of its root:
 * "probe":{"outcome","status","message"}; status 0 = the provider sent none. */
void own_error_add_probe(struct buf *out, const char *outcome, int status, const char *message);

#endif
