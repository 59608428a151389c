# SPDX-License-Identifier: MIT
"""How streams break, and how their bytes are laid out."""

import json

from harness import (
    Case, Client, sim, ask, stream, fields_of, dechunk, data_of, contents, finishes, tokens)


class Breaks(Case):
    def test_cut_resets_after_exactly_n(self):
        for n in (0, 1, 3, 10, 12):
            body, is_complete, client = stream(self.model("cut=%d" % n), headers=("X: y",))
            events = data_of(body)
            self.assertEqual(client.end, "rst")
            self.assertFalse(is_complete)
            self.assertEqual(contents(events), tokens(n))
            self.assertEqual(events[0]["choices"][0]["delta"]["role"], "assistant")
            self.assertEqual(len(events), n + 1)
            self.assert_counters(self.model("cut=%d" % n), faults=1, aborted=0, completed=0)

    def test_cut_loses_nothing_of_a_slow_reader(self):
        """The reset must not overtake data: it comes only when everything has been acknowledged."""
        client = Client(receive_buffer=8192)
        client.post(self.model("tokens=300,size=1000,cut=200"))
        client.read_some()
        self.assertTrue(sim.wait(model=self.model("tokens=300,size=1000,cut=200"), requests=1))
        client.read_to_end()
        self.assertEqual(client.end, "rst")
        body = dechunk(client.data.split(b"\r\n\r\n", 1)[1])[0]
        self.assertEqual(len(contents(data_of(body))), 200)

    def test_close_after(self):
        for n in (0, 2):
            body, is_complete, client = stream(self.model("close-after=%d" % n), headers=("X: y",))
            self.assertEqual((client.end, is_complete), ("fin", False))
            self.assertEqual(contents(data_of(body)), tokens(n))
            self.assertTrue(client.data.endswith(b"\n\n\r\n"))
            self.assert_counters(self.model("close-after=%d" % n), faults=1)

    def test_eof(self):
        client = Client()
        client.post(self.model("eof=2"))
        body = client.read_answer()[1]
        self.assertEqual(contents(data_of(body)), tokens(2))
        self.assertEqual(finishes(data_of(body)), [])
        self.assertNotIn(b"[DONE]", body)
        client.post(self.model("eof=2")).read_answer()  # the connection lives on
        self.assert_counters(self.model("eof=2"), faults=2)

    def test_stall(self):
        model = self.model("stall=2")
        client = Client()
        client.post(model).read_until(b"t1 ")
        self.assertTrue(client.is_silent())
        self.assertEqual(sim.of_model(model)["active"], 1)
        client.reset()
        self.assert_counters(model, aborted=1)

    def test_error_events(self):
        for fault, line in (("error-event=2", b""), ("error-name=2", b"event: error\n")):
            model = self.model(fault + ",error-message=broken,error-code=c")
            body, is_complete, client = stream(model)
            error = (b'data: {"error":{"message":"broken","type":"server_error","param":null,'
                     b'"code":"c"}}\n\n')
            self.assertTrue(body.endswith(b"\n\n" + line + error + b"data: [DONE]\n\n"), body[-300:])
            self.assertEqual(body.count(b"event:"), 1 if line else 0)
            self.assertEqual(contents(data_of(body)), tokens(2))
            self.assertEqual(finishes(data_of(body)), [])
            self.assertTrue(is_complete)
            self.assert_counters(model, faults=1)

    def test_finish(self):
        self.assertEqual(finishes(data_of(stream(self.model("finish=error"))[0])), ["error"])
        body = stream(self.model("finish=none"))[0]
        self.assertEqual(finishes(data_of(body)), [])
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"))
        whole = json.loads(ask(self.model("finish=length"), False)[2])
        self.assertEqual(whole["choices"][0]["finish_reason"], "length")

    def test_done(self):
        body, is_complete, client = stream(self.model("no-done"))
        self.assertEqual(finishes(data_of(body)), ["stop"])
        self.assertNotIn(b"[DONE]", body)
        self.assertTrue(is_complete)
        self.assertTrue(stream(self.model("done-bare"))[0].endswith(b"\n\ndata: [DONE]"))

    def test_malformed(self):
        events = data_of(stream(self.model("malformed=3,tokens=4"))[0])
        bad = [i for i, e in enumerate(events) if isinstance(e, bytes) and e != b"[DONE]"]
        self.assertEqual(bad, [2, 3, 4])  # role, t0, then these
        self.assertEqual(contents(events), tokens(4))


class Layouts(Case):
    def test_line_ends(self):
        plain = data_of(stream(self.model("tokens=2"))[0])
        for fault, eol in (("crlf", b"\r\n"), ("cr", b"\r")):
            body = stream(self.model("tokens=2," + fault))[0]
            self.assertEqual(body.replace(eol, b"").count(b"\n"), 0)
            self.assertEqual(body.replace(eol, b"").count(b"\r"), 0)
            self.assertEqual(contents(data_of(body, eol)), contents(plain))
            self.assertTrue(body.endswith(b"[DONE]" + eol + eol))

    def test_no_space(self):
        body = stream(self.model("no-space"))[0]
        self.assertNotIn(b"data: ", body)
        self.assertEqual(contents(data_of(body)), tokens(10))

    def test_multi_line(self):
        body = stream(self.model("multi-line,tokens=2"), stream_options={"include_usage": True})[0]
        for event in body.split(b"\n\n")[:-2]:
            lines = event.split(b"\n")
            self.assertEqual(len(lines), 2)
            self.assertTrue(lines[0].endswith(b","))
        self.assertEqual(contents(data_of(body)), tokens(2))

    def test_bom(self):
        body = stream(self.model("bom"))[0]
        self.assertTrue(body.startswith(b"\xef\xbb\xbfdata: {"))
        self.assertEqual(body.count(b"\xef\xbb\xbf"), 1)

    def test_split(self):
        whole = stream(self.model("tokens=3"))[0]
        for size in (1, 7):
            body, is_complete, client = stream(self.model("tokens=3,split=%d" % size))
            self.assertEqual(contents(data_of(body)), tokens(3))
            self.assertEqual({len(c) for c in client.chunks[:-1]}, {size})
            self.assertTrue(is_complete)
        self.assertEqual(len(data_of(whole)), len(data_of(body)))

    def test_lump(self):
        body, is_complete, client = stream(self.model("lump,delay=200,tokens=3"))
        self.assertEqual(len(client.chunks), 1)
        self.assertEqual(contents(data_of(body)), tokens(3))
        self.assertLess(client.pieces[-1][0], 0.2)

    def test_close_delimited(self):
        client, head, body = ask(self.model("close-delimited"), headers=("X: y",))
        self.assertNotIn("transfer-encoding", fields_of(head))
        self.assertEqual(client.end, "fin")
        self.assertTrue(body.startswith(b"data: {") and body.endswith(b"[DONE]\n\n"))
