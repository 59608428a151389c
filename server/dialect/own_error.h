/* SPDX-License-Identifier: MIT */
/* The texts weir itself answers with: error bodies (CONTRACT 4.2), error events (4.3), heads of
 * streams. Used by exchange, relay and the endpoints; sends nothing. Pure. */
#ifndef WEIR_SERVER_DIALECT_OWN_ERROR_H
#define WEIR_SERVER_DIALECT_OWN_ERROR_H

#include <stddef.h>

#include "common/base/buf.h"

/* An error that is not a provider's: rows of the contract's table. */
enum answer_error {
    ERROR_INVALID_REQUEST,
    ERROR_INVALID_API_KEY,
    ERROR_NOT_FOUND,
    ERROR_METHOD_NOT_ALLOWED,
    ERROR_REQUEST_TIMEOUT,
    ERROR_REQUEST_TOO_LARGE,
    ERROR_HEADERS_TOO_LARGE,
    ERROR_EXPECTATION_FAILED,
    ERROR_HTTP_VERSION,
    ERROR_ALL_EXHAUSTED,
    ERROR_QUEUE_FULL,
    ERROR_QUEUE_TIMEOUT,
    ERROR_QUEUE_SHUTDOWN,
    ERROR_OVERLOADED,
    ERROR_DEADLINE,
    ERROR_COUNT
};
int answer_error_status(enum answer_error error);
const char *answer_error_code(enum answer_error error);

/* Appends {"error":{"message","type","param":null,"code"}}. */
void answer_put_error(struct buf *out, enum answer_error error, const char *message, size_t len);
/* Appends the same object for a failure of a stream, type server_error. */
void answer_put_stream_error(struct buf *out, const char *code, const char *message, size_t len);

/* Appends an error's JSON document, weir's or a provider's, with a member "trail" more in its
 * `error`; in its root where `error` is no object; as it is where neither is one. */
void answer_put_with_trail(struct buf *out, const char *json, size_t len, const char *trail);

/* Adds to the error that was put last what came of a probe, behind its `error`:
 * "probe":{"outcome","status","message"}; status 0 = the provider answered none. */
void answer_add_probe(struct buf *out, const char *outcome, int status, const char *message);

/* "OK" for 200, ...; "Unknown" where the list has none. */
const char *answer_reason_phrase(int status);

#endif
