/* SPDX-License-Identifier: MIT */
/* Reads a secret of a configuration file: a string in which ${NAME} stands for a variable of the
 * environment, which is a function of the source. Called by check.c and lists.c. Messages name
 * variables, never their values. Pure. */
#ifndef WEIR_COMMON_CONF_SECRET_H
#define WEIR_COMMON_CONF_SECRET_H

#include "common/conf/reader.h"

conf_read_fn conf_read_secret;

#endif
