/* SPDX-License-Identifier: MIT */
/* See lists.h. */
#include "common/conf/lists.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/conf/listen.h"
#include "common/conf/secret.h"
#include "common/conf/value.h"

/* Reads one element into base; the element's name in messages is "apiKeys[2]". */
typedef void read_element_fn(struct conf_reader *reader, const struct conf_field *field);

bool conf_is_filled_list(struct conf_reader *reader, const struct conf_field *field)
{
    if (field->node->kind != CONF_NODE_LIST)
        conf_complain_type(reader, field, "a list");
    else if (field->node->n_items == 0)
        conf_complain(reader, field, "needs at least one element");
    return field->node->kind == CONF_NODE_LIST && field->node->n_items > 0;
}

static void read_element(struct conf_reader *reader, const struct conf_field *list, size_t i,
                         size_t element_size, void *base, read_element_fn *read)
{
    char *name = xasprintf("%s[%zu]", list->key->name, i);
    struct conf_key key = *list->key;
    key.name = name;
    key.offset = 0;
    struct conf_field field = {&key, list->where, list->node->items[i],
                               (char *)base + i * element_size};
    bool is_empty = conf_node_type(field.node) == CONF_TYPE_NOTHING;
    if (is_empty && field.node->kind != CONF_NODE_BAD)
        conf_complain(reader, &field, "needs a value");
    else if (field.node->kind != CONF_NODE_BAD)
        read(reader, &field);
    free(name);
}

void conf_read_secrets(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    struct conf *conf = reader->conf;
    conf->n_api_keys = (uint32_t)field->node->n_items;
    conf->api_keys = xcalloc(conf->n_api_keys, sizeof(*conf->api_keys));
    for (size_t i = 0; i < conf->n_api_keys; i++)
        read_element(reader, field, i, sizeof(*conf->api_keys), conf->api_keys, conf_read_secret);
}

/* A Unix socket's path, seen from the configuration file's folder, has to fit into its address. */
static void settle_unix_path(struct conf_reader *reader, const struct conf_field *field,
                             struct conf_listen *listen)
{
    listen->unix_path = conf_take_path(reader, listen->unix_path);
    if (strlen(listen->unix_path) > CONF_SOCKET_MAX)
        conf_complain(reader, field, "must name a path of at most %d bytes with its folder",
                      CONF_SOCKET_MAX);
}

static void refuse_twin(struct conf_reader *reader, const struct conf_field *field)
{
    const struct conf_listen *all = reader->conf->listen, *listen = field->base;
    for (const struct conf_listen *other = all; other < listen; other++)
        if (other->text != NULL && conf_listen_is_same(other, listen)) {
            conf_complain(reader, field, "is the same as listen[%zu]", (size_t)(other - all));
            return;
        }
}

static void read_address(struct conf_reader *reader, const struct conf_field *field)
{
    char *text = conf_take_string(reader, field);
    if (text == NULL)
        return;
    struct conf_listen *listen = field->base;
    const char *fault = conf_listen_parse(text, reader->conf->port, listen);
    if (fault != NULL) {
        struct buf shown = BUF_INIT;
        conf_put_shown(&shown, text, strlen(text));
        conf_complain(reader, field, "must %s, not %s", fault, buf_cstr(&shown));
        buf_free(&shown);
    } else {
        if (listen->unix_path != NULL)
            settle_unix_path(reader, field, listen);
        refuse_twin(reader, field);
    }
    free(text);
}

void conf_read_listen(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    if (field->node->n_items > CONF_LISTEN_MAX) {
        conf_complain(reader, field, "must have at most %d elements", CONF_LISTEN_MAX);
        return;
    }
    struct conf *conf = reader->conf;
    conf->n_listen = (uint32_t)field->node->n_items;
    conf->listen = xcalloc(conf->n_listen, sizeof(*conf->listen));
    for (size_t i = 0; i < conf->n_listen; i++)
        read_element(reader, field, i, sizeof(*conf->listen), conf->listen, read_address);
}

/* "https://app.example:8443", as a browser sends it in Origin: no path, not even a slash. */
static bool is_origin(const char *text)
{
    const char *host = strstr(text, "://");
    if (strcmp(text, "*") == 0)
        return true;
    if (host == NULL || host == text || host[3] == '\0' || strchr(host + 3, '/') != NULL)
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr(",;\"<>*?#@", *p) != NULL)
            return false;
    return true;
}

static void read_origin(struct conf_reader *reader, const struct conf_field *field)
{
    char *text = conf_take_string(reader, field);
    if (text != NULL && !is_origin(text)) {
        conf_complain_type(reader, field, "* or an origin such as https://app.example, no path");
        free(text);
        text = NULL;
    }
    *(char **)field->base = text;
}

void conf_read_origins(struct conf_reader *reader, const struct conf_field *field)
{
    if (!conf_is_filled_list(reader, field))
        return;
    struct conf *conf = reader->conf;
    conf->n_cors_origins = (uint32_t)field->node->n_items;
    conf->cors_origins = xcalloc(conf->n_cors_origins, sizeof(*conf->cors_origins));
    for (size_t i = 0; i < conf->n_cors_origins; i++)
        read_element(reader, field, i, sizeof(*conf->cors_origins), conf->cors_origins,
                     read_origin);
}
