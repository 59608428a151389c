# SPDX-License-Identifier: MIT
"""What the tests share: the simulator's process, a client that sees what is on the wire, and readers
of streams. The clients are plain sockets, so that bytes, ends (FIN or RST) and times are seen as
they are. No test sleeps to wait for the simulator: it reads until something comes, or asks the
wait endpoint.
"""

import json
import os
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from urllib.parse import quote

SIM = os.environ.get("WEIR_SIM", "./weir-sim")
PATIENCE_S = 30  # after which a test gives up; never waited for when all is well
SILENCE_S = 0.15  # how long "nothing more comes" is watched


class Sim:
    """A running weir-sim on a free port of its own."""

    def __init__(self, *options, limit=None):
        def set_limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        self.dir = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.dir.name, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([SIM, "-p", "0", *options], stdout=subprocess.PIPE,
                                            stderr=log, preexec_fn=limit and set_limit)
        self.line = self.process.stdout.readline().decode()
        self.port = int(self.line.rsplit(":", 1)[1]) if ":" in self.line else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        with open(self.log, errors="replace") as log:
            text = log.read()
        self.dir.cleanup()
        return code, text

    def cpu_ticks(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def memory_kb(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(l.split()[1]) for l in status if l.startswith("VmRSS"))

    def control(self, method, path, body=None):
        """Status and JSON of a request to /control/PATH."""
        data = b"" if body is None else json.dumps(body).encode()
        client = Client(self)
        client.send(b"%s /control/%s HTTP/1.1\r\nHost: sim\r\nContent-Length: %d\r\n"
                    b"Connection: close\r\n\r\n%s" % (method.encode(), path.encode(), len(data), data))
        head, body = client.read_all()
        client.close()
        return status_of(head), json.loads(body)

    def stats(self):
        return self.control("GET", "stats")[1]

    def of_model(self, model):
        return self.stats()["models"][model]

    def wait(self, **conditions):
        query = "&".join("%s=%s" % (k, quote(str(v), safe="")) for k, v in conditions.items())
        return self.control("GET", "wait?" + query)

    def requests(self, model):
        return self.control("GET", "requests?model=" + quote(model, safe=""))[1]

    def script(self, model, items, **more):
        return self.control("PUT", "models/" + quote(model, safe=""), dict(script=items, **more))


class Client:
    """One connection; notes what came when, and how it ended. Case closes what a test left open."""

    open_now = []

    def __init__(self, to=None, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(("127.0.0.1", (to or sim).port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.pieces = []  # (seconds since the last send, bytes)
        self.end = None  # "fin", "rst"
        self.sent_at = None
        Client.open_now.append(self)

    def send(self, data):
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def post(self, model, stream=True, path="/v1/chat/completions", headers=(), version="1.1", **body):
        body = json.dumps(dict(body, model=model, stream=stream))
        lines = ["POST %s HTTP/%s" % (path, version), "Host: sim", "Content-Type: application/json",
                 "Content-Length: %d" % len(body.encode()), *headers, "", body]
        self.send("\r\n".join(lines).encode())
        return self

    def read_some(self):
        """False at the connection's end."""
        try:
            piece = self.sock.recv(1 << 20)
        except ConnectionResetError:
            self.end = "rst"
            return False
        if not piece:
            self.end = "fin"
            return False
        self.pieces.append((time.monotonic() - self.sent_at, piece))
        self.data += piece
        return True

    def read_to_end(self):
        while self.read_some():
            pass
        return self.data

    def read_until(self, mark):
        while mark not in self.data:
            if not self.read_some():
                raise AssertionError("%s before %r; got %r" % (self.end, mark, self.data[-300:]))
        return self.data

    def read_answer(self):
        """Head and body of the next complete answer; leaves what is behind it."""
        self.read_until(b"\r\n\r\n")
        head, rest = self.data.split(b"\r\n\r\n", 1)
        fields = fields_of(head)
        if fields.get("transfer-encoding") == "chunked":
            self.read_until(b"0\r\n\r\n")
            end = self.data.index(b"\r\n0\r\n\r\n") + 7
            body, _, is_complete = dechunk(self.data[len(head) + 4:end])
            assert is_complete
        else:
            end = len(head) + 4 + int(fields["content-length"])
            while len(self.data) < end:
                assert self.read_some(), self.end
            body = self.data[len(head) + 4:end]
        self.data = self.data[end:]
        return head, body

    def read_all(self):
        """Head and body as they stand when the connection ends; chunks are not decoded."""
        self.read_to_end()
        return self.data.split(b"\r\n\r\n", 1)

    def is_silent(self):
        """Whether nothing more comes, and the connection stays, for SILENCE_S."""
        self.sock.settimeout(SILENCE_S)
        try:
            return not self.sock.recv(1) and False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE_S)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def status_of(head):
    return int(head.split(b" ", 2)[1])


def fields_of(head):
    return {l.split(": ", 1)[0].lower(): l.split(": ", 1)[1]
            for l in head.decode().split("\r\n")[1:] if l}


def dechunk(data):
    """Body, chunks and whether the final chunk is there; strict about framing."""
    chunks, at = [], 0
    while at < len(data):
        end = data.find(b"\r\n", at)
        if end < 0:
            break
        size = int(data[at:end], 16)
        piece = data[end + 2:end + 2 + size]
        if size == 0:
            assert data[end:end + 4] == b"\r\n\r\n" and len(data) == end + 4, data[at:]
            return b"".join(chunks), chunks, True
        chunks.append(piece)
        if len(piece) < size:
            break
        assert data[end + 2 + size:end + 4 + size] == b"\r\n"
        at = end + 4 + size
    return b"".join(chunks), chunks, False


def ask(model, stream=True, to=None, **more):
    """A request on a connection of its own, read to its end."""
    client = Client(to)
    client.post(model, stream, headers=more.pop("headers", ()) or ("Connection: close",), **more)
    head, body = client.read_all()
    client.close()
    return client, head, body


def stream(model, **more):
    """Body, whether its final chunk was there, and the client, of a streamed answer."""
    client, head, body = ask(model, **more)
    assert status_of(head) == 200, head
    assert fields_of(head)["content-type"].startswith("text/event-stream"), head
    body, client.chunks, is_complete = dechunk(body)
    return body, is_complete, client


def data_of(body, eol=b"\n"):
    """The data of each event, as JSON where it is JSON."""
    out = []
    for event in body.split(eol + eol):
        lines = [l[5:].lstrip(b" ") for l in event.split(eol) if l.startswith(b"data:")]
        if lines:
            text = b"\n".join(lines)
            try:
                out.append(json.loads(text))
            except ValueError:
                out.append(text)
    return out


def deltas(events, choice=0):
    return [c["delta"] for e in events if isinstance(e, dict) for c in e.get("choices", ())
            if c["index"] == choice]


def contents(events, choice=0, member="content"):
    return [d[member] for d in deltas(events, choice) if d.get(member)]


def finishes(events):
    return [c["finish_reason"] for e in events if isinstance(e, dict)
            for c in e.get("choices", ()) if c["finish_reason"]]


def tokens(n, first=0):
    return ["t%d " % i for i in range(first, n)]


class Case(unittest.TestCase):
    maxDiff = 2000

    def tearDown(self):
        while Client.open_now:
            Client.open_now.pop().close()

    def model(self, faults=""):
        """A name no other test uses."""
        return self.id().rsplit(".", 1)[1] + (":" + faults if faults else "")

    def assert_counters(self, model, **wanted):
        """Of a model whose answers have ended."""
        status, stats = sim.wait(model=model, active=0, timeout=PATIENCE_S * 1000)
        self.assertEqual(status, 200)
        counters = stats["models"][model]
        self.assertEqual({k: counters[k] for k in wanted}, wanted)
        self.assertEqual(counters["requests"], counters["active"] + counters["completed"] +
                         counters["aborted"] + counters["faults"])


sim = Sim()  # the one most tests share; selftest stops it
