/* SPDX-License-Identifier: MIT */
/* See secret.h. */
#include "common/conf/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/conf/value.h"

#define ENV_NAME_MAX 255

/* The length of NAME when text begins with ${NAME}, else 0: then the $ is a $. */
static size_t env_name_length(const char *text)
{
    if (text[0] != '$' || text[1] != '{' || isdigit((unsigned char)text[2]))
        return 0;
    const char *name = text + 2;
    size_t len = 0;
    while (isalnum((unsigned char)name[len]) || name[len] == '_')
        len++;
    return name[len] == '}' && len <= ENV_NAME_MAX ? len : 0;
}

static bool put_variable(struct conf_reader *reader, const struct conf_field *field,
                         const char *name, size_t len, struct buf *out)
{
    char *copy = xstrndup(name, len);
    const char *value = reader->source->lookup_env(copy);
    bool is_set = value != NULL && value[0] != '\0';
    if (is_set)
        buf_puts(out, value);
    else
        conf_complain(reader, field, "needs the environment variable %s, which is %s", copy,
                      value == NULL ? "not set" : "empty");
    free(copy);
    return is_set;
}

static bool is_literal(const char *text)
{
    for (; *text != '\0'; text++)
        if (env_name_length(text) > 0)
            return false;
    return true;
}

/* Appends the text with the values of its variables. False when one is missing; a fault names each
 * that is. */
static bool put_expanded(struct conf_reader *reader, const struct conf_field *field,
                         const char *text, struct buf *out)
{
    bool is_whole = true;
    while (*text != '\0') {
        size_t len = env_name_length(text);
        if (len == 0) {
            buf_putc(out, *text++);
        } else {
            is_whole = put_variable(reader, field, text + 2, len, out) && is_whole;
            text += len + strlen("${}");
        }
    }
    return is_whole;
}

static bool is_sane_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

/* The value of a variable is checked like the text of the file: a line break in a key would end up
 * in an HTTP header. */
static const char *expanded_fault(const struct conf_key *key, struct buf *text)
{
    if (!is_sane_value(buf_cstr(text)))
        return "has a control character (a line break?) in its environment variable";
    return text->len > key->max ? "is too long with its environment variable" : NULL;
}

/* Client keys are a list, a provider's is not. */
static bool is_wanted(const struct conf_source *source, const struct conf_field *field)
{
    return source->lookup_env != NULL &&
           (!source->wants_client_keys_only || field->key->kind == CONF_SECRETS);
}

/* $NAME alone, as a shell would take it. */
static bool lacks_braces(const char *text)
{
    size_t len = 1;
    if (text[0] != '$' || isdigit((unsigned char)text[1]))
        return false;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len > 1 && text[len] == '\0';
}

void conf_read_secret(struct conf_reader *reader, const struct conf_field *field)
{
    char *text = conf_take_string(reader, field);
    if (text != NULL && is_literal(text))
        reader->conf->has_literal_keys = true;
    if (text == NULL || !is_wanted(reader->source, field)) {
        *(char **)conf_field_target(field) = text;
        return;
    }
    if (lacks_braces(text))
        conf_faults_warn(reader->faults, field->node->place,
                         "%s%s is taken as it stands: a variable of the environment is ${NAME}",
                         field->where, field->key->name);
    struct buf expanded = BUF_INIT;
    bool is_whole = put_expanded(reader, field, text, &expanded);
    const char *fault = is_whole ? expanded_fault(field->key, &expanded) : NULL;
    if (fault != NULL)
        conf_complain(reader, field, "%s", fault);
    if (is_whole && fault == NULL)
        *(char **)conf_field_target(field) = buf_take(&expanded);
    buf_free(&expanded);
    free(text);
}
