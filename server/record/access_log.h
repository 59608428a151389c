/* SPDX-License-Identifier: MIT */
/* The access log (CONTRACT 8): one JSON line a request, by the worker that served it. The master
 * opens it before it forks, record_request writes. Lines of one iteration of the event loop reach
 * the file in one write, at its end: the system call costs more than the line. Off unless
 * server.accessLog names a file ("-": standard error). Never holds prompts or answers. Known
 * weakness: what a full disk does not take is lost. */
#ifndef WEIR_SERVER_RECORD_ACCESS_LOG_H
#define WEIR_SERVER_RECORD_ACCESS_LOG_H

#include <stdbool.h>

#include "common/base/attributes.h"

struct conf;
struct request_record;

/* NULL: off. A file that root opens goes to uid and gid (-1 = stay). False with errno. */
bool access_log_open(const char *path, int uid, int gid) WEIR_MUST_CHECK;
/* After logrotate. False with errno: the old file is still in use. */
WEIR_MUST_CHECK bool access_log_reopen(void);
void access_log_close(void);

/* Only between defer_init and defer_deinit. */
void access_log_write(const struct conf *conf, const struct request_record *record);

#endif
