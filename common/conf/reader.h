/* SPDX-License-Identifier: MIT */
/* The state of one reading of one file, and how a fault at a value is noted. Shared by check.c and
 * those that read single kinds of values for it: value, secret, lists, link. Pure. */
#ifndef WEIR_COMMON_CONF_READER_H
#define WEIR_COMMON_CONF_READER_H

#include "common/conf/check.h"
#include "common/conf/faults.h"
#include "common/conf/node.h"
#include "common/conf/schema.h"

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

#endif
