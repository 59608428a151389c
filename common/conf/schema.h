/* SPDX-License-Identifier: MIT */
/* The settings as data: every key a configuration file may have, with its type, bounds, default and
 * meaning. Reading, checking, defaults, printing and the documentation test all follow this table;
 * a new setting is a row here and a member of struct conf. Pure. */
#ifndef WEIR_COMMON_CONF_SCHEMA_H
#define WEIR_COMMON_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"

/* Longest values, in bytes. The names that are keys of the shared table have their own in conf.h.
 */
#define CONF_NAME_MAX   255  /* provider names, users, groups */
#define CONF_SECRET_MAX 4096 /* after substitution */
#define CONF_URL_MAX    2048
#define CONF_PATH_MAX   4095 /* PATH_MAX without its NUL */
#define CONF_SOCKET_MAX 107  /* sun_path without its NUL */
#define CONF_SHM_MAX    200  /* leaves room in NAME_MAX for what is appended for sister segments */
/* Most elements and greatest numbers. */
#define CONF_INT_MAX          2147483647
#define CONF_LISTEN_MAX       64
#define CONF_ENTRIES_MAX      65536 /* of all chains together */
#define CONF_WORKERS_MAX      256
#define CONF_CONNECTIONS_MAX  1000000
#define CONF_CAPACITY_MAX     65536
#define CONF_HEADER_BYTES_MAX 16777216

enum conf_kind {
    CONF_INT,       /* uint32_t, or uint16_t (see size) */
    CONF_BOOL,      /* bool */
    CONF_WORD,      /* an enum: the position in words */
    CONF_TEXT,      /* char * */
    CONF_SECRET,    /* char *, ${NAME} substituted, never shown */
    CONF_URL,       /* char * */
    CONF_PATH,      /* char *, made absolute */
    CONF_LOG,       /* the same; "-" = standard error */
    CONF_FILE,      /* the same, of a file that should be there; a warning if it is not */
    CONF_SHM,       /* char * */
    CONF_WORKERS,   /* uint32_t, or the word `auto` */
    CONF_VERSION,   /* must be 1; not stored */
    CONF_IGNORED,   /* accepted with a warning; not stored */
    CONF_CHAIN_REF, /* the name of a chain; stored as its index once all chains are known */
    CONF_SECRETS,   /* a list of CONF_SECRET: api_keys */
    CONF_LISTEN,    /* a list of addresses: listen */
    CONF_ORIGINS,   /* a list of web origins, or *: cors_origins */
    CONF_SECTION,   /* a mapping, see section; its members lie in the same struct */
    CONF_PROVIDERS, /* lists of mappings, see section */
    CONF_CHAINS,
    CONF_ENTRIES
};

struct conf_section;

struct conf_key {
    const char *name;
    enum conf_kind kind;
    size_t offset; /* of the member in the section's struct */
    size_t size;   /* of the member */
    bool is_required;
    bool is_fixed;            /* read at a start only: a reload cannot change it */
    bool may_be_0;            /* numbers: 0 is allowed below min */
    uint32_t min;             /* numbers: least value; texts: 0 = may be empty, which means none */
    uint32_t max;             /* numbers: greatest value; texts: bytes */
    const char *unit;         /* of a number: "ms", "bytes"; NULL for counts */
    const char *preset;       /* the default as a file would spell it; NULL: none, or computed */
    const char *computed;     /* a default that depends on others, in words */
    const char *const *words; /* CONF_WORD: NULL-terminated */
    const struct conf_section *section;
    const char *help; /* half a sentence */
};

struct conf_section {
    const char *path; /* as messages and manuals name it: "settings", "providers[]" */
    const struct conf_key *keys;
    size_t n_keys;
};

/* What an entry of a chain is read into; pairs are made of it. */
struct conf_entry {
    char *provider, *model;
};

/* The whole file. */
extern const struct conf_section conf_schema;

#endif
