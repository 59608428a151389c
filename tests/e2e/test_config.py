# SPDX-License-Identifier: MIT
"""The configuration (CONTRACT 3) as weir, weir-trackerd and weirctl check take it: every fault with
its place, in one run, and no secret in what they say."""

import os
import re
import subprocess

import daemons
from daemons import SLOW
from weirtest import case, eq

SECRET = "sk-secret-4711-do-not-print"

GOOD = f"""\
version: 1
settings:
  port: 3429
  apiKeys: ["{SECRET}-client"]
  defaultChain: default
providers:
  - id: alpha
    name: Alpha
    type: generic-openai
    apiKey: "{SECRET}-alpha"
    baseUrl: "http://127.0.0.1:9/v1"
chains:
  - name: default
    entries:
      - provider: alpha
        model: one
"""


def _check(t, text, program="weir", env=None):
    """(exit code, everything it said) of PROGRAM -t with this file."""
    path = os.path.join(t.dir, "c.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    argv = [daemons.program(program), "-c", path]
    argv += ["check"] if program == "weirctl" else ["-t"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20 * SLOW, env=t.environment(env), cwd=t.dir)
    said = done.stdout + done.stderr
    assert SECRET not in said, f"{program} prints a secret: {said}"
    return done.returncode, said


def _faults(said):
    """[(line, column, message)] of the lines FILE:LINE:COLUMN: message."""
    found = re.findall(r"c\.yaml:(\d+):(\d+): (.*)", said)
    return [(int(line), int(column), message) for line, column, message in found]


@case()
def test_a_good_file(t):
    for program in ("weir", "weir-trackerd"):
        code, said = _check(t, GOOD, program)
        eq(code, 0, f"exit code of {program} -t ({said})")
    eq(_check(t, GOOD, "weirctl")[0], 0, "exit code of weirctl check")


@case()
def test_every_fault_in_one_run(t):
    """Line and column lead to the culprit."""
    text = f"""\
version: 1
settings:
  port: 70000
  apiKeys: []
  defaultChain: nowhere
  logLevel: loud
  cooldownDefaultMs: 999
  midStreamFailureTreshold: 3
  normalizeResponses: maybe
  midStreamCooldownMs: "many"
providers:
  - id: alpha
    name: Alpha
    type: open-ai
    apiKey: "{SECRET}"
  - id: beta
    name: Beta
    type: generic-openai
    apiKey: "{SECRET}"
  - id: alpha
    name: Again
    type: openai
    apiKey: ""
    timeout: 5
chains:
  - name: default
    entries: []
  - name: default
    entries:
      - provider: gamma
        model: one
servers:
  workers: 2
"""
    expected = {
        3: "70000|port", 4: "apiKeys", 5: "nowhere", 6: "logLevel|loud", 7: "cooldownDefaultMs|1000",
        8: "midStreamFailureThreshold", 9: "normalizeResponses|bool|true", 10: "midStreamCooldownMs",
        14: "type|openai", 16: "baseUrl", 20: "same|twice|alpha", 23: "apiKey", 24: "timeout|1000",
        27: "entries", 28: "same|twice|default", 30: "gamma", 32: "server",
    }
    for program in ("weir", "weir-trackerd", "weirctl"):
        code, said = _check(t, text, program)
        eq(code, 78, f"exit code of {program}")
        faults = _faults(said)
        for line, words in expected.items():
            here = [m for n, _, m in faults if n == line]
            if line == 16:  # what is missing stands at the entry or at its first key
                here = [m for n, _, m in faults if n in (16, 17, 18)]
            assert here, f"{program}: no fault at line {line}, but: {said}"
            assert re.search(words, " ".join(here)), f"{program}: line {line}: {here}"
        extra = [f for f in faults if f[0] not in expected and f[0] not in (17, 18)]
        eq(extra, [], f"{program}: faults beyond the ones made")
        columns = dict((n, c) for n, c, _ in faults)
        lines = text.split("\n")
        for line in (3, 6, 7, 8, 10, 14, 30):
            key_at = len(lines[line - 1]) - len(lines[line - 1].lstrip(" -")) + 1
            value_at = lines[line - 1].index(": ") + 3
            assert columns[line] in (key_at, value_at), \
                f"{program}: line {line} column {columns[line]}: neither key {key_at} nor value {value_at}"


NEAREST = {
    "settings": ("  defaultChain: default\n", "  defaultChain: default\n  reqestTimeoutMs: 5000\n",
                 "requestTimeoutMs"),
    "provider": ("    name: Alpha\n", "    name: Alpha\n    apikey: x\n", "apiKey"),
    "entry": ("        model: one\n", "        model: one\n        modle: x\n", "model"),
    "top": ("chains:\n", "chain: []\nchains:\n", "chains"),
    "case": ("  port: 3429\n", "  port: 3429\n  loglevel: info\n", "logLevel"),
}


@case(params=NEAREST.items())
def test_an_unknown_key_names_the_nearest(t, param):
    old, new, nearest = param
    code, said = _check(t, GOOD.replace(old, new))
    eq(code, 78, "exit code")
    faults = _faults(said)
    eq(len(faults), 1, f"faults in {said}")
    assert nearest in faults[0][2], faults


BROKEN_YAML = {
    "unclosed-quote": 'settings:\n  port: "34\n',
    "unclosed-flow": "settings: {port: 1\n",
    "tab": "settings:\n\tport: 1\n",
    "not-a-map": "- a\n- b\n",
    "scalar": "hello\n",
    "empty": "",
    "null-byte": "settings:\n  port: 1\x00\n",
    "bad-utf8": "settings: \udcff\n",
    "duplicate-key": GOOD.replace("  port: 3429\n", "  port: 3429\n  port: 3430\n"),
    "two-documents": GOOD + "---\n" + GOOD,
    "alias-bomb": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                  "settings: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
    "deep": "a: " + "[" * 20000 + "]" * 20000 + "\n",
}


@case(params=BROKEN_YAML.items())
def test_broken_yaml(t, text):
    path = os.path.join(t.dir, "c.yaml")
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(text)
    done = subprocess.run([daemons.program("weir"), "-t", "-c", path], capture_output=True,
                          timeout=20 * SLOW, env=t.environment(), stdin=subprocess.DEVNULL)
    eq(done.returncode, 78, f"exit code ({done.stderr[:500]!r})")
    assert _faults(done.stderr.decode("utf-8", "replace")), f"no place: {done.stderr[:500]!r}"


BOUNDS = [
    ("port", "0"), ("port", "65536"), ("port", "-1"), ("port", "3429.5"), ("port", "0x1000"),
    ("cooldownDefaultMs", "999"), ("requestTimeoutMs", "999"), ("streamIdleTimeoutMs", "0"),
    ("firstTokenTimeoutMs", "999"), ("deadlineMs", "-1"), ("retryAttempts", "6"),
    ("retryAttempts", "-1"), ("retryMaxWaitMs", "-1"), ("delivery", "fast"),
    ("midStreamFailureThreshold", "0"), ("midStreamCooldownMs", "999"),
    ("midStreamCooldownMaxMs", "29999"), ("recoveryConcurrency", "-1"),
    ("preStreamFailureThreshold", "-1"), ("queueMaxWaitMs", "999"), ("queueMaxSize", "0"),
    ("queueMode", "sometimes"), ("cooldownDefaultMs", "99999999999999999999"),
    ("requestTimeoutMs", "30s"), ("requestTimeoutMs", "[1]"), ("requestTimeoutMs", "{}"),
    ("logLevel", "null"), ("apiKeys", '["good", ""]'), ("apiKeys", "word"), ("apiKeys", "[[]]"),
    ("defaultChain", "[]"),
]


@case()
def test_bounds_of_settings(t):
    for key, value in BOUNDS:
        text = re.sub(rf"(?m)^  {key}: .*\n", "", GOOD)
        text = text.replace("settings:\n", f"settings:\n  {key}: {value}\n")
        code, said = _check(t, text)
        eq(code, 78, f"exit code with {key}: {value} ({said})")
        assert any(line == 3 for line, _, _ in _faults(said)), f"{key}: {value}: {said}"
    for key, value in (("deadlineMs", "0"), ("retryAttempts", "5"), ("recoveryConcurrency", "0"),
                       ("preStreamFailureThreshold", "0"), ("midStreamCooldownMaxMs", "30000"),
                       ("cooldownDefaultMs", "1000"), ("delivery", "complete"), ("queueMode", "true"),
                       ("port", "65535"), ("port", "1"), ("dbPath", '"./data/x.db"')):
        text = re.sub(rf"(?m)^  {key}: .*\n", "", GOOD)
        text = text.replace("settings:\n", f"settings:\n  {key}: {value}\n")
        code, said = _check(t, text)
        eq(code, 0, f"exit code with {key}: {value} ({said})")


OWN = [
    ("server", "workers", "0", False), ("server", "workers", "auto", True),
    ("server", "workers", "4", True), ("server", "workers", "many", False),
    ("server", "listen", '["unix:/run/w.sock", "0.0.0.0", "127.0.0.1:80", "[::1]:80"]', True),
    ("server", "listen", '["999.0.0.1"]', False), ("server", "listen", '["127.0.0.1:99999"]', False),
    ("server", "listen", '["unix:"]', False), ("server", "listen", "[]", False),
    ("server", "maxConnections", "0", False), ("server", "streamHeartbeatMs", "0", True),
    ("server", "streamHeartbeatMs", "50", False), ("server", "maxBodyBytes", "0", False),
    ("server", "drainTimeoutMs", "50", False), ("server", "clientHeaderTimeoutMs", "99", False),
    ("tracker", "shm", "noslash", False), ("tracker", "shm", "/a/b", False),
    ("tracker", "capacity", "0", False), ("tracker", "stateFile", '""', True),
    ("tracker", "socket", "/" + "x" * 200, False),
]


@case()
def test_weirs_own_sections(t):
    for section, key, value, is_good in OWN:
        code, said = _check(t, GOOD + f"{section}:\n  {key}: {value}\n")
        eq(code, 0 if is_good else 78, f"exit code with {section}.{key}: {value} ({said})")
        if not is_good:
            assert any(line == 18 for line, _, _ in _faults(said)), f"{section}.{key}: {said}"


@case()
def test_a_file_of_429chain_loads(t):
    """Its keys, its habits: comments, quoted and bare words, several types, manual limits."""
    code, said = _check(t, f"""\
# 429chain configuration
version: 1

settings:
  port: 3429
  apiKeys:
    - "{SECRET}"  # clients use this one
  defaultChain: "default"
  logLevel: info
  cooldownDefaultMs: 60000
  requestTimeoutMs: 30000
  streamIdleTimeoutMs: 60000
  normalizeResponses: false
  queueMode: true
  queueMaxWaitMs: 300000
  queueMaxSize: 100
  dbPath: "./data/observability.db"

providers:
  - id: openrouter
    name: OpenRouter
    type: openrouter
    apiKey: "{SECRET}-or"
  - id: groq
    name: Groq
    type: groq
    apiKey: "${{GROQ_KEY_FOR_TEST}}"
    timeout: 10000
    rateLimits:
      requestsPerMinute: 30
      tokensPerMinute: 15000
      requestsPerDay: 14400
      concurrentRequests: 4
  - id: cerebras
    name: Cerebras
    type: cerebras
    apiKey: '{SECRET}-c'
  - {{id: gemini, name: Gemini, type: google-ai, apiKey: "{SECRET}-g"}}
  - id: openai
    name: OpenAI
    type: openai
    apiKey: "{SECRET}-o"
  - id: moonshot
    name: Moonshot
    type: generic-openai
    apiKey: "{SECRET}-m"
    baseUrl: "https://api.moonshot.example/v1/"

chains:
  - name: default
    entries:
      - provider: openrouter
        model: "meta-llama/llama-3.1-8b-instruct:free"
      - provider: groq
        model: "llama-3.1-8b-instant"
      - {{provider: cerebras, model: llama-3.1-8b}}
      - provider: gemini
        model: gemma-3-27b-it
      - provider: openai        # paid
        model: "gpt-4o-mini"
      - provider: moonshot
        model: "kimi-k2-0711-preview"
  - name: fast
    entries:
      - provider: groq
        model: "llama-3.1-8b-instant"
""", env={"GROQ_KEY_FOR_TEST": SECRET + "-groq"})
    eq(code, 0, f"exit code ({said})")
    assert "dbPath" in said, f"no warning about dbPath: {said!r}"


@case()
def test_keys_from_the_environment(t):
    text = GOOD.replace(f'"{SECRET}-alpha"', '"${WEIR_TEST_KEY}"')
    code, said = _check(t, text)
    eq(code, 78, "exit code without the variable")
    assert "WEIR_TEST_KEY" in said and _faults(said)[0][0] == 10, said
    code, said = _check(t, text, env={"WEIR_TEST_KEY": SECRET})
    eq(code, 0, f"exit code with the variable ({said})")
    code, said = _check(t, text, env={"WEIR_TEST_KEY": ""})
    eq(code, 78, "exit code with an empty variable")


@case()
def test_a_bad_file_at_start(t):
    """The same without -t: 78, every fault, nothing left behind."""
    path = os.path.join(t.dir, "c.yaml")
    text = GOOD.replace("3429", "0").replace("type: generic-openai", "type: x")
    with open(path, "w") as f:
        f.write(text)
    for program in ("weir", "weir-trackerd"):
        for args in (["-f"], []):
            done = subprocess.run([daemons.program(program), "-c", path, *args], text=True,
                                  capture_output=True, timeout=20 * SLOW, env=t.environment(),
                                  stdin=subprocess.DEVNULL)
            eq(done.returncode, 78, f"exit code of {program} {args}")
            lines = {line for line, _, _ in _faults(done.stderr)}
            assert {3, 9} <= lines, f"{program} {args}: {done.stderr}"
            assert SECRET not in done.stderr + done.stdout
    eq(daemons.processes_of(t.id) == [] or
       all("run --child" in daemons.command_of(p) for p in daemons.processes_of(t.id)), True,
       "no process left")


@case()
def test_a_directory_is_no_file(t):
    done = subprocess.run([daemons.program("weir"), "-t", "-c", t.dir], capture_output=True, text=True,
                          timeout=20, env=t.environment(), stdin=subprocess.DEVNULL)
    eq(done.returncode, 78, "exit code")
    assert t.dir in done.stderr, done.stderr
