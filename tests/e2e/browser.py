# SPDX-License-Identifier: MIT
"""Chromium without a window, for cases that look at a page as a browser shows it. Spoken to over the pipe of its
DevTools protocol, so that nothing but the browser has to be installed. Every console message, refused
resource and request of the page is kept."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import weirtest
from daemons import SLOW, _die_with_parent, wait_until

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-breakpad", "--disable-default-apps", "--no-default-browser-check", "--mute-audio",
    "--password-store=basic", "--remote-debugging-pipe",
)
ANSWER_S = 60.0  # a loaded machine starts a browser slowly


def program():
    """The path of chromium; a case without it is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    raise weirtest.Skipped("chromium is not installed")


class Browser:
    """One page in a browser of its own, with a new, empty profile."""

    def __init__(self, t, width=1280, height=900):
        path = program()
        self.dir = t.dir
        self.log = open(os.path.join(t.dir, "chromium.log"), "ab")
        home = os.path.join(t.dir, "chromium")
        # The browser reads its commands from descriptor 3 and answers on 4.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh", path, *FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, cwd=t.dir,
            env={**t.environment(), "HOME": home}, preexec_fn=_die_with_parent,
        )
        self.buffer, self.last_id, self.session = b"", 0, None
        self.events = []
        t.helpers.append(self)
        self._attach()
        self.resize(width, height)

    # ---- the protocol ------------------------------------------------------------------------

    def _attach(self):
        def pages():
            return [x for x in self.call("Target.getTargets")["targetInfos"] if x["type"] == "page"]
        wait_until(pages, 60, "a page in chromium", every=0.1)
        found = self.call("Target.attachToTarget", targetId=pages()[0]["targetId"], flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _read_message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            readable = select.select([self.process.stdout], [], [], max(left, 0))[0] if left > 0 else []
            assert readable, "chromium does not answer"
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            assert data, f"chromium has gone, exit {self.process.poll()}"
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _send(self, method, params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()

    def call(self, method, **params):
        self._send(method, params)
        deadline = time.monotonic() + ANSWER_S * SLOW
        while True:
            found = self._read_message(deadline)
            if found.get("id") == self.last_id:
                assert "error" not in found, f"{method}: {found['error']}"
                return found["result"]
            if "method" in found:
                self.events.append(found)

    def _events(self, method):
        return [e["params"] for e in self.events if e["method"] == method]

    # ---- the page ----------------------------------------------------------------------------

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        """Its value, a JSON one."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, expression, within=30.0, what=None):
        """Until the expression is true in the page."""
        try:
            wait_until(lambda: self.evaluate(expression), within, what or expression, every=0.05)
        except AssertionError as e:
            raise AssertionError(f"{e}; {self.describe()}") from None

    def texts(self, selectors):
        """What a reader sees of the first element of each; None when there is none, or it is hidden."""
        return self.evaluate(
            f"{json.dumps(selectors)}.map(s => document.querySelector(s))"
            ".map(e => e && e.getClientRects().length ? e.innerText.trim() : null)"
        )

    def text(self, selector):
        return self.texts([selector])[0]

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def send_headers(self, headers):
        """Goes with every request from now on."""
        self.call("Network.setExtraHTTPHeaders", headers=headers)

    def screenshot(self, path):
        """The whole page, also what is out of view, as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(found["data"]))

    def describe(self):
        """For the message of a case that fails; the looks are kept among its files."""
        self.screenshot(os.path.join(self.dir, "page.png"))
        text = " | ".join(self.evaluate("document.body.innerText").split("\n"))
        return f"faults: {self.faults()};\nthe page says: {text}"

    def requested(self):
        """URLs of all requests."""
        return [p["request"]["url"] for p in self._events("Network.requestWillBeSent")]

    def faults(self):
        """Errors and warnings of the console and of the browser (a refused resource is one), and exceptions."""
        self.evaluate("1")  # what happened before has been told by now
        found = [f"{p['entry']['level']}: {p['entry']['text']} {p['entry'].get('url', '')}" for p in self._events("Log.entryAdded")]
        found += [f"console: {p['args']}" for p in self._events("Runtime.consoleAPICalled")]
        found += [f"exception: {p['exceptionDetails']}" for p in self._events("Runtime.exceptionThrown")]
        return found

    # ---- the end -----------------------------------------------------------------------------

    def close(self):
        if self.log.closed:
            return
        self.log.close()
        self.session = None
        try:
            self._send("Browser.close", {})
            self.process.wait(ANSWER_S)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
