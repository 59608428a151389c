/* SPDX-License-Identifier: MIT */
/* siphash: the reference implementation's vectors (vectors_sip64): secret 00 01 .. 0f, text 00 01
 * 02 .. */
#include "common/base/siphash.h"

#include "tests/unit/unit.h"

static const struct {
    size_t len;
    uint64_t hash;
} rows[] = {
    {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
    {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
    {15, UINT64_C(0xa129ca6149be45e5)},
};

START_TEST(hashes_as_the_reference_does)
{
    const uint64_t secret[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    unsigned char text[16];
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (unsigned char)i;
    for (size_t i = 0; i < UNIT_ROWS(rows); i++)
        ck_assert_msg(siphash(secret, text, rows[i].len) == rows[i].hash, "%zu bytes", rows[i].len);
}
END_TEST

UNIT_MAIN("siphash", hashes_as_the_reference_does)
