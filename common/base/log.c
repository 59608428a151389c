/* SPDX-License-Identifier: MIT */
/* See log.h. */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/logsink.h"

static struct {
    const char *prog;
    enum log_level level;
    struct logsink sink;
    char *path; /* of the file; NULL on standard error and syslog */
    bool to_syslog, to_stderr;
    bool echoes_errors;
    bool is_text; /* a terminal: people read it */
    struct logfile_owner owner;
    struct buf line;
} lg = {.prog = "weir",
        .level = LOGLV_INFO,
        .sink = {.fd = STDERR_FILENO, .may_block = true},
        .to_stderr = true,
        .owner = LOGFILE_INIT};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const int level_priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

void log_init(const char *prog)
{
    lg.prog = prog;
    logsink_use_stderr(&lg.sink);
    lg.is_text = isatty(lg.sink.fd) == 1;
}

void log_set_level(enum log_level level)
{
    lg.level = level;
}

enum log_level log_get_level(void)
{
    return lg.level;
}

bool log_is_enabled(enum log_level level)
{
    return level >= lg.level;
}

void log_set_owner(const struct logfile_owner *owner)
{
    lg.owner = *owner;
}

bool log_open_file(const char *path)
{
    int fd = logfile_open(path, &lg.owner);
    if (fd < 0)
        return false;
    logsink_use_file(&lg.sink, fd);
    if (lg.path != path) {
        free(lg.path);
        lg.path = xstrdup(path);
    }
    lg.to_syslog = lg.to_stderr = false;
    lg.is_text = isatty(fd) == 1;
    return true;
}

void log_echo_errors(bool on)
{
    lg.echoes_errors = on;
}

void log_open_syslog(void)
{
    logsink_use_syslog(&lg.sink, LOGSINK_SYSLOG);
    lg.to_syslog = true;
    lg.to_stderr = false;
    lg.is_text = true;
}

bool log_reopen(void)
{
    return lg.path == NULL || log_open_file(lg.path);
}

static void put_json_line(struct buf *b, enum log_level level, const char *msg,
                          const struct log_field *fields, size_t n)
{
    buf_puts(b, "{\"time\":\"");
    clock_put_iso8601(b, clock_wall_ms());
    buf_printf(b, "\",\"level\":\"%s\",\"msg\":", level_names[level]);
    buf_put_json(b, msg, strlen(msg));
    buf_printf(b, ",\"prog\":\"%s\",\"pid\":%d", lg.prog, (int)getpid());
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].is_number && fields[i].text == NULL)
            continue;
        buf_printf(b, ",\"%s\":", fields[i].key);
        if (fields[i].is_number)
            buf_printf(b, "%lld", (long long)fields[i].number);
        else
            buf_put_json(b, fields[i].text, strlen(fields[i].text));
    }
    buf_puts(b, "}\n");
}

static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '"' || *p == '=')
            return false;
    return text[0] != '\0';
}

static void put_text_value(struct buf *b, const char *text)
{
    if (is_plain(text))
        buf_puts(b, text);
    else
        buf_put_json(b, text, strlen(text));
}

/* A message stays one line, and sends no control sequences to a terminal. */
static void put_text_message(struct buf *b, const char *msg)
{
    for (const char *p = msg; *p != '\0'; p++)
        buf_putc(b, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
}

static void put_text_line(struct buf *b, enum log_level level, const char *msg,
                          const struct log_field *fields, size_t n)
{
    if (!lg.to_syslog) {
        clock_put_iso8601(b, clock_wall_ms());
        buf_printf(b, " %-5s %s[%d] ", level_names[level], lg.prog, (int)getpid());
    }
    put_text_message(b, msg);
    for (size_t i = 0; i < n; i++) {
        if (fields[i].is_number) {
            buf_printf(b, " %s=%lld", fields[i].key, (long long)fields[i].number);
        } else if (fields[i].text != NULL) {
            buf_printf(b, " %s=", fields[i].key);
            put_text_value(b, fields[i].text);
        }
    }
    buf_putc(b, '\n');
}

/* Nothing is written to standard error twice. */
static bool wants_echo(enum log_level level)
{
    return lg.echoes_errors && level == LOGLV_ERROR && !lg.to_stderr;
}

static bool put_line(enum log_level level, const char *msg, const struct log_field *fields,
                     size_t n)
{
    buf_clear(&lg.line);
    if (lg.is_text)
        put_text_line(&lg.line, level, msg, fields, n);
    else
        put_json_line(&lg.line, level, msg, fields, n);
    if (!lg.to_syslog)
        return logsink_write(&lg.sink, lg.line.data, lg.line.len);
    lg.line.len--; /* a message of its own needs no line end */
    return logsink_write_syslog(&lg.sink, level_priorities[level], lg.prog, buf_cstr(&lg.line));
}

/* A line that nobody takes at once, or for which the disk has no room, is lost: what is logged is
 * never worth a wait. How many there were is said as soon as that can be said. */
static void tell_of_lost_lines(void)
{
    uint64_t lost = lg.sink.lost;
    lg.sink.lost = 0;
    if (!put_line(LOGLV_WARN, "lines of the log were lost: nobody took them",
                  LOG_LIST(LOG_INT("lines", lost))))
        lg.sink.lost = lost;
}

static void write_line(enum log_level level, const struct log_field *fields, size_t n,
                       const char *fmt, va_list ap)
{
    int saved_errno = errno;
    char *msg = NULL;
    if (vasprintf(&msg, fmt, ap) < 0)
        return;
    if (wants_echo(level))
        dprintf(STDERR_FILENO, "%s: %s\n", lg.prog, msg);
    if (lg.sink.lost > 0)
        tell_of_lost_lines();
    put_line(level, msg, fields, n);
    free(msg);
    errno = saved_errno;
}

void log_write(enum log_level level, const struct log_field *fields, size_t n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_line(level, fields, n, fmt, ap);
    va_end(ap);
}

void log_lines(enum log_level level, const char *prefix, const char *text)
{
    while (log_is_enabled(level) && *text != '\0') {
        int len = (int)strcspn(text, "\n");
        if (len > 0)
            log_write(level, NULL, 0, "%s%.*s", prefix, len, text);
        text += text[len] == '\n' ? len + 1 : len;
    }
}

void log_fatal(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_line(LOGLV_ERROR, NULL, 0, fmt, ap);
    va_end(ap);
    exit(code);
}
