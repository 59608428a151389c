# SPDX-License-Identifier: MIT
"""Providers behind TLS and on other addresses: whose certificate is taken, what is spoken, and what
a provider that does not shake hands costs others."""

import concurrent.futures
import os
import shutil
import socket
import time

import certs
import rawprovider
from daemons import SLOW, wait_until
from rawprovider import chunk, delta, event
from weirtest import case, eq

ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"hi"}}]}'
EXPLAIN = {"X-Weir-Explain": "1"}


def _start(t, p, provider=None, **settings):
    t.start_sim()
    t.start(base_urls={"alpha": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": provider or {}}, **settings)


def _send(t, stream=True):
    return t.send(t.body(stream), headers=EXPLAIN)


def _moved_on_for(conn, word):
    """The answer came from beta/two, and the trail says why not from alpha/one."""
    response = conn.response()
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    response.read()
    trail = response.headers["x-weir-trail"]
    assert trail.startswith(f"alpha/one={word}"), f"the trail is {trail!r}, not {word}"


def _answer_on(exchange):
    """An answer that leaves the connection open."""
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                  % len(ANSWER) + ANSWER)


# ---- certificates --------------------------------------------------------------------------------


@case()
def test_a_provider_with_a_private_authority(t):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path})
    conn = _send(t)
    exchange = p.accept()
    eq(p.accepted[0].sock.selected_alpn_protocol(), "http/1.1", "protocol")
    exchange.start_stream()
    exchange.send_event(delta("secret "))
    exchange.send_event(delta("word"))
    exchange.end_stream()
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    body = response.read()
    assert b"secret " in body and b"[DONE]" in body, body


@case()
def test_a_connection_is_used_again(t):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path}, server={"workers": 1})
    conn = _send(t, stream=False)
    exchange = p.accept()
    _answer_on(exchange)
    eq(conn.response().read(), ANSWER, "first answer")
    conn = _send(t, stream=False)
    _answer_on(p.next_on(exchange.conn))
    eq(conn.response().read(), ANSWER, "second answer")


@case()
def test_an_idle_connection_that_ends_is_not_used(t):
    """Neither after a word of TLS nor without one does the next request meet the dead one."""
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path}, server={"workers": 1})
    for end in ("close", "reset"):
        conn = _send(t, stream=False)
        exchange = p.accept()
        _answer_on(exchange)
        eq(conn.response().read(), ANSWER, f"answer before the {end}")
        getattr(exchange, end)()
    conn = _send(t, stream=False)
    _answer_on(p.accept())
    response = conn.response()
    eq(response.read(), ANSWER, "last answer")
    eq(response.headers["x-weir-trail"].count("alpha/one="), 1, "attempts")


@case()
def test_a_providers_own_certificate_may_be_trusted(t):
    """caFile need not be an authority's."""
    certificate, key = certs.Authority(t.dir).issue("own")
    p = t.raw_provider(tls=certs.server_context(certificate, key))
    _start(t, p, {"caFile": certificate})
    conn = _send(t, stream=False)
    _answer_on(p.accept())
    eq(conn.response().read(), ANSWER, "answer")


def _self_signed(t):
    authority = certs.Authority(t.dir)
    return certs.server_context(authority.path, authority.path.replace(".pem", ".key")), {}


def _unknown_authority(t):
    return certs.Authority(t.dir).server(), {}


def _another_authority(t):
    return certs.Authority(t.dir).server(), {"caFile": certs.Authority(t.dir, "other").path}


def _wrong_host(t):
    authority = certs.Authority(t.dir)
    return authority.server(hosts="IP:127.0.0.2,DNS:example.org"), {"caFile": authority.path}


def _expired(t):
    authority = certs.Authority(t.dir)
    return authority.server(days=-1), {"caFile": authority.path}


def _no_ca_file(t):
    return certs.Authority(t.dir).server(), {"caFile": os.path.join(t.dir, "no-such.pem")}


