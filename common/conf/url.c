/* SPDX-License-Identifier: MIT */
/* See url.h. Stricter than the RFC: what an API's URL does not need is refused. */
#include "common/conf/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_DIGITS_MAX 5

/* What stands between :// and the first of / ? # */
struct authority {
    const char *start;
    size_t len;
};

static const char *after_scheme(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0)
        return url + 7;
    return strncasecmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

static bool has_odd_character(const char *url)
{
    for (const unsigned char *p = (const unsigned char *)url; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
            return true;
    return false;
}

static bool is_port(const char *text, size_t len)
{
    if (len == 0 || len > PORT_DIGITS_MAX || strspn(text, "0123456789") < len)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

static bool is_host_name(const char *host, size_t len)
{
    if (len == 0 || host[0] == '.' || host[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr("-._", host[i]) == NULL)
            return false;
        if (host[i] == '.' && i + 1 < len && host[i + 1] == '.')
            return false;
    }
    return true;
}

static bool is_v6(const char *text, size_t len)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

static const char *host_fault(struct authority a)
{
    const char *end = a.start + a.len, *host_end;
    bool is_good;
    if (a.start[0] == '[') {
        const char *bracket = memchr(a.start, ']', a.len);
        host_end = bracket != NULL ? bracket + 1 : end;
        is_good = bracket != NULL && is_v6(a.start + 1, (size_t)(bracket - a.start - 1));
    } else {
        const char *colon = memchr(a.start, ':', a.len);
        host_end = colon != NULL ? colon : end;
        is_good = is_host_name(a.start, (size_t)(host_end - a.start));
    }
    if (!is_good)
        return "have a valid host name or address";
    if (host_end == end ||
        (*host_end == ':' && is_port(host_end + 1, (size_t)(end - host_end - 1))))
        return NULL;
    return "have a port from 1 to 65535 after the host";
}

const char *conf_url_fault(const char *url)
{
    const char *start = after_scheme(url);
    if (start == NULL)
        return "begin with http:// or https://";
    struct authority a = {start, strcspn(start, "/?#")};
    if (memchr(a.start, '@', a.len) != NULL)
        return "carry no user name or password";
    if (strpbrk(url, "?#") != NULL)
        return "carry no query and no fragment";
    if (has_odd_character(url))
        return "have no spaces, control characters or letters beyond ASCII";
    if (a.len == 0)
        return "have a host";
    return host_fault(a);
}

const char *conf_url_endpoint(const char *url)
{
    static const char *const endpoints[] = {"/chat/completions", "/completions", "/embeddings",
                                            "/messages", "/responses"};
    size_t len = strlen(url);
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        size_t n = strlen(endpoints[i]);
        /* Behind a host: not the host itself. */
        if (len > n && url[len - n - 1] != '/' && strcmp(url + len - n, endpoints[i]) == 0)
            return endpoints[i];
    }
    return NULL;
}
