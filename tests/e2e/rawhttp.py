# SPDX-License-Identifier: MIT
"""A small HTTP/1.1 and SSE client on raw sockets, for tests that must see exact bytes, framing and
the time at which each event arrived. Strict: an answer that is framed wrongly is an error here,
not something to be forgiving about."""

import json
import socket
import struct
import time


class ProtocolError(AssertionError):
    """The peer's bytes are not the HTTP or SSE that a strict client accepts."""


class Truncated(ProtocolError):
    """The connection ended inside an answer."""


class Connection:
    """One connection. `address` is (host, port), or a path for a Unix socket."""

    def __init__(self, address, timeout=20.0, receive_buffer=None):
        family = socket.AF_UNIX
        if not isinstance(address, str):
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(address)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin()

    def _begin(self):
        self.buffer = bytearray()
        self.arrived_at = 0.0  # of the latest bytes

    @classmethod
    def accepted(cls, sock):
        """The same for the other side: a connection that a listener handed out."""
        conn = cls.__new__(cls)
        conn.sock = sock
        conn._begin()
        return conn

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        """Receives some more; False at the end of the connection."""
        data = self.sock.recv(262144)
        self.arrived_at = time.monotonic()
        self.buffer += data
        return len(data) > 0

    def take(self, n):
        piece = bytes(self.buffer[:n])
        del self.buffer[:n]
        return piece

    def read_exactly(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                raise Truncated(f"end of connection, {n - len(self.buffer)} bytes are missing")
        return self.take(n)

    def read_line(self, limit=131072):
        """A line with its CRLF."""
        start = 0
        while True:
            at = self.buffer.find(b"\n", start)
            if at >= 0:
                line = self.take(at + 1)
                if not line.endswith(b"\r\n"):
                    raise ProtocolError(f"a line that does not end in CRLF: {line[:80]!r}")
                return line
            start = len(self.buffer)
            if start > limit:
                raise ProtocolError("an endless line")
            if not self.fill():
                raise Truncated(f"end of connection inside a line: {bytes(self.buffer[:80])!r}")

    def read_to_end(self):
        while self.fill():
            pass
        return self.take(len(self.buffer))

    def is_closed_by_peer(self, within):
        """True when the peer closes (or resets) within that many seconds and sends nothing more."""
        self.sock.settimeout(within)
        try:
            return not self.buffer and not self.fill()
        except (socket.timeout, TimeoutError):
            return False
        except ConnectionError:
            return True

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def request(self, method, path, headers=None, body=None, host="weir.test", version="1.1"):
        """Writes one well-formed request."""
        lines = [f"{method} {path} HTTP/{version}"]
        headers = dict(headers or {})
        if not any(name.lower() == "host" for name in headers):
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None and not any(
            name.lower() in ("content-length", "transfer-encoding") for name in headers
        ):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b""))

    def response(self, method="POST"):
        return Response(self, method)


class Event:
    """An event, or a comment line, of a stream. data is None for a comment."""

    def __init__(self, raw, arrived_at):
        self.raw, self.arrived_at = raw, arrived_at
        self.data, self.name, self.comments = None, None, []
        data = []
        for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if not line:
                continue
            if line.startswith(b":"):
                self.comments.append(value.decode())
            elif field == b"data":
                data.append(value)
            elif field == b"event":
                self.name = value.decode()
        if data:
            self.data = b"\n".join(data)

    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"Event({self.raw[:200]!r})"


