/* SPDX-License-Identifier: MIT */
/* The last step of reading a configuration: what one value says about another. Chain entries become
 * pairs, names are looked up, times that depend on others get their values. Called by check.c
 * once. Pure. */
#ifndef WEIR_COMMON_CONF_LINK_H
#define WEIR_COMMON_CONF_LINK_H

#include "common/conf/reader.h"

void conf_link(struct conf_reader *reader);

#endif
