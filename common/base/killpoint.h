/* SPDX-License-Identifier: MIT */
/* Named places at which a test makes a daemon die (or stop) by its own hand, to prove that no
 * instant is a bad one. Compiled in with `configure --enable-kill-points` only; otherwise nothing.
 *
 *   WEIR_KILL_AT=NAME[:N]   SIGKILL at the N-th passing (default 1) of place NAME
 *   WEIR_STOP_AT=NAME[:N]   SIGSTOP instead
 */
#ifndef WEIR_COMMON_BASE_KILLPOINT_H
#define WEIR_COMMON_BASE_KILLPOINT_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef WEIR_KILL_POINTS
void killpoint_pass(const char *name);
#define KILL_POINT(name) killpoint_pass(name)
#else
#define KILL_POINT(name) ((void)0)
#endif

#endif
