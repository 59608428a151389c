/* SPDX-License-Identifier: MIT */
/* Reads and checks one scalar of a configuration file, by its row in the schema. Called by check.c
 * and lists.c. Messages say what was expected; what stood there is shown only for keys that hold no
 * secret and no URL, since a URL may carry a password. Pure. */
#ifndef WEIR_COMMON_CONF_VALUE_H
#define WEIR_COMMON_CONF_VALUE_H

#include "common/base/attributes.h"
#include "common/conf/reader.h"

conf_read_fn conf_read_int, conf_read_bool, conf_read_word, conf_read_text, conf_read_url,
    conf_read_path, conf_read_log, conf_read_file, conf_read_shm, conf_read_workers,
    conf_read_version, conf_read_ignored, conf_read_chain_ref;

/* A copy of the field's string, for the caller to free, if it is one and keeps to the key's bounds;
 * else NULL, and the fault has been noted. */
WEIR_MUST_CHECK char *conf_take_string(struct conf_reader *reader, const struct conf_field *field);
/* The path as seen from the configuration file's folder. Takes the path over; the caller frees the
 * result. */
WEIR_MUST_CHECK char *conf_take_path(const struct conf_reader *reader, char *path);

#endif