def _empty_ca_file(t):
    path = os.path.join(t.dir, "empty.pem")
    with open(path, "w") as f:
        f.write("no certificate at all\n")
    return certs.Authority(t.dir).server(), {"caFile": path}


REFUSED = {f.__name__[1:].replace("_", "-"): f for f in (
    _self_signed, _unknown_authority, _another_authority, _wrong_host, _expired, _no_ca_file,
    _empty_ca_file)}


@case(params=REFUSED.items())
def test_a_certificate_that_must_be_refused(t, make):
    """tls_error, the next entry, no byte of the request; it counts as a failure before the stream."""
    tls, provider = make(t)
    p = t.raw_provider(tls=tls)
    _start(t, p, provider, preStreamFailureThreshold=2, midStreamCooldownMs=20000)
    for stream in (True, False):
        conn = _send(t, stream)
        p.refuse_handshake()
        _moved_on_for(conn, "tls_error")
    t.wait_row("alpha/one", status="exhausted", midStreamFailures=0)


@case()
def test_trust_in_one_provider_is_no_trust_in_another(t):
    """Same address, different caFile: what is trusted for alpha's sake serves nobody else, neither by
    its open connection nor by its TLS session."""
    authority = certs.Authority(t.dir)
    other = certs.Authority(t.dir, "other")
    p = t.raw_provider(tls=authority.server())
    t.start_sim()
    t.start(chains={"default": ["alpha/one"], "second": ["gamma/three", "beta/two"]},
            base_urls={"alpha": p.base_url, "gamma": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": {"caFile": authority.path}, "gamma": {"caFile": other.path}},
            server={"workers": 1})
    conn = _send(t, stream=False)
    _answer_on(p.accept())
    eq(conn.response().read(), ANSWER, "answer")
    conn = t.send(t.body(model="second"))
    p.refuse_handshake()
    response = conn.response()
    eq(response.headers["x-weir-provider"], "beta/two", "provider")
    response.read()
    conn = _send(t, stream=False)
    _answer_on(p.next_on(p.accepted[0]))
    eq(conn.response().read(), ANSWER, "answer on the first connection")


# ---- ends ----------------------------------------------------------------------------------------


@case()
def test_a_stream_cut_without_a_word_of_tls_is_no_clean_end(t):
    """No chunks, no close_notify: nothing but the missing finish_reason can tell."""
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path})
    conn = _send(t)
    exchange = p.accept()
    exchange.send(rawprovider.CLOSE_HEAD)
    exchange.send(event(delta("half an ans")))
    os.close(exchange.conn.sock.detach())
    body = conn.response().read()
    assert b'"error"' in body and b"[DONE]" not in body, body
    t.wait_row("alpha/one", midStreamFailures=1)


@case()
def test_a_reset_in_a_tls_stream(t):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path})
    conn = _send(t)
    exchange = p.accept()
    exchange.start_stream()
    exchange.send_event(delta("half an ans"))
    exchange.reset()
    body = conn.response().read()
    assert b'"code":"stream_error"' in body and b"[DONE]" not in body, body


@case()
def test_a_redirect_behind_tls_is_not_followed(t):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    _start(t, p, {"caFile": authority.path})
    conn = _send(t)
    p.accept().answer(308, b"", headers=[("Location", p.base_url + "/chat/completions")])
    _moved_on_for(conn, "bad_answer")
    assert p.is_idle(0.3), "the redirect was followed"


# ---- addresses -----------------------------------------------------------------------------------


def _has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


@case(params=[("http", False), ("https", True)])
def test_a_provider_on_ipv6(t, is_tls):
    if not _has_ipv6():
        return
    authority = certs.Authority(t.dir)
    p = t.raw_provider(host="::1", tls=authority.server() if is_tls else None)
    _start(t, p, {"caFile": authority.path})
    conn = _send(t)
    exchange = p.accept()
    eq(exchange.headers["host"], f"[::1]:{p.port}", "Host")
    exchange.start_stream()
    exchange.send_event(delta("hi"))
    exchange.end_stream()
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    response.read()


