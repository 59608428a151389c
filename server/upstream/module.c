/* SPDX-License-Identifier: MIT */
/* See module.h. */
#include "server/upstream/module.h"

#include "config.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/conf/conf.h"
#include "server/upstream/backend.h"
#include "server/upstream/conn_kind.h"

#define FILE_NAME "transfer_curl.so"

static const struct transfer_module *module; /* NULL = not loaded */

/* Only the kernel knows: what we were called by may be a link, or gone. */
static char *program_folder(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    const char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    return slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
}

/* An installation's, else a build's; where it should be when it is nowhere. */
static char *find_file(void)
{
    char *program = program_folder();
    char *installed = xasprintf("%s/" PKGLIBDIR_FROM_SBINDIR "/" FILE_NAME, program);
    char *built = xasprintf("%s/" FILE_NAME, program);
    bool is_built = access(installed, F_OK) != 0 && access(built, F_OK) == 0;
    free(program);
    free(is_built ? installed : built);
    return is_built ? built : installed;
}

/* NULL, or what is wrong with it. */
static char *check_and_init(const char *path, const struct transfer_module *found)
{
    if (found == NULL)
        return xasprintf("%s is no module of weir", path);
    if (strcmp(found->version, PACKAGE_VERSION) != 0)
        return xasprintf("%s is of weir %s, and this is weir " PACKAGE_VERSION, path,
                         found->version);
    if (!found->init())
        return xasprintf("%s cannot begin", path);
    module = found;
    return NULL;
}

static char *load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return xstrdup(dlerror()); /* names the file, which may be a library's */
    char *fault = check_and_init(path, dlsym(handle, TRANSFER_MODULE_SYMBOL));
    if (fault != NULL)
        dlclose(handle);
    return fault;
}

static bool needs_module(const struct conf_provider *provider)
{
    struct http_url url;
    return provider->http2 || !http_url_parse(provider->base_url, &url) || !conn_tcp.can(&url);
}

static const struct conf_provider *find_needing_module(const struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_providers; i++)
        if (needs_module(&conf->providers[i]))
            return &conf->providers[i];
    return NULL;
}

bool transfer_module_load(const struct conf *conf, char **why)
{
    const struct conf_provider *provider = find_needing_module(conf);
    if (module != NULL || provider == NULL)
        return true;
    char *path = find_file(), *fault = load(path);
    if (fault != NULL)
        *why =
            xasprintf("provider %s needs libcurl, which cannot be loaded: %s", provider->id, fault);
    free(path);
    free(fault);
    return module != NULL;
}

const struct transfer_backend *transfer_module_backend(void)
{
    return module != NULL ? module->backend : NULL;
}

const struct conn_kind *transfer_module_conn(void)
{
    return module != NULL ? module->conn : NULL;
}
