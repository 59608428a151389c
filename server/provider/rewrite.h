/* SPDX-License-Identifier: MIT */
/* What a provider does not understand in a request (CONTRACT 5.3), as edits of its body. Pure.
 * Which type wants which is a row in provider.c; attempt asks for the edits when it starts. What no
 * rule names stays byte for byte. */
#ifndef WEIR_SERVER_PROVIDER_REWRITE_H
#define WEIR_SERVER_PROVIDER_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json/splice.h"

struct rewrite_rules {
    const char *const *removed; /* members of the root to leave out, NULL-terminated; NULL = none */
    /* Messages of the role "system" or "developer" go, in their order, into the first user message,
     * before its own text: all their texts, separated by line ends, then an empty line. Without a
     * user message they become one. One that is more than text stays: the provider decides what it
     * says to that. */
    bool merges_system;
};

/* Adds the edits for a body that read_request of the chat dialect accepted. They point into the
 * body. */
void rewrite_request(const struct rewrite_rules *rules, const char *body, size_t len,
                     struct splices *out);

#endif
