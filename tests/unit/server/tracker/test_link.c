/* SPDX-License-Identifier: MIT */
/* A worker's connection against a trackerd that refuses: an event costs itself and no other, and
 * nobody is asked again and again without a pause. The trackerd is this file, on the same loop. */
#include "server/tracker/link.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/unixsock.h"
#include "common/terms/cause.h"
#include "tests/unit/unit.h"

#define POISON UINT64_C(666) /* the key of a pair whose events the dummy does not like */

static char dir[] = "/tmp/weir-link-XXXXXX";
static char path[64];
static struct event_base *base;
static struct tracker_link *tracker_link;

/* ---- a trackerd ------------------------------------------------------------------------------ */

static struct {
    int listen_fd, fd;
    struct event *acceptable, *readable;
    uint64_t last_seq; /* acknowledged */
    uint64_t keys[64]; /* of the events that were taken */
    unsigned n_keys, n_connections, n_refused;
} dummy;

static void answer(enum evwire_kind kind, const void *payload, size_t size)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), kind, payload, size, 1);
    ck_assert_int_eq(send(dummy.fd, packet, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void hang_up(void)
{
    event_free(dummy.readable);
    close(dummy.fd);
    dummy.readable = NULL;
}

static void acknowledge(void)
{
    struct evwire_ack ack = {.seq = dummy.last_seq};
    answer(EVWIRE_ACK, &ack, sizeof(ack));
}

/* As trackerd was: one event that it does not like costs the packet and the connection. */
static void take_events(const struct evwire_head *head)
{
    struct evwire_event events[EVWIRE_EVENTS_MAX];
    memcpy(events, evwire_payload(head), head->count * sizeof(events[0]));
    for (uint32_t i = 0; i < head->count; i++)
        if (events[i].key_hash == POISON) {
            struct evwire_reply reply = {.status = EVST_BAD_REQUEST, .text = "malformed message"};
            dummy.n_refused++;
            answer(EVWIRE_REPLY, &reply, sizeof(reply));
            hang_up();
            return;
        }
    for (uint32_t i = 0; i < head->count; i++) {
        ck_assert_uint_lt(dummy.n_keys, UNIT_ROWS(dummy.keys));
        dummy.keys[dummy.n_keys++] = events[i].key_hash;
        dummy.last_seq = events[i].seq;
    }
    acknowledge();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    char packet[EVWIRE_PACKET_MAX];
    enum ev_status status;
    ssize_t n = recv(fd, packet, sizeof(packet), 0);
    if (n <= 0) {
        hang_up();
        return;
    }
    const struct evwire_head *head = evwire_check(packet, (size_t)n, &status);
    ck_assert(head != NULL);
    if (head->kind == EVWIRE_HELLO)
        acknowledge();
    else
        take_events(head);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    dummy.fd = accept(fd, NULL, NULL);
    ck_assert_int_ge(dummy.fd, 0);
    dummy.n_connections++;
    dummy.readable = event_new(base, dummy.fd, EV_READ | EV_PERSIST, on_readable, NULL);
    event_add(dummy.readable, NULL);
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void on_connected(void *arg)
{
}

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sock", dir);
    memset(&dummy, 0, sizeof(dummy));
    base = event_base_new();
    dummy.listen_fd = unixsock_listen(path, 0600, -1);
    ck_assert_int_ge(dummy.listen_fd, 0);
    dummy.acceptable = event_new(base, dummy.listen_fd, EV_READ | EV_PERSIST, on_acceptable, NULL);
    event_add(dummy.acceptable, NULL);
    tracker_link = tracker_link_new(&(struct tracker_link_setup){.base = base,
                                                                 .socket_path = path,
                                                                 .incarnation = 1,
                                                                 .is_quiet = true,
                                                                 .on_connected = on_connected});
}

static void finish(void)
{
    tracker_link_free(&tracker_link);
    if (dummy.readable != NULL)
        hang_up();
    event_free(dummy.acceptable);
    close(dummy.listen_fd);
    event_base_free(base);
    unlink(path);
    rmdir(dir);
}

static void turn_ms(unsigned ms)
{
    event_base_loopexit(base, &(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000});
    event_base_dispatch(base);
}

static uint64_t post(uint64_t key_hash)
{
    return tracker_link_post(tracker_link, &(struct evwire_event){.key_hash = key_hash,
                                                                  .kind = EV_MID_FAILURE,
                                                                  .count = 1,
                                                                  .started_at = 1,
                                                                  .ended_at = 2});
}

static void turn_until_taken(unsigned n)
{
    for (int i = 0; i < 1000 && dummy.n_keys < n; i++)
        turn_ms(10);
    ck_assert_uint_eq(dummy.n_keys, n);
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(what_makes_no_sense_is_not_posted)
{
    begin();
    ck_assert_uint_eq(post(0), 0);
    ck_assert_uint_eq(tracker_link_post(tracker_link, &(struct evwire_event){.key_hash = 1,
                                                                             .kind = EV_COOLDOWN,
                                                                             .cause = CAUSE_NONE,
                                                                             .count = 1}),
                      0);
    ck_assert_uint_eq(post(1), 1);
    turn_until_taken(1);
    finish();
}
END_TEST

START_TEST(a_refused_event_costs_itself)
{
    static const uint64_t keys[] = {1, 2, POISON, 3, POISON, 4};
    static const uint64_t taken[] = {1, 2, 3, 4};
    begin();
    for (size_t i = 0; i < UNIT_ROWS(keys); i++)
        ck_assert_uint_eq(post(keys[i]), i + 1);
    turn_until_taken(UNIT_ROWS(taken));
    ck_assert_mem_eq(dummy.keys, taken, sizeof(taken));
    post(5); /* and from then on all is as before */
    turn_until_taken(UNIT_ROWS(taken) + 1);
    ck_assert_uint_le(dummy.n_refused, 3);
    finish();
}
END_TEST

/* trackerd takes the hello and ends the connection: each time the next try comes later. */
START_TEST(a_welcome_alone_is_no_reason_to_hurry)
{
    begin();
    for (int i = 0; i < 150; i++) {
        if (tracker_link_is_connected(tracker_link) && dummy.readable != NULL)
            hang_up();
        turn_ms(10);
    }
    ck_assert_uint_ge(dummy.n_connections, 3);
    ck_assert_uint_le(dummy.n_connections, 9); /* 1500 ms: at 25 ms a try it would be 30 and more */
    finish();
}
END_TEST

UNIT_MAIN("link", what_makes_no_sense_is_not_posted, a_refused_event_costs_itself,
          a_welcome_alone_is_no_reason_to_hurry)
