/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "common/conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/file.h"
#include "common/conf/check.h"
#include "common/conf/envfile.h"
#include "common/conf/schema.h"

static bool note_fault(struct buf *messages, const char *path, const char *text)
{
    buf_printf(messages, "%s:1:1: %s\n", path, text);
    return false;
}

/* Opens a regular file; anything else (a folder, a pipe) could not be read again at a reload. */
static bool open_file(const char *path, int *fd, struct stat *st, struct buf *messages)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return note_fault(messages, path, strerror(errno));
    if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
        return true;
    close(*fd);
    return note_fault(messages, path,
                      S_ISDIR(st->st_mode) ? "is a directory" : "is not a regular file");
}

static bool read_all(int fd, const char *path, struct buf *text, struct buf *messages)
{
    if (file_read(fd, CONF_FILE_MAX, text))
        return true;
    if (errno != EFBIG)
        return note_fault(messages, path, strerror(errno));
    buf_printf(messages, "%s:1:1: is larger than %d bytes\n", path, CONF_FILE_MAX);
    return false;
}

static const char *lookup_env(const char *name)
{
    return getenv(name);
}

static bool can_read(const char *path)
{
    return access(path, R_OK) == 0;
}

/* The file of variables, and the value that was looked up last. One check at a time. */
static struct {
    struct buf text, value;
} beside;

static const char *lookup_env_or_file(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL && envfile_find(beside.text.data, beside.text.len, name, &beside.value))
        value = buf_cstr(&beside.value);
    return value;
}

/* That there is none says nothing. */
static void read_beside(const char *conf_path, struct buf *messages)
{
    const char *slash = strrchr(conf_path, '/');
    char *path =
        xasprintf("%.*senvironment", slash != NULL ? (int)(slash - conf_path + 1) : 0, conf_path);
    struct stat st;
    int fd = -1;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && !can_read(path))
        buf_printf(messages, "%s:1:1: warning: not ours to read: what it sets counts as not set\n",
                   path);
    else if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && open_file(path, &fd, &st, messages)) {
        (void)!read_all(fd, path, &beside.text, messages);
        close(fd);
    }
    free(path);
}

static uint32_t count_cpus(void)
{
    cpu_set_t set;
    long n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                          : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > CONF_WORKERS_MAX ? CONF_WORKERS_MAX : (uint32_t)n;
}

static bool load(struct conf_source *source, struct conf **out, struct buf *messages)
{
    struct buf text = BUF_INIT;
    struct stat st;
    int fd;
    *out = NULL;
    if (!open_file(source->path, &fd, &st, messages))
        return false;
    bool is_good = read_all(fd, source->path, &text, messages);
    close(fd);
    source->text = text.data;
    source->len = text.len;
    source->n_cpus = count_cpus();
    is_good = is_good && conf_parse(source, out, messages);
    if (is_good && (*out)->has_literal_keys && (st.st_mode & S_IROTH) != 0)
        buf_printf(
            messages,
            "%s:1:1: warning: everybody may read this file, and it holds keys: chmod 0640, or "
            "write ${VARIABLE} for them\n",
            source->path);
    buf_free(&text);
    return is_good;
}

bool conf_load(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path, .lookup_env = lookup_env, .can_read = can_read};
    return load(&source, out, messages);
}

static bool load_with_file(struct conf_source *source, struct conf **out, struct buf *messages)
{
    read_beside(source->path, messages);
    source->lookup_env = lookup_env_or_file;
    bool is_good = load(source, out, messages);
    buf_free(&beside.text);
    buf_free(&beside.value);
    return is_good;
}

bool conf_load_for_check(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path, .can_read = can_read};
    return load_with_file(&source, out, messages);
}

bool conf_load_without_secrets(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path};
    return load(&source, out, messages);
}

bool conf_load_with_client_keys(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path, .wants_client_keys_only = true};
    return load_with_file(&source, out, messages);
}
