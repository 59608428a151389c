/* SPDX-License-Identifier: MIT */
/* See access_log.h. */
#include "server/record/access_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/logfile.h"
#include "common/base/logsink.h"
#include "server/loop/defer.h"
#include "server/record/request_record.h"

/* Lines are written early when there is more than this. */
#define HELD_MAX 65536

static struct logsink sink = {.fd = -1};
static bool is_file; /* appended to: several lines in one write stay together */
static char *file_path;
static struct logfile_owner owner = LOGFILE_INIT;
static struct buf lines; /* whole ones, of this turn */

/* One write, appended: lines of several workers never mix. A full disk costs the lines. */
static void flush(void *unused)
{
    if (sink.fd >= 0 && lines.len > 0 && logsink_write(&sink, lines.data, lines.len) &&
        sink.lost > 0) {
        log_fields(LOGLV_WARN, LOG_LIST(LOG_INT("writes", sink.lost)),
                   "lines of the access log were lost: nobody took them");
        sink.lost = 0;
    }
    buf_clear(&lines);
}

static bool use(const char *path)
{
    struct stat st;
    bool is_stderr = path != NULL && strcmp(path, "-") == 0;
    if (path == NULL)
        return true;
    int opened = is_stderr ? -1 : logfile_open(path, &owner);
    if (!is_stderr && opened < 0)
        return false;
    flush(NULL);
    if (is_stderr)
        logsink_use_stderr(&sink);
    else
        logsink_use_file(&sink, opened);
    is_file = fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode);
    if (file_path != path) {
        free(file_path);
        file_path = xstrdup(path);
    }
    return true;
}

bool access_log_open(const char *path, int uid, int gid)
{
    owner.uid = uid;
    owner.gid = gid;
    return use(path);
}

bool access_log_reopen(void)
{
    return use(file_path);
}

void access_log_close(void)
{
    flush(NULL);
    logsink_close(&sink);
    free(file_path);
    file_path = NULL;
    buf_free(&lines);
}

static void put_text(const char *key, const char *text)
{
    if (text == NULL)
        return;
    buf_puts(&lines, key);
    buf_put_json(&lines, text, strlen(text));
}

static void put_number(const char *key, uint64_t number)
{
    buf_puts(&lines, key);
    buf_put_u64(&lines, number);
}

static void put_us_as_ms(const char *key, uint64_t us)
{
    unsigned rest = (unsigned)(us % 1000);
    const char digits[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                           (char)('0' + rest % 10)};
    put_number(key, us / 1000);
    buf_put(&lines, digits, sizeof(digits));
}

static void put_tokens(const char *key, int64_t tokens)
{
    if (tokens >= 0)
        put_number(key, (uint64_t)tokens);
}

static void put_trail(const char *key, const struct trail *trail, const struct conf *conf)
{
    struct buf text = BUF_INIT;
    if (trail == NULL || trail->n == 0)
        return;
    trail_put(trail, conf, &text);
    put_text(key, buf_cstr(&text));
    buf_free(&text);
}

static void put_line(const struct conf *conf, const struct request_record *r)
{
    buf_puts(&lines, "{\"time\":\"");
    clock_put_iso8601(&lines, clock_wall_ms());
    buf_puts(&lines, "\",\"level\":\"info\",\"msg\":\"request\"");
    put_text(",\"requestId\":", r->request_id);
    put_text(",\"method\":", r->method);
    put_text(",\"path\":", r->path);
    put_text(",\"chain\":", r->chain != NULL ? r->chain->name : NULL);
    put_text(",\"provider\":", r->pair != NULL ? r->pair->provider->id : NULL);
    put_text(",\"model\":", r->pair != NULL ? r->pair->model : NULL);
    put_number(",\"attempts\":", r->n_entries);
    put_number(",\"status\":", (uint64_t)r->status);
    put_number(",\"bytes\":", r->bytes);
    put_us_as_ms(",\"durationMs\":", (r->ended_at - r->received_at) / 1000);
    if (r->first_token_us != 0)
        put_us_as_ms(",\"firstTokenMs\":", r->first_token_us);
    put_tokens(",\"promptTokens\":", r->prompt_tokens);
    put_tokens(",\"completionTokens\":", r->completion_tokens);
    put_text(",\"outcome\":", r->outcome);
    put_trail(",\"trail\":", r->trail, conf);
    buf_puts(&lines, "}\n");
}

void access_log_write(const struct conf *conf, const struct request_record *record)
{
    if (sink.fd < 0)
        return;
    if (lines.len == 0 && is_file)
        defer_call(flush, NULL);
    put_line(conf, record);
    if (!is_file || lines.len > HELD_MAX)
        flush(NULL);
}
