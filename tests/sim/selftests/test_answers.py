# SPDX-License-Identifier: MIT
"""Good answers: their bytes, their content, the endpoints."""

import json

from harness import (
    Case, Client, sim, ask, stream, status_of, fields_of, data_of, deltas, contents, finishes,
    tokens)


class GoodAnswers(Case):
    def test_stream_exact_bytes(self):
        model = self.model("tokens=2")
        body, is_complete, client = stream(model, stream_options={"include_usage": False})
        first = json.loads(body.split(b"\n")[0][6:])
        intro = ('data: {"id":%s,"object":"chat.completion.chunk","created":%d,"model":%s,"choices":['
                 % (json.dumps(first["id"]), first["created"], json.dumps(model)))
        choice = '{"index":0,"delta":{%s},"finish_reason":%s}'
        events = [choice % ('"role":"assistant","content":""', "null"),
                  choice % ('"content":"t0 "', "null"), choice % ('"content":"t1 "', "null"),
                  choice % ("", '"stop"')]
        wanted = "".join(intro + e + "]}\n\n" for e in events) + "data: [DONE]\n\n"
        self.assertEqual(body.decode(), wanted)
        self.assertTrue(is_complete)
        self.assertEqual(client.end, "fin")
        self.assert_counters(model, requests=1, completed=1, aborted=0, faults=0)

    def test_stream_default_tokens(self):
        events = data_of(stream(self.model())[0])
        self.assertEqual(contents(events), tokens(10))
        self.assertEqual(finishes(events), ["stop"])
        self.assertEqual(events[-1], b"[DONE]")
        self.assertFalse(any("usage" in e for e in events[:-1]))

    def test_usage_when_asked(self):
        for model, there in ((self.model(), True), (self.model("no-usage"), False)):
            events = data_of(stream(model, stream_options={"include_usage": True})[0])
            usages = [e["usage"] for e in events[:-1] if e.get("usage")]
            self.assertEqual(len(usages), there)
            if there:
                self.assertEqual(events[-2]["choices"], [])
                self.assertEqual(usages[0]["completion_tokens"], 10)
                self.assertEqual(usages[0]["total_tokens"], 10 + usages[0]["prompt_tokens"])

    def test_without_stream(self):
        client, head, body = ask(self.model("tokens=3"), stream=False)
        answer = json.loads(body)
        self.assertEqual(status_of(head), 200)
        self.assertEqual(fields_of(head)["content-type"], "application/json")
        self.assertEqual(int(fields_of(head)["content-length"]), len(body))
        self.assertEqual(answer["object"], "chat.completion")
        self.assertEqual(answer["model"], self.model("tokens=3"))
        self.assertEqual(answer["choices"][0]["message"],
                         {"role": "assistant", "content": "t0 t1 t2 "})
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertEqual(answer["usage"]["completion_tokens"], 3)

    def test_other_endpoints(self):
        for path, kind in (("/v1/completions", "text_completion"), ("/v1/embeddings", "list")):
            client, head, body = ask(self.model(), stream=False, path=path)
            self.assertEqual((status_of(head), json.loads(body)["object"]), (200, kind))
        self.assertEqual(status_of(ask(self.model(), path="/chat/completions")[1]), 200)
        client = Client()
        client.send(b"GET /v1/models HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n")
        head, body = client.read_all()
        ids = [m["id"] for m in json.loads(body)["data"]]
        self.assertIn(self.model(), ids)

    def test_completions_are_streamed_too(self):
        model = self.model("tokens=2,n=2")
        body, is_complete, client = stream(model, path="/v1/completions",
                                           stream_options={"include_usage": True})
        events = data_of(body)
        self.assertTrue(is_complete)
        self.assertEqual({e["object"] for e in events[:-1]}, {"text_completion"})
        texts = [(c["index"], c["text"], c["finish_reason"]) for e in events[:-1]
                 for c in e["choices"]]
        self.assertEqual(texts, [(0, "t0 ", None), (1, "t0 ", None), (0, "t1 ", None),
                                 (1, "t1 ", None), (0, "", "stop"), (1, "", "stop")])
        self.assertEqual(events[-2]["usage"]["completion_tokens"], 4)
        whole = json.loads(ask(model, False, path="/v1/completions")[2])
        self.assertEqual([c["text"] for c in whole["choices"]], ["t0 t1 "] * 2)
        head = ask(model, path="/v1/embeddings")[1]
        self.assertEqual(fields_of(head)["content-type"], "application/json")

    def test_content_faults(self):
        texts = contents(data_of(stream(self.model("tokens=3,text=a%2C\"b"))[0]))
        self.assertEqual(texts, ['a,"b'] * 3)
        sized = contents(data_of(stream(self.model("tokens=3,size=100"))[0]))
        self.assertEqual(sized, [t + "x" * 97 for t in tokens(3)])
        cut = contents(data_of(stream(self.model("tokens=3,size=2"))[0]))
        self.assertEqual(cut, ["t0", "t1", "t2"])
        whole = json.loads(ask(self.model("tokens=3,size=100"), stream=False)[2])
        self.assertEqual(whole["choices"][0]["message"]["content"], "".join(sized))

    def test_big(self):
        size = 3000000
        texts = contents(data_of(stream(self.model("tokens=5,big=%d" % size))[0]))
        self.assertEqual([len(t) for t in texts], [3, 3, size, 3, 3])

    def test_choices(self):
        events = data_of(stream(self.model("n=3,tokens=4"))[0])
        for choice in range(3):
            self.assertEqual(contents(events, choice), tokens(4))
        order = [c["index"] for e in events[:-1] for c in e["choices"] if c["delta"].get("content")]
        self.assertEqual(order, [0, 1, 2] * 4)
        self.assertEqual(finishes(events), ["stop"] * 3)
        whole = json.loads(ask(self.model("n=3,tokens=4"), stream=False)[2])
        self.assertEqual([c["message"]["content"] for c in whole["choices"]], ["t0 t1 t2 t3 "] * 3)

    def test_reasoning_and_refusal(self):
        events = data_of(stream(self.model("reasoning,tokens=4"))[0])
        self.assertEqual(contents(events, member="reasoning_content"), ["t0 ", "t1 "])
        self.assertEqual(contents(events), ["t2 ", "t3 "])
        message = json.loads(ask(self.model("reasoning,tokens=4"), False)[2])["choices"][0]["message"]
        self.assertEqual((message["reasoning_content"], message["content"]), ("t0 t1 ", "t2 t3 "))
        events = data_of(stream(self.model("refusal,tokens=2"))[0])
        self.assertEqual(contents(events, member="refusal"), tokens(2))
        self.assertEqual(contents(events), [])

    def test_tool(self):
        for faults, text in (("tool,tokens=3", "t0 t1 t2 "), ("tool,tokens=2,text=\"", '""')):
            events = data_of(stream(self.model(faults))[0])
            calls = [d["tool_calls"][0] for d in deltas(events) if "tool_calls" in d]
            self.assertEqual(calls[0]["function"]["name"], "sim_tool")
            arguments = "".join(c["function"]["arguments"] for c in calls)
            self.assertEqual(json.loads(arguments), {"text": text})
            self.assertEqual(finishes(events), ["tool_calls"])
            whole = json.loads(ask(self.model(faults), False)[2])["choices"][0]
            call = whole["message"]["tool_calls"][0]["function"]
            self.assertEqual(json.loads(call["arguments"]), {"text": text})
