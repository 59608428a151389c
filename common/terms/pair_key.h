/* SPDX-License-Identifier: MIT */
/* Pairs and chains as shared memory and messages name them: by hashes, which mean the same to
 * processes with different configurations. Pure. */
#ifndef WEIR_COMMON_TERMS_PAIR_KEY_H
#define WEIR_COMMON_TERMS_PAIR_KEY_H

#include <stdint.h>

/* FNV-1a (64 bit) of provider id, a NUL, model: how rows, events and worker pages name a pair.
 * Never 0. */
uint64_t pair_key_hash(const char *provider_id, const char *model);

/* FNV-1a (64 bit) of the name: how the recent requests name a chain. Never 0. */
uint64_t chain_name_hash(const char *name);

#endif
