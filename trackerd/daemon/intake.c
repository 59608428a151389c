/* SPDX-License-Identifier: MIT */
/* See intake.h. */
#include "trackerd/daemon/intake.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/killpoint.h"
#include "common/base/log.h"
#include "common/base/unixsock.h"
#include "common/conf/conf.h"
#include "trackerd/daemon/control.h"
#include "trackerd/table/apply.h"
#include "trackerd/table/changes.h"

#define SOCKET_MODE      0660
#define ACCEPTS_A_TURN   16
#define REFUSAL_EVERY_NS (UINT64_C(10) * 1000000000)
#define ACCEPT_PAUSE_MS  100 /* when there are no descriptors left */

struct peer {
    LIST_ENTRY(peer) link;
    struct intake *intake;
    int fd;
    struct event *readable, *writable;
    uid_t uid;
    pid_t pid;
    bool may_change; /* post events, change rows, reload */
    bool is_follower;
    bool is_proven; /* it has sent a valid message */
    bool owes_ack;  /* the socket was full when it was to be sent */
    int sender;     /* index of the worker, or -1 */
};

struct intake {
    struct event_base *base;
    struct keeper *keeper;
    struct change_listener listener;
    int uid, gid; /* of the settings; -1 = not configured */
    int fd;
    dev_t file_dev; /* of the socket's file */
    ino_t file_ino;
    struct event *acceptable, *accept_again;
    LIST_HEAD(, peer) peers;
    unsigned n_peers, n_guests;
    uint64_t refusal_logged_at, refusals_unlogged;
};

static void drop_peer(struct peer *peer)
{
    struct intake *in = peer->intake;
    LIST_REMOVE(peer, link);
    in->n_peers--;
    in->n_guests -= !peer->may_change;
    apply_leave(in->keeper, peer->sender);
    event_free(peer->readable);
    event_free(peer->writable);
    close(peer->fd);
    free(peer);
}

/* ---- answering ------------------------------------------------------------------------------- */

