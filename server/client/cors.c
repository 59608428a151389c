/* SPDX-License-Identifier: MIT */
/* See cors.h. */
#include "server/client/cors.h"

#include <string.h>
#include <strings.h>

#define MAX_AGE_S         "600" /* how long a browser may keep the answer to a preflight */
#define ASKED_HEADERS_MAX 2048  /* more of them than this are not given back */

bool cors_has_path(struct http_text path)
{
    return path.len > 4 && memcmp(path.at, "/v1/", 4) == 0;
}

/* The configured origin that is meant, NULL = none. */
static const char *find_origin(const struct conf *conf, const struct http_text *origin)
{
    for (uint32_t i = 0; origin != NULL && i < conf->n_cors_origins; i++)
        if (strcmp(conf->cors_origins[i], "*") == 0 ||
            http_text_equals_nocase(*origin, conf->cors_origins[i]))
            return conf->cors_origins[i];
    return NULL;
}

bool cors_put_headers(const struct conf *conf, const struct http_request *request, struct buf *out)
{
    if (conf->n_cors_origins == 0)
        return false;
    const struct http_text *origin = http_request_header(request, "origin");
    const char *allowed = find_origin(conf, origin);
    buf_puts(out, "Vary: Origin\r\n");
    if (allowed == NULL)
        return false;
    buf_puts(out, "Access-Control-Allow-Origin: ");
    if (strcmp(allowed, "*") == 0)
        buf_puts(out, allowed);
    else
        buf_put(out, origin->at, origin->len); /* as this browser writes it */
    buf_puts(out, "\r\nAccess-Control-Expose-Headers: x-request-id, request-id, retry-after, "
                  "retry-after-ms, x-weir-provider, x-weir-attempts, x-weir-trail\r\n");
    return true;
}

bool cors_is_preflight(const struct http_request *request)
{
    return http_text_equals(request->method, "OPTIONS") &&
           http_request_header(request, "access-control-request-method") != NULL;
}

/* Names, commas and blanks, and nothing else. */
static bool is_list_of_names(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((http_byte_kinds[(unsigned char)text.at[i]] & HTTP_BYTE_TOKEN) == 0 &&
            strchr(", \t", text.at[i]) == NULL)
            return false;
    return text.len > 0 && text.len <= ASKED_HEADERS_MAX;
}

void cors_put_preflight(const struct http_request *request, struct buf *out)
{
    const struct http_text *names = http_request_header(request, "access-control-request-headers");
    buf_puts(out, "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\r\n"
                  "Access-Control-Max-Age: " MAX_AGE_S "\r\n");
    if (names == NULL || !is_list_of_names(*names))
        return;
    /* By name: `*` does not stand for Authorization. */
    buf_puts(out, "Access-Control-Allow-Headers: ");
    buf_put(out, names->at, names->len);
    buf_puts(out, "\r\n");
}
