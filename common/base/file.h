/* SPDX-License-Identifier: MIT */
/* Reading whole files. For the configuration and the state file; blocks, so not for a worker that
 * serves. */
#ifndef WEIR_COMMON_BASE_FILE_H
#define WEIR_COMMON_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"

/* Appends what is left of the file, which may be `max` bytes. False with errno: EFBIG when there is
 * more, even if the file has only grown since it was looked at. */
WEIR_MUST_CHECK bool file_read(int fd, size_t max, struct buf *text);

#endif
