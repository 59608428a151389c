/* SPDX-License-Identifier: MIT */
/* conf: whatever a file holds, reading ends with a configuration that is whole, or with messages
 * that each have a place; no secret is in either's text; and what is printed of a good one loads
 * again and prints the same.
 *
 * Secrets are recognised by marks, one of letters and one that is a number. Where mutation has put
 * a mark into a value or key that is no secret, messages may show it. */
#include "common/conf/check.h"
#include "common/conf/effective.h"
#include "common/conf/yaml.h"
#include "tests/fuzz/fuzz.h"

#define PATH     "f.yaml"
#define ENV_MARK "s3cr3t-of-the-environment"

static const char *const marks[] = {"s3cr3t", "5300735"};

static bool text_has_mark(const char *text, size_t len)
{
    return memmem(text, len, marks[0], strlen(marks[0])) != NULL ||
           memmem(text, len, marks[1], strlen(marks[1])) != NULL;
}

static const char *lookup_env(const char *name)
{
    return name[0] == 'U' ? NULL : ENV_MARK;
}

static bool is_secret_key(const struct conf_node *key)
{
    return key->kind == CONF_NODE_SCALAR &&
           (strcmp(key->text, "apiKey") == 0 || strcmp(key->text, "apiKeys") == 0);
}

/* A forgotten space makes a key of `apiKey:SECRET`. */
static bool swallowed_secret(const struct conf_node *key)
{
    return key->kind == CONF_NODE_SCALAR && strncmp(key->text, "apiKey:", 7) == 0;
}

static bool has_mark(const struct conf_node *node)
{
    return node->text != NULL && text_has_mark(node->text, node->len);
}

/* Does the mark stand anywhere but in the value of a secret's key? Bounded: aliases make the tree a
 * net with more paths than nodes. */
static bool shows_mark(const struct conf_node *node, unsigned *budget)
{
    if (*budget == 0 || has_mark(node))
        return true;
    (*budget)--;
    bool is_map = node->kind == CONF_NODE_MAP;
    for (size_t i = 0; i < node->n_items; i++) {
        if (is_map && i % 2 == 1 && is_secret_key(node->items[i - 1]))
            continue;
        if (is_map && i % 2 == 0 && swallowed_secret(node->items[i]))
            continue;
        if (shows_mark(node->items[i], budget))
            return true;
    }
    return false;
}

/* True when everything the mark could come from is a secret. */
static bool is_mark_secret(const char *text, size_t size)
{
    struct conf_tree tree = {0};
    struct conf_faults faults = {0};
    unsigned budget = 10000;
    bool is_whole = conf_tree_parse(&tree, text, size, &faults) && faults.n == 0;
    bool is_secret = is_whole && tree.root != NULL && !shows_mark(tree.root, &budget);
    conf_tree_free(&tree);
    conf_faults_free(&faults);
    return is_secret;
}

static bool has_place(const char *line)
{
    unsigned row = 0, column = 0;
    int used = 0;
    return sscanf(line, PATH ":%u:%u: %n", &row, &column, &used) == 2 && used > 0 && row > 0 &&
           column > 0;
}

/* Lines are in the order of the file, and each has a place. */
static void check_messages(struct buf *messages)
{
    unsigned last_row = 0, row, column;
    const char *line = buf_cstr(messages);
    while (*line != '\0') {
        FUZZ_CHECK(has_place(line));
        FUZZ_CHECK(sscanf(line, PATH ":%u:%u", &row, &column) == 2 && row >= last_row);
        last_row = row;
        const char *end = strchr(line, '\n');
        FUZZ_CHECK(end != NULL && end > line);
        line = end + 1;
    }
}

static void check_whole(const struct conf *conf)
{
    FUZZ_CHECK(conf->n_api_keys > 0 && conf->n_listen > 0 && conf->n_providers > 0);
    FUZZ_CHECK(conf->default_chain < conf->n_chains && conf->n_pairs <= conf->tracker_capacity);
    FUZZ_CHECK(conf->workers >= 1 && conf->workers <= 256);
    FUZZ_CHECK(conf->mid_stream_cooldown_max_ms >= conf->mid_stream_cooldown_ms);
    for (uint32_t i = 0; i < conf->n_providers; i++)
        FUZZ_CHECK(strstr(conf->providers[i].base_url, "://") != NULL);
    for (uint32_t i = 0; i < conf->n_chains; i++) {
        const struct conf_chain *chain = &conf->chains[i];
        FUZZ_CHECK(chain->n_pairs > 0);
        FUZZ_CHECK(conf_find_chain(conf, chain->name, strlen(chain->name)) == (int)i);
        for (uint32_t j = 0; j < chain->n_pairs; j++)
            FUZZ_CHECK(chain->pairs[j] < conf->n_pairs);
    }
}

static void check_printed(const struct conf *conf, bool is_mark_hidden)
{
    struct buf first = BUF_INIT, second = BUF_INIT, messages = BUF_INIT;
    struct conf *again = NULL;
    conf_print_effective(conf, &first);
    struct conf_source source = {.path = PATH,
                                 .text = buf_cstr(&first),
                                 .len = first.len,
                                 .lookup_env = lookup_env,
                                 .n_cpus = 2};
    FUZZ_CHECK(!is_mark_hidden || !text_has_mark(source.text, source.len));
    FUZZ_CHECK(conf_parse(&source, &again, &messages));
    conf_print_effective(again, &second);
    FUZZ_CHECK(strcmp(buf_cstr(&first), buf_cstr(&second)) == 0);
    conf_free(&again);
    buf_free(&first);
    buf_free(&second);
    buf_free(&messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct conf_source source = {
        .path = PATH, .text = text, .len = size, .lookup_env = lookup_env, .n_cpus = 2};
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    bool is_good = conf_parse(&source, &conf, &messages);
    bool is_mark_hidden = is_mark_secret(text, size);
    FUZZ_CHECK(is_good == (conf != NULL));
    FUZZ_CHECK(is_good || messages.len > 0);
    check_messages(&messages);
    FUZZ_CHECK(!is_mark_hidden || messages.len == 0 || !text_has_mark(messages.data, messages.len));
    if (conf != NULL) {
        check_whole(conf);
        check_printed(conf, is_mark_hidden);
    }
    conf_free(&conf);
    buf_free(&messages);
    free(text);
    return 0;
}
