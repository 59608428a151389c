/* SPDX-License-Identifier: MIT */
/* See url.h. */
#include "common/http/url.h"

#include <string.h>
#include <strings.h>

static const struct scheme {
    const char *prefix;
    bool is_tls;
    uint16_t port;
} schemes[] = {{"http://", false, 80}, {"https://", true, 443}};

static const struct scheme *find_scheme(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncasecmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    return NULL;
}

/* The port after the host; the scheme's if there is none; 0 if it is not a port. */
static uint16_t parse_port(const char *p, const char *end, uint16_t usual)
{
    unsigned port = 0;
    if (p == end)
        return usual;
    if (*p++ != ':' || p == end)
        return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        port = port * 10 + (unsigned)(*p - '0');
        if (port > UINT16_MAX)
            return 0;
    }
    return (uint16_t)port;
}

bool http_url_parse(const char *url, struct http_url *out)
{
    const struct scheme *scheme = find_scheme(url);
    if (scheme == NULL)
        return false;
    const char *p = url + strlen(scheme->prefix);
    size_t len = strcspn(p, "/?#");
    const char *end = p + len, *host_end;
    *out = (struct http_url){.is_tls = scheme->is_tls,
                             .origin_len = (size_t)(end - url),
                             .authority = p,
                             .authority_len = len,
                             .host = p};
    if (*p == '[') {
        out->host = p + 1;
        host_end = memchr(p, ']', len);
        if (host_end == NULL)
            return false;
        out->port = parse_port(host_end + 1, end, scheme->port);
    } else {
        host_end = memchr(p, ':', len);
        if (host_end == NULL)
            host_end = end;
        out->port = parse_port(host_end, end, scheme->port);
    }
    out->host_len = (size_t)(host_end - out->host);
    out->path = *end != '\0' ? end : "/";
    return out->port != 0 && out->host_len > 0 && out->host_len <= HTTP_URL_HOST_MAX &&
           *out->path == '/';
}
