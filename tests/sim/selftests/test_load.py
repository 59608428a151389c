# SPDX-License-Identifier: MIT
"""Many streams, long streams."""

import json
import selectors
import socket
import time

from harness import Case, Client, PATIENCE_S, sim, dechunk, data_of, contents, tokens


class Load(Case):
    def test_2000_streams(self):
        """All open at once, each whole and in order."""
        count, model = 2000, self.model("tokens=20,delay=20,head-delay=200,comments=15")
        request = json.dumps({"model": model, "stream": True})
        request = ("POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n"
                   "Content-Length: %d\r\n\r\n%s" % (len(request), request)).encode()
        poll, open_now = selectors.DefaultSelector(), {}
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", sim.port))
            sock.sendall(request)
            sock.setblocking(False)
            open_now[sock] = bytearray()
            poll.register(sock, selectors.EVENT_READ)
        peak, wholes, give_up_at = sim.of_model(model)["active"], 0, time.monotonic() + 2 * PATIENCE_S
        while open_now:
            self.assertLess(time.monotonic(), give_up_at)
            for key, _ in poll.select(1):
                piece = key.fileobj.recv(1 << 16)
                open_now[key.fileobj] += piece
                if piece:
                    continue
                poll.unregister(key.fileobj)
                key.fileobj.close()
                head, body = bytes(open_now.pop(key.fileobj)).split(b"\r\n\r\n", 1)
                body, _, is_complete = dechunk(body)
                wholes += is_complete and contents(data_of(body)) == tokens(20)
        self.assertEqual(wholes, count)
        self.assertGreater(peak, count // 2)
        self.assert_counters(model, requests=count, completed=count, aborted=0)

    def test_long_streams_take_bounded_memory(self):
        model = self.model("tokens=200000,size=1000")
        before = sim.memory_kb()
        stalled = [Client(receive_buffer=65536).post(model) for _ in range(8)]
        for client in stalled:
            client.read_until(b"t0 ")
        reader = Client().post(model)
        total, tail = 0, b""
        while b"[DONE]" not in tail:
            piece = reader.sock.recv(1 << 20)
            total += len(piece)
            tail = tail[-16:] + piece[-64:]
        self.assertGreater(total, 200000 * 1000)
        self.assertLess(sim.memory_kb() - before, 32 * 1024)
        for client in stalled + [reader]:
            client.close()
        self.assert_counters(model, requests=9, aborted=8, completed=1)
