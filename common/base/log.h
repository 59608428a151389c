/* SPDX-License-Identifier: MIT */
/* Logging for every process: one line a call, one write(2) a line, so that lines of several
 * processes never mix in a file. JSON objects (`time`, `level`, `msg`, then fields), or
 * `LEVEL msg key=value` when the output is a terminal. Never log keys, prompts or answers. Weak
 * spot: the write may block, so a log on a pipe that nobody reads stops the process. */
#ifndef WEIR_COMMON_BASE_LOG_H
#define WEIR_COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/logfile.h"

enum log_level {
    LOGLV_DEBUG,
    LOGLV_INFO,
    LOGLV_WARN,
    LOGLV_ERROR
};

/* A field of a line. Text is borrowed for the call only; NULL text leaves the field out. */
struct log_field {
    const char *key;
    const char *text;
    int64_t number;
    bool is_number;
};
#define LOG_STR(k, v) ((struct log_field){.key = (k), .text = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v), .is_number = true})

/* The program's name, for the `prog` field; never freed. Output starts on standard error, at level
 * info. */
void log_init(const char *prog);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_is_enabled(enum log_level level);

/* Who will own log files; call it before the first is opened. */
void log_set_owner(const struct logfile_owner *owner);
/* Sends lines to a file (append, created 0640 unless its owner says otherwise). False with errno
 * set: the old output is kept. */
WEIR_MUST_CHECK bool log_open_file(const char *path);
/* Sends lines to syslog(3), for a daemon without a log file. */
void log_open_syslog(void);
/* Opens the file at the current path again (after logrotate); on standard error nothing happens.
 * False as above. */
WEIR_MUST_CHECK bool log_reopen(void);

/* While a daemon starts in the background: errors also go to standard error, where its starter
 * waits for them. */
void log_echo_errors(bool on);

void log_write(enum log_level level, const struct log_field *fields, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A record for each line of the text that is not empty, the prefix before it. */
void log_lines(enum log_level level, const char *prefix, const char *text);

#define LOG_AT_(level, ...)                           \
    do {                                              \
        if (log_is_enabled(level))                    \
            log_write((level), NULL, 0, __VA_ARGS__); \
    } while (0)
#define log_debug(...) LOG_AT_(LOGLV_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT_(LOGLV_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT_(LOGLV_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT_(LOGLV_ERROR, __VA_ARGS__)

/* With fields: log_fields(LOGLV_WARN, LOG_LIST(LOG_STR("k", v), LOG_INT("n", 3)), "text %d", x) */
#define LOG_LIST(...)                        \
    (const struct log_field[]){__VA_ARGS__}, \
        sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
#define log_fields(level, ...)               \
    do {                                     \
        if (log_is_enabled(level))           \
            log_write((level), __VA_ARGS__); \
    } while (0)

/* Logs at error and exits with a sysexits(3) code. */
void log_fatal(int code, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
