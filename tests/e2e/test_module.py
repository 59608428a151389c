# SPDX-License-Identifier: MIT
"""libcurl is loaded when a provider needs it, by the master for all its workers, and never without
need; a module that cannot be loaded is refused like a bad configuration."""

import os
import shutil
import signal
import subprocess

import certs
import daemons
import rawprovider
from daemons import wait_until
from weirtest import case, eq

MODULE = "transfer_curl.so"


def _with_libcurl(t):
    """Of the master and its workers, who has it in memory."""
    found = []
    for pid in [t.weir.pid] + t.weir.children():
        with open(f"/proc/{pid}/maps") as f:
            found.append("/libcurl.so" in f.read())
    return found


def _https_provider(t):
    """alpha goes to it at the next reload."""
    authority = certs.Authority(t.dir)
    provider = t.raw_provider(tls=authority.server())
    t.conf["providers"][0].update(baseUrl=provider.base_url, caFile=authority.path)
    t.write_conf()
    return provider


def _reload(t):
    """Until only workers with the new configuration serve."""
    t.weir.send_signal(signal.SIGHUP)
    t.weir.wait_log("configuration reloaded")
    wait_until(lambda: len(t.weir.children()) == t.workers, what="the old workers have left")


def _served_by(t, provider):
    conn = t.send_chat()
    exchange = provider.accept()
    exchange.start_stream()
    exchange.send_event(rawprovider.delta("through TLS"))
    exchange.end_stream()
    response = conn.response()
    eq(response.headers["x-weir-provider"], "alpha/one", "provider")
    assert b"through TLS" in response.read(), "no answer"


@case()
def test_libcurl_is_loaded_when_a_provider_needs_it(t):
    t.start()
    assert t.stream().is_done, "no clean end"
    eq(_with_libcurl(t), [False] * 3, "libcurl in the master and its workers")
    provider = _https_provider(t)
    _reload(t)
    eq(_with_libcurl(t), [True] * 3, "libcurl in the master and its workers")
    _served_by(t, provider)


def _of_another_version(whole):
    version = subprocess.run([daemons.program("weir"), "-V"], stdout=subprocess.PIPE,
                             check=True).stdout.split()[-1]
    return whole.replace(b"\0" + version + b"\0", b"\0" + b"9" * len(version) + b"\0")


BAD_MODULES = {
    "missing": (None, "No such file"),
    "no-library": (lambda whole: b"x" * len(whole), "invalid ELF header"),
    "of-another-version": (_of_another_version, "is of weir 9"),
}


def _programs_of_our_own(t, spoil):
    """weir in a folder of the case's own, and beside it a bad module, or none. The path of weir."""
    folder = os.path.join(t.dir, "bin")
    os.mkdir(folder)
    if spoil is not None:
        with open(daemons.program(MODULE), "rb") as f:
            whole = f.read()
        bad = spoil(whole)
        assert bad != whole, "the module is as good as before"
        with open(os.path.join(folder, MODULE), "wb") as f:
            f.write(bad)
    return shutil.copy(daemons.program("weir"), folder)


def _refuses_to_start(t, weir, words, *args):
    done = subprocess.run([weir, "-c", t.conf_path, *args], capture_output=True, text=True, timeout=60,
                          env=t.environment(), check=False)
    eq(done.returncode, 69, f"exit code with {args} ({done.stderr})")
    eq(done.stdout, "", "standard output")
    eq(len(done.stderr.splitlines()), 1, f"lines in {done.stderr!r}")
    for word in (t.conf_path, "provider alpha needs libcurl", words):
        assert word in done.stderr, f"{word} is not in {done.stderr!r}"


@case(params=BAD_MODULES.items())
def test_a_bad_module_is_refused(t, bad):
    """At a reload the old configuration goes on serving; with a good module the next one succeeds."""
    spoil, words = bad
    weir = _programs_of_our_own(t, spoil)
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"]})
    t.weir = t.spawn("weir", [weir, "-f", "-c", t.conf_path])
    t.wait_ready()
    provider = _https_provider(t)
    for args in (["-t"], ["-f"], []):
        _refuses_to_start(t, weir, words, *args)
    t.weir.send_signal(signal.SIGHUP)
    line, = t.weir.wait_log(r'("reload refused: .*?")')
    assert "provider alpha needs libcurl" in line and words in line, line
    assert t.stream().is_done, "no clean end after the refusal"
    good = shutil.copy(daemons.program(MODULE), weir + ".new")
    os.rename(good, os.path.join(os.path.dirname(weir), MODULE))
    _reload(t)
    _served_by(t, provider)