@case(params=[("http", False), ("https", True)])
def test_an_address_with_a_path(t, is_tls):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if is_tls else None)
    t.start_sim()
    t.start(base_urls={"alpha": p.base_url.replace("/v1", "/some/path%20x/v7/"),
                       "beta": t.sim.base_url}, providers={"alpha": {"caFile": authority.path}})
    conn = _send(t, stream=False)
    exchange = p.accept()
    eq((exchange.method, exchange.path), ("POST", "/some/path%20x/v7/chat/completions"), "request")
    _answer_on(exchange)
    eq(conn.response().read(), ANSWER, "answer")


@case(params=[("http", False), ("https", True)])
def test_a_provider_by_its_name(t, is_tls):
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if is_tls else None)
    t.start_sim()
    t.start(base_urls={"alpha": p.base_url.replace("127.0.0.1", "localhost"),
                       "beta": t.sim.base_url}, providers={"alpha": {"caFile": authority.path}})
    conn = _send(t, stream=False)
    exchange = p.accept()
    eq(exchange.headers["host"], f"localhost:{p.port}", "Host")
    _answer_on(exchange)
    eq(conn.response().read(), ANSWER, "answer")


# ---- HTTP/2 --------------------------------------------------------------------------------------

NGINX_CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Spoken $server_protocol;
            proxy_buffering off;
            proxy_read_timeout 60s;
        }}
    }}
}}
"""


def _nginx(t, authority):
    """nginx before weir-sim, speaking HTTP/2 and HTTP/1.1 over TLS; its base URL, or None."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    certificate, key = authority.issue("front")
    port = t.ports.take()
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w") as f:
        f.write(NGINX_CONF.format(port=port, certificate=certificate, key=key, upstream=t.sim.port))
    os.chmod(t.dir, 0o755)  # its worker is somebody else
    t.spawn("weir-sim-nginx", [program, "-p", t.dir, "-c", conf, "-e", "stderr"])

    def is_listening():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_until(is_listening, what="nginx")
    return f"https://127.0.0.1:{port}/v1"


@case(params=[("http2", True), ("http1", False)])
def test_http2_is_spoken_when_asked(t, http2):
    t.start_sim()
    authority = certs.Authority(t.dir)
    front = _nginx(t, authority)
    if front is None:
        return
    t.start(base_urls={"alpha": front, "beta": t.sim.base_url}, server={"workers": 1},
            providers={"alpha": {"caFile": authority.path, "http2": http2}})
    s = t.stream()
    eq(s.headers["x-weir-provider"], "alpha/one", "provider")
    assert s.is_done and s.text.startswith("t0 t1 "), s.text
    eq(t.answer().document["choices"][0]["message"]["content"][:6], "t0 t1 ", "answer")
    spoken = {r["headers"]["x-spoken"] for r in t.sim.requests("one")}
    eq(spoken, {"HTTP/2.0" if http2 else "HTTP/1.1"}, "what was spoken")


@case()
def test_many_streams_and_failures_over_http2(t):
    """One connection carries them; a cut one hurts no other, a client that leaves aborts its own."""
    t.start_sim()
    authority = certs.Authority(t.dir)
    front = _nginx(t, authority)
    if front is None:
        return
    t.start(base_urls={"alpha": front, "beta": t.sim.base_url}, server={"workers": 1},
            providers={"alpha": {"caFile": authority.path, "http2": True}})
    t.sim.script("one", ["tokens=40,delay=20"] * 10 + ["cut=2"] + ["stall=1"])
    conns = [t.send(t.body()) for _ in range(10)]
    t.sim.wait(model="one", active=10)
    broken = t.stream()
    assert broken.error is not None and not broken.is_done, "the cut stream looks whole"
    leaver = t.send(t.body())
    assert leaver.response().status == 200
    leaver.close()
    for conn in conns:
        body = conn.response().read()
        assert b"t39 " in body and b"[DONE]" in body, body[-300:]
    t.sim.wait(model="one", aborted=1)
    t.wait_row("alpha/one", midStreamFailures=0, successes=10)


