/* SPDX-License-Identifier: MIT */
/* json_out: what each kind of member looks like, known and unknown. */
#include "common/base/json_out.h"

#include "tests/unit/unit.h"

START_TEST(members_look_the_same_everywhere)
{
    json_object *o = json_object_new_object();
    json_out_text(o, "text", "a\"b");
    json_out_text(o, "noText", NULL);
    json_out_bool(o, "bool", true);
    json_out_number(o, "number", 0);
    json_out_number(o, "large", (uint64_t)1 << 53);
    json_out_known(o, "known", true, -1);
    json_out_known(o, "unknown", false, 7);
    json_out_nonzero(o, "nonzero", 7);
    json_out_nonzero(o, "zero", 0);
    json_out_ms(o, "ms", 1234.5678);
    json_out_ms(o, "noMs", 0);
    ck_assert_str_eq(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
                     "{\"text\":\"a\\\"b\",\"noText\":null,\"bool\":true,\"number\":0,"
                     "\"large\":9007199254740992,\"known\":-1,\"unknown\":null,\"nonzero\":7,"
                     "\"zero\":null,\"ms\":1.235,\"noMs\":0.000}");
    json_object_put(o);
}
END_TEST

UNIT_MAIN("json_out", members_look_the_same_everywhere)
