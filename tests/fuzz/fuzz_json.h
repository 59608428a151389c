/* SPDX-License-Identifier: MIT */
/* json-c as a second opinion on what is JSON. It takes NaN, `1.`, raw control characters and more,
 * so it is asked only about what weir accepted. (Strict, 0.18 refuses every byte above 0x7f.) */
#ifndef WEIR_TESTS_FUZZ_FUZZ_JSON_H
#define WEIR_TESTS_FUZZ_FUZZ_JSON_H

#include <json-c/json.h>

#include "common/json/jsonscan.h"
#include "tests/fuzz/fuzz.h"

/* The document, which json-c must accept; the caller puts it (NULL for null). */
static inline json_object *fuzz_parse_json(const char *text, size_t len)
{
    json_tokener *tok = json_tokener_new_ex(JSONSCAN_DEPTH_MAX + 2);
    json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
    json_object *root = json_tokener_parse_ex(tok, text, (int)len);
    /* it wants to see what follows a number at the end */
    if (json_tokener_get_error(tok) == json_tokener_continue)
        root = json_tokener_parse_ex(tok, "", -1);
    FUZZ_CHECK(json_tokener_get_error(tok) == json_tokener_success);
    json_tokener_free(tok);
    return root;
}

#endif
