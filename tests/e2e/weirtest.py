# SPDX-License-Identifier: MIT
"""What a case of tests/e2e is given: `t`, with helpers to start weir-sim, weir-trackerd and weir in a
directory, on ports and under a table name of the case's own, to talk to them, and, at the end, to
hold them to what every case demands: still alive, exit 0 on SIGTERM, no sanitizer report, no
secret and no prompt in a log, no process, shared memory object or socket left.

A case is a function `test_NAME(t)` in a test_*.py file:

    @case()
    def test_good_answer(t):
        t.start()
        assert t.stream().is_done
"""

import json
import os
import re
import stat
import subprocess
import sys
import urllib.parse

import daemons
import rawhttp
import rawprovider
from daemons import SLOW, Daemon, wait_until

KEY = "client-key-5f2c9a7e"
PROVIDER_SECRET = "provider-secret-"  # + the provider's id
PROMPT_MARK = "prompt-mark-81c6"
SECRETS = (KEY, PROVIDER_SECRET, PROMPT_MARK)
MESSAGES = [{"role": "user", "content": f"Say something. {PROMPT_MARK}"}]

CASES = []


def case(limit=60, alone=False, plain=False, params=None):
    """Registers a case. limit: seconds it may take (stretched under sanitizers); alone: not beside
    others (it measures); plain: only with a build without sanitizers; params: run once for each
    (name, value), value given as a second argument."""
    def register(function):
        name = function.__name__.removeprefix("test_")
        module = function.__module__.removeprefix("test_")
        for word, value in params or [(None, None)]:
            full = f"{module}.{name}" + (f"[{word}]" if word is not None else "")
            CASES.append(
                {"name": full, "function": function, "limit": limit, "alone": alone,
                 "plain": plain, "args": () if word is None else (value,)}
            )
        return function
    return register


class Skipped(Exception):
    """What the case needs is not on this machine; the message says what."""


def eq(got, expected, what="value"):
    assert got == expected, f"{what}: got {got!r}, expected {expected!r}"


def between(got, low, high, what="value"):
    assert low <= got <= high, f"{what}: got {got!r}, expected {low!r}..{high!r}"


class Sim:
    """A running weir-sim and its control endpoint."""

    def __init__(self, daemon, port):
        self.daemon, self.port = daemon, port

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def _call(self, method, path, document=None, timeout=60.0):
        conn = rawhttp.Connection(("127.0.0.1", self.port), timeout)
        body = None if document is None else json.dumps(document).encode()
        try:
            conn.request(method, path, {"Connection": "close"}, body)
            answer = conn.response(method)
            return answer.status, answer.read()
        finally:
            conn.close()

    def script(self, model, script, repeat="last"):
        path = "/control/models/" + urllib.parse.quote(model, safe="")
        status, body = self._call("PUT", path, {"script": list(script), "repeat": repeat})
        assert status in (200, 201, 204), f"weir-sim refused the script: {status} {body!r}"

    def stats(self):
        status, body = self._call("GET", "/control/stats")
        eq(status, 200, "status of /control/stats")
        return json.loads(body)

    def model_stats(self, model):
        return self.stats()["models"].get(
            model, {"requests": 0, "active": 0, "completed": 0, "aborted": 0}
        )

    def requests(self, model=None):
        found = json.loads(self._call("GET", "/control/requests")[1])
        return [r for r in found if model is None or r["model"] == model]

    def wait(self, within=10.0, **conditions):
        """Waits for model=, requests=, active=, aborted= as /control/wait has them."""
        timeout_ms = int(within * SLOW * 1000)
        query = urllib.parse.urlencode({**conditions, "timeout": timeout_ms})
        status, body = self._call("GET", f"/control/wait?{query}", timeout=within * SLOW + 10)
        assert status == 200, f"weir-sim: {conditions} not within {timeout_ms} ms: {body!r}"
        return json.loads(body)


