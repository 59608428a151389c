/* SPDX-License-Identifier: MIT */
/* See logsink.h. */
#include "common/base/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_LINE_MAX 8192

void logsink_close(struct logsink *sink)
{
    if (sink->is_ours && sink->fd >= 0)
        close(sink->fd);
    *sink = LOGSINK_NONE;
}

static void use(struct logsink *sink, int fd, bool is_ours)
{
    struct stat st;
    logsink_close(sink);
    mode_t type = fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
    sink->fd = fd;
    sink->is_ours = is_ours;
    sink->is_socket = type == S_IFSOCK;
    sink->may_block = type != S_IFREG && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

void logsink_use_file(struct logsink *sink, int fd)
{
    use(sink, fd, true);
}

/* O_NONBLOCK belongs to the open file, which others share: a pipe or a terminal is opened anew. */
static int open_stderr_anew(void)
{
    struct stat st;
    if (fstat(STDERR_FILENO, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
        return -1;
    return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

void logsink_use_stderr(struct logsink *sink)
{
    int fd = open_stderr_anew();
    use(sink, fd >= 0 ? fd : STDERR_FILENO, fd >= 0);
}

void logsink_use_syslog(struct logsink *sink, const char *address)
{
    logsink_close(sink);
    sink->address = address;
}

static ssize_t put(const struct logsink *sink, const char *data, size_t len)
{
    struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
    if (sink->is_socket)
        return send(sink->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sink->may_block && poll(&room, 1, 0) != 1)
        return -1;
    return write(sink->fd, data, len);
}

bool logsink_write(struct logsink *sink, const char *line, size_t len)
{
    if (sink->is_torn && put(sink, "\n", 1) == 1)
        sink->is_torn = false;
    ssize_t n = sink->is_torn ? -1 : put(sink, line, len);
    sink->is_torn = sink->is_torn || (n > 0 && (size_t)n < len);
    sink->lost += n != (ssize_t)len;
    return n == (ssize_t)len;
}

/* ---- syslog ---------------------------------------------------------------------------------- */

static bool connect_syslog(struct logsink *sink, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(sink->address) >= sizeof(address.sun_path))
        return false;
    strcpy(address.sun_path, sink->address);
    sink->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sink->is_ours = sink->is_socket = true;
    if (sink->fd >= 0 && connect(sink->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    int error = errno;
    const char *kept = sink->address;
    uint64_t lost = sink->lost;
    logsink_close(sink);
    sink->address = kept;
    sink->lost = lost;
    errno = error;
    return false;
}

/* With its NUL, which ends a message on a stream; a datagram does not mind. */
static bool send_syslog(struct logsink *sink, const char *message, size_t len)
{
    bool is_connected = sink->fd >= 0 || connect_syslog(sink, SOCK_DGRAM) ||
                        (errno == EPROTOTYPE && connect_syslog(sink, SOCK_STREAM));
    return is_connected && put(sink, message, len) == (ssize_t)len;
}

bool logsink_write_syslog(struct logsink *sink, int priority, const char *prog, const char *text)
{
    char message[SYSLOG_LINE_MAX], when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof(when), "%h %e %T", localtime_r(&now, &tm));
    int len = snprintf(message, sizeof(message), "<%d>%s %s[%d]: %s", LOG_DAEMON | priority, when,
                       prog, (int)getpid(), text);
    size_t size = (size_t)len < sizeof(message) ? (size_t)len + 1 : sizeof(message);
    bool is_sent = send_syslog(sink, message, size);
    if (!is_sent && errno != EAGAIN && sink->fd >= 0) { /* it was started anew */
        close(sink->fd);
        sink->fd = -1;
        is_sent = send_syslog(sink, message, size);
    }
    sink->lost += !is_sent;
    return is_sent;
}
