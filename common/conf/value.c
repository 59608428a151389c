/* SPDX-License-Identifier: MIT */
/* See value.h. */
#include "common/conf/value.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/conf/url.h"

#define VERSION_KNOWN 1
/* More digits than this are too many for any setting, and too many for uint64_t. */
#define DIGITS_MAX 18

/* "an integer from 1 to 5", "an integer of at least 1000 (ms)" */
static void put_range(struct buf *out, const struct conf_key *key, bool is_too_great)
{
    buf_puts(out, key->may_be_0 ? "0 or an integer" : "an integer");
    if (key->max != CONF_INT_MAX)
        buf_printf(out, " from %u to %u", key->min, key->max);
    else if (is_too_great)
        buf_printf(out, " of at most %u", key->max);
    else
        buf_printf(out, " of at least %u", key->min);
    if (key->unit != NULL)
        buf_printf(out, " (%s)", key->unit);
}

static void complain_range(struct conf_reader *reader, const struct conf_field *field,
                           const char *instead, bool is_too_great)
{
    struct buf expected = BUF_INIT;
    put_range(&expected, field->key, is_too_great);
    buf_puts(&expected, instead);
    conf_complain_type(reader, field, buf_cstr(&expected));
    buf_free(&expected);
}

static bool is_plain_decimal(const char *text)
{
    const char *digits = text + (text[0] == '-');
    return digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0' &&
           (digits[0] != '0' || digits[1] == '\0');
}

static bool is_in_range(const struct conf_key *key, int64_t value)
{
    return (value >= key->min && value <= key->max) || (key->may_be_0 && value == 0);
}

static void store_int(const struct conf_field *field, int64_t value)
{
    uint16_t narrow = (uint16_t)value;
    uint32_t wide = (uint32_t)value;
    memcpy(conf_field_target(field),
           field->key->size == sizeof(narrow) ? (void *)&narrow : (void *)&wide, field->key->size);
}

static void read_number(struct conf_reader *reader, const struct conf_field *field,
                        const char *instead)
{
    const char *text = field->node->text;
    enum conf_type type = conf_node_type(field->node);
    if (type != CONF_TYPE_INT) {
        complain_range(reader, field, instead, false);
    } else if (!is_plain_decimal(text)) {
        conf_complain_type(reader, field, "written in plain decimal digits");
    } else {
        bool is_too_long = field->node->len > DIGITS_MAX;
        int64_t value = is_too_long ? 0 : strtoll(text, NULL, 10);
        if (!is_too_long && is_in_range(field->key, value))
            store_int(field, value);
        else
            complain_range(reader, field, instead,
                           text[0] != '-' && (is_too_long || value > CONF_INT_MAX));
    }
}

void conf_read_int(struct conf_reader *reader, const struct conf_field *field)
{
    read_number(reader, field, "");
}

void conf_read_workers(struct conf_reader *reader, const struct conf_field *field)
{
    const struct conf_node *node = field->node;
    if (conf_node_type(node) == CONF_TYPE_STRING && strcmp(node->text, "auto") == 0)
        store_int(field, reader->source->n_cpus);
    else
        read_number(reader, field, " or auto");
}

void conf_read_version(struct conf_reader *reader, const struct conf_field *field)
{
    const struct conf_node *node = field->node;
    if (conf_node_type(node) != CONF_TYPE_INT || atoi(node->text) != VERSION_KNOWN ||
        node->len != 1)
        conf_complain_type(reader, field, "1");
}

void conf_read_bool(struct conf_reader *reader, const struct conf_field *field)
{
    if (conf_node_type(field->node) != CONF_TYPE_BOOL) {
        conf_complain_type(reader, field, "true or false");
        return;
    }
    char first = field->node->text[0];
    *(bool *)conf_field_target(field) = first == 't' || first == 'T';
}

static void complain_word(struct conf_reader *reader, const struct conf_field *field)
{
    struct buf expected = BUF_INIT;
    buf_puts(&expected, "one of ");
    for (const char *const *word = field->key->words; *word != NULL; word++)
        buf_printf(&expected, "%s%s", word != field->key->words ? ", " : "", *word);
    conf_complain_type(reader, field, buf_cstr(&expected));
    buf_free(&expected);
}

void conf_read_word(struct conf_reader *reader, const struct conf_field *field)
{
    const struct conf_node *node = field->node;
    if (conf_node_type(node) == CONF_TYPE_STRING)
        for (uint32_t i = 0; field->key->words[i] != NULL; i++)
            if (strcmp(node->text, field->key->words[i]) == 0 && strlen(node->text) == node->len) {
                store_int(field, i);
                return;
            }
    complain_word(reader, field);
}

