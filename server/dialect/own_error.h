/* SPDX-License-Identifier: MIT */
/* The texts weir itself answers with: error bodies (CONTRACT 4.2), error events (4.3), heads of
 * streams. Used by exchange, relay and the endpoints; sends nothing. Pure. */
#ifndef WEIR_SERVER_DIALECT_OWN_ERROR_H
#define WEIR_SERVER_DIALECT_OWN_ERROR_H

#include <stddef.h>

#include "common/base/buf.h"

/* An error that is not a provider's: rows of the contract's table. */
enum own_error {
    OWN_ERROR_INVALID_REQUEST,
    OWN_ERROR_INVALID_API_KEY,
    OWN_ERROR_NOT_FOUND,
    OWN_ERROR_METHOD_NOT_ALLOWED,
    OWN_ERROR_REQUEST_TIMEOUT,
    OWN_ERROR_REQUEST_TOO_LARGE,
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

/* Appends {"error":{"message","type","param":null,"code"}}. */
void own_error_put(struct buf *out, enum own_error error, const char *message, size_t len);
/* Appends the same object for a failure of a stream, type server_error. */
void own_error_put_in_stream(struct buf *out, const char *code, const char *message, size_t len);

/* Appends an error's JSON document, weir's or a provider's, with a member "trail" more in its
 * `error`; in its root where `error` is no object; as it is where neither is one. */
void own_error_put_with_trail(struct buf *out, const char *json, size_t len, const char *trail);

/* Adds to the error that was put last what came of a probe, behind its `error`:
 * "probe":{"outcome","status","message"}; status 0 = the provider answered none. */
void own_error_add_probe(struct buf *out, const char *outcome, int status, const char *message);

#endif
