/* SPDX-License-Identifier: MIT */
/* See door.h. */
#include "trackerd/weirctl/door.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/fd.h"
#include "common/conf/listen_address.h"

#define HEALTH_PATIENCE_S 2
#define HEALTH_BYTES      4096

/* A listener's address as seen from this machine. */
static socklen_t reachable_at(const struct conf_listen *listen, union listen_address *out)
{
    socklen_t len = listen_address_of(listen, out);
    if (out->any.sa_family == AF_INET && out->v4.sin_addr.s_addr == htonl(INADDR_ANY))
        out->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (out->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&out->v6.sin6_addr))
        out->v6.sin6_addr = in6addr_loopback;
    return len;
}

static int connect_to(const struct conf_listen *listen, unsigned patience_s)
{
    union listen_address address;
    socklen_t len = reachable_at(listen, &address);
    struct timeval connecting = {DOOR_CONNECT_S, 0}, reading = {(time_t)patience_s, 0};
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* The limit for sending is also the one for connecting: socket(7). */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connecting, sizeof(connecting)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &reading, sizeof(reading)) == 0 &&
        connect(fd, &address.any, len) == 0)
        return fd;
    return fd_close_keeping_errno(fd);
}

int door_open(const struct conf *conf, unsigned patience_s)
{
    int fd = -1;
    for (uint32_t i = 0; i < conf->n_listen && fd < 0; i++)
        fd = connect_to(&conf->listen[i], patience_s);
    return fd;
}

bool door_send(int fd, const char *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool is_weir(int fd)
{
    static const char request[] = "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n";
    char answer[HEALTH_BYTES + 1];
    size_t len = 0;
    ssize_t n = -1;
    if (!door_send(fd, request, strlen(request)))
        return false;
    while (len < HEALTH_BYTES && (n = recv(fd, answer + len, HEALTH_BYTES - len, 0)) != 0) {
        if (n < 0 && errno != EINTR)
            return false;
        len += n > 0 ? (size_t)n : 0;
    }
    answer[len] = '\0';
    return strstr(answer, "\"uptimeMs\":") != NULL && strstr(answer, "\"tracker\":") != NULL;
}

const char *door_find_weir(const struct conf *conf)
{
    for (uint32_t i = 0; i < conf->n_listen; i++) {
        int fd = connect_to(&conf->listen[i], HEALTH_PATIENCE_S);
        bool is_found = fd >= 0 && is_weir(fd);
        fd_close(&fd);
        if (is_found)
            return conf->listen[i].text;
    }
    return NULL;
}