@case()
def test_http2_of_a_provider_that_has_none(t):
    """It offers HTTP/1.1 alone, or lets us choose: HTTP/1.1 it is."""
    authority = certs.Authority(t.dir)
    tls = authority.server()
    tls.set_alpn_protocols(["http/1.1"])
    p = t.raw_provider(tls=tls)
    _start(t, p, {"caFile": authority.path, "http2": True})
    conn = _send(t, stream=False)
    _answer_on(p.accept())
    eq(conn.response().read(), ANSWER, "answer")


# ---- one that hangs, hangs alone -----------------------------------------------------------------


def _other_requests_are_quick(t, n=20):
    """Answers of beta/two by a chain of its own, while something hangs in the same worker."""
    worst = 0.0
    for _ in range(n):
        started = time.monotonic()
        eq(t.stream(model="quick").headers["x-weir-provider"], "beta/two", "provider")
        worst = max(worst, time.monotonic() - started)
    assert worst < 0.5 * SLOW, f"another request took {worst:.3f} s"


def _send_from_a_thread(t, body):
    """A future of the connection: a big body may not be taken as long as nobody reads it."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(t.send, body, timeout=60.0)
    pool.shutdown(wait=False)
    return future


QUICK = {"default": ["alpha/one", "beta/two"], "quick": ["beta/two"]}


@case()
def test_a_handshake_that_never_comes(t):
    p = t.raw_provider()
    t.start_sim()
    t.start(chains=QUICK, base_urls={"alpha": p.base_url.replace("http:", "https:"),
                                     "beta": t.sim.base_url},
            server={"workers": 1}, requestTimeoutMs=2000)
    conns = [_send(t) for _ in range(5)]
    silent = [p.accept_silently() for _ in conns]
    _other_requests_are_quick(t)
    for conn in conns:
        _moved_on_for(conn, "header_timeout")
    for conn in silent:
        conn.read_to_end()  # what is left of the client's hello; then weir is gone


@case()
def test_a_big_body_to_a_provider_that_reads_late(t):
    """More than the sockets hold waits in weir, for nobody else, and arrives whole and in order."""
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server())
    t.start_sim()
    t.start(chains=QUICK, base_urls={"alpha": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": {"caFile": authority.path}}, server={"workers": 1})
    text = "".join(f"{n:07d} " for n in range(2500000))
    conn = _send_from_a_thread(t, t.body(False, more=text))
    silent = p.accept_silently()
    _other_requests_are_quick(t)
    exchange = p.next_on(silent)
    assert text.encode() in exchange.body, f"{len(exchange.body)} bytes came, not as they were sent"
    _answer_on(exchange)
    eq(conn.result().response().read(), ANSWER, "answer")


class FullBacklog:
    """A listener that takes no more connections: a client that connects waits for an answer to its SYN."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(0)
        self.fillers = []
        while len(self.fillers) < 64 and self._fill():
            continue

    def _fill(self):
        s = socket.socket()
        s.settimeout(0.3)
        self.fillers.append(s)
        try:
            s.connect(("127.0.0.1", self.port))
            return True
        except (socket.timeout, TimeoutError):
            return False

    def close(self):
        for s in [self.listener, *self.fillers]:
            s.close()


@case(params=[("http", "http"), ("https", "https")])
def test_a_connect_that_hangs(t, scheme):
    hole = FullBacklog(t.ports.take())
    t.helpers.append(hole)
    t.start_sim()
    t.start(chains=QUICK, base_urls={"alpha": f"{scheme}://127.0.0.1:{hole.port}/v1",
                                     "beta": t.sim.base_url},
            server={"workers": 1}, requestTimeoutMs=2000)
    conns = [_send(t) for _ in range(5)]
    _other_requests_are_quick(t)
    for conn in conns:
        _moved_on_for(conn, "header_timeout")
