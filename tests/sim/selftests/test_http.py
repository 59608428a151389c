# SPDX-License-Identifier: MIT
"""Reading requests; peers that leave."""

import hashlib
import json

from harness import Case, Client, Sim, sim, stream, status_of, fields_of, data_of, contents, tokens


class Http(Case):
    def test_keep_alive_and_pipelining(self):
        client = Client()
        body = json.dumps({"model": self.model(), "stream": False})
        request = ("POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: %d\r\n\r\n%s"
                   % (len(body), body)).encode()
        client.send(request * 50)
        ids = [json.loads(client.read_answer()[1])["id"] for _ in range(50)]
        self.assertEqual(len(set(ids)), 50)
        client.post(self.model("delay=5,tokens=3"))
        client.sock.sendall(request)  # while the stream runs
        self.assertEqual(contents(data_of(client.read_answer()[1])), tokens(3))
        self.assertEqual(status_of(client.read_answer()[0]), 200)

    def test_requests_in_pieces(self):
        client = Client()
        body = json.dumps({"model": self.model(), "stream": False})
        request = ("POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: %d\r\n\r\n%s"
                   % (len(body), body)).encode()
        for byte in request:
            client.send(bytes([byte]))
        self.assertEqual(status_of(client.read_answer()[0]), 200)
        self.assertEqual(sim.requests(self.model())[0]["body"], body)

    def test_chunked_request(self):
        body = json.dumps({"model": self.model(), "x": "y" * 70000}).encode()
        client = Client()
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 7777):
            piece = body[at:at + 7777]
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        self.assertEqual(status_of(client.read_answer()[0]), 200)
        entry, = sim.requests(self.model())
        self.assertEqual(entry["body_sha256"], hashlib.sha256(body).hexdigest())

    def test_expect(self):
        body = json.dumps({"model": self.model()}).encode()
        client = Client()
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body))
        self.assertEqual(client.read_until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.data = b""
        client.send(body)
        self.assertEqual(status_of(client.read_answer()[0]), 200)

    def test_http10(self):
        client = Client()
        client.post(self.model("tokens=2"), version="1.0")
        head, body = client.read_all()
        self.assertEqual(client.end, "fin")
        self.assertNotIn("transfer-encoding", fields_of(head))
        self.assertEqual(contents(data_of(body)), tokens(2))

    def test_errors(self):
        for request, status in (
                (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
                (b"GET /v1/chat/completions HTTP/1.1\r\n\r\n", 405),
                (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", 400),
                (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
                (b"nonsense\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413),
                (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431)):
            client = Client()
            client.send(request)
            head, body = client.read_answer()
            self.assertEqual(status_of(head), status, request[:60])
            self.assertTrue(json.loads(body)["error"]["message"])
            client.close()

    def test_a_wrong_method_is_told_the_right_one(self):
        client = Client()
        client.send(b"GET /v1/embeddings HTTP/1.1\r\n\r\n")
        self.assertEqual(fields_of(client.read_answer()[0])["allow"], "POST")

    def test_head_has_no_body(self):
        client = Client()
        client.send(b"HEAD /v1/models HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n")
        client.read_until(b"\r\n\r\n")
        client.data = client.data.split(b"\r\n\r\n", 1)[1]
        self.assertEqual(status_of(client.read_answer()[0]), 200)

    def test_flood_during_an_answer_is_bounded(self):
        client = Client()
        client.post(self.model("hang"))
        sim.wait(model=self.model("hang"), active=1)
        with self.assertRaises(ConnectionError):
            for _ in range(100):
                client.send(b"x" * 1000000)
        self.assert_counters(self.model("hang"), aborted=1)


class Departures(Case):
    def test_hang_ups_are_seen_in_every_wait(self):
        waits = ("hang", "head-delay=60000", "first-delay=60000", "role-only-delay=60000",
                 "delay=60000", "stall=1", "tokens=1000000,size=1000")
        for faults in waits:
            for leave in (Client.close, Client.reset):
                with self.subTest(faults=faults, leave=leave.__name__):
                    model = self.model(faults + (",ok" if leave is Client.reset else ""))
                    client = Client(receive_buffer=8192)
                    client.post(model)
                    sim.wait(model=model, active=1)
                    leave(client)
                    status = sim.wait(model=model, aborted=1, active=0, timeout=5000)[0]
                    self.assertEqual(status, 200)
                    self.assertEqual(sim.requests(model)[0]["ended"], "aborted")

    def test_without_descriptors_it_waits_and_goes_on(self):
        limit = 40
        other = Sim("-q", limit=limit)
        try:
            clients = [Client(other) for _ in range(2 * limit)]
            for client in clients[:5]:
                client.post("m:tokens=1")
                client.read_answer()
            before = other.cpu_ticks()
            self.assertTrue(clients[-1].post("m:tokens=1").is_silent())
            self.assertLess(other.cpu_ticks() - before, 5)  # it does not spin
            for client in clients[:-1]:
                client.close()
            clients[-1].read_answer()
        finally:
            code, log = other.stop()
        self.assertEqual(code, 0)
        self.assertIn("cannot accept", log)

    def test_open_connections(self):
        before = sim.stats()
        clients = [Client() for _ in range(5)]
        status, stats = sim.wait(open_connections=before["open_connections"] + 5)
        self.assertEqual(status, 200)
        self.assertEqual(stats["connections"], before["connections"] + 5)
        for client in clients:
            client.close()
        self.assertEqual(sim.wait(open_connections=before["open_connections"])[0], 200)
