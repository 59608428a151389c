/* SPDX-License-Identifier: MIT */
/* The part of weir that needs libcurl is a module of its own, loaded only when a provider needs it:
 * libcurl brings thirty libraries with it, 2.4 MB and 20 ms for nothing where our own client serves
 * all. The master loads it, before it forks, so that its workers share what is in memory; nothing
 * unloads it.
 *
 * It is looked for where it is installed, seen from the folder of the running program, so that a
 * whole installation may be moved; then in that folder, for a program that is not installed yet.
 * What it calls in the program is in module.symbols. */
#ifndef WEIR_SERVER_UPSTREAM_MODULE_H
#define WEIR_SERVER_UPSTREAM_MODULE_H

#include <stdbool.h>

struct conf;
struct conn_kind;
struct transfer_client;

/* Loads it unless it is loaded, or no provider of this configuration needs it. False when that
 * cannot be done: `why`, to be freed, names the provider and what is wrong. Not once a thread runs.
 */
bool transfer_module_load(const struct conf *conf, char **why);

/* libcurl's client, and its connections; NULL when it is not loaded, and then no provider needs it.
 */
const struct transfer_client *transfer_module_client(void);
const struct conn_kind *transfer_module_conn(void);

#endif
