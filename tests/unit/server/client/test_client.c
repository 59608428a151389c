/* SPDX-License-Identifier: MIT */
/* What the kernel refuses: a connection whose socket takes nothing any more, for whatever reason,
 * is ended, not left open with its answers swallowed. sendmsg is this file's. */
#include "server/client/client.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/shm/pages.h"
#include "server/client/answer.h"
#include "server/loop/defer.h"
#include "server/record/request_record.h"
#include "tests/unit/unit.h"

static int send_error; /* of the next sendmsg; 0 = none */

/* ---- stand-ins ------------------------------------------------------------------------------- */

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    ssize_t sent = 0;
    if (send_error != 0) {
        errno = send_error;
        return -1;
    }
    for (size_t i = 0; i < msg->msg_iovlen; i++)
        sent += send(fd, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len, flags);
    return sent;
}

void record_request(struct recorder *recorder, const struct request_record *record)
{
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void answer(void *arg, struct client *client, struct client_call *call)
{
    client_answer(client, 200, "text/plain", NULL, "ok", 2);
}

static const struct client_endpoint endpoints[] = {
    {.method = "GET", .path = "/", .dialect = DIALECT_DEFAULT, .answer = answer}, {0}};
static const struct conf conf = {
    .max_connections = 9,
    .max_header_bytes = 65536,
    .client_header_timeout_ms = 10000,
    .client_write_timeout_ms = 10000,
    .keep_alive_timeout_ms = 10000,
};
static struct event_base *base;
static struct clients *clients;
static struct pages_slot slot;
static int peer_fd;

static void begin(void)
{
    static const struct sockaddr_un peer = {.sun_family = AF_UNIX};
    int fds[2];
    base = event_base_new();
    defer_init(base);
    clients = clients_new(&(struct clients_setup){
        .base = base, .conf = &conf, .slot = &slot, .endpoints = endpoints});
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client_accept(clients, fds[0], (const struct sockaddr *)&peer);
    peer_fd = fds[1];
}

static void finish(void)
{
    clients_free(&clients);
    defer_deinit();
    event_base_free(base);
    close(peer_fd);
}

static void turn(void)
{
    for (int i = 0; i < 5; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static ssize_t ask(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    static char got[4096];
    ck_assert_int_eq(write(peer_fd, request, sizeof(request) - 1), sizeof(request) - 1);
    turn();
    return read(peer_fd, got, sizeof(got));
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(what_cannot_be_sent_ends_the_connection)
{
    static const int errors[] = {EPIPE, ECONNRESET, ENOBUFS, ENOMEM, EHOSTUNREACH, ETIMEDOUT};
    for (size_t i = 0; i < UNIT_ROWS(errors); i++) {
        begin();
        ck_assert_int_gt(ask(), 0);
        ck_assert_uint_eq(clients_count(clients), 1);
        send_error = errors[i];
        ck_assert_int_eq(ask(), 0); /* the end, not silence */
        send_error = 0;
        ck_assert_uint_eq(clients_count(clients), 0);
        finish();
    }
}
END_TEST

START_TEST(a_full_socket_only_makes_it_wait)
{
    begin();
    send_error = EAGAIN;
    ask();
    send_error = 0;
    turn();
    ck_assert_uint_eq(clients_count(clients), 1);
    ck_assert_int_gt(ask(), 0);
    finish();
}
END_TEST

UNIT_MAIN("client", what_cannot_be_sent_ends_the_connection, a_full_socket_only_makes_it_wait)
