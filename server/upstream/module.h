/* SPDX-License-Identifier: MIT */
/* The part of weir that needs libcurl is a module of its own, loaded only when a provider needs it:
 * libcurl brings thirty libraries with it, 2.4 MB and 20 ms, for nothing where our own HTTP/1.1
 * serves all. The master loads it before it forks, so that its workers share what is in memory;
 * nothing unloads it.
 *
 * It is looked for where it is installed, relative to the folder of the running program, so that a
 * whole installation may be moved; then in that folder, for a program that is not installed yet.
 * What it calls in the program is in module.symbols.
 *
 * Weak: the linker does not miss a function that module.symbols fails to name. The first
 * configuration with an https provider would; tests/lint/module.sh does. */
#ifndef WEIR_SERVER_UPSTREAM_MODULE_H
#define WEIR_SERVER_UPSTREAM_MODULE_H

#include <stdbool.h>

#include "common/base/attributes.h"

struct conf;
struct conn_kind;
struct transfer_backend;

/* Loads it unless it is loaded, or no provider of this configuration needs it. False when that
 * cannot be done: `why`, to be freed, names the provider and what is wrong. Not once a thread runs.
 */
WEIR_MUST_CHECK bool transfer_module_load(const struct conf *conf, char **why);

/* libcurl as a backend, and its connections. NULL when it is not loaded: no provider needs it then.
 */
const struct transfer_backend *transfer_module_backend(void);
const struct conn_kind *transfer_module_conn(void);

/* What the module gives to the program, under this name: module_table.c has it. */
#define TRANSFER_MODULE_SYMBOL "transfer_module"
struct transfer_module {
    const char *version; /* of the weir it belongs to. Stays first: when it is another's, the rest
                            may be anything */
    bool (*init)(void);  /* once, before all else here and before any thread; false: it failed */
    const struct transfer_backend *backend;
    const struct conn_kind *conn;
};

#endif
