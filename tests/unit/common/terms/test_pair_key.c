/* SPDX-License-Identifier: MIT */
/* pair_key: the hashes are FNV-1a, and tell id and model apart. */
#include "common/terms/pair_key.h"

#include "tests/unit/unit.h"

/* FNV-1a's own test vectors: of nothing, and of "a", with the separating NUL put in by hand. */
START_TEST(pair_hashes_are_fnv1a)
{
    ck_assert_uint_eq(pair_key_hash("", ""), UINT64_C(0xaf63bd4c8601b7df)); /* of one NUL */
    ck_assert_uint_ne(pair_key_hash("ab", "c"), pair_key_hash("a", "bc"));
    ck_assert_uint_eq(pair_key_hash("groq", "m"), pair_key_hash("groq", "m"));
}
END_TEST

START_TEST(chain_hashes_are_fnv1a)
{
    ck_assert_uint_eq(chain_name_hash(""), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(chain_name_hash("a"), UINT64_C(0xaf63dc4c8601ec8c));
}
END_TEST

UNIT_MAIN("pair_key", pair_hashes_are_fnv1a, chain_hashes_are_fnv1a)
