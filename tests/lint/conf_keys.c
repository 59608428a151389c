/* SPDX-License-Identifier: MIT */
/* Prints the settings as conf/schema.c has them, for conf_docs.sh to compare the documentation
 * with: a line a key, `SECTION<tab>KEY<tab>SPECIFICATION<tab>DEFAULT`. The specification is the
 * sentence weir.yaml(5) must have. */
#include <stdio.h>
#include <string.h>

#include "common/conf/schema.h"

/* The folders of the build are not those of the reader. */
static void print_preset(const char *preset)
{
    static const struct {
        const char *folder, *name;
    } folders[] = {{RUNSTATEDIR, "RUNSTATEDIR"}, {LOCALSTATEDIR, "LOCALSTATEDIR"}};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t len = strlen(folders[i].folder);
        if (len > 0 && strncmp(preset, folders[i].folder, len) == 0) {
            printf("%s%s", folders[i].name, preset + len);
            return;
        }
    }
    printf("%s", preset);
}

static void print_number(const struct conf_key *key)
{
    if (key->max == CONF_INT_MAX)
        printf("Integer of at least %u", key->min);
    else
        printf("Integer from %u to %u", key->min, key->max);
    if (key->unit != NULL)
        printf(" (%s)", key->unit);
    if (key->may_be_0)
        printf(", or 0");
}

static void print_words(const struct conf_key *key)
{
    printf("One of");
    for (const char *const *word = key->words; *word != NULL; word++)
        printf("%s %s", word != key->words ? "," : "", *word);
}

static void print_type(const struct conf_key *key)
{
    static const char *const texts[] = {
        [CONF_BOOL] = "Boolean, true or false",
        [CONF_TEXT] = "String of at most %u bytes",
        [CONF_SECRET] = "Secret string of at most %u bytes",
        [CONF_URL] = "URL of at most %u bytes",
        [CONF_PATH] = "Path of at most %u bytes",
        [CONF_LOG] = "Path of at most %u bytes",
        [CONF_FILE] = "Path of at most %u bytes",
        [CONF_SHM] = "Name of at most %u bytes",
        [CONF_VERSION] = "The integer 1",
        [CONF_IGNORED] = "Anything",
        [CONF_CHAIN_REF] = "Name of a chain",
        [CONF_SECRETS] = "List of secret strings of at most %u bytes each",
        [CONF_LISTEN] = "List of addresses",
        [CONF_ORIGINS] = "List of origins of at most %u bytes each",
        [CONF_SECTION] = "Mapping",
        [CONF_PROVIDERS] = "List of mappings",
        [CONF_CHAINS] = "List of mappings",
        [CONF_ENTRIES] = "List of mappings",
    };
    if (key->kind == CONF_INT || key->kind == CONF_WORKERS)
        print_number(key);
    else if (key->kind == CONF_WORD)
        print_words(key);
    else
        printf(texts[key->kind], key->max);
    if (key->kind == CONF_WORKERS)
        printf(", or auto");
}

static void print_default(const struct conf_key *key)
{
    if (key->is_required) {
        printf("; required");
    } else if (key->preset != NULL) {
        printf("; default ");
        print_preset(key->preset);
    } else if (key->computed != NULL) {
        printf("; default: %s", key->computed);
    } else {
        printf("; optional");
    }
    printf("%s.", key->is_fixed ? "; at a start only" : "");
}

static void print_section(const struct conf_section *section)
{
    for (size_t i = 0; i < section->n_keys; i++) {
        const struct conf_key *key = &section->keys[i];
        printf("%s\t%s\t", section->path[0] != '\0' ? section->path : "top", key->name);
        print_type(key);
        print_default(key);
        printf("\t%s\n", key->preset != NULL ? key->preset : "-");
    }
    for (size_t i = 0; i < section->n_keys; i++)
        if (section->keys[i].section != NULL)
            print_section(section->keys[i].section);
}

int main(void)
{
    print_section(&conf_schema);
    return ferror(stdout) != 0;
}
