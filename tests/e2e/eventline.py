# SPDX-License-Identifier: MIT
"""The tracker's socket as a worker sees it (weir-table(7), common/wire/evwire.h), and its table as bytes
(common/shm/table_layout.h): for cases that play a worker, or somebody who is none."""

import os
import socket
import struct
import time

MAGIC, VERSION = 0x57455652, 1
HELLO, EVENTS, ACK, COMMAND, REPLY, CHANGE = 1, 2, 3, 4, 5, 6
MID_FAILURE, PRE_FAILURE, STREAM_SUCCESS, ANSWER_SUCCESS, COOLDOWN, QUOTA = 1, 2, 3, 4, 5, 6
DONE, UNKNOWN_PAIR, BAD_REQUEST, BAD_VERSION, NOT_ALLOWED, REFUSED = range(6)
UNKNOWN = -(2 ** 63)
NO_ROW = 0xFFFFFFFF
EVENTS_MAX = 32

HEADER_BYTES, ROW_BYTES = 4096, 640
COUNTS_AT = 128 + 5 * 8  # applied, repeated, unknown, refused, lock timeouts


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def key_hash(provider, model):
    value = 0xCBF29CE484222325
    for byte in provider.encode() + b"\0" + model.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def packet(kind, records, version=VERSION, magic=MAGIC, count=None, zero=0):
    head = struct.pack("<IHHII", magic, version, kind, len(records) if count is None else count, zero)
    return head + b"".join(records)


def hello(slot, incarnation, next_seq=1):
    return packet(HELLO, [struct.pack("<IIQQQ", slot, 0, incarnation, 0, next_seq)])


def event(seq, kind, pair, started, ended, count=1, cause=0, until=0, incident=0, row=NO_ROW,
          requests=UNKNOWN, tokens=UNKNOWN, requests_reset=0, tokens_reset=0, outcome=22):
    return struct.pack(
        "<QQIHHIIQQQQqqQQ32x", seq, key_hash(*pair.split("/", 1)), row, kind, outcome, count, cause,
        incident, started, ended, until, requests, tokens, requests_reset, tokens_reset,
    )


def command(number, provider="", model="", duration_ms=0, reason=""):
    return packet(COMMAND, [struct.pack("<IIQ64s128s96s", number, 0, duration_ms, provider.encode(),
                                        model.encode(), reason.encode())])


class Line:
    """A connection to the tracker."""

    def __init__(self, path, timeout=10.0):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(timeout)
        self.sock.connect(path)

    def send(self, data):
        self.sock.send(data)

    def receive(self):
        """(kind, payload), or None when the tracker has closed the connection."""
        try:
            data = self.sock.recv(16384)
        except ConnectionResetError:
            return None
        return (struct.unpack_from("<H", data, 6)[0], data[16:]) if data else None

    def receive_ack(self):
        answer = self.receive()
        if answer is None:
            raise ConnectionResetError
        assert answer[0] == ACK, f"not an ack: {answer}"
        return struct.unpack("<Q", answer[1])[0]

    def receive_status(self):
        kind, payload = self.receive()
        assert kind == REPLY, f"not a reply: kind {kind}"
        return struct.unpack_from("<I", payload)[0]

    def close(self):
        self.sock.close()


class Sender:
    """A worker as it should be: numbers its events, keeps what is not acknowledged, and sends it again
    on a new connection."""

    def __init__(self, path, slot, incarnation=None):
        self.path, self.slot, self.incarnation = path, slot, incarnation or now()
        self.line, self.kept, self.seq = None, [], 0

    def post(self, kind, pair, **more):
        self.seq += 1
        ended = more.pop("ended", None) or now()
        started = more.pop("started", None) or ended
        self.kept.append((self.seq, event(self.seq, kind, pair, started, ended, **more)))

    def _connect(self):
        self.line = Line(self.path)
        self.line.send(hello(self.slot, self.incarnation, self.kept[0][0] if self.kept else self.seq + 1))
        self._forget(self.line.receive_ack())

    def _forget(self, acknowledged):
        self.kept = [k for k in self.kept if k[0] > acknowledged]

    def flush(self, within=30.0):
        """Delivers all that is kept, over as many connections as it takes."""
        deadline = time.monotonic() + within
        while self.kept:
            try:
                if self.line is None:
                    self._connect()
                    continue
                batch = self.kept[:EVENTS_MAX]
                self.line.send(packet(EVENTS, [e for _, e in batch]))
                self._forget(self.line.receive_ack())
            except OSError:  # the tracker is gone, or not yet there
                if self.line is not None:
                    self.line.close()
                self.line = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def close(self):
        if self.line is not None:
            self.line.close()


def table_path(shm):
    return "/dev/shm" + shm


def read_table(shm, offset, size):
    fd = os.open(table_path(shm), os.O_RDONLY)
    try:
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def scribble(shm, offset, data=b"\x55\xaa\x55\xaa\x55\xaa\x55\xaa"):
    fd = os.open(table_path(shm), os.O_RDWR)
    try:
        os.pwrite(fd, data, offset)
    finally:
        os.close(fd)


def counts(shm):
    """What the tracker counted since the table was made."""
    names = ("applied", "repeated", "unknown", "refused", "lock_timeouts")
    return dict(zip(names, struct.unpack("<5Q", read_table(shm, COUNTS_AT, 40))))
