/* SPDX-License-Identifier: MIT */
/* Internal to check.c and the files that read single kinds of values for it (value.c,
 * secret.c, lists.c, link.c): the state of one reading of one file. Pure. */
#ifndef WEIR_COMMON_CONF_READER_H
#define WEIR_COMMON_CONF_READER_H

#include "common/conf/faults.h"
#include "common/conf/parse.h"
#include "common/conf/schema.h"
#include "common/conf/yaml.h"

/* An entry of a chain before its provider is looked up. */
struct conf_draft {
    uint32_t chain;
    struct conf_entry entry;      /* a member is NULL where a fault was noted */
    const struct conf_node *node; /* of the entry */
    char *where;                  /* "chains[0].entries[1]." */
};

struct conf_reader {
    const struct conf_source *source;
    struct conf_faults *faults;
    const struct conf_node *root;
    struct conf *conf; /* filled as reading goes on */
    char *default_chain;
    struct conf_draft *drafts;
    size_t n_drafts, cap_drafts;
    uint32_t n_comparisons; /* of names, to suggest some */
};

/* One value to be read. */
struct conf_field {
    const struct conf_key *key;
    const char *where;            /* what stands before the key in messages: "providers[0]." */
    const struct conf_node *node; /* the value; neither nothing nor bad */
    void *base;                   /* the struct that key->offset is in */
};

typedef void conf_read_fn(struct conf_reader *reader, const struct conf_field *field);

/* Notes `WHERE.KEY TEXT` at the value. */
void conf_complain(struct conf_reader *reader, const struct conf_field *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes `WHERE.KEY must be EXPECTED, not WHAT IS THERE`; what is there is shown only where it
 * cannot be a secret. */
void conf_complain_type(struct conf_reader *reader, const struct conf_field *field,
                        const char *expected);
/* Where the field's value goes. */
void *conf_field_target(const struct conf_field *field);

/* value.c: one scalar each. */
conf_read_fn conf_read_int, conf_read_bool, conf_read_word, conf_read_text, conf_read_url,
    conf_read_path, conf_read_file, conf_read_shm, conf_read_workers, conf_read_version,
    conf_read_ignored, conf_read_chain_ref;
/* A copy of the field's string when it is one and keeps to the key's bounds; else NULL, and the
 * fault has been noted. */
char *conf_take_string(struct conf_reader *reader, const struct conf_field *field);
/* The path as seen from the configuration file's folder; takes the path. */
char *conf_take_path(const struct conf_reader *reader, char *path);

/* secret.c */
conf_read_fn conf_read_secret;

/* lists.c: lists of scalars. */
/* Is the field a list with something in it? If not, the fault has been noted. */
bool conf_is_filled_list(struct conf_reader *reader, const struct conf_field *field);
conf_read_fn conf_read_secrets, conf_read_listen;

/* link.c: what can be checked only when everything has been read: names, pairs, sums. */
void conf_link(struct conf_reader *reader);

#endif
