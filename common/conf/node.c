/* SPDX-License-Identifier: MIT */
/* See node.h. */
#include "common/conf/node.h"

#include <ctype.h>
#include <string.h>

const struct conf_node *conf_node_get(const struct conf_node *map, const char *name,
                                      const struct conf_node **key)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + 1 < map->n_items; i += 2) {
        const struct conf_node *k = map->items[i];
        if (k->kind != CONF_NODE_SCALAR || k->len != len || memcmp(k->text, name, len) != 0)
            continue;
        if (key != NULL)
            *key = k;
        return map->items[i + 1];
    }
    return NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_nothing(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_bool(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    return is_one_of(text, words);
}

static const char *skip_sign(const char *p)
{
    return p + (*p == '-' || *p == '+');
}

static const char *skip_digits(const char *p)
{
    while (isdigit((unsigned char)*p))
        p++;
    return p;
}

static bool is_int(const char *text)
{
    if (strncmp(text, "0x", 2) == 0)
        return text[2] != '\0' && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
    if (strncmp(text, "0o", 2) == 0)
        return text[2] != '\0' && text[2 + strspn(text + 2, "01234567")] == '\0';
    const char *digits = skip_sign(text);
    const char *end = skip_digits(digits);
    return end != digits && *end == '\0';
}

static bool is_special_float(const char *text)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    return is_one_of(skip_sign(text), infinities) || is_one_of(text, nans);
}

static bool is_float(const char *text)
{
    const char *start = skip_sign(text);
    const char *p = skip_digits(start);
    bool has_digits = p != start;
    if (*p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p);
        has_digits = has_digits || p != fraction;
    }
    if (has_digits && (*p == 'e' || *p == 'E')) {
        const char *exponent = skip_sign(p + 1);
        p = skip_digits(exponent);
        has_digits = p != exponent;
    }
    return (has_digits && *p == '\0') || is_special_float(text);
}

static enum conf_type scalar_type(const struct conf_node *node)
{
    if (!node->is_plain || strlen(node->text) != node->len)
        return CONF_TYPE_STRING;
    if (is_nothing(node->text))
        return CONF_TYPE_NOTHING;
    if (is_bool(node->text))
        return CONF_TYPE_BOOL;
    if (is_int(node->text))
        return CONF_TYPE_INT;
    return is_float(node->text) ? CONF_TYPE_FLOAT : CONF_TYPE_STRING;
}

enum conf_type conf_node_type(const struct conf_node *node)
{
    switch (node->kind) {
    case CONF_NODE_LIST:
        return CONF_TYPE_LIST;
    case CONF_NODE_MAP:
        return CONF_TYPE_MAP;
    case CONF_NODE_SCALAR:
    case CONF_NODE_BAD:
        break;
    }
    return node->text != NULL ? scalar_type(node) : CONF_TYPE_NOTHING;
}

const char *conf_type_name(enum conf_type type)
{
    static const char *const names[] = {
        [CONF_TYPE_NOTHING] = "nothing", [CONF_TYPE_BOOL] = "true or false",
        [CONF_TYPE_INT] = "an integer",  [CONF_TYPE_FLOAT] = "a number",
        [CONF_TYPE_STRING] = "a string", [CONF_TYPE_LIST] = "a list",
        [CONF_TYPE_MAP] = "a mapping",
    };
    return names[type];
}
