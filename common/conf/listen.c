/* SPDX-License-Identifier: MIT */
/* See listen.h. */
#include "common/conf/listen.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"

#define UNIX_PREFIX     "unix:"
#define PORT_DIGITS_MAX 5

/* An entry cut into its parts. */
struct parts {
    const char *address;
    size_t address_len;
    const char *port; /* NULL: none */
};

static const char *parse_unix(const char *text, struct conf_listen *out)
{
    const char *path = text + strlen(UNIX_PREFIX);
    if (path[0] == '\0')
        return "name a path after unix:";
    *out = (struct conf_listen){.text = xstrdup(text), .unix_path = xstrdup(path)};
    return NULL;
}

static const char *split(const char *text, struct parts *out)
{
    const char *colon = strchr(text, ':');
    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');
        if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
            return "be [ADDRESS]:PORT when it begins with [";
        *out = (struct parts){text + 1, (size_t)(bracket - text - 1),
                              bracket[1] == ':' ? bracket + 2 : NULL};
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        *out = (struct parts){text, (size_t)(colon - text), colon + 1};
    } else {
        *out = (struct parts){text, strlen(text), NULL};
    }
    return NULL;
}

static bool parse_port(const char *text, uint16_t *out)
{
    size_t len = strlen(text);
    if (len == 0 || len > PORT_DIGITS_MAX || strspn(text, "0123456789") != len || text[0] == '0')
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    *out = (uint16_t)port;
    return port <= 65535;
}

static char *numeric_address(const struct parts *parts, bool in_brackets)
{
    unsigned char address[sizeof(struct in6_addr)];
    char *text = xstrndup(parts->address, parts->address_len);
    if (!in_brackets && strcmp(text, "localhost") == 0) {
        free(text);
        return xstrdup("127.0.0.1");
    }
    bool is_v4 = !in_brackets && inet_pton(AF_INET, text, address) == 1;
    if (is_v4 || inet_pton(AF_INET6, text, address) == 1)
        return text;
    free(text);
    return NULL;
}

const char *conf_listen_parse(const char *text, uint16_t default_port, struct conf_listen *out)
{
    struct parts parts = {0};
    uint16_t port = default_port;
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return parse_unix(text, out);
    const char *fault = split(text, &parts);
    if (fault != NULL)
        return fault;
    if (parts.port != NULL && !parse_port(parts.port, &port))
        return "have a port from 1 to 65535 after the colon";
    char *address = numeric_address(&parts, text[0] == '[');
    if (address == NULL)
        return "be a numeric address or localhost, with or without :PORT, or unix:PATH";
    *out = (struct conf_listen){.text = xstrdup(text), .address = address, .port = port};
    return NULL;
}

bool conf_listen_is_loopback(const struct conf_listen *listen)
{
    return strncmp(listen->address, "127.", strlen("127.")) == 0 ||
           strncasecmp(listen->address, "::ffff:127.", strlen("::ffff:127.")) == 0 ||
           strcmp(listen->address, "::1") == 0;
}

bool conf_listen_is_same(const struct conf_listen *a, const struct conf_listen *b)
{
    if (a->unix_path != NULL || b->unix_path != NULL)
        return a->unix_path != NULL && b->unix_path != NULL &&
               strcmp(a->unix_path, b->unix_path) == 0;
    return a->port == b->port && strcmp(a->address, b->address) == 0;
}
