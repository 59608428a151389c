# SPDX-License-Identifier: MIT
"""The control endpoint: scripts, the request log, waiting, reset."""

import hashlib
import json
import threading
import time
from urllib.parse import quote

from harness import Case, Client, Sim, PATIENCE_S, sim, ask, status_of, dechunk, data_of, contents


class Control(Case):
    def outcome(self, model):
        client = Client()
        client.post(model, headers=("Connection: close",)).read_to_end()
        return client.end, len(contents(data_of(dechunk(client.data.split(b"\r\n\r\n", 1)[1])[0])))

    def test_script_then_last(self):
        model = self.model()
        self.assertEqual(sim.script(model, ["cut=3", "cut=2", "ok"])[0], 200)
        ends = [self.outcome(model) for _ in range(5)]
        self.assertEqual(ends, [("rst", 3), ("rst", 2)] + [("fin", 10)] * 3)
        self.assertEqual(sim.control("DELETE", "models/" + model)[1], {"deleted": True})
        self.assertEqual(sim.control("DELETE", "models/" + model)[1], {"deleted": False})

    def test_script_in_a_loop(self):
        model = self.model()
        sim.script(model, ["cut=1", "ok"], repeat="loop")
        self.assertEqual([self.outcome(model)[0] for _ in range(5)], ["rst", "fin", "rst", "fin", "rst"])
        sim.script(model, ["tokens=2"])  # begins anew
        self.assertEqual(self.outcome(model), ("fin", 2))

    def test_script_wins_over_the_name(self):
        model = self.model("cut=1")
        sim.script(self.model(), ["tokens=4"])
        self.assertEqual(self.outcome(model), ("fin", 4))
        sim.script(model, ["tokens=5"])
        self.assertEqual(self.outcome(model), ("fin", 5))
        self.assertEqual(self.outcome(self.model()), ("fin", 4))
        sim.control("DELETE", "models/" + quote(model))
        sim.control("DELETE", "models/" + self.model())
        self.assertEqual(self.outcome(model), ("rst", 1))

    def test_script_for_a_name_with_slash_and_colon(self):
        model = "meta/llama-3:free " + self.model()
        self.assertEqual(sim.script(model, ["tokens=1"])[0], 200)
        self.assertEqual(self.outcome(model), ("fin", 1))

    def test_bad_scripts(self):
        for body in ({}, {"script": []}, {"script": "cut=3"}, {"script": [3]}, {"script": ["cot=3"]},
                     {"script": ["ok"], "repeat": "never"}, {"script": ["ok"], "more": 1}, [], 3):
            status, answer = sim.control("PUT", "models/bad", body)
            self.assertEqual(status, 400, body)
            self.assertTrue(answer["error"]["message"])
        self.assertIn("item 2", sim.control("PUT", "models/bad", {"script": ["ok", "cot=3"]})[1]
                      ["error"]["message"])
        self.assertEqual(sim.control("PUT", "models/", {"script": ["ok"]})[0], 400)
        self.assertEqual(sim.control("GET", "nothing")[0], 404)
        self.assertEqual(sim.control("POST", "stats")[0], 405)

    def test_first_and_every(self):
        model = self.model("cut=1,first=2")
        self.assertEqual([self.outcome(model)[0] for _ in range(4)], ["rst", "rst", "fin", "fin"])
        model = self.model("cut=1,every=2")
        self.assertEqual([self.outcome(model)[0] for _ in range(4)], ["fin", "rst", "fin", "rst"])

    def test_requests(self):
        model = self.model()
        client = Client()
        body = ('{"model":"%s","big":12345678901234567890,"f":0.10, "t":"\\u00e9\u20ac"}'
                % model).encode()
        before = time.time()
        client.send(b"POST /v1/chat/completions?x=y HTTP/1.1\r\nHOST: sim\r\nX-A: 1\r\nx-a: 2\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        client.read_answer()
        client.post(model + ":stall=0").read_until(b"assistant")
        entry, = sim.requests(model)
        self.assertEqual(entry["body"].encode(), body)
        self.assertEqual(entry["headers"], {"host": "sim", "x-a": "1, 2",
                                            "content-length": str(len(body))})
        self.assertEqual((entry["path"], entry["stream"], entry["ended"]),
                         ("/v1/chat/completions?x=y", False, "completed"))
        self.assertTrue(before * 1000 - 1000 <= entry["at_ms"] <= time.time() * 1000 + 1000)
        self.assertNotIn("body_sha256", entry)
        entry, = sim.requests(model + ":stall=0")
        self.assertEqual((entry["stream"], entry["ended"]), (True, "active"))
        client.close()

    def test_long_bodies(self):
        model = self.model()
        text = "\u20ac" * 5000000  # 15 MB
        body = json.dumps({"messages": [{"role": "user", "content": text}], "model": model},
                          ensure_ascii=False).encode()
        client = Client()
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body))
        self.assertEqual(status_of(client.read_answer()[0]), 200)
        entry, = sim.requests(model)
        self.assertEqual(entry["body_length"], len(body))
        self.assertEqual(entry["body_sha256"], hashlib.sha256(body).hexdigest())
        kept = entry["body"].encode()
        self.assertTrue(body.startswith(kept) and 65532 <= len(kept) <= 65536)

    def test_log_keeps_the_last_thousand(self):
        client = Client()
        for i in range(1010):
            client.post("%s:tokens=%d" % (self.model(), i % 7), stream=False).read_answer()
        entries = sim.control("GET", "requests")[1]
        self.assertEqual(len(entries), 1000)
        self.assertTrue(all(e["model"].startswith(self.model()) for e in entries))
        self.assertEqual(len(sim.control("GET", "requests?last=3")[1]), 3)
        self.assertEqual(sim.control("GET", "requests?last=x")[0], 400)

    def test_wait(self):
        model = self.model("stall=0")
        self.assertEqual(sim.wait(model=model, requests=0)[0], 200)
        started = time.monotonic()
        self.assertEqual(sim.wait(model=model, requests=1, timeout=120)[0], 408)
        self.assertGreaterEqual(time.monotonic() - started, 0.12)
        self.assertEqual(sim.wait(model=model, request=1)[0], 400)
        self.assertEqual(sim.wait(requests="x")[0], 400)

    def test_wait_is_told(self):
        """Waiters of different conditions are answered each by its own event."""
        model = self.model("stall=0")
        answers = {}

        def wait_for(**conditions):
            answers[str(conditions)] = sim.wait(model=model, timeout=PATIENCE_S * 1000, **conditions)

        waits = ({"active": 2}, {"requests": 3}, {"aborted": 3, "active": 0})
        threads = [threading.Thread(target=wait_for, kwargs=w) for w in waits]
        for thread in threads:
            thread.start()
        clients = [Client().post(model) for _ in range(2)]
        threads[0].join(PATIENCE_S)  # before the third: a waiter that comes late must still see two
        clients.append(Client().post(model))
        threads[1].join(PATIENCE_S)
        self.assertEqual([answers[str(w)][0] for w in waits[:2]], [200, 200])
        self.assertNotIn(str(waits[2]), answers)
        for client in clients:
            client.close()
        threads[2].join(PATIENCE_S)
        status, stats = answers[str(waits[2])]
        self.assertEqual((status, stats["models"][model]["aborted"]), (200, 3))

    def test_a_waiter_may_leave(self):
        client = Client()
        client.send(b"GET /control/wait?requests=999999999 HTTP/1.1\r\n\r\n")
        client.close()
        self.assertEqual(status_of(ask(self.model())[1]), 200)

    def test_reset(self):
        other = Sim()
        try:
            ask("m", to=other)
            other.script("m", ["status=500"])
            client = Client(other).post("busy:stall=0")
            client.read_until(b"assistant")
            self.assertEqual(other.control("POST", "reset")[0], 200)
            stats = other.stats()
            self.assertEqual((stats["requests"], stats["active"], stats["open_connections"]), (0, 1, 1))
            self.assertEqual(list(stats["models"]), ["busy:stall=0"])
            self.assertEqual(other.control("GET", "requests")[1], [])
            self.assertEqual(status_of(ask("m", to=other)[1]), 200)
            client.close()
            status, stats = other.wait(active=0)
            self.assertEqual((status, stats["aborted"]), (200, 0))  # it belonged to before the reset
        finally:
            self.assertEqual(other.stop()[0], 0)
