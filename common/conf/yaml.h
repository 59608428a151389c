/* SPDX-License-Identifier: MIT */
/* A YAML text as a tree in which every node knows its line and column. Built from libyaml's events,
 * read by check.c. Reads a buffer, never a file; knows no setting.
 *
 * One document, UTF-8, plain YAML: tags other than !!str, merge keys, keys that are not words, and
 * nesting deeper than CONF_DEPTH_MAX are faults. Aliases are resolved by sharing the node, at most
 * CONF_ALIASES_MAX of them, so that a small file stays a small configuration. */
#ifndef WEIR_COMMON_CONF_YAML_H
#define WEIR_COMMON_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/attributes.h"
#include "common/conf/faults.h"
#include "common/conf/node.h"

#define CONF_DEPTH_MAX   32
#define CONF_ALIASES_MAX 100

struct conf_tree {
    struct conf_node *root;
    struct conf_node **nodes; /* every node, for conf_tree_free */
    size_t n_nodes, cap_nodes;
};

#define CONF_TREE_INIT   \
    {                    \
        NULL, NULL, 0, 0 \
    }

/* Builds the tree. True when it is whole, though faults may have been noted; false when reading had
 * to stop at a fault. The caller frees the tree in both cases. */
WEIR_MUST_CHECK bool conf_tree_parse(struct conf_tree *tree, const char *text, size_t len,
                                     struct conf_faults *faults);
void conf_tree_free(struct conf_tree *tree);

#endif
