/* SPDX-License-Identifier: MIT */
/* The keys that clients may use, and which of them a request came with. Pure: the secret of the
 * table is an argument. head.c asks for each request whose path needs a key. What a look-up costs
 * depends on the length of what came, which is bounded, and not on how many keys there are: a table
 * by keyed hash, then a comparison in constant time. */
#ifndef WEIR_SERVER_CLIENT_KEYS_H
#define WEIR_SERVER_CLIENT_KEYS_H

#include <stdint.h>

#include "common/http/request.h"

struct keys;

/* The keys are borrowed. `secret`: random, of this process alone. */
struct keys *keys_new(char *const *keys, uint32_t n, const uint64_t secret[2]);
void keys_free(struct keys **keys);

/* The number of a key, or -1. */
int keys_find(const struct keys *keys, struct http_text given);
/* The first valid one of Authorization: Bearer, x-api-key and api-key, in this order; -1 = none. */
int keys_find_in(const struct keys *keys, const struct http_request *request);

#endif
