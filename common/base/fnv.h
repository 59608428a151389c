/* SPDX-License-Identifier: MIT */
/* FNV-1a, 64 bit: a hash for tables and names, not for secrets. Pure. */
#ifndef WEIR_COMMON_BASE_FNV_H
#define WEIR_COMMON_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV1A_PRIME UINT64_C(0x100000001b3)

/* Goes on from `hash` (FNV1A_BASIS to begin with) over len bytes. */
static inline uint64_t fnv1a(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * FNV1A_PRIME;
    return hash;
}

#endif
