/* SPDX-License-Identifier: MIT */
/* Reads HTTP/1.0 and 1.1 requests from bytes as they arrive: the simulator's own, independent of
 * weir's. Pure: no sockets, no clock, no libevent. Called by sim_conn.c.
 *
 * It tolerates bare LF and blank lines before a request line; it refuses what two readers could
 * frame differently (two lengths, a length and a coding, unknown codings, odd chunk sizes). */
#ifndef WEIR_SIM_HTTP_H
#define WEIR_SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "tests/sim/sim_sha256.h"

#define SIM_HTTP_HEAD_MAX  (64 * 1024)
#define SIM_HTTP_BODY_MAX  (64 * 1024 * 1024)
#define SIM_HTTP_HASH_FROM (64 * 1024) /* longer bodies are hashed while they arrive */

enum sim_http_state {
    SIM_HTTP_IN_HEAD,
    SIM_HTTP_IN_BODY,
    SIM_HTTP_COMPLETE,
    SIM_HTTP_BAD /* error_status and error say why; the connection is of no more use */
};

enum sim_http_chunk_step {
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_DATA_END,
    CHUNK_TRAILER
};

/* Piece of the bytes given to sim_http_read, as an offset because those may move between calls. */
struct sim_http_span {
    size_t at;
    size_t len;
};

struct sim_http_request {
    enum sim_http_state state;
    int error_status;
    const char *error;

    /* once the state is past SIM_HTTP_IN_HEAD */
    struct sim_http_span method;
    struct sim_http_span target;
    struct sim_http_span fields; /* all field lines, without the blank line */
    size_t head_len;
    bool is_http10;
    bool is_keep_alive;
    bool is_expecting; /* Expect: 100-continue */
    bool is_chunked;
    uint64_t content_length;

    /* of the body as far as it has been read */
    struct buf chunked_body;
    enum sim_http_chunk_step chunk_step;
    uint64_t chunk_left;
    size_t read_at; /* up to where the bytes have been read: the request's end once complete */
    struct sha256 hash;
    size_t hashed;

    /* for the head only */
    struct sim_http_span line; /* the request line */
    bool has_content_length;
    bool has_transfer_encoding;
    bool is_close_asked;
};

void sim_http_init(struct sim_http_request *r);
void sim_http_free(struct sim_http_request *r);

/* Reads on; `data` is everything since the request's first byte. Returns the state. */
enum sim_http_state sim_http_read(struct sim_http_request *r, const char *data, size_t len);

/* The body so far; points into data or into r. */
const char *sim_http_body(const struct sim_http_request *r, const char *data, size_t len,
                          size_t *body_len);

/* Hex digest of the complete body; only for one longer than SIM_HTTP_HASH_FROM. */
void sim_http_body_digest(struct sim_http_request *r, char hex[SHA256_HEX_BYTES]);

/* Takes the next field line off `fields` (a copy of the pointer and length the caller advances).
 * False: no more. */
bool sim_http_next_field(const char **fields, size_t *fields_len, const char **name,
                         size_t *name_len, const char **value, size_t *value_len);

#endif
