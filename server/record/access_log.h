/* SPDX-License-Identifier: MIT */
/* The access log (CONTRACT 8): a JSON line a request, by the worker that served it. Lines that
 * belong to one turn of the event loop reach the file together, at its end: formatting costs a line
 * little, the system call would cost it much. Off unless server.accessLog names a file ("-":
 * standard error). Never holds prompts or answers. */
#ifndef WEIR_SERVER_RECORD_ACCESS_LOG_H
#define WEIR_SERVER_RECORD_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL: off. A file that root opens goes to uid and gid (-1 = stay). 0, or -1 with errno. */
int access_log_open(const char *path, int uid, int gid);
/* After logrotate. 0, or -1 with errno and the old file still in use. */
int access_log_reopen(void);
void access_log_close(void);

struct access_record {
    const char *request_id, *method, *path;
    const char *chain;            /* NULL where none was routed to */
    const char *provider, *model; /* that served; NULL = none */
    uint32_t attempts;
    int status;
    uint64_t bytes;                           /* of the answer's body */
    uint64_t duration_us, first_token_us;     /* first_token_us 0 = never */
    int64_t prompt_tokens, completion_tokens; /* -1 = unknown */
    const char *outcome;                      /* outcome word, or an error code of weir's own */
    const char *trail;                        /* each attempt with outcome and ms; NULL = none */
};
bool access_log_is_on(void);
/* Only between defer_init and defer_deinit. */
void access_log_write(const struct access_record *record);

#endif
