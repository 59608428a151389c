/* SPDX-License-Identifier: MIT */
/* See reader.h. */
#include "common/conf/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *conf_field_target(const struct conf_field *field)
{
    return (char *)field->base + field->key->offset;
}

void conf_complain(struct conf_reader *reader, const struct conf_field *field, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    conf_faults_add(reader->faults, field->node->place, "%s%s %s", field->where, field->key->name,
                    n < 0 ? fmt : text);
    free(n < 0 ? NULL : text);
}

static bool may_be_shown(enum conf_kind kind)
{
    return kind != CONF_SECRET && kind != CONF_SECRETS && kind < CONF_SECTION && kind != CONF_URL;
}

static void put_found(struct buf *out, const struct conf_field *field)
{
    const struct conf_node *node = field->node;
    enum conf_type type = conf_node_type(node);
    if (node->kind != CONF_NODE_SCALAR || !may_be_shown(field->key->kind)) {
        buf_puts(out, conf_type_name(type));
    } else if (type == CONF_TYPE_STRING) {
        buf_puts(out, "the string ");
        conf_put_shown(out, node->text, node->len);
    } else {
        buf_put(out, node->text, node->len < CONF_SHOWN_MAX ? node->len : CONF_SHOWN_MAX);
    }
}

void conf_complain_type(struct conf_reader *reader, const struct conf_field *field,
                        const char *expected)
{
    struct buf found = BUF_INIT;
    put_found(&found, field);
    conf_complain(reader, field, "must be %s, not %s", expected, buf_cstr(&found));
    buf_free(&found);
}
