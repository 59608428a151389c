# SPDX-License-Identifier: MIT
"""A provider that the case itself plays, byte by byte: for what must happen between two bytes. The
case sends its request through weir, then accept()s it here; no threads."""

import json
import socket
import ssl
import time

import rawhttp

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
CLOSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(content=None, finish=None, index=0, **more):
    """The data of one event of a chat stream."""
    inner = dict(more) if content is None else {"content": content, **more}
    return json.dumps({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": index, "delta": inner, "finish_reason": finish}],
    }).encode()


def event(data):
    return b"data: " + data + b"\n\n"


class Exchange:
    """One request that weir sent here."""

    def __init__(self, conn):
        self.conn = conn
        line = conn.read_line().decode("latin-1").split()
        self.method, self.path = line[0], line[1]
        self.header_list = []
        while (line := conn.read_line()) != b"\r\n":
            name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            self.header_list.append((name.lower(), value.strip()))
        self.headers = dict(self.header_list)
        self.body = conn.read_exactly(int(self.headers.get("content-length", 0)))

    def send(self, data):
        self.conn.send(data)

    def send_event(self, data):
        """One event as one chunk."""
        self.send(chunk(event(data)))

    def start_stream(self):
        self.send(STREAM_HEAD)

    def end_stream(self):
        """finish_reason, [DONE], and the last chunk."""
        self.send_event(delta(finish="stop"))
        self.send(chunk(DONE) + LAST_CHUNK)
        self.close()

    def answer(self, status, body, content_type="application/json", headers=()):
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}",
                 f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines + ["", ""]).encode("latin-1") + body)
        self.close()

    def wait_aborted(self, within=5.0):
        """Seconds until weir closed the connection; None when it did not in time."""
        started = time.monotonic()
        closed = self.conn.is_closed_by_peer(within)
        return time.monotonic() - started if closed else None

    def close(self):
        self.conn.close()

    def reset(self):
        self.conn.reset()


class RawProvider:
    """Listens on a loopback address; with `tls`, a server's ssl.SSLContext, behind TLS."""

    def __init__(self, port, host="127.0.0.1", tls=None):
        self.port, self.host, self.tls = port, host, tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=600)
        self.accepted = []

    @property
    def base_url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/v1"

    def accept(self, within=10.0):
        """Waits for weir's next connection and reads its request."""
        return self.next_on(self.accept_silently(within))

    def accept_silently(self, within=10.0):
        """The connection alone: nothing is read, and no TLS spoken but its handshake."""
        self.listener.settimeout(within)
        sock, _ = self.listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(within)
        if self.tls:
            sock = self.tls.wrap_socket(sock, server_side=True)
        conn = rawhttp.Connection.accepted(sock)
        self.accepted.append(conn)
        return conn

    def next_on(self, conn):
        """The next request on a connection."""
        return Exchange(conn)

    def refuse_handshake(self, within=10.0):
        """Waits for a connection that weir breaks off over our certificate; returns its words."""
        try:
            self.accept_silently(within).read_exactly(1)
        except ssl.SSLError as e:
            return e.reason
        except rawhttp.Truncated:
            return "closed behind the handshake"
        raise AssertionError("weir went on behind a certificate it must refuse")

    def is_idle(self, within):
        """True when nobody connects for that long."""
        self.listener.settimeout(within)
        try:
            sock, _ = self.listener.accept()
        except (socket.timeout, TimeoutError):
            return True
        sock.close()
        return False

    def close(self):
        for conn in self.accepted:
            conn.close()
        self.listener.close()