/* False when the peer could not take it; errno says why. */
static bool send_packet(const struct peer *peer, enum evwire_kind kind, const void *payload,
                        size_t size)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), kind, payload, size, 1);
    return send(peer->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* Acknowledges everything up to the sender's last applied event. When the socket is full, the ack
 * is sent once there is room, with the number of that moment. */
static void send_ack(struct peer *peer)
{
    struct evwire_ack ack = {.seq = apply_last_seq(peer->intake->keeper, peer->sender)};
    peer->owes_ack = !send_packet(peer, EVWIRE_ACK, &ack, sizeof(ack));
    if (peer->owes_ack)
        event_add(peer->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    if (peer->owes_ack)
        send_ack(peer);
}

static void send_status(const struct peer *peer, enum ev_status status)
{
    struct evwire_reply reply = {.status = status};
    strncpy(reply.text, ev_status_text(status), sizeof(reply.text) - 1);
    send_packet(peer, EVWIRE_REPLY, &reply, sizeof(reply));
}

/* ---- refusing -------------------------------------------------------------------------------- */

/* Rate limited; each line says how many were suppressed since the last. */
static void log_refusal(struct intake *in, const struct peer *peer, enum ev_status status)
{
    uint64_t now_at = clock_boot_ns();
    if (in->refusal_logged_at != 0 && now_at - in->refusal_logged_at < REFUSAL_EVERY_NS) {
        in->refusals_unlogged++;
        return;
    }
    log_fields(LOGLV_WARN,
               LOG_LIST(LOG_INT("peerUid", peer->uid), LOG_INT("peerPid", peer->pid),
                        LOG_INT("notLoggedBefore", in->refusals_unlogged)),
               "a message was refused: %s", ev_status_text(status));
    in->refusal_logged_at = now_at;
    in->refusals_unlogged = 0;
}

static void refuse_peer(struct peer *peer, enum ev_status status)
{
    struct intake *in = peer->intake;
    apply_count_refused(in->keeper);
    log_refusal(in, peer, status);
    send_status(peer, status);
}

/* ---- messages -------------------------------------------------------------------------------- */

static enum ev_status on_hello(struct peer *peer, const struct evwire_head *head)
{
    struct keeper *keeper = peer->intake->keeper;
    struct evwire_hello hello;
    memcpy(&hello, evwire_payload(head), sizeof(hello));
    if (!peer->may_change)
        return EVST_NOT_ALLOWED;
    if (peer->sender >= 0)
        return EVST_BAD_REQUEST; /* only one hello on a connection */
    peer->sender = apply_join(keeper, hello.slot, hello.incarnation);
    if (peer->sender < 0)
        return EVST_REFUSED;
    keeper_find_pages(keeper);
    log_fields(LOGLV_DEBUG, LOG_LIST(LOG_INT("slot", hello.slot), LOG_INT("peerPid", peer->pid)),
               "a worker connected");
    send_ack(peer);
    return EVST_DONE;
}

static enum ev_status on_events(struct peer *peer, const struct evwire_head *head)
{
    struct evwire_event events[EVWIRE_EVENTS_MAX];
    if (!peer->may_change)
        return EVST_NOT_ALLOWED;
    if (peer->sender < 0)
        return EVST_BAD_REQUEST; /* no hello yet */
    memcpy(events, evwire_payload(head), head->count * sizeof(events[0]));
    if (apply_events(peer->intake->keeper, peer->sender, events, head->count) > 0)
        log_refusal(peer->intake, peer, EVST_BAD_REQUEST);
    KILL_POINT("before-ack");
    send_ack(peer);
    return EVST_DONE;
}

static enum ev_status on_command(struct peer *peer, const struct evwire_head *head)
{
    struct evwire_command command;
    struct evwire_reply reply = {0};
    memcpy(&command, evwire_payload(head), sizeof(command));
    control_run(peer->intake->keeper, &command, peer->may_change, peer->uid, &reply);
    if (reply.status == EVST_DONE && command.command == EVCMD_CHANGES)
        peer->is_follower = true;
    send_packet(peer, EVWIRE_REPLY, &reply, sizeof(reply));
    return EVST_DONE; /* the reply says how it went; the connection stays */
}

/* The kinds that peers send; the others only go the other way. */
static enum ev_status on_message(struct peer *peer, const struct evwire_head *head)
{
    switch (head->kind) {
    case EVWIRE_HELLO:
        return on_hello(peer, head);
    case EVWIRE_EVENTS:
        return on_events(peer, head);
    case EVWIRE_COMMAND:
        return on_command(peer, head);
    default:
        return EVST_BAD_REQUEST;
    }
}

/* Handles one packet. False when the connection has ended or is to be closed. */
static bool take_packet(struct peer *peer)
{
    _Alignas(8) char packet[EVWIRE_PACKET_MAX + 1]; /* one more: a longer packet shows */
    ssize_t n = recv(peer->fd, packet, sizeof(packet), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    enum ev_status status;
    const struct evwire_head *head = evwire_check(packet, (size_t)n, &status);
    if (head != NULL)
        status = on_message(peer, head);
    if (status != EVST_DONE) {
        refuse_peer(peer, status);
        return false;
    }
    peer->is_proven = true;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct peer *peer = arg;
    if ((what & EV_TIMEOUT) != 0 && !peer->is_proven) {
        drop_peer(peer);
        return;
    }
    for (int i = 0; i < INTAKE_PACKETS_A_TURN; i++) {
        errno = 0;
        if (!take_packet(peer)) {
            drop_peer(peer);
            return;
        }
        if (errno == EAGAIN)
            break;
    }
    if (peer->is_proven)
        event_remove_timer(peer->readable);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static bool is_trusted(const struct intake *in, uid_t uid)
{
    return uid == 0 || uid == geteuid() || (in->uid >= 0 && uid == (uid_t)in->uid);
}

static void add_peer(struct intake *in, int fd)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    gid_t gid;
    peer->intake = in;
    peer->fd = fd;
    peer->sender = -1;
    peer->may_change = unixsock_peer(fd, &peer->uid, &gid, &peer->pid) && is_trusted(in, peer->uid);
    peer->readable = event_new(in->base, fd, EV_READ | EV_PERSIST, on_readable, peer);
    peer->writable = event_new(in->base, fd, EV_WRITE, on_writable, peer);
    LIST_INSERT_HEAD(&in->peers, peer, link);
    in->n_peers++;
    in->n_guests += !peer->may_change;
    struct timeval silence = {INTAKE_SILENCE_MS / 1000, INTAKE_SILENCE_MS % 1000 * 1000};
    event_add(peer->readable, &silence);
    if (in->n_peers > INTAKE_PEERS_MAX || in->n_guests > INTAKE_GUESTS_MAX) {
        refuse_peer(peer, EVST_REFUSED);
        drop_peer(peer);
    }
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct intake *in = arg;
    event_add(in->acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct intake *in = arg;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int peer_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer_fd >= 0) {
            add_peer(in, peer_fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The listener would stay readable and the loop spin: try again in a moment. */
            struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
            event_del(in->acceptable);
            event_add(in->accept_again, &pause);
        }
        return;
    }
}

/* ---- the socket ------------------------------------------------------------------------------ */

/* On failure false with errno, and everything as it was. */
static bool listen_at_path(struct intake *in)
{
    struct stat st;
    const char *path = keeper_conf(in->keeper)->tracker_socket;
    int fd = unixsock_listen(path, SOCKET_MODE, in->gid);
    if (fd < 0)
        return false;
    if (in->acceptable != NULL) {
        event_free(in->acceptable);
        close(in->fd);
    }
    in->fd = fd;
    in->acceptable = event_new(in->base, fd, EV_READ | EV_PERSIST, on_acceptable, in);
    event_add(in->acceptable, NULL);
    if (lstat(path, &st) == 0) {
        in->file_dev = st.st_dev;
        in->file_ino = st.st_ino;
    }
    return true;
}

/* False when somebody has removed our file, even if another program listens there by now. */
static bool is_our_file(const struct intake *in)
{
    struct stat st;
    return lstat(keeper_conf(in->keeper)->tracker_socket, &st) == 0 && st.st_dev == in->file_dev &&
           st.st_ino == in->file_ino;
}

void intake_keep_socket(struct intake *in)
{
    if (is_our_file(in) || access(keeper_conf(in->keeper)->tracker_socket, F_OK) == 0)
        return;
    if (listen_at_path(in))
        log_warn("the socket %s was removed: listening there again",
                 keeper_conf(in->keeper)->tracker_socket);
}

/* Sends a change to all peers that follow. A peer that cannot keep up is disconnected. */
static void on_change(void *arg, const struct evwire_change *change)
{
    struct intake *in = arg;
    struct peer *peer, *next;
    for (peer = LIST_FIRST(&in->peers); peer != NULL; peer = next) {
        next = LIST_NEXT(peer, link);
        if (!peer->is_follower || send_packet(peer, EVWIRE_CHANGE, change, sizeof(*change)))
            continue;
        /* Not dropped here: it may be the peer whose packet is being handled. Its reading end
         * reports the shutdown at once. */
        shutdown(peer->fd, SHUT_RDWR);
        peer->is_follower = false;
    }
}

struct intake *intake_new(struct event_base *base, struct keeper *keeper, int uid, int gid)
{
    struct intake *in = xcalloc(1, sizeof(*in));
    in->base = base;
    in->keeper = keeper;
    in->listener = (struct change_listener){.on_change = on_change, .arg = in};
    in->uid = uid;
    in->gid = gid;
    LIST_INIT(&in->peers);
    if (!listen_at_path(in)) {
        free(in);
        return NULL;
    }
    in->accept_again = evtimer_new(base, on_accept_again, in);
    keeper_listen(keeper, &in->listener);
    return in;
}

void intake_free(struct intake **intake)
{
    struct intake *in = *intake;
    if (in == NULL)
        return;
    *intake = NULL;
    changes_unlisten(&in->listener);
    while (!LIST_EMPTY(&in->peers))
        drop_peer(LIST_FIRST(&in->peers));
    event_free(in->acceptable);
    event_free(in->accept_again);
    close(in->fd);
    if (is_our_file(in))
        unlink(keeper_conf(in->keeper)->tracker_socket);
    free(in);
}
