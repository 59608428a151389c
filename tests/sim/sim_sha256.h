/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), in pieces: the request log gives it for bodies too long to keep, so that a
 * test can tell that they arrived unchanged. Pure. */
#ifndef WEIR_SIM_SHA256_H
#define WEIR_SIM_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_BYTES 65 /* 64 digits and a NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t length;
    unsigned char block[64];
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);
void sha256_final(struct sha256 *h, char hex[SHA256_HEX_BYTES]);

#endif
