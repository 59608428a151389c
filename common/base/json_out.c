/* SPDX-License-Identifier: MIT */
/* See json_out.h. */
#include "common/base/json_out.h"

#include <stdio.h>

#define US_PER_MS 1000.0

void json_out_text(json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, text != NULL ? json_object_new_string(text) : NULL);
}

void json_out_bool(json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

void json_out_number(json_object *o, const char *key, uint64_t number)
{
    json_object_object_add(o, key, json_object_new_int64((int64_t)number));
}

void json_out_known(json_object *o, const char *key, bool is_known, int64_t number)
{
    json_object_object_add(o, key, is_known ? json_object_new_int64(number) : NULL);
}

void json_out_nonzero(json_object *o, const char *key, uint64_t number)
{
    json_out_known(o, key, number != 0, (int64_t)number);
}

/* json-c by itself would print all seventeen digits. */
void json_out_ms(json_object *o, const char *key, double us)
{
    char text[32];
    snprintf(text, sizeof(text), "%.3f", us / US_PER_MS);
    json_object_object_add(o, key, json_object_new_double_s(us / US_PER_MS, text));
}
