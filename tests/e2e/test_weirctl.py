# SPDX-License-Identifier: MIT
"""The admin tool (CONTRACT 6)."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time

import daemons
from daemons import SLOW, wait_until
from lonetracker import start_alone
from weirtest import Skipped, between, case, eq


@case()
def test_status(t):
    t.start()
    code, out, err = t.ctl("status")
    eq((code, err), (0, ""), "exit code, standard error")
    for word in ("alpha", "one", "beta", "two", "available"):
        assert word in out, f"{word!r} is not in {out!r}"
    status = t.status()
    eq(sorted(status), ["ratelimits", "tracker"], "members")
    eq(sorted(status["tracker"]), ["pid", "running", "uptimeMs"], "members of tracker")
    eq((status["tracker"]["pid"], status["tracker"]["running"]), (t.trackerd.pid, True), "tracker")
    between(status["tracker"]["uptimeMs"], 0, 60000, "uptimeMs")


@case()
def test_json_before_and_after_the_command(t):
    t.start()
    for args in (("--json", "status"), ("status", "--json")):
        code, out, err = t.ctl(*args)
        eq(code, 0, f"exit code of {args} ({err!r})")
        assert json.loads(out)["ratelimits"]


@case()
def test_status_of_some(t):
    t.start({"default": ["alpha/one", "beta/two", "alpha/three/x"]})

    def pairs(*args):
        code, out, err = t.ctl("--json", "status", *args)
        eq(code, 0, f"exit code ({err!r})")
        return [f"{r['provider']}/{r['model']}" for r in json.loads(out)["ratelimits"]]
    eq(pairs("alpha"), ["alpha/one", "alpha/three/x"], "one provider")
    eq(pairs("alpha/three/x"), ["alpha/three/x"], "one pair")
    code, out, err = t.ctl("status", "nobody")
    eq(code, 1, "exit code with an unknown provider")
    assert "nobody" in err, err
    code, out, err = t.ctl("status", "alpha/none")
    eq(code, 1, "exit code with an unknown model")


@case()
def test_cooldown_and_clear(t):
    t.start()
    began = time.time()
    code, out, err = t.ctl("cooldown", "alpha", "one", "30", "planned", "work")
    eq(code, 0, f"exit code ({out!r}, {err!r})")
    row = t.row()
    eq(row["status"], "exhausted", "status")
    assert "planned work" in row["reason"], row["reason"]
    between(row["cooldownUntil"] / 1000, began + 29.5, began + 32 * SLOW, "cooldownUntil")
    between(row["cooldownRemainingMs"], 20000, 30000, "cooldownRemainingMs")
    eq(t.stream().headers["x-weir-provider"], "beta/two", "provider during the cooldown")
    code, out, err = t.ctl("status")
    assert "exhausted" in out and "planned work" in out, out
    eq(t.ctl("clear", "alpha", "one")[0], 0, "exit code of clear")
    eq(t.row()["cooldownUntil"], None, "cooldownUntil after clear")
    eq(t.stream().headers["x-weir-provider"], "alpha/one", "provider after clear")


@case()
def test_clear_resets_the_counter(t):
    t.start()
    t.sim.script("one", ["cut=1"])
    t.fail_midstream(2)
    t.wait_row("alpha/one", midStreamFailures=2)
    eq(t.ctl("clear", "alpha", "one")[0], 0, "exit code")
    eq(t.row()["midStreamFailures"], 0, "counter after clear")


@case()
def test_clear_all(t):
    t.start()
    for pair in (("alpha", "one"), ("beta", "two")):
        t.ctl("cooldown", *pair, "30")
    eq(t.ctl("clear", "--all")[0], 0, "exit code")
    for row in t.rows().values():
        eq(row["cooldownUntil"], None, f"cooldownUntil of {row['model']}")


@case()
def test_an_operators_cooldown_ends_by_the_clock(t):
    t.start()
    began = time.monotonic()
    t.ctl("cooldown", "alpha", "one", "1")
    wait_until(lambda: t.row()["cooldownUntil"] is None, 4, "the cooldown has ended")
    assert time.monotonic() - began >= 0.95


REFUSED = [
    (("cooldown", "nobody", "one", "5"), 1), (("cooldown", "alpha", "nothing", "5"), 1),
    (("clear", "nobody", "one"), 1), (("cooldown", "alpha", "one"), 64), (("cooldown",), 64),
    (("cooldown", "alpha", "one", "abc"), 64), (("cooldown", "alpha", "one", "-5"), 64),
    (("cooldown", "alpha", "one", "1e400"), 64), (("clear",), 64), (("clear", "alpha"), 64),
    (("status", "a", "b", "c"), 64), (("version", "x"), 64), (("reload", "x"), 64),
]


@case()
def test_refusals(t):
    t.start()
    for args, expected in REFUSED:
        code, out, err = t.ctl(*args)
        eq(code, expected, f"exit code of {args} ({out!r}, {err!r})")
        assert err and not out, f"{args}: {out!r} {err!r}"
    assert all(r["status"] == "available" for r in t.rows().values())
    eq(t.ctl("events", "x")[2], "usage: weirctl [-c FILE] [--json] events\n", "usage")


@case()
def test_without_a_tracker(t):
    """status works from the table alone and says that the tracker is down; changes are 69."""
    t.start()
    t.ctl("cooldown", "alpha", "one", "60", "before")
    t.trackerd.kill()
    code, out, err = t.ctl("--json", "status")
    eq(code, 0, f"exit code of status ({err!r})")
    status = json.loads(out)
    eq(status["tracker"]["running"], False, "running")
    eq(status["ratelimits"][0]["status"], "exhausted", "the row")
    code, out, err = t.ctl("status")
    eq(code, 0, "exit code of status for people")
    assert re.search(r"(?i)down|not running", out + err), f"it does not say so: {out!r} {err!r}"
    for args in (("cooldown", "alpha", "one", "5"), ("clear", "alpha", "one"), ("clear", "--all"),
                 ("reload",)):
        code, out, err = t.ctl(*args)
        eq(code, 69, f"exit code of {args}")
        assert err, "nothing on standard error"


@case()
def test_without_a_table(t):
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    code, out, err = t.ctl("status")
    eq(code, 69, f"exit code ({out!r})")
    assert err, "nothing on standard error"
    eq(t.ctl("--json", "status")[0], 69, "exit code with --json")


@case()
def test_version_and_check(t):
    t.start()
    code, out, err = t.ctl("version")
    eq(code, 0, f"exit code ({err!r})")
    assert re.search(r"\d+\.\d+\.\d+", out), out
    code, out, err = t.ctl("--json", "version")
    eq(code, 0, "exit code with --json")
    assert json.loads(out), out
    eq(t.ctl("check"), (0, f"configuration {t.conf_path} is valid\n", ""), "check")
    code, out, err = t.ctl("--json", "check")
    eq((code, json.loads(out)["status"], err), (0, "done", ""), "check with --json")
    # One checker: what weir -t says of a key that is set nowhere, and of the file of variables.
    key = t.conf["providers"][0]["apiKey"]
    t.conf["providers"][0]["apiKey"] = "${WEIR_E2E_UNSET}"
    t.write_conf()
    test = [daemons.program("weir"), "-t", "-c", t.conf_path]

    def weir_t():
        done = subprocess.run(test, capture_output=True, text=True, timeout=20 * SLOW, env=t.environment(),
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr
    eq(t.ctl("check"), weir_t(), "check and weir -t without the variable")
    eq(t.ctl("check")[0], 78, "exit code without the variable")
    eq(t.ctl("check", "--effective")[0], 0, "exit code of check --effective, which needs no key")
    variables = os.path.join(t.dir, "environment")
    with open(variables, "w") as f:
        f.write("WEIR_E2E_UNSET=sk-of-the-file\n")
    eq(t.ctl("check"), weir_t(), "check and weir -t with the file")
    eq(t.ctl("check")[0], 0, "exit code with the file")
    os.unlink(variables)
    t.conf["providers"][0]["apiKey"] = key
    t.conf["settings"]["prot"] = 1
    t.write_conf()
    code, out, err = t.ctl("check")
    eq((code, out), (78, ""), "check of a bad file")
    assert "nearest known key is settings.port" in err, err
    code, out, err = t.ctl("--json", "check")
    eq((code, json.loads(out)["status"]), (78, "refused"), "check of a bad file with --json")
    assert "nearest known key is settings.port" in json.loads(out)["message"], out


@case()
def test_reload(t):
    t.start()
    t.conf["chains"].append({"name": "added", "entries": [{"provider": "beta", "model": "three"}]})
    t.write_conf()
    code, out, err = t.ctl("reload")
    eq(code, 0, f"exit code ({out!r}, {err!r})")
    wait_until(lambda: t.ctl("clear", "beta", "three")[0] == 0, 5, "the tracker knows the new pair")
    with open(t.conf_path, "w") as f:
        f.write("settings: {port: no")
    argv = [daemons.program("weirctl"), "-c", t.conf_path, "reload"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20 * SLOW,
                          env=t.environment(), stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 78), f"exit code {done.returncode} with a bad file"
    assert t.trackerd.is_alive() and t.stream().is_done


@case()
def test_pairs_in_one_word_or_two(t):
    """Everywhere; and a question only where something is near."""
    t.start({"default": ["alpha/one", "beta/org/two"]})
    for args in (("cooldown", "beta/org/two", "60", "a", "reason"), ("status", "beta", "org/two"),
                 ("status", "beta/org/two"), ("clear", "beta/org/two"), ("cooldown", "beta", "org/two", "60"),
                 ("clear", "beta", "org/two"), ("probe", "alpha/one"), ("help",), ("help", "probe")):
        code, out, err = t.ctl(*args)
        eq((code, err), (0, ""), f"weirctl {args}")
    for args, code in ((("clear", "alpha"), 64), (("cooldown", "alpha/one"), 64), (("clear", "zzz/qqqqqq"), 1),
                       (("help", "zzzzzzzz"), 64), (("zzzzzzzz",), 64)):
        found, out, err = t.ctl(*args)
        eq(found, code, f"exit code of weirctl {args}")
        assert "did you mean" not in err, err
    assert "did you mean status?" in t.ctl("statsu")[2]


@case()
def test_a_closed_pipe(t):
    """weirctl status | head -0 is no crash."""
    t.start()
    for args in (["status"], ["--json", "status"]):
        process = subprocess.Popen([daemons.program("weirctl"), "-c", t.conf_path, *args],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, env=t.environment())
        process.stdout.close()
        _, err = process.communicate(timeout=20 * SLOW)
        assert process.returncode in (0, 1, 74, -13), f"{args}: {process.returncode} {err!r}"


@case()
def test_odd_names_do_not_break_columns_or_json(t):
    t.start({"default": ["alpha/" + "long-model-name-" * 7, "beta/m\u00fcnchen"]})
    t.ctl("cooldown", "beta", "m\u00fcnchen", "60", 'a "quoted" \u00fcber-reason')
    rows = t.status()["ratelimits"]
    eq(rows[1]["model"], "m\u00fcnchen", "model")
    assert 'a "quoted" \u00fcber-reason' in rows[1]["reason"], rows[1]["reason"]
    eq(t.ctl("status")[0], 0, "exit code")


# ---- on a terminal ---------------------------------------------------------------------------


class Terminal:
    """tmux, with a server of the case's own, showing one command."""

    def __init__(self, t, width, height, *args, env=None):
        if not shutil.which("tmux"):
            raise Skipped("there is no tmux")
        self.t, self.socket = t, os.path.join(t.dir, "tmux")
        command = [daemons.program("weirctl"), "-c", t.conf_path, *args]
        words = [f"{k}={v}" for k, v in (env or {}).items()] + command
        self.call("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "trap : INT; env " + " ".join(map(shlex.quote, words)) + "; echo ended $?; read -r x")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("kill-server")
        wait_until(lambda: not os.path.exists(self.socket) or not self.is_there(), what="tmux has gone")
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def is_there(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def call(self, *args):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True,
                              env={**self.t.environment(), "TERM": "xterm-256color", "SHELL": "/bin/sh"},
                              stdin=subprocess.DEVNULL, timeout=20 * SLOW)
        eq((done.returncode, done.stderr), (0, ""), f"tmux {args[0]}")
        return done.stdout

    def lines(self, *args):
        return self.call("capture-pane", "-p", *args).rstrip("\n").split("\n")

    def wait(self, pattern, *args):
        def find():
            lines = self.lines(*args)
            return lines if any(re.search(pattern, line) for line in lines) else None
        return wait_until(find, 10, f"{pattern} on the terminal")


def start_with_many_pairs(t, n=40):
    t.start({"default": [f"alpha/some-long-model-name-{i:02}" for i in range(n)]})
    t.ctl("cooldown", "alpha", "some-long-model-name-30", "500", "a reason that is rather long")


@case()
def test_top_on_80x24(t):
    start_with_many_pairs(t)
    with Terminal(t, 80, 24, "top", "0.1") as terminal:
        lines = terminal.wait("and 22 more")
        assert len(lines) <= 24, lines
        assert lines[0].startswith("weir-trackerd: running, pid "), lines[0]
        eq(lines[1], "40 pairs: 39 available, 1 exhausted; 0 requests, 0 failed", "totals")
        assert re.match(r"PROVIDER +MODEL +STATUS +REST FAILS .*REASON$", lines[3]), lines[3]
        assert re.match(r"alpha +some-long-model-name-30 +exhausted +8m\d\ds +0 .*a rea", lines[4]), lines
        eq([line.split()[1] for line in lines[5:22]],
           [f"some-long-model-name-{i:02}" for i in range(17)], "the other rows that fit")
        # It goes on, and all comes back to the state it describes.
        assert t.stream(model="default").is_done
        terminal.wait(r"; 1 requests, 0 failed$")
        t.ctl("clear", "--all")
        terminal.wait(r"^40 pairs: 40 available;")
        terminal.call("send-keys", "C-c")
        terminal.wait(r"ended 0$")
        eq(terminal.call("display-message", "-p", "#{cursor_flag} #{wrap_flag}").split(), ["1", "1"],
           "the terminal's cursor and wrapping")


@case()
def test_top_survives_a_resize(t):
    start_with_many_pairs(t)
    with Terminal(t, 150, 50, "top", "600") as terminal:
        lines = terminal.wait("some-long-model-name-39")
        assert re.search(r"FAILS COOLDOWNS REQUESTS SUCCEEDED FAILED  REASON$", lines[3]), lines[3]
        eq(lines[4].split()[1], "some-long-model-name-00", "the first row, where all have room")
        terminal.call("resize-window", "-x", "70", "-y", "12")
        lines = terminal.wait("and 34 more")
        assert len(lines) <= 12 and lines[0].startswith("weir-trackerd: running"), lines
        assert "exhausted" in lines[4], lines[4]


@case()
def test_colors_on_a_terminal_only(t):
    t.start()
    t.ctl("cooldown", "alpha", "one", "500")
    for args in (("status",), ("top",)):
        for env, has_colors in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                                ({"TERM": "dumb"}, False)):
            with Terminal(t, 120, 24, *args, env=env) as terminal:
                text = "\n".join(terminal.wait("exhausted", "-e"))
                eq("\033[31mexhausted" in text and "\033[32mavailable" in text, has_colors,
                   f"colours of {args} with {env}")
                eq("\033[" in text, has_colors, f"any escape of {args} with {env}")
    eq([c for c in "".join(t.ctl("status")[1]) if ord(c) < 32 and c != "\n"], [], "escapes in a pipe")


