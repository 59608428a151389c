/* See plain_url.h. */
#include "server/plain_url.h"

#include <string.h>
#include <strings.h>

#define SCHEME "http://"

/* The port behind the host, 80 when nothing is there; 0 when it is no port. */
static uint16_t parse_port(const char *p, const char *end)
{
    unsigned port = 0;
    if (p == end)
        return 80;
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

bool plain_url_parse(const char *url, struct plain_url *out)
{
    if (strncasecmp(url, SCHEME, sizeof(SCHEME) - 1) != 0)
        return false;
    const char *p = url + sizeof(SCHEME) - 1;
    size_t len = strcspn(p, "/?#");
    const char *end = p + len, *host_end;
    *out = (struct plain_url){.authority = p, .authority_len = len, .host = p};
    if (*p == '[') {
        out->host = p + 1;
        host_end = memchr(p, ']', len);
        if (host_end == NULL)
            return false;
        out->port = parse_port(host_end + 1, end);
    } else {
        host_end = memchr(p, ':', len);
        if (host_end == NULL)
            host_end = end;
        out->port = parse_port(host_end, end);
    }
    out->host_len = (size_t)(host_end - out->host);
    out->path = *end != '\0' ? end : "/";
    return out->port != 0 && out->host_len > 0 && out->host_len <= PLAIN_HOST_MAX &&
           *out->path == '/';
}
