/* SPDX-License-Identifier: MIT */
/* See pair_key.h. */
#include "common/terms/pair_key.h"

#include <string.h>

#include "common/base/fnv.h"

uint64_t pair_key_hash(const char *provider_id, const char *model)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, provider_id, strlen(provider_id) + 1);
    hash = fnv1a(hash, model, strlen(model));
    return hash != 0 ? hash : 1;
}

uint64_t chain_name_hash(const char *name)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, name, strlen(name));
    return hash != 0 ? hash : 1;
}
