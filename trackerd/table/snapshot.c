/* SPDX-License-Identifier: MIT */
/* See snapshot.h. */
#include "trackerd/table/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/killpoint.h"
#include "common/base/log.h"
#include "trackerd/table/now.h"
#include "trackerd/table/statefile.h"

#define TEMPORARY_MARK ".tmp."
#define FILE_MODE      0600

struct snapshot {
    char *path; /* NULL: nothing is kept */
    const struct table *table;
    struct event *timer;
    bool is_wanted;  /* and the timer is set, unless a child runs */
    bool has_failed; /* the log says so once, until it works again */
    pid_t child;     /* 0 = none */
    uint64_t written_at;
};

/* ---- the file -------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static void sync_folder(const char *path)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* A folder or a device named by mistake is not ours to move or to replace. */
static bool may_replace(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}

/* The old file stays whole until the new one is. On failure false with errno. */
static bool write_file(const char *path, const struct buf *text)
{
    if (!may_replace(path)) {
        errno = ENOTSUP;
        return false;
    }
    char *temporary = xasprintf("%s" TEMPORARY_MARK "%d", path, (int)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    bool is_written = false;
    if (fd >= 0) {
        is_written = write_all(fd, text->data, text->len) && fsync(fd) == 0;
        is_written = close(fd) == 0 && is_written;
    }
    KILL_POINT("snapshot-written");
    if (is_written)
        is_written = rename(temporary, path) == 0;
    int error = errno;
    if (is_written)
        sync_folder(path);
    else if (fd >= 0)
        unlink(temporary);
    free(temporary);
    errno = error;
    return is_written;
}

/* Temporary files of a trackerd that was killed while it wrote. */
static void remove_leftovers(const char *path)
{
    char *copy_dir = xstrdup(path), *copy_base = xstrdup(path);
    char *prefix = xasprintf("%s" TEMPORARY_MARK, basename(copy_base));
    DIR *dir = opendir(dirname(copy_dir));
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    free(prefix);
    free(copy_base);
    free(copy_dir);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void set_timer_ms(struct snapshot *snapshot, uint64_t ms)
{
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(snapshot->timer, &tv);
}

/* What could not be written is tried again, whether rows change or not. */
static void note_result(struct snapshot *snapshot, int error)
{
    if (error != 0) {
        snapshot->is_wanted = true;
        set_timer_ms(snapshot, SNAPSHOT_RETRY_MS);
    }
    if (error != 0 && !snapshot->has_failed)
        log_warn("cannot write the state file %s: %s; cooldowns will not survive a reboot",
                 snapshot->path, strerror(error));
    else if (error == 0 && snapshot->has_failed)
        log_info("the state file %s can be written again", snapshot->path);
    snapshot->has_failed = error != 0;
}

static void render(const struct snapshot *snapshot, struct buf *text)
{
    statefile_write(snapshot->table, now_read(), text);
}

/* All that the child does. First it closes what must end with its parent: guard, socket, peers. */
static void __attribute__((noreturn)) write_as_child(const char *path, const struct buf *text)
{
    close_range(STDERR_FILENO + 1, ~0U, 0);
    _exit(write_file(path, text) ? 0 : errno < 256 ? errno : 1);
}

static void start_child(struct snapshot *snapshot)
{
    struct buf text = BUF_INIT;
    render(snapshot, &text);
    pid_t pid = fork();
    if (pid == 0)
        write_as_child(snapshot->path, &text);
    buf_free(&text);
    if (pid < 0) {
        note_result(snapshot, errno);
        return;
    }
    snapshot->child = pid;
    snapshot->is_wanted = false;
    snapshot->written_at = clock_boot_ns();
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct snapshot *snapshot = arg;
    if (snapshot->is_wanted && snapshot->child == 0)
        start_child(snapshot);
}

void snapshot_want(struct snapshot *snapshot)
{
    if (snapshot->path == NULL || snapshot->is_wanted)
        return;
    snapshot->is_wanted = true;
    if (snapshot->child != 0)
        return; /* snapshot_reap asks again */
    uint64_t due_at = snapshot->written_at + SNAPSHOT_INTERVAL_MS * CLOCK_NS_PER_MS;
    uint64_t now_at = clock_boot_ns();
    set_timer_ms(snapshot, due_at > now_at ? (due_at - now_at) / CLOCK_NS_PER_MS + 1 : 0);
}

void snapshot_reap(struct snapshot *snapshot)
{
    int status;
    if (snapshot->child == 0 || waitpid(snapshot->child, &status, WNOHANG) != snapshot->child)
        return;
    bool was_wanted = snapshot->is_wanted; /* by what changed since */
    snapshot->child = 0;
    int error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    note_result(snapshot, error);
    if (error == 0 && was_wanted) {
        snapshot->is_wanted = false;
        snapshot_want(snapshot);
    }
}

struct snapshot *snapshot_new(struct event_base *base, const char *path, const struct table *table)
{
    struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
    snapshot->path = path != NULL ? xstrdup(path) : NULL;
    snapshot->table = table;
    snapshot->timer = evtimer_new(base, on_timer, snapshot);
    if (snapshot->path != NULL)
        remove_leftovers(snapshot->path);
    return snapshot;
}

static void stop_child(struct snapshot *snapshot)
{
    if (snapshot->child == 0)
        return;
    kill(snapshot->child, SIGKILL); /* what it writes is out of date */
    waitpid(snapshot->child, NULL, 0);
    snapshot->child = 0;
}

void snapshot_flush(struct snapshot *snapshot)
{
    struct buf text = BUF_INIT;
    stop_child(snapshot);
    if (snapshot->path == NULL)
        return;
    render(snapshot, &text);
    note_result(snapshot, write_file(snapshot->path, &text) ? 0 : errno);
    remove_leftovers(snapshot->path);
    buf_free(&text);
}

void snapshot_free(struct snapshot **snapshot)
{
    if (*snapshot == NULL)
        return;
    stop_child(*snapshot);
    event_free((*snapshot)->timer);
    free((*snapshot)->path);
    free(*snapshot);
    *snapshot = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_file(const char *path, struct buf *text)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is_read = fstat(fd, &st) == 0;
    if (is_read && (!S_ISREG(st.st_mode) || st.st_size > STATEFILE_MAX)) {
        errno = EFBIG;
        is_read = false;
    }
    is_read = is_read && file_read(fd, STATEFILE_MAX, text);
    int error = errno;
    close(fd);
    errno = error;
    return is_read;
}

static void set_aside(const char *path, const char *why)
{
    char *aside = xasprintf("%s.broken", path);
    bool was_moved = may_replace(path) && rename(path, aside) == 0;
    log_warn("the state file %s cannot be used: %s; %s %s", path, why,
             was_moved ? "it is now" : "it could not be moved to", aside);
    free(aside);
}

unsigned snapshot_restore(const char *path, struct table *table, struct cooldown_now now)
{
    struct buf text = BUF_INIT;
    unsigned restored = 0;
    if (path == NULL)
        return 0;
    if (!read_file(path, &text)) {
        if (errno != ENOENT)
            set_aside(path, strerror(errno));
    } else {
        enum statefile_error error =
            statefile_read(buf_cstr(&text), text.len, table, now, &restored);
        if (error != STATEFILE_OK)
            set_aside(path, statefile_error_text(error));
    }
    buf_free(&text);
    return restored;
}
