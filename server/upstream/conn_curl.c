/* SPDX-License-Identifier: MIT */
/* A kind of connection made by libcurl, in a worker: it resolves names, connects, and speaks TLS
 * (its CONNECT_ONLY); the bytes inside are ours. conn.c calls it through the table at the end.
 *
 * At each call libcurl finds the connection of a handle by looking through all those of its multi
 * handle: few share one. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "server/upstream/conn_kind.h"
#include "server/upstream/curl_multi.h"

#define CONNS_A_MULTI 32
/* The most that one TLS record holds: a request's head and body leave in as few of them as can be,
 * and what one read takes leaves nothing behind in the library. */
#define RECORD_BYTES 16384
/* While it connects a handle needs no buffer for bodies, and libcurl keeps what it made then. */
#define CONNECTING_BUFFER 1024L

struct curl_maker {
    struct transfer_multis *multis;
    char record[RECORD_BYTES];
};

struct curl_conn {
    struct conn base;
    struct curl_maker *maker;
    CURL *easy;
    struct transfer_multi *multi;
    char error[CURL_ERROR_SIZE];
};

static void report_failure(struct curl_conn *c, CURLcode code)
{
    char detail[CURL_ERROR_SIZE];
    const char *words = c->error[0] != '\0' ? c->error : curl_easy_strerror(code);
    snprintf(detail, sizeof(detail), "%s", words);
    conn_failed(&c->base, transfer_multi_early_end(code), detail);
}

static void on_ended(CURL *easy, CURLcode code)
{
    struct curl_conn *c = NULL;
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (code == CURLE_OK && fd == CURL_SOCKET_BAD)
        code = CURLE_COULDNT_CONNECT;
    if (code != CURLE_OK) {
        report_failure(c, code);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECORD_BYTES);
    conn_made(&c->base, fd);
}

static void set_options(struct curl_conn *c, const struct conn_target *target)
{
    CURL *e = c->easy;
    curl_easy_setopt(e, CURLOPT_URL, target->origin);
    curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)CONN_KEEPALIVE_S);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, CONNECTING_BUFFER);
}

static struct conn *open_conn(void *maker, struct event_base *base, struct conn_target *target)
{
    struct curl_conn *c = xcalloc(1, sizeof(*c));
    c->maker = maker;
    c->easy = curl_easy_init();
    set_options(c, target);
    c->multi = transfer_multis_add(c->maker->multis, c->easy, target->ca_file);
    return &c->base;
}

/* libcurl's code as an errno. */
static ssize_t fail_with(const struct curl_conn *c, CURLcode code)
{
    long error = 0;
    if (code == CURLE_AGAIN) {
        errno = EAGAIN;
        return -1;
    }
    curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &error);
    errno = error > 0 && error != EAGAIN ? (int)error : ECONNRESET;
    return -1;
}

static size_t gather_record(char *to, const struct iovec *pieces, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < RECORD_BYTES; i++) {
        size_t room = RECORD_BYTES - len;
        size_t part = pieces[i].iov_len < room ? pieces[i].iov_len : room;
        memcpy(to + len, pieces[i].iov_base, part);
        len += part;
    }
    return len;
}

static ssize_t send_record(struct conn *conn, const struct iovec *pieces, size_t n)
{
    struct curl_conn *c = (struct curl_conn *)conn;
    size_t len = gather_record(c->maker->record, pieces, n), sent = 0;
    CURLcode code = curl_easy_send(c->easy, c->maker->record, len, &sent);
    return code == CURLE_OK ? (ssize_t)sent : fail_with(c, code);
}

static ssize_t receive(struct conn *conn, void *to, size_t size)
{
    struct curl_conn *c = (struct curl_conn *)conn;
    size_t got = 0;
    CURLcode code = curl_easy_recv(c->easy, to, size, &got);
    return code == CURLE_OK ? (ssize_t)got : fail_with(c, code);
}

static void close_conn(struct conn *conn)
{
    struct curl_conn *c = (struct curl_conn *)conn;
    transfer_multi_remove(c->multi, c->easy);
    curl_easy_cleanup(c->easy);
    free(c);
}

static const struct transfer_multis_events multis_events = {.ended = on_ended};

static void *maker_new(struct event_base *base)
{
    struct curl_maker *maker = xcalloc(1, sizeof(*maker));
    maker->multis = transfer_multis_new(base, CONNS_A_MULTI, &multis_events, maker);
    return maker;
}

static void maker_free(void *maker)
{
    struct curl_maker *m = maker;
    transfer_multis_free(&m->multis);
    free(m);
}

static void prepare(void *maker, const struct conn_target *target)
{
    struct curl_maker *m = maker;
    transfer_multis_prepare(m->multis, target->ca_file);
}

const struct conn_kind conn_curl = {
    .maker_new = maker_new,
    .maker_free = maker_free,
    .prepare = prepare,
    .open = open_conn,
    .send = send_record,
    .recv = receive,
    .close = close_conn,
};
