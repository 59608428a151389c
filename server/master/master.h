/* SPDX-License-Identifier: MIT */
/* The parent process of weir: keeps the listeners, forks the workers, replaces those that die,
 * reloads, drains, and makes way for a newer binary. Called by main.c. It parses no network input,
 * has no event loop and no threads, does not use libcurl, which it only loads for its workers
 * (upstream/module.h), and is not root once it listens. */
#ifndef WEIR_SERVER_MASTER_MASTER_H
#define WEIR_SERVER_MASTER_MASTER_H

#include "common/conf/conf.h"
#include "common/process/options.h"
#include "server/master/upgrade.h"

/* Serves with this configuration (taken) until it is told to stop; returns the exit code.
 * `handover` is what our predecessor gave us (its descriptors are taken), or NULL. */
int master_run(struct conf *conf, const struct daemon_options *options,
               const struct master_handover *handover);

#endif
