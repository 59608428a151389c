/* See access_log.h. */
#include "server/access_log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/logfile.h"

static int fd = -1;
static char *file_path;
static struct logfile_owner owner = LOGFILE_INIT;
static struct buf line;

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    return logfile_open(path, &owner);
}

static int use(const char *path)
{
    if (path == NULL)
        return 0;
    int opened = open_path(path);
    if (opened < 0)
        return -1;
    if (fd >= 0)
        close(fd);
    fd = opened;
    if (file_path != path) {
        free(file_path);
        file_path = xstrdup(path);
    }
    return 0;
}

int access_log_open(const char *path, int uid, int gid)
{
    owner.uid = uid;
    owner.gid = gid;
    return use(path);
}

int access_log_reopen(void)
{
    return use(file_path);
}

void access_log_close(void)
{
    if (fd >= 0)
        close(fd);
    fd = -1;
    free(file_path);
    file_path = NULL;
    buf_free(&line);
}

static void put_text(const char *key, const char *text)
{
    if (text == NULL)
        return;
    buf_printf(&line, ",\"%s\":", key);
    buf_put_json(&line, text, strlen(text));
}

static void put_tokens(const char *key, int64_t tokens)
{
    if (tokens >= 0)
        buf_printf(&line, ",\"%s\":%" PRId64, key, tokens);
}

bool access_log_is_on(void)
{
    return fd >= 0;
}

void access_log_write(const struct access_record *r)
{
    if (fd < 0)
        return;
    buf_clear(&line);
    buf_puts(&line, "{\"time\":\"");
    clock_put_iso8601(&line, clock_wall_ms());
    buf_puts(&line, "\",\"level\":\"info\",\"msg\":\"request\"");
    put_text("requestId", r->request_id);
    put_text("method", r->method);
    put_text("path", r->path);
    put_text("chain", r->chain);
    put_text("provider", r->provider);
    put_text("model", r->model);
    buf_printf(&line, ",\"attempts\":%u,\"status\":%d,\"bytes\":%" PRIu64, r->attempts, r->status,
               r->bytes);
    buf_printf(&line, ",\"durationMs\":%.3f", (double)r->duration_us / 1000);
    if (r->first_token_us != 0)
        buf_printf(&line, ",\"firstTokenMs\":%.3f", (double)r->first_token_us / 1000);
    put_tokens("promptTokens", r->prompt_tokens);
    put_tokens("completionTokens", r->completion_tokens);
    put_text("outcome", r->outcome);
    put_text("trail", r->trail);
    buf_puts(&line, "}\n");
    /* One write a line, appended: lines of several workers never mix. A full disk costs the line.
     */
    ssize_t written = write(fd, line.data, line.len);
    (void)written;
}
