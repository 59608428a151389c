/* SPDX-License-Identifier: MIT */
/* See conf.h. What touches the system: reading the file, the environment, the number of CPUs. The
 * rest is parse.h's. */
#include "common/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf/parse.h"
#include "common/conf/schema.h"

static int note_fault(struct buf *messages, const char *path, const char *text)
{
    buf_printf(messages, "%s:1:1: %s\n", path, text);
    return -1;
}

/* Opens a regular file; anything else (a folder, a pipe) could not be read again at a reload. */
static int open_file(const char *path, struct buf *messages)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return note_fault(messages, path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return note_fault(messages, path,
                      S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
}

static int read_all(int fd, const char *path, struct buf *text, struct buf *messages)
{
    while (text->len <= CONF_FILE_MAX) {
        char *end = buf_reserve(text, CONF_FILE_MAX / 16);
        ssize_t n = read(fd, end, CONF_FILE_MAX / 16);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return note_fault(messages, path, strerror(errno));
        if (n == 0)
            return 0;
        text->len += (size_t)n;
    }
    buf_printf(messages, "%s:1:1: is larger than %d bytes\n", path, CONF_FILE_MAX);
    return -1;
}

static const char *lookup_env(const char *name)
{
    return getenv(name);
}

static bool can_read(const char *path)
{
    return access(path, R_OK) == 0;
}

static uint32_t count_cpus(void)
{
    cpu_set_t set;
    long n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                          : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > CONF_WORKERS_MAX ? CONF_WORKERS_MAX : (uint32_t)n;
}

static void warn_of_readers(int fd, const char *path, struct buf *messages)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && (st.st_mode & S_IROTH) != 0)
        buf_printf(
            messages,
            "%s:1:1: warning: everybody may read this file, and it holds keys: chmod 0640, or "
            "write ${VARIABLE} for them\n",
            path);
}

static int load(struct conf_source *source, struct conf **out, struct buf *messages)
{
    struct buf text = BUF_INIT;
    *out = NULL;
    int fd = open_file(source->path, messages);
    if (fd < 0)
        return -1;
    int rc = read_all(fd, source->path, &text, messages);
    source->text = text.data;
    source->len = text.len;
    source->n_cpus = count_cpus();
    if (rc == 0)
        rc = conf_parse(source, out, messages);
    if (rc == 0 && (*out)->has_literal_keys)
        warn_of_readers(fd, source->path, messages);
    close(fd);
    buf_free(&text);
    return rc;
}

int conf_load(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path, .lookup_env = lookup_env, .can_read = can_read};
    return load(&source, out, messages);
}

int conf_load_without_secrets(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {.path = path};
    return load(&source, out, messages);
}

int conf_load_with_client_keys(const char *path, struct conf **out, struct buf *messages)
{
    struct conf_source source = {
        .path = path, .lookup_env = lookup_env, .wants_client_keys_only = true};
    return load(&source, out, messages);
}

int conf_find_chain(const struct conf *conf, const char *name, size_t len)
{
    for (uint32_t i = 0; i < conf->n_chains; i++)
        if (strlen(conf->chains[i].name) == len && memcmp(conf->chains[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

int conf_find_chain_by_hash(const struct conf *conf, uint64_t name_hash)
{
    for (uint32_t i = 0; i < conf->n_chains; i++)
        if (conf->chains[i].name_hash == name_hash)
            return (int)i;
    return -1;
}

int conf_find_pair(const struct conf *conf, uint64_t key_hash)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        if (conf->pairs[i].key_hash == key_hash)
            return (int)i;
    return -1;
}

/* Not by the hash of its halves: ids and models may have slashes of their own. */
int conf_find_pair_by_name(const struct conf *conf, const char *name)
{
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        const char *id = conf->pairs[i].provider->id;
        size_t len = strlen(id);
        if (strncmp(name, id, len) == 0 && name[len] == '/' &&
            strcmp(name + len + 1, conf->pairs[i].model) == 0)
            return (int)i;
    }
    return -1;
}

static void free_providers(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_providers; i++) {
        struct conf_provider *provider = &conf->providers[i];
        free(provider->id);
        free(provider->name);
        free(provider->api_key);
        free(provider->base_url);
        free(provider->ca_file);
    }
    free(conf->providers);
}

static void free_chains(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_chains; i++) {
        free(conf->chains[i].name);
        free(conf->chains[i].pairs);
    }
    free(conf->chains);
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        free((char *)conf->pairs[i].model);
        free((char *)conf->pairs[i].model_json);
    }
    free(conf->pairs);
}

static void free_lists(struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_api_keys; i++)
        free(conf->api_keys[i]);
    free(conf->api_keys);
    for (uint32_t i = 0; i < conf->n_listen; i++) {
        free(conf->listen[i].text);
        free(conf->listen[i].address);
        free(conf->listen[i].unix_path);
    }
    free(conf->listen);
}

void conf_free(struct conf **conf)
{
    if (*conf == NULL)
        return;
    struct conf *c = *conf;
    free_providers(c);
    free_chains(c);
    free_lists(c);
    free(c->path);
    free(c->pid_file);
    free(c->user);
    free(c->group);
    free(c->access_log);
    free(c->error_log);
    free(c->tracker_socket);
    free(c->tracker_shm);
    free(c->tracker_state_file);
    free(c->tracker_user);
    free(c->tracker_pid_file);
    free(c);
    *conf = NULL;
}
