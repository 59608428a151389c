/* SPDX-License-Identifier: MIT */
/* See link.h. */
#include "trackerd/weirctl/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/unixsock.h"
#include "trackerd/weirctl/weirctl.h"

int link_open(const struct conf *conf)
{
    return unixsock_connect(conf->tracker_socket);
}

int link_fail(const struct conf *conf)
{
    return weirctl_fail(EX_UNAVAILABLE, "weir-trackerd at %s: %s", conf->tracker_socket,
                        errno != 0 ? strerror(errno) : "it closed the connection");
}

enum link_state link_probe(const struct conf *conf)
{
    int fd = link_open(conf);
    if (fd >= 0) {
        close(fd);
        return LINK_UP;
    }
    if (errno == EACCES || errno == EPERM)
        return LINK_FORBIDDEN;
    return errno == EAGAIN ? LINK_UP : LINK_DOWN; /* its backlog is full: it is there, and busy */
}

/* One packet of that kind; others are passed over. False with errno; ETIMEDOUT if none came in
 * time. */
static bool receive(int fd, enum evwire_kind kind, void *payload, size_t size, int timeout_ms)
{
    _Alignas(8) char packet[EVWIRE_PACKET_MAX];
    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        int ready = poll(&pfd, 1, timeout_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            errno = ready == 0 ? ETIMEDOUT : errno;
            return false;
        }
        ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return false;
        }
        enum ev_status status;
        const struct evwire_head *head = evwire_check(packet, (size_t)n, &status);
        if (head == NULL || head->kind != kind)
            continue;
        memcpy(payload, evwire_payload(head), size);
        return true;
    }
}

bool link_ask(int fd, const struct evwire_command *command, struct evwire_reply *reply)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), EVWIRE_COMMAND, command, sizeof(*command), 1);
    if (send(fd, packet, len, MSG_NOSIGNAL) != (ssize_t)len)
        return false;
    return receive(fd, EVWIRE_REPLY, reply, sizeof(*reply), LINK_PATIENCE_MS);
}

bool link_next_change(int fd, struct evwire_change *change, int timeout_ms)
{
    return receive(fd, EVWIRE_CHANGE, change, sizeof(*change), timeout_ms);
}
