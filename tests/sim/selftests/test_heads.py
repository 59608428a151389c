# SPDX-License-Identifier: MIT
"""What comes before a body, or instead of it; and when."""

import json

from harness import Case, Client, sim, ask, stream, status_of, fields_of, data_of, contents, tokens


class Heads(Case):
    def test_status(self):
        for code in (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529):
            for is_stream in (True, False):
                client, head, body = ask(self.model("status=%d" % code), is_stream)
                error = json.loads(body)["error"]
                self.assertEqual(status_of(head), code)
                self.assertEqual(set(error), {"message", "type", "param", "code"})
                self.assertIsInstance(error["type"], str)
        self.assert_counters(self.model("status=500"), requests=2, completed=2, faults=0)

    def test_status_words(self):
        model = self.model("status=400,error-code=content_filter,error-type=t,error-message=no%2C no")
        client, head, body = ask(model)
        self.assertEqual(json.loads(body)["error"], {"message": "no, no", "type": "t", "param": None,
                                                     "code": "content_filter"})

    def test_bodiless_status(self):
        client, head, body = ask(self.model("status=204"), False)
        self.assertEqual((status_of(head), body), (204, b""))
        self.assertNotIn("content-length", fields_of(head))

    def test_headers(self):
        faults = "header=x-ratelimit-remaining-requests/0,header=X-B/a%2Cb,retry-after=2"
        for more in ("", ",status=429"):
            for is_stream in (True, False):
                fields = fields_of(ask(self.model(faults + more), is_stream)[1])
                self.assertEqual(fields["x-ratelimit-remaining-requests"], "0")
                self.assertEqual(fields["x-b"], "a,b")
                self.assertEqual(fields["retry-after"], "2")
        head = ask(self.model("header=content-type/text%2Fplain"))[1]
        self.assertEqual(fields_of(head)["content-type"], "text/plain")
        self.assertEqual(head.lower().count(b"content-type"), 1)

    def test_wrong_kinds(self):
        client, head, body = ask(self.model("wrong-type"))
        self.assertTrue(fields_of(head)["content-type"].startswith("text/html"))
        self.assertIn(b"<html>", body)
        client, head, body = ask(self.model("json-for-stream"))
        self.assertEqual(fields_of(head)["content-type"], "application/json")
        self.assertEqual(json.loads(body)["object"], "chat.completion")
        for is_stream in (True, False):
            client, head, body = ask(self.model("error-200,error-message=m"), is_stream)
            self.assertEqual(status_of(head), 200)
            self.assertEqual(json.loads(body)["error"]["message"], "m")

    def test_reset_and_close_instead(self):
        for fault, end in (("reset", "rst"), ("close", "fin")):
            client = Client()
            client.post(self.model(fault)).read_to_end()
            self.assertEqual((client.end, client.data), (end, b""))
            self.assert_counters(self.model(fault), requests=1, faults=1, aborted=0)

    def test_truncated_json(self):
        for n in (0, 1, 30, 1 << 20):
            model = self.model("truncated-json=%d" % n)
            client, head, body = ask(model, False, headers=("X: y",))
            length = int(fields_of(head)["content-length"])
            self.assertEqual(len(body), min(n, length - 1))
            self.assertEqual(client.end, "fin")
            self.assert_counters(model, faults=1)

    def test_bad_scenario(self):
        client, head, body = ask(self.model("cot=3"))
        error = json.loads(body)["error"]
        self.assertEqual((status_of(head), error["code"]), (400, "bad_scenario"))
        self.assertIn('did you mean "cut"', error["message"])

    def test_too_big_without_stream(self):
        client, head, body = ask(self.model("tokens=1000000,size=1000"), False)
        self.assertEqual((status_of(head), json.loads(body)["error"]["code"]), (400, "bad_scenario"))


class Delays(Case):
    def assert_not_before(self, client, mark, seconds):
        at = next(t for t, piece in client.pieces if mark in piece)
        self.assertGreaterEqual(at, seconds)

    def test_head_delay(self):
        for is_stream in (True, False):
            client = ask(self.model("head-delay=120"), is_stream)[0]
            self.assertGreaterEqual(client.pieces[0][0], 0.12)

    def test_first_delay(self):
        client = stream(self.model("first-delay=120"))[2]
        self.assertTrue(client.pieces[0][1].endswith(b"\r\n\r\n"))  # the head alone, at once
        self.assertLess(client.pieces[0][0], client.pieces[1][0])
        self.assert_not_before(client, b"assistant", 0.12)

    def test_role_only_delay(self):
        client = stream(self.model("role-only-delay=120"))[2]
        self.assertIn(b"assistant", client.pieces[0][1])
        self.assertNotIn(b"t0 ", client.pieces[0][1])
        self.assert_not_before(client, b"t0 ", 0.12)

    def test_delay_is_one_send_a_token(self):
        body, is_complete, client = stream(self.model("tokens=5,delay=40"))
        self.assertEqual(contents(data_of(body)), tokens(5))
        for i in range(5):
            self.assert_not_before(client, b"t%d " % i, 0.04 * i)
        carried = [c.count(b'"content":"t') for c in client.chunks]
        self.assertEqual([n for n in carried if n > 0], [1] * 5)

    def test_all_delays_add_up(self):
        client = stream(self.model("head-delay=30,first-delay=30,role-only-delay=30,delay=30,tokens=2"))[2]
        self.assert_not_before(client, b"t1 ", 0.12)

    def test_hang(self):
        client = Client()
        client.post(self.model("hang"))
        sim.wait(model=self.model("hang"), active=1)
        self.assertTrue(client.is_silent())
        client.close()
        self.assert_counters(self.model("hang"), aborted=1)

    def test_comments(self):
        for name, more in (("first-delay", ""), ("role-only-delay", ""), ("delay", ",tokens=2")):
            # However late timers fire: as many as are waited for come before the delay ends.
            client = Client()
            client.post(self.model("%s=600000%s,comments=30" % (name, more)))
            while client.data.count(b": keep-alive\n\n") < 2:
                client.read_some()
            client.close()
            body, is_complete, client = stream(self.model("%s=40%s,comments=10" % (name, more)))
            self.assertTrue(is_complete)
            self.assertEqual(contents(data_of(body))[:2], tokens(2))
        client = Client()
        client.post(self.model("stall=1,comments=30"))
        client.read_until(b": keep-alive\n\n\r\n")
        count = client.data.count(b"keep-alive")
        while client.data.count(b"keep-alive") < count + 3:
            client.read_some()
        client.close()
        self.assert_counters(self.model("stall=1,comments=30"), aborted=1)

    def test_slow_read(self):
        body = json.dumps({"model": self.model("slow-read"), "padding": "x" * 100000}).encode()
        client = Client()
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body))
        self.assertEqual(status_of(client.read_answer()[0]), 200)
        # 64 KiB may come with the head, the rest at 1 KiB each 10 ms
        self.assertGreaterEqual(client.pieces[0][0], 0.3)
