/* SPDX-License-Identifier: MIT */
/* A node of the tree that yaml.h makes of a text: what it is, where it stands, how a key is looked
 * up. Used by check.c and what it calls. Pure. */
#ifndef WEIR_COMMON_CONF_NODE_H
#define WEIR_COMMON_CONF_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/conf/faults.h"

enum conf_node_kind {
    CONF_NODE_SCALAR,
    CONF_NODE_LIST,
    CONF_NODE_MAP,
    CONF_NODE_BAD /* a fault about it has been noted already */
};

struct conf_node {
    enum conf_node_kind kind;
    struct conf_place place;
    /* scalar: NUL-terminated, though NULs may stand inside */
    char *text;
    size_t len;
    bool is_plain; /* neither quoted nor tagged: may be a number, true, false or nothing */
    /* list: the items; map: key, value, key, value... A key that is not a
     * scalar has been noted as a fault. */
    struct conf_node **items;
    size_t n_items, cap_items;
};

/* What a scalar is by YAML 1.2's core schema (and lists and mappings, for messages). */
enum conf_type {
    CONF_TYPE_NOTHING,
    CONF_TYPE_BOOL,
    CONF_TYPE_INT,
    CONF_TYPE_FLOAT,
    CONF_TYPE_STRING,
    CONF_TYPE_LIST,
    CONF_TYPE_MAP
};

/* The value of a map's key, or NULL; *key, unless NULL, is set to the key's node. */
const struct conf_node *conf_node_get(const struct conf_node *map, const char *name,
                                      const struct conf_node **key);
enum conf_type conf_node_type(const struct conf_node *node);
/* "a list", "an integer": for messages that must not show the value. */
const char *conf_type_name(enum conf_type type);

#endif
