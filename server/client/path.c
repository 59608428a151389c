/* SPDX-License-Identifier: MIT */
/* See path.h. */
#include "server/client/path.h"

#include <string.h>
#include <strings.h>

#define VERSION "/v1"

bool client_path_is(const struct client_endpoint *e, struct http_text path)
{
    size_t len = strlen(e->path);
    if (!e->takes_name)
        return path.len == len && memcmp(path.at, e->path, len) == 0;
    return path.len > len + 1 && memcmp(path.at, e->path, len) == 0 && path.at[len] == '/';
}

/* What a path has behind the version, which clients put twice, or leave out. */
static const char *tail_of(const struct client_endpoint *e)
{
    size_t len = strlen(VERSION);
    return strncmp(e->path, VERSION "/", len + 1) == 0 ? e->path + len : e->path;
}

/* Does the path end with the tail, or, where a name follows, hold it somewhere? */
static bool has_tail(struct http_text path, const char *tail, bool takes_name)
{
    size_t len = strlen(tail);
    if (!takes_name)
        return path.len >= len && strncasecmp(path.at + path.len - len, tail, len) == 0;
    for (size_t i = 0; i + len + 1 < path.len; i++)
        if (strncasecmp(path.at + i, tail, len) == 0 && path.at[i + len] == '/')
            return true;
    return false;
}

bool client_path_put_meant(const struct client_endpoint *endpoints, struct http_text path,
                           struct buf *out)
{
    const struct client_endpoint *meant = NULL;
    for (const struct client_endpoint *e = endpoints; e->path != NULL; e++) {
        const char *tail = tail_of(e);
        bool is_longer = meant == NULL || strlen(tail) > strlen(tail_of(meant));
        if (tail[1] != '\0' && is_longer && has_tail(path, tail, e->takes_name))
            meant = e;
    }
    if (meant == NULL)
        return false;
    buf_puts(out, meant->path);
    if (meant->takes_name)
        buf_puts(out, "/NAME");
    return true;
}