@case()
def test_events_on_a_terminal(t):
    t.start()
    with Terminal(t, 100, 24, "events") as terminal:
        def both():
            t.ctl("cooldown", "alpha", "one", "500", "planned")
            t.ctl("clear", "alpha", "one")
            return {"cooldown", "cleared"} <= set("".join(terminal.lines()).split())
        wait_until(both, what="a change on the terminal")  # it may subscribe late
        text = "\n".join(terminal.wait("cleared", "-e"))
        assert "\033[31mcooldown" in text and "\033[32mcleared" in text, repr(text)
        assert re.search(r"alpha/one for 8m20s: planned", text), repr(text)


@case()
def test_a_pair_that_only_the_configuration_has(t):
    """Nobody means the pair that was named."""
    start_alone(t)
    t.conf["chains"].append({"name": "more", "entries": [{"provider": "beta", "model": "new"}]})
    t.write_conf()
    code, _, err = t.ctl("cooldown", "beta", "new", "60")
    eq(code, 1, "exit code")
    assert "did you mean" not in err and "reloaded" in err, err


def _init(t, path, **keys):
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return subprocess.run([daemons.program("weirctl"), "-c", path, "init"], capture_output=True, text=True,
                          timeout=20 * SLOW, env={**environment, **keys}, stdin=subprocess.DEVNULL)


