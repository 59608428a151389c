/* SPDX-License-Identifier: MIT */
/* What a client may ask for, as a table the server of clients is given: it finds the row by method
 * and path, checks key and body, and calls it. Its rows are in server/api/endpoints.c. */
#ifndef WEIR_SERVER_CLIENT_ENDPOINT_H
#define WEIR_SERVER_CLIENT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct client_endpoint;
struct dialect;
struct dialect_operation;

/* Who may ask. */
enum client_access {
    CLIENT_ACCESS_KEY, /* whoever has a key */
    CLIENT_ACCESS_ALL,
    CLIENT_ACCESS_THIS_MACHINE, /* a loopback peer or Unix socket; from elsewhere, with a key */
};

/* A request as its endpoint sees it. Strings live until the answer ends. */
struct client_call {
    const struct client_endpoint *endpoint;
    const char *request_id; /* the client's when it is sane, else a new one */
    uint64_t received_at;   /* its head, boot clock ns */
    const char *name;       /* of an endpoint that takes one, percent-decoded; "" = malformed */
    const char *query;      /* to go upstream; NULL = none */
    char *body; /* NULL for a request without one; an endpoint that keeps it sets it to NULL */
    size_t body_len;
    int delivery;  /* X-Weir-Delivery: enum delivery; -1 = not given */
    bool explain;  /* X-Weir-Explain */
    bool is_probe; /* X-Weir-Probe, from this machine */
};

/* Answers with client_answer, or hands the call to a job (answer.h). `arg` is the setup's. */
typedef void (*client_endpoint_fn)(void *arg, struct client *client, struct client_call *call);

struct client_endpoint {
    const char *method, *path;
    const struct dialect *dialect; /* of its errors, before there is an answer */
    enum client_access access;
    bool takes_name; /* its path is followed by a slash and a name, which may have slashes */
    bool has_body;   /* a request without a body is a 400 */
    client_endpoint_fn answer;
    const struct dialect_operation *operation; /* NULL: asks no provider */
};

#endif
