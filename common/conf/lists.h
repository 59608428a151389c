/* SPDX-License-Identifier: MIT */
/* Reads the lists of scalars of a configuration file: client keys, listen addresses, origins.
 * Called by check.c. Pure. */
#ifndef WEIR_COMMON_CONF_LISTS_H
#define WEIR_COMMON_CONF_LISTS_H

#include "common/base/attributes.h"
#include "common/conf/reader.h"

/* Is the field a list with something in it? If not, the fault has been noted. */
WEIR_MUST_CHECK bool conf_is_filled_list(struct conf_reader *reader,
                                         const struct conf_field *field);
conf_read_fn conf_read_secrets, conf_read_listen, conf_read_origins;

#endif