@case()
def test_init_writes_a_first_configuration(t):
    path = os.path.join(t.dir, "first.yaml")
    done = _init(t, path)
    eq(done.returncode, 1, "exit without a key")
    assert "GROQ_API_KEY" in done.stderr and not os.path.exists(path), done.stderr
    keys = {"OPENAI_API_KEY": "secret-of-openai", "GROQ_API_KEY": "secret-of-groq"}
    done = _init(t, path, **keys)
    eq((done.returncode, done.stderr), (0, ""), "exit with two keys")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    eq(os.stat(path).st_mode & 0o777, 0o600, "mode")
    client_key = re.search(r'apiKeys: \["(weir_[0-9a-f]{64})"\]', text).group(1)
    for secret in (*keys.values(), client_key):
        assert secret not in done.stdout, "a key is printed"
    assert not any(secret in text for secret in keys.values()), "a provider's key is in the file"
    eq(re.findall(r"provider: (\S+),", text), ["groq", "openai"], "entries")
    checked = subprocess.run([daemons.program("weirctl"), "-c", path, "check"], capture_output=True, text=True,
                             timeout=20 * SLOW, env={**os.environ, **keys}, stdin=subprocess.DEVNULL)
    eq((checked.returncode, checked.stderr), (0, ""), "weirctl check of it")
    done = _init(t, path, **keys)
    eq(done.returncode, 1, "exit over a file that is there")
    with open(path, encoding="utf-8") as file:
        eq(file.read(), text, "the file of before")


@case()
def test_init_tells_where_it_cannot_write(t):
    path = os.path.join(t.dir, "no-such-folder", "weir.yaml")
    done = _init(t, path, GROQ_API_KEY="secret-of-groq")
    eq(done.returncode, 73, "exit code")
    assert path in done.stderr and "No such file" in done.stderr, done.stderr
