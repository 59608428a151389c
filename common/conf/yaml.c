/* SPDX-License-Identifier: MIT */
/* See yaml.h. */
#include "common/conf/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/alloc.h"
#include "common/conf/index.h"

/* libyaml skips it only where it guesses the encoding itself. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct anchor {
    char *name;
    struct conf_node *node;
};

struct builder {
    struct conf_tree *tree;
    struct conf_faults *faults;
    const char *text;
    size_t len;
    struct conf_node *open[CONF_DEPTH_MAX]; /* lists and maps that have not ended */
    size_t depth;
    struct anchor *anchors;
    size_t n_anchors, n_aliases, n_documents;
};

enum step {
    STEP_GO_ON,
    STEP_DONE,
    STEP_GIVE_UP
};

static struct conf_place place_of(yaml_mark_t mark)
{
    return (struct conf_place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static struct conf_node *new_node(struct builder *b, enum conf_node_kind kind, yaml_mark_t mark)
{
    struct conf_tree *tree = b->tree;
    if (tree->n_nodes == tree->cap_nodes) {
        tree->cap_nodes = tree->cap_nodes != 0 ? tree->cap_nodes * 2 : 64;
        tree->nodes = xreallocarray(tree->nodes, tree->cap_nodes, sizeof(struct conf_node *));
    }
    struct conf_node *node = xcalloc(1, sizeof(*node));
    node->kind = kind;
    node->place = place_of(mark);
    tree->nodes[tree->n_nodes++] = node;
    return node;
}

static void push_item(struct conf_node *parent, struct conf_node *item)
{
    if (parent->n_items == parent->cap_items) {
        parent->cap_items = parent->cap_items != 0 ? parent->cap_items * 2 : 4;
        parent->items = xreallocarray(parent->items, parent->cap_items, sizeof(item));
    }
    parent->items[parent->n_items++] = item;
}

static bool is_key_next(const struct builder *b)
{
    const struct conf_node *parent = b->depth != 0 ? b->open[b->depth - 1] : NULL;
    return parent != NULL && parent->kind == CONF_NODE_MAP && parent->n_items % 2 == 0;
}

static void check_key(struct builder *b, struct conf_node *key)
{
    if (key->kind == CONF_NODE_LIST || key->kind == CONF_NODE_MAP) {
        conf_faults_add(b->faults, key->place, "a key must be a word, not %s",
                        conf_type_name(conf_node_type(key)));
    } else if (key->kind == CONF_NODE_SCALAR && key->is_plain && strcmp(key->text, "<<") == 0) {
        conf_faults_add(b->faults, key->place, "merge keys (<<) are not supported");
        key->kind = CONF_NODE_BAD;
    }
}

/* Hangs the node under the innermost open list or map. */
static void attach(struct builder *b, struct conf_node *node)
{
    if (is_key_next(b))
        check_key(b, node);
    if (b->depth != 0)
        push_item(b->open[b->depth - 1], node);
    else
        b->tree->root = node;
}

static void note_anchor(struct builder *b, const yaml_char_t *name, struct conf_node *node)
{
    if (name == NULL)
        return;
    b->anchors = xreallocarray(b->anchors, b->n_anchors + 1, sizeof(*b->anchors));
    b->anchors[b->n_anchors++] = (struct anchor){xstrdup((const char *)name), node};
}

static struct conf_node *find_anchor(const struct builder *b, const yaml_char_t *name)
{
    for (size_t i = b->n_anchors; i > 0; i--)
        if (strcmp(b->anchors[i - 1].name, (const char *)name) == 0)
            return b->anchors[i - 1].node;
    return NULL;
}

static bool is_open(const struct builder *b, const struct conf_node *node)
{
    for (size_t i = 0; i < b->depth; i++)
        if (b->open[i] == node)
            return true;
    return false;
}

/* NULL for an ordinary alias, else what is wrong with it. */
static const char *alias_fault(const struct builder *b, const struct conf_node *target)
{
    if (b->n_aliases > CONF_ALIASES_MAX)
        return "too many aliases";
    if (target == NULL)
        return "this alias names no anchor above it";
    if (is_open(b, target))
        return "this alias stands inside of what it names";
    return is_key_next(b) ? "an alias cannot be a key" : NULL;
}

static enum step on_alias(struct builder *b, const yaml_event_t *event)
{
    struct conf_node *node = find_anchor(b, event->data.alias.anchor);
    b->n_aliases++;
    const char *fault = alias_fault(b, node);
    if (fault != NULL) {
        node = new_node(b, CONF_NODE_BAD, event->start_mark);
        conf_faults_add(b->faults, node->place, "%s", fault);
    }
    attach(b, node);
    return b->n_aliases > CONF_ALIASES_MAX ? STEP_GIVE_UP : STEP_GO_ON;
}

static bool is_string_tag(const yaml_char_t *tag)
{
    const char *text = (const char *)tag;
    return strcmp(text, "!") == 0 || strcmp(text, YAML_STR_TAG) == 0;
}

static enum step on_scalar(struct builder *b, const yaml_event_t *event)
{
    const yaml_char_t *tag = event->data.scalar.tag;
    struct conf_node *node = new_node(b, CONF_NODE_SCALAR, event->start_mark);
    node->len = event->data.scalar.length;
    node->text = xmalloc(node->len + 1);
    memcpy(node->text, event->data.scalar.value, node->len);
    node->text[node->len] = '\0';
    node->is_plain = tag == NULL && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tag != NULL && !is_string_tag(tag)) {
        conf_faults_add(b->faults, node->place, "tags are not supported here");
        node->kind = CONF_NODE_BAD;
    }
    note_anchor(b, event->data.scalar.anchor, node);
    attach(b, node);
    return STEP_GO_ON;
}

static enum step open_collection(struct builder *b, const yaml_event_t *event,
                                 enum conf_node_kind kind, const yaml_char_t *anchor,
                                 const yaml_char_t *tag)
{
    struct conf_node *node = new_node(b, kind, event->start_mark);
    if (b->depth == CONF_DEPTH_MAX) {
        conf_faults_add(b->faults, node->place, "nested deeper than %d levels", CONF_DEPTH_MAX);
        return STEP_GIVE_UP;
    }
    if (tag != NULL)
        conf_faults_add(b->faults, node->place, "tags are not supported here");
    note_anchor(b, anchor, node);
    attach(b, node);
    b->open[b->depth++] = node;
    return STEP_GO_ON;
}

static enum step on_list_start(struct builder *b, const yaml_event_t *event)
{
    return open_collection(b, event, CONF_NODE_LIST, event->data.sequence_start.anchor,
                           event->data.sequence_start.tag);
}

static enum step on_map_start(struct builder *b, const yaml_event_t *event)
{
    return open_collection(b, event, CONF_NODE_MAP, event->data.mapping_start.anchor,
                           event->data.mapping_start.tag);
}

static enum step on_list_end(struct builder *b, const yaml_event_t *event)
{
    b->depth--;
    return STEP_GO_ON;
}

/* The first of equal keys counts, so that one mistake is reported once. */
static void refuse_duplicate_key(struct builder *b, struct conf_node *key, uint32_t first_line)
{
    struct buf shown = BUF_INIT;
    conf_put_shown(&shown, key->text, strcspn(key->text, ": \t"));
    conf_faults_add(b->faults, key->place, "duplicate key %s, first given in line %u",
                    buf_cstr(&shown), first_line);
    buf_free(&shown);
    key->kind = CONF_NODE_BAD;
}

static enum step on_map_end(struct builder *b, const yaml_event_t *event)
{
    struct conf_node *map = b->open[--b->depth];
    struct conf_index seen = CONF_INDEX_INIT;
    for (size_t i = 0; i < map->n_items; i += 2) {
        struct conf_node *key = map->items[i];
        if (key->kind != CONF_NODE_SCALAR)
            continue;
        uint32_t first = conf_index_put(&seen, key->text, key->len, key->place.line);
        if (first != CONF_INDEX_NONE)
            refuse_duplicate_key(b, key, first);
    }
    conf_index_free(&seen);
    return STEP_GO_ON;
}

static enum step on_document_start(struct builder *b, const yaml_event_t *event)
{
    if (b->n_documents++ == 0)
        return STEP_GO_ON;
    conf_faults_add(b->faults, place_of(event->start_mark),
                    "a second document starts here: a configuration is one document");
    return STEP_DONE;
}

static enum step on_stream_end(struct builder *b, const yaml_event_t *event)
{
    return STEP_DONE;
}

static enum step on_nothing(struct builder *b, const yaml_event_t *event)
{
    return STEP_GO_ON;
}

static enum step (*const on_event[])(struct builder *b, const yaml_event_t *event) = {
    [YAML_NO_EVENT] = on_nothing,
    [YAML_STREAM_START_EVENT] = on_nothing,
    [YAML_STREAM_END_EVENT] = on_stream_end,
    [YAML_DOCUMENT_START_EVENT] = on_document_start,
    [YAML_DOCUMENT_END_EVENT] = on_nothing,
    [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,
    [YAML_SEQUENCE_START_EVENT] = on_list_start,
    [YAML_SEQUENCE_END_EVENT] = on_list_end,
    [YAML_MAPPING_START_EVENT] = on_map_start,
    [YAML_MAPPING_END_EVENT] = on_map_end,
};

/* The place of a byte: where libyaml could not even read characters it gives only an offset. */
static struct conf_place place_of_offset(const struct builder *b, size_t offset)
{
    struct conf_place place = {1, 1};
    for (size_t i = 0; i < offset && i < b->len; i++) {
        if (b->text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)b->text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static void note_unreadable(struct builder *b, const yaml_parser_t *parser)
{
    struct conf_place place = place_of_offset(b, parser->problem_offset);
    bool is_control = strstr(parser->problem, "control characters") != NULL;
    if (is_control && parser->problem_value == 0)
        conf_faults_add(b->faults, place, "a NUL byte: this is not a text file");
    else if (is_control)
        conf_faults_add(b->faults, place, "a control character (U+%04X) is not allowed",
                        (unsigned)parser->problem_value);
    else
        conf_faults_add(b->faults, place, "this is not UTF-8: %s", parser->problem);
}

static bool is_tab_at(const struct builder *b, yaml_mark_t mark)
{
    const char *p = b->text, *end = b->text + b->len;
    for (size_t line = 0; line < mark.line && p != NULL; line++) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p != NULL ? p + 1 : NULL;
    }
    /* A tab that stops the parser stands in the indentation: columns are bytes up to there. */
    return p != NULL && mark.column < (size_t)(end - p) && p[mark.column] == '\t';
}

static void note_syntax_error(struct builder *b, const yaml_parser_t *parser)
{
    struct conf_place place = place_of(parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        note_unreadable(b, parser);
    else if (parser->problem == NULL)
        conf_faults_add(b->faults, place, "YAML syntax error");
    else if (is_tab_at(b, parser->problem_mark))
        conf_faults_add(b->faults, place, "YAML syntax error: a tab cannot indent, use spaces");
    else if (parser->context == NULL)
        conf_faults_add(b->faults, place, "YAML syntax error: %s", parser->problem);
    else
        conf_faults_add(b->faults, place, "YAML syntax error: %s %s", parser->problem,
                        parser->context);
}

static bool run_parser(struct builder *b, yaml_parser_t *parser)
{
    enum step step = STEP_GO_ON;
    while (step == STEP_GO_ON) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            note_syntax_error(b, parser);
            return false;
        }
        step = on_event[event.type](b, &event);
        yaml_event_delete(&event);
    }
    return step == STEP_DONE;
}

bool conf_tree_parse(struct conf_tree *tree, const char *text, size_t len,
                     struct conf_faults *faults)
{
    size_t mark = len >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
    struct builder b = {tree, faults, .text = text + mark, .len = len - mark};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)b.text, b.len);
    bool is_whole = run_parser(&b, &parser);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < b.n_anchors; i++)
        free(b.anchors[i].name);
    free(b.anchors);
    return is_whole;
}

void conf_tree_free(struct conf_tree *tree)
{
    for (size_t i = 0; i < tree->n_nodes; i++) {
        free(tree->nodes[i]->text);
        free(tree->nodes[i]->items);
        free(tree->nodes[i]);
    }
    free(tree->nodes);
    *tree = (struct conf_tree)CONF_TREE_INIT;
}
