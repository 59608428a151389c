/* SPDX-License-Identifier: MIT */
/* A YAML text as a tree in which every node knows its line and column. Built by yaml.c with
 * libyaml's events, read by check.c. Reads a buffer, never a file; knows no setting.
 *
 * One document, UTF-8, plain YAML: tags other than !!str, merge keys, keys that are not words, and
 * nesting deeper than CONF_DEPTH_MAX are faults. Aliases are resolved by sharing the node, at most
 * CONF_ALIASES_MAX of them, so that a small file stays a small configuration. */
#ifndef WEIR_COMMON_CONF_YAML_H
#define WEIR_COMMON_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/conf/faults.h"

#define CONF_DEPTH_MAX   32
#define CONF_ALIASES_MAX 100

enum conf_node_kind {
    CONF_NODE_SCALAR,
    CONF_NODE_LIST,
    CONF_NODE_MAP,
    CONF_NODE_BAD /* a fault about it has been noted: say no more */
};

struct conf_node {
    enum conf_node_kind kind;
    struct conf_place place;
    /* scalar: NUL-terminated, though NULs may stand inside */
    char *text;
    size_t len;
    bool is_plain; /* neither quoted nor tagged: may be a number, true, false or nothing */
    /* list: the items; map: key, value, key, value... A key that is no
     * scalar has been complained about. */
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

struct conf_tree {
    struct conf_node *root;
    struct conf_node **nodes; /* every node, for conf_tree_free */
    size_t n_nodes, cap_nodes;
};

#define CONF_TREE_INIT   \
    {                    \
        NULL, NULL, 0, 0 \
    }

/* Builds the tree. 0 when it is whole, though faults may have been noted; -1 when reading had to
 * stop at a fault. The caller frees the tree in both cases. */
int conf_tree_parse(struct conf_tree *tree, const char *text, size_t len,
                    struct conf_faults *faults);
void conf_tree_free(struct conf_tree *tree);

/* The value of a map's key, or NULL; *key, unless NULL, is set to the key's node. */
const struct conf_node *conf_node_get(const struct conf_node *map, const char *name,
                                      const struct conf_node **key);
enum conf_type conf_node_type(const struct conf_node *node);
/* "a list", "an integer": for messages that must not show the value. */
const char *conf_type_name(enum conf_type type);

#endif