class Response:
    """An answer; the head is read at once, the body as it is asked for."""

    def __init__(self, conn, method):
        self.conn = conn
        self.interim = []  # 1xx answers that came first
        while True:
            self._read_head()
            if self.status >= 200:
                break
            self.interim.append(self.status)
        self.complete = False
        self._set_framing(method)

    def _read_head(self):
        line = self.conn.read_line()
        self.raw_head = line
        parts = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
        if len(parts) < 2 or parts[0] not in ("HTTP/1.1", "HTTP/1.0") or not parts[1].isdigit():
            raise ProtocolError(f"not a status line: {line!r}")
        self.version, self.status = parts[0], int(parts[1])
        self.reason = parts[2] if len(parts) > 2 else ""
        self.header_list = []
        while True:
            line = self.conn.read_line()
            self.raw_head += line
            if line == b"\r\n":
                break
            name, colon, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            if not colon or not name or name != name.strip():
                raise ProtocolError(f"not a header line: {line!r}")
            self.header_list.append((name, value.strip()))
        self.headers = {}
        for name, value in self.header_list:
            key = name.lower()
            if key in self.headers and key in ("content-length", "content-type", "connection"):
                raise ProtocolError(f"two {name} headers")
            self.headers[key] = value
        self.head_at = self.conn.arrived_at

    def _set_framing(self, method):
        encoding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if encoding is not None and length is not None:
            raise ProtocolError("Content-Length and Transfer-Encoding together")
        if method == "HEAD" or self.status in (204, 304):
            self.framing, self.complete = "none", True
        elif encoding is not None:
            if encoding.lower() != "chunked" or self.version == "HTTP/1.0":
                raise ProtocolError(f"Transfer-Encoding {encoding!r} in {self.version}")
            self.framing = "chunked"
        elif length is not None:
            self.framing, self.left = "length", int(length)
        else:
            self.framing = "close"

    def piece(self):
        """The next piece of the body, as framed: a chunk, or what has arrived; b"" at its end."""
        if self.complete:
            return b""
        data = {"chunked": self._chunk, "length": self._counted, "close": self._rest}[
            self.framing
        ]()
        if not data:
            self.complete = True
        return data

    def _chunk(self):
        line = self.conn.read_line()
        size = line.split(b";")[0].strip()
        if not size or any(c not in b"0123456789abcdefABCDEF" for c in size):
            raise ProtocolError(f"not a chunk size: {line!r}")
        n = int(size, 16)
        if n == 0:
            while self.conn.read_line() != b"\r\n":
                pass
            return b""
        data = self.conn.read_exactly(n + 2)
        if data[n:] != b"\r\n":
            raise ProtocolError("a chunk that does not end in CRLF")
        return data[:n]

    def _counted(self):
        if self.left == 0:
            return b""
        if not self.conn.buffer and not self.conn.fill():
            raise Truncated(f"{self.left} bytes of the body are missing")
        data = self.conn.take(min(self.left, len(self.conn.buffer)))
        self.left -= len(data)
        return data

    def _rest(self):
        if not self.conn.buffer:
            self.conn.fill()
        return self.conn.take(len(self.conn.buffer))

    def read(self):
        parts = []
        while True:
            data = self.piece()
            if not data:
                return b"".join(parts)
            parts.append(data)

    def json(self):
        return json.loads(self.read())

    def events(self):
        """The events of a stream as they arrive. The stream must end with a blank line."""
        pending = b""
        while True:
            data = self.piece()
            if not data:
                break
            at = self.conn.arrived_at
            pending += data
            while True:
                end = _block_end(pending)
                if end == 0:
                    break
                yield Event(pending[:end], at)
                pending = pending[end:]
        if pending.strip():
            raise ProtocolError(f"the stream ends inside an event: {pending[:200]!r}")


def _block_end(text):
    """Offset behind the first blank line, or behind a comment line that stands before it, or 0.
    weir writes LF or CRLF, never a lone CR."""
    if text.startswith(b":"):
        return text.find(b"\n") + 1
    ends = [at + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if (at := text.find(mark)) >= 0]
    return min(ends) if ends else 0


class Stream:
    """A chat stream read to its end: what a client makes of it."""

    def __init__(self, response):
        self.response = response
        self.status, self.headers = response.status, response.headers
        self.all = list(response.events())
        self.comments = [c for e in self.all for c in e.comments]
        self.events = [e for e in self.all if e.data is not None]
        self.is_done = any(e.data == b"[DONE]" for e in self.events)
        self.chunks = [e.json() for e in self.events if e.data != b"[DONE]"]
        self.errors = [c["error"] for c in self.chunks if c.get("error")]

    def _deltas(self, key):
        for chunk in self.chunks:
            for choice in chunk.get("choices") or []:
                value = (choice.get("delta") or {}).get(key)
                if value:
                    yield value

    @property
    def text(self):
        return "".join(self._deltas("content"))

    @property
    def error(self):
        """The one error event; an assertion that there is exactly one and that it is the last."""
        assert len(self.errors) == 1, f"{len(self.errors)} error events in {self.events}"
        assert self.chunks[-1].get("error") and not self.is_done, f"an error is not last: {self.events}"
        return self.errors[0]

    @property
    def finish_reasons(self):
        return [
            choice["finish_reason"]
            for chunk in self.chunks
            for choice in chunk.get("choices") or []
            if choice.get("finish_reason")
        ]

    @property
    def usage(self):
        found = [c["usage"] for c in self.chunks if c.get("usage")]
        return found[-1] if found else None