class Case:
    def __init__(self, name, directory, test_id, shm):
        self.name, self.dir, self.id, self.shm = name, directory, test_id, shm
        self.conf_path = os.path.join(directory, "weir.yaml")
        self.socket_path = os.path.join(directory, "tracker.sock")
        self.ports = daemons.Ports()
        self.port = None
        self.daemons, self.connections, self.helpers = [], [], []
        self.sim = self.trackerd = self.weir = None
        self.sims = 0
        self.provider_more = {}  # settings of all providers
        self.provider_host = None  # a name for the 127.0.0.1 of their addresses
        self.may_leave_sockets = False

    # ---- processes ---------------------------------------------------------------------------

    def environment(self, extra=None):
        # Sanitizers report to standard error, which is the log, and beside it for a daemon that has
        # gone to the background.
        options = f"log_path={self.dir}/sanitizer:detect_leaks=1:handle_abort=1"
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "WEIR_TEST_ID": self.id,
            "ASAN_OPTIONS": options,
            "UBSAN_OPTIONS": f"log_path={self.dir}/sanitizer:print_stacktrace=1",
            "LC_ALL": "C.UTF-8",
            **(extra or {}),
        }

    def start_sim(self, key=None, name=None):
        name = name or ("weir-sim" if self.sims == 0 else f"weir-sim-{self.sims + 1}")
        self.sims += 1
        argv = [daemons.program("weir-sim"), "-p", "0"] + (["-k", key] if key else [])
        daemon = self.spawn(name, argv)
        line = daemon.wait_log(r"weir-sim: listening on \S+:(\d+)")
        sim = Sim(daemon, int(line[0]))
        self.sim = self.sim or sim
        return sim

    def raw_provider(self, **kw):
        """A provider whose bytes the case writes itself; see RawProvider."""
        provider = rawprovider.RawProvider(self.ports.take(), **kw)
        self.helpers.append(provider)
        return provider

    def spawn(self, name, argv, **kw):
        daemon = Daemon(self, name, argv, **kw)
        self.daemons.append(daemon)
        return daemon

    def start_trackerd(self, wait=True):
        self.trackerd = self.spawn(
            "weir-trackerd", [daemons.program("weir-trackerd"), "-f", "-c", self.conf_path]
        )
        if wait:
            wait_until(
                lambda: os.path.exists(self.socket_path) or not self.trackerd.is_alive(),
                what="weir-trackerd's socket",
            )
            assert self.trackerd.is_alive(), f"weir-trackerd is dead: {self.trackerd.log()[-2000:]}"
        return self.trackerd

    def start_weir(self, wait=True):
        self.weir = self.spawn("weir", [daemons.program("weir"), "-f", "-c", self.conf_path])
        if wait:
            self.wait_ready()
        return self.weir

    def wait_ready(self):
        """Until weir serves, and, where a tracker runs, all of it has attached to the tracker."""
        has_tracker = self.trackerd is not None and self.trackerd.is_alive()

        def is_ready():
            assert self.weir.is_alive(), f"weir is dead: {self.weir.log()[-2000:]}"
            try:
                health = self.get("/health").json()
            except OSError:
                return False
            return not has_tracker or health["tracker"] == "up"
        wait_until(is_ready, 15, "weir ready")
        if has_tracker:
            self.wait_tracker_everywhere()

    def wait_tracker_everywhere(self, up=True):
        """/health is answered by any worker: asks on new connections until many in a row agree."""
        word = "up" if up else "down"
        agreed = 0

        def all_agree():
            nonlocal agreed
            agreed = agreed + 1 if self.get("/health").json()["tracker"] == word else 0
            return agreed >= 4 * self.workers
        wait_until(all_agree, 15, f"every worker says the tracker is {word}", every=0.001)

    # ---- configuration -------------------------------------------------------------------------

    def provider(self, name, base_url, **more):
        if self.provider_host is not None:
            base_url = base_url.replace("//127.0.0.1:", f"//{self.provider_host}:")
        return {
            "id": name, "name": name.capitalize(), "type": "generic-openai",
            "apiKey": PROVIDER_SECRET + name, "baseUrl": base_url, **self.provider_more, **more,
        }

    def configure(self, providers, chains, server=None, tracker=None, **settings):
        """Sets self.conf; chains: {name: ["provider/model", ...]}, the first is the default."""
        self.port = self.port or self.ports.take()
        self.conf = {
            "version": 1,
            "settings": {
                "port": self.port, "apiKeys": [KEY], "defaultChain": next(iter(chains)),
                "logLevel": "debug", **settings,
            },
            "providers": providers,
            "chains": [
                {"name": name, "entries": [dict(zip(("provider", "model"), e.split("/", 1)))
                                           for e in entries]}
                for name, entries in chains.items()
            ],
            "server": {"workers": 2, "drainTimeoutMs": 5000, **(server or {})},
            "tracker": {
                "socket": self.socket_path, "shm": self.shm,
                "stateFile": os.path.join(self.dir, "tracker.state"), **(tracker or {}),
            },
        }
        self.write_conf()

    def write_conf(self, conf=None):
        """YAML is a superset of JSON, so JSON it is."""
        self.conf = conf or self.conf
        with open(self.conf_path, "w") as f:
            json.dump(self.conf, f, indent=2)
        os.chmod(self.conf_path, 0o600)

    @property
    def workers(self):
        return self.conf["server"]["workers"]

    def start(self, chains=None, base_urls=None, server=None, tracker=None, providers=None,
              **settings):
        """The usual set: one weir-sim behind the providers alpha and beta, trackerd, weir. The
        default chain is alpha/one, beta/two."""
        chains = chains or {"default": ["alpha/one", "beta/two"]}
        if base_urls is None:
            base_urls = {}
        ids = list(dict.fromkeys(e.split("/")[0] for es in chains.values() for e in es))
        if self.sim is None and any(i not in base_urls for i in ids):
            self.start_sim()
        made = [
            self.provider(i, base_urls.get(i) or self.sim.base_url, **(providers or {}).get(i, {}))
            for i in ids
        ]
        self.configure(made, chains, server, tracker, **settings)
        self.start_trackerd()
        self.start_weir()
        return self

    # ---- talking to weir -----------------------------------------------------------------------

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def connect(self, timeout=20.0, **kw):
        conn = rawhttp.Connection(self.address, timeout * SLOW, **kw)
        self.connections.append(conn)
        return conn

    def get(self, path, key=KEY, conn=None, headers=None, method="GET"):
        """One request on a connection of its own, unless one is given."""
        own = conn is None
        conn = conn or rawhttp.Connection(self.address, 20.0 * SLOW)
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if own:
            headers["Connection"] = "close"
        try:
            conn.request(method, path, headers)
            answer = conn.response(method)
            answer.body = answer.read()
            answer.json = lambda: json.loads(answer.body)
            return answer
        finally:
            if own:
                conn.close()

    def body(self, stream=True, model="default", **more):
        return json.dumps({"model": model, "stream": stream, "messages": MESSAGES, **more}).encode()

    def send(self, body, conn=None, key=KEY, headers=None, path="/v1/chat/completions", timeout=20.0):
        """Sends a chat request and reads nothing; returns the connection."""
        conn = conn or self.connect(timeout)
        all_headers = {"Content-Type": "application/json"}
        if key:
            all_headers["Authorization"] = f"Bearer {key}"
        conn.request("POST", path, {**all_headers, **(headers or {})}, body)
        return conn

    def post(self, body, *args, **kw):
        """The same; returns the Response, its head read."""
        return self.send(body, *args, **kw).response("POST")

    def send_chat(self, stream=True, model="default", conn=None, timeout=20.0, **more):
        return self.send(self.body(stream, model, **more), conn, timeout=timeout)

    def chat(self, stream=True, model="default", conn=None, timeout=20.0, **more):
        """Starts a chat; returns the Response, its head read."""
        return self.send_chat(stream, model, conn, timeout, **more).response("POST")

    def stream(self, model="default", conn=None, timeout=20.0, **more):
        """A chat stream read to its end. Status 200 is demanded."""
        response = self.chat(True, model, conn, timeout, **more)
        assert response.status == 200, f"status {response.status}: {response.read()!r}"
        eq(response.headers["content-type"].split(";")[0], "text/event-stream", "content type")
        result = rawhttp.Stream(response)
        if conn is None:
            response.conn.close()
        return result

    def answer(self, model="default", **more):
        """A chat without streaming; status 200 is demanded. Returns the Response with .document."""
        response = self.chat(False, model, **more)
        body = response.read()
        assert response.status == 200, f"status {response.status}: {body!r}"
        response.document = json.loads(body)
        response.conn.close()
        return response

    def error_of(self, response, status, code):
        """Demands an error answer of the contract's shape; returns its error object."""
        body = response.read()
        eq(response.status, status, f"status (body {body[:300]!r})")
        eq(response.headers["content-type"].split(";")[0], "application/json", "content type")
        error = json.loads(body)["error"]
        eq(sorted(error), ["code", "message", "param", "type"], "members of error")
        eq(error["code"], code, "code")
        eq(error["param"], None, "param")
        assert isinstance(error["message"], str) and error["message"], "an empty message"
        assert isinstance(error["type"], str) and error["type"], "an empty type"
        return error

    # ---- the tracker's table -------------------------------------------------------------------

    def ctl(self, *args, within=20.0):
        """Runs weirctl; returns (exit code, standard output, standard error)."""
        argv = [daemons.program("weirctl"), "-c", self.conf_path, *args]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=within * SLOW, env=self.environment(), cwd=self.dir,
        )
        for text in (done.stdout, done.stderr):
            self.check_no_secret(text, "weirctl " + " ".join(args))
        return done.returncode, done.stdout, done.stderr

    def status(self):
        """weirctl --json status, exit 0 demanded."""
        code, out, err = self.ctl("--json", "status")
        eq(code, 0, f"exit code of weirctl status ({err!r})")
        return json.loads(out)

    def rows(self):
        """{"provider/model": row} as GET /v1/ratelimits has them."""
        answer = self.get("/v1/ratelimits")
        eq(answer.status, 200, "status of /v1/ratelimits")
        document = answer.json()
        rows = document if isinstance(document, list) else document["ratelimits"]
        return {f"{r['provider']}/{r['model']}": r for r in rows}

    def row(self, pair="alpha/one"):
        return self.rows()[pair]

    def wait_row(self, pair, within=5.0, **wanted):
        """Waits until the pair's row has these members; returns the row."""
        seen = {}

        def matches():
            seen["row"] = self.row(pair)
            return all(seen["row"][k] == v for k, v in wanted.items())
        try:
            wait_until(matches, within, f"{pair}: {wanted}")
        except AssertionError as e:
            raise AssertionError(f"{e}; the row is {seen.get('row')}") from None
        return seen["row"]

    def fail_midstream(self, times, model="default"):
        """That many streams that are expected to break after content."""
        for _ in range(times):
            s = self.stream(model)
            assert s.text, "no content before the failure"
            eq(s.error["code"], "stream_error", "code")

    # ---- the end -------------------------------------------------------------------------------

    def check_no_secret(self, text, where):
        for secret in SECRETS:
            assert secret not in text, f"{secret!r} in {where}"

    def finish(self):
        """What every case demands of its daemons. Raises on the first fault."""
        self.close_connections()
        order = [d for d in self.daemons if d.name.startswith("weir") and d is not self.trackerd
                 and not d.name.startswith("weir-sim")]
        order += [d for d in self.daemons if d not in order]
        for daemon in order:
            if daemon.is_expected_dead or daemon.was_stopped:
                continue
            assert daemon.is_alive(), f"{daemon.name} died with {daemon.process.returncode}"
            daemon.stop()
        self._check_logs()
        self._check_leftovers()

    def close_connections(self):
        for conn in self.connections:
            conn.close()
        for helper in self.helpers:
            helper.close()

    def _check_logs(self):
        for entry in sorted(os.listdir(self.dir)):
            path = os.path.join(self.dir, entry)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with open(path, "rb") as f:
                data = f.read()
            # LeakSanitizer's own tracer met a process that was killed while it looked: says nothing of ours.
            is_torn = re.fullmatch(rb"==\d+==Unable to get registers from thread \d+\.\n", data) is not None
            assert is_torn or not entry.startswith("sanitizer"), f"{entry}: {data[:4000].decode()}"
            found = daemons.SANITIZER_WORDS.search(data)
            assert not found, f"{entry}: {data[found.start():][:4000].decode('utf-8', 'replace')}"
            if entry.endswith(".log") and not entry.startswith("weir-sim"):
                self.check_no_secret(data.decode("utf-8", "replace"), entry)
                # the lines of these have members of their own
                if entry != "access.log" and not entry.startswith("weirctl"):
                    self._check_json_lines(entry, data)

    def _check_json_lines(self, entry, data):
        for line in data.decode("utf-8").splitlines():
            if line.startswith("{"):
                record = json.loads(line)
                missing = {"time", "level", "msg"} - set(record)
                assert not missing, f"{entry}: a line without {missing}: {line[:200]}"

    def _check_leftovers(self):
        wait_until(lambda: not daemons.processes_of(self.id), 2,
                   f"no process left, but {[daemons.command_of(p) for p in daemons.processes_of(self.id)]}")
        # The table and its lock outlive the tracker: that is how a restarted one finds its cooldowns,
        # and how weirctl shows them meanwhile. Nothing else may be there; a kill may leave more.
        stays = {self.shm[1:], self.shm[1:] + ".lock"}
        left = set(daemons.shared_memory(self.shm)) - stays
        assert not left or self.was_killed(), f"left in shared memory: {left}"
        if not self.may_leave_sockets and not self.was_killed():
            sockets = [e for e in os.listdir(self.dir)
                       if stat.S_ISSOCK(os.lstat(os.path.join(self.dir, e)).st_mode)]
            assert not sockets, f"left sockets: {sockets}"

    def was_killed(self):
        return any(d.is_expected_dead for d in self.daemons)


def log_records(text, **wanted):
    """The JSON log lines with these members."""
    whole = text[:text.rfind("\n") + 1]  # the last line may be on its way
    records = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return [r for r in records if all(r.get(k) == v for k, v in wanted.items())]


def messages_matching(text, pattern):
    return [r for r in log_records(text) if re.search(pattern, r["msg"])]


if __name__ == "__main__":
    sys.exit("weirtest.py is a library: run tests/e2e/run")