/* One of ASCII's or, in UTF-8, of Latin-1's. */
static bool has_control_character(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len; i++)
        if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0))
            return true;
    return false;
}

static const char *string_fault(const struct conf_key *key, const struct conf_node *node)
{
    if (node->len == 0 && key->min > 0)
        return "must not be empty";
    if (has_control_character(node->text, node->len))
        return "must not contain control characters";
    return NULL;
}

char *conf_take_string(struct conf_reader *reader, const struct conf_field *field)
{
    const struct conf_node *node = field->node;
    if (node->kind == CONF_NODE_SCALAR && conf_node_type(node) != CONF_TYPE_STRING) {
        conf_complain_type(reader, field, "a string (put it in quotes)");
        return NULL;
    }
    if (node->kind != CONF_NODE_SCALAR) {
        conf_complain_type(reader, field, "a string");
        return NULL;
    }
    const char *fault = string_fault(field->key, node);
    if (fault == NULL && node->len <= field->key->max)
        return xstrdup(node->text);
    if (fault != NULL)
        conf_complain(reader, field, "%s", fault);
    else
        conf_complain(reader, field, "must be at most %u bytes long", field->key->max);
    return NULL;
}

void conf_read_text(struct conf_reader *reader, const struct conf_field *field)
{
    *(char **)conf_field_target(field) = conf_take_string(reader, field);
}

/* The index is known when all chains are: conf_link. */
void conf_read_chain_ref(struct conf_reader *reader, const struct conf_field *field)
{
    reader->default_chain = conf_take_string(reader, field);
}

void conf_read_url(struct conf_reader *reader, const struct conf_field *field)
{
    char *url = conf_take_string(reader, field);
    const char *fault = url != NULL ? conf_url_fault(url) : NULL;
    if (fault != NULL) {
        conf_complain(reader, field, "must %s", fault);
        free(url);
        return;
    }
    for (size_t len = url != NULL ? strlen(url) : 0; len > 0 && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    const char *endpoint = url != NULL ? conf_url_endpoint(url) : NULL;
    if (endpoint != NULL)
        conf_faults_warn(reader->faults, field->node->place,
                         "%s%s ends in %s, which weir appends itself: leave it out", field->where,
                         field->key->name, endpoint);
    *(char **)conf_field_target(field) = url;
}

char *conf_take_path(const struct conf_reader *reader, char *path)
{
    const char *slash = strrchr(reader->source->path, '/');
    if (path[0] == '/' || slash == NULL)
        return path;
    char *whole =
        xasprintf("%.*s%s", (int)(slash - reader->source->path + 1), reader->source->path, path);
    free(path);
    return whole;
}

static void read_path(struct conf_reader *reader, const struct conf_field *field,
                      bool dash_is_stderr)
{
    char *path = conf_take_string(reader, field);
    bool is_stderr = dash_is_stderr && path != NULL && strcmp(path, "-") == 0;
    if (path != NULL && path[0] != '\0' && !is_stderr)
        path = conf_take_path(reader, path);
    if (path != NULL && (path[0] == '\0' || strlen(path) > field->key->max)) {
        if (path[0] != '\0')
            conf_complain(reader, field, "must be at most %u bytes long with its folder",
                          field->key->max);
        free(path);
        path = NULL;
    }
    *(char **)conf_field_target(field) = path;
}

void conf_read_path(struct conf_reader *reader, const struct conf_field *field)
{
    read_path(reader, field, false);
}

void conf_read_log(struct conf_reader *reader, const struct conf_field *field)
{
    read_path(reader, field, true);
}

/* Only a warning: the file may appear, or become readable, while weir runs. */
void conf_read_file(struct conf_reader *reader, const struct conf_field *field)
{
    conf_read_path(reader, field);
    const char *path = *(char *const *)conf_field_target(field);
    if (path != NULL && reader->source->can_read != NULL && !reader->source->can_read(path))
        conf_faults_warn(reader->faults, field->node->place, "%s%s cannot be read", field->where,
                         field->key->name);
}

static bool is_shm_name(const char *name)
{
    return name[0] == '/' && name[1] != '\0' && strchr(name + 1, '/') == NULL &&
           strcmp(name, "/.") != 0 && strcmp(name, "/..") != 0;
}

void conf_read_shm(struct conf_reader *reader, const struct conf_field *field)
{
    char *name = conf_take_string(reader, field);
    if (name != NULL && !is_shm_name(name)) {
        conf_complain_type(reader, field, "a slash and a name without further slashes");
        free(name);
        name = NULL;
    }
    *(char **)conf_field_target(field) = name;
}

void conf_read_ignored(struct conf_reader *reader, const struct conf_field *field)
{
    conf_faults_warn(reader->faults, field->node->place, "%s%s is ignored: %s", field->where,
                     field->key->name, field->key->help);
}
