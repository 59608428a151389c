# SPDX-License-Identifier: MIT
"""GET /status: the page, as its bytes and as a browser shows it."""

import re

from browser import Browser
from daemons import wait_until
from test_status import HOSTILE, own_address
from weirtest import KEY, between, case, eq

PAGE_MAX_BYTES = 40 * 1024
ROWS = "#chains .entry"


def origin(t, host="127.0.0.1"):
    return f"http://{host}:{t.port}"


def look(t, **kw):
    """A browser that shows the page with weir's first answer drawn."""
    browser = Browser(t, **kw)
    browser.open(origin(t) + "/status")
    browser.wait("document.querySelector('#version')?.textContent.match(/^[0-9]/)", 60, "the first answer drawn")
    return browser


def entry(place, part):
    """A selector of a part of an entry of the first chain."""
    return f"{ROWS}:nth-child({place}) {part}"


def wait_texts(browser, wanted, within=30.0):
    """Until all of these elements' texts, as a reader sees them at one moment, match: {selector: pattern}."""
    seen = {}

    def all_match():
        seen.update(zip(wanted, browser.texts(list(wanted))))
        return all(re.search(pattern, seen[selector] or "") for selector, pattern in wanted.items())
    try:
        wait_until(all_match, within, str(wanted), every=0.05)
    except AssertionError as e:
        raise AssertionError(f"{e}; found {seen}; {browser.describe()}") from None


def wait_text(browser, selector, pattern, within=30.0):
    wait_texts(browser, {selector: pattern}, within)


def check_clean(t, browser):
    """Nothing in the console, and nothing asked for but the page and its document."""
    eq(browser.faults(), [], "faults")
    eq(set(browser.requested()), {origin(t) + "/status", origin(t) + "/status.json"}, "requests")
    eq(browser.evaluate("document.scripts.length"), 1, "scripts")


# ---- its bytes -----------------------------------------------------------------------------------


@case()
def test_bytes_and_headers(t):
    t.start()
    pages = [t.get("/status", key=None) for _ in range(2)]
    nonces = set()
    for page in pages:
        eq((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"), "status, type")
        eq((page.headers["cache-control"], page.headers["x-content-type-options"]), ("no-store", "nosniff"), "headers")
        nonce = re.search(r"'nonce-([0-9a-f]{32})'", page.headers["content-security-policy"])[1]
        nonces.add(nonce)
        eq(page.headers["content-security-policy"],
           f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
           "img-src data:; require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; "
           "form-action 'none'; frame-ancestors 'none'", "policy")
        between(len(page.body), 10000, PAGE_MAX_BYTES, "size")
        text = page.body.decode()
        eq(re.findall(r'<(style|script) nonce="(.*)">', text), [("style", nonce), ("script", nonce)], "nonces")
        assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n"), "ends"
        assert "@NONCE@" not in text and ".css@" not in text, "a mark of the source is left"
    eq(len(nonces), 2, "different nonces")


# ---- what it shows -------------------------------------------------------------------------------


@case(limit=120)
def test_a_fresh_page(t):
    t.start({"default": ["alpha/one", "beta/two"], "other": ["beta/two"]})
    browser = look(t)
    eq((browser.text("#state-word"), browser.text("#state-why")), ("ok", "Every pair can serve."), "state")
    eq(browser.evaluate("document.title"), "ok – weir", "title")
    eq((browser.text("#pairs"), browser.text("#counts"), browser.text("#workers")),
       ("2 of 2", "2 available", "2, 0 restarts"), "pairs, workers")
    eq(browser.text("#version"), t.get("/health").json()["version"], "version")
    eq(browser.evaluate("[...document.querySelectorAll('.chain h2')].map(e => e.innerText)"), ["default", "other"], "chains")
    eq(browser.evaluate(f"[...document.querySelectorAll('{ROWS} h3')].map(e => e.innerText)"),
       ["1. alpha / one", "2. beta / two", "1. beta / two"], "entries")
    eq((browser.text(entry(1, ".takes-word")), browser.text(entry(2, ".takes-word"))), ("← requests go here", ""), "takes")
    t.stream()
    wait_texts(browser, {
        entry(1, ".numbers"): r"^0\.\d+/s, 100 % good of 1$", "#rate": r"^0\.\d+$",
        "#p50": r"^\d.* m?s$", "#p95": r"^\d.* m?s$", "#token-more": "^of 1 in a minute$",
        "#errors": "^0 %$", "#errors-more": "^0 streams broke$",
    })
    check_clean(t, browser)
    refused = "try { document.body.innerHTML = '<b>'; 'taken' } catch { 'refused' }"
    eq(browser.evaluate(refused), "refused", "markup made of text")


@case(limit=120)
def test_life_of_a_cooldown(t):
    t.start(midStreamCooldownMs=10000)
    t.sim.script("one", ["cut=1", "cut=1", "cut=1", "ok"])
    browser = look(t)
    t.fail_midstream(1)
    wait_text(browser, entry(1, ".failures"), "^1 of 3 broken$")
    eq(browser.evaluate(f"document.querySelectorAll('{entry(1, '.dots .is-on')}').length"), 1, "dots")
    t.fail_midstream(2)
    wait_texts(browser, {
        entry(1, ".word"): "^exhausted$", entry(1, ".reason"): "^mid-stream failures exceeded threshold$",
        entry(1, ".takes-word"): "^$", entry(2, ".takes-word"): "^← requests go here$", "#errors-more": "^3 streams broke$",
        "#errors": "^100 %$",
        "#incidents li": "rests for 10 s\nalpha/one\nmid-stream failures exceeded threshold$",
    })
    seconds = countdown(browser, entry(1, ".clock"))
    assert len(seconds) >= 3 and seconds == sorted(seconds, reverse=True), f"a countdown: {seconds}"
    wait_texts(browser, {
        entry(1, ".word"): "^recovering$", entry(1, ".takes-word"): "^← on trial, 1 request at a time$",
        entry(2, ".takes-word"): "^← the other requests go here$",
    })
    t.stream()
    wait_text(browser, entry(1, ".word"), "^available$")
    wait_text(browser, "#incidents li", "rested for 10 s")
    check_clean(t, browser)


def countdown(browser, selector):
    """The different seconds that it shows until it is gone."""
    seen = []

    def is_gone():
        text = browser.text(selector)
        if text and (not seen or seen[-1] != int(text.removesuffix(" s"))):
            seen.append(int(text.removesuffix(" s")))
        return not text
    wait_until(is_gone, 30, "the end of the countdown", every=0.05)
    return seen


@case(limit=120)
def test_passed_by_without_a_rest(t):
    t.start(providers={"alpha": {"rateLimits": {"concurrentRequests": 1}}})
    t.sim.script("one", ["stall=1"])
    browser = look(t)
    response = t.chat()
    wait_texts(browser, {
        entry(1, ".word"): "^available$", entry(1, ".takes-word"): "^passed by: no_quota$",
        entry(2, ".takes-word"): "^← requests go here$",
    })
    response.conn.close()
    wait_text(browser, entry(1, ".takes-word"), "^← requests go here$")
    check_clean(t, browser)


@case(limit=120)
def test_quota(t):
    t.start()
    t.sim.script("one", ["header=x-ratelimit-remaining-requests/80", "header=x-ratelimit-remaining-requests/20"])
    browser = look(t)
    for left in ("80", "20"):
        t.stream()
        wait_text(browser, entry(1, ".left"), f"^{left} requests left$")
    eq(browser.text(entry(1, ".word")), "tracking", "state")
    eq(browser.evaluate(f"document.querySelector('{entry(1, '.left b')}').style.transform"), "scaleX(0.25)", "bar")


@case(limit=120)
def test_without_a_tracker(t):
    t.start()
    browser = look(t)
    t.trackerd.kill()
    wait_text(browser, "#state-word", "^degraded$")
    eq((browser.text("#state-why"), browser.text("#tracker")), ("no tracker", "down"), "why, tracker")
    t.start_trackerd()
    wait_text(browser, "#state-word", "^ok$")
    wait_text(browser, "#tracker", "^up ")
    check_clean(t, browser)


@case(limit=120)
def test_weir_goes_and_comes_back(t):
    t.start()
    browser = look(t)
    eq(browser.text("#stale"), None, "the banner while weir answers")
    t.weir.stop()
    wait_text(browser, "#stale", r"^weir does not answer\. What is below is \d+ s old\.$")
    eq(browser.text("#state-word"), "not answering", "state")
    t.start_weir()
    wait_text(browser, "#state-word", "^ok$")
    eq(browser.text("#stale"), None, "the banner afterwards")
    t.stream()
    wait_text(browser, "#rate-more", "^1 since the start$")
    unexpected = [f for f in browser.faults() if "net::ERR_" not in f]
    eq(unexpected, [], "faults")


@case(limit=120)
def test_many_pairs(t):
    t.start({"default": [f"alpha/model-{n}" for n in range(300)]})
    t.ctl("cooldown", "alpha", "model-250", "1000", "words of the operator")
    browser = look(t, width=390, height=844)
    visible = f"[...document.querySelectorAll('{ROWS}')].filter(e => !e.hidden).map(e => e.querySelector('b').innerText)"
    eq(browser.evaluate(visible), [f"model-{n}" for n in (0, 1, 2, 3, 4, 5, 250)], "entries")
    eq((browser.text("#pairs"), browser.text(".fold")), ("299 of 300", "Show 293 more that can serve"), "pairs, button")
    browser.evaluate("document.querySelector('.fold').click()")
    eq(len(browser.evaluate(visible)), 300, "entries when unfolded")
    eq(browser.text(".fold"), "Show fewer", "button")
    for width in (390, 1280, 1920):
        browser.resize(width, 900)
        eq(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), True, f"all of it in {width} pixels")
    check_clean(t, browser)
    t.weir.stop()
    wait_text(browser, "#state-word", "^not answering$")
    browser.evaluate("document.querySelector('.fold').click()")
    eq((len(browser.evaluate(visible)), browser.text("#state-word")), (7, "not answering"), "folded without weir")


@case(limit=120)
def test_hostile_names_stay_text(t):
    t.start_sim()
    t.configure([t.provider("alpha", t.sim.base_url)], {"default": ["alpha/one"], HOSTILE: ["alpha/" + HOSTILE]})
    t.start_trackerd()
    t.start_weir()
    eq(t.ctl("cooldown", "alpha", HOSTILE, "100", HOSTILE)[0], 0, "exit code of weirctl")
    browser = look(t)
    second = "#chains .chain:nth-child(2) "
    eq([browser.text(second + part) for part in ("h2", "h3 b", ".reason")], [HOSTILE] * 3, "name, model, reason")
    eq(browser.text("#incidents b"), "alpha/" + HOSTILE, "the pair of an incident")
    eq(browser.text("#state-why"), f"But nothing takes the requests of: {HOSTILE}.", "why")
    eq(browser.evaluate("document.querySelectorAll('img, script + script').length"), 0, "elements of theirs")
    check_clean(t, browser)


# ---- how it asks ---------------------------------------------------------------------------------


@case(limit=120)
def test_nobody_looks(t):
    """A hidden page asks for nothing; one that is looked at again asks at once."""
    t.start()
    browser = look(t)
    hide = ("Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))")
    browser.evaluate(hide % "true")
    # whatever was under way has come by the time that the page's own timer of two periods ends
    browser.evaluate("new Promise(done => setTimeout(done, 4000))")
    before = len(browser.requested())
    browser.evaluate("new Promise(done => setTimeout(done, 4000))")
    eq(len(browser.requested()), before, "requests of a hidden page")
    browser.evaluate(hide % "false")
    wait_until(lambda: browser.evaluate("1") and len(browser.requested()) > before, 30, "a request of the visible page")


@case(limit=120)
def test_the_key(t):
    """From another machine the page itself needs a key, which a proxy or an extension may add; when it
    does not do so for the document, the page asks."""
    address = own_address()
    t.start(server={"listen": ["0.0.0.0"]})
    browser = Browser(t)
    browser.open(origin(t, address) + "/status")
    browser.wait("document.body.innerText.includes('invalid_api_key')", 60)
    browser.send_headers({"Authorization": f"Bearer {KEY}"})
    browser.open(origin(t, address) + "/status")
    wait_text(browser, "#state-word", "^ok$", 60)
    browser.send_headers({})
    wait_text(browser, "#key-why", "^weir wants an API key")
    eq(browser.text("#state-word"), "not answering", "state")
    give_key(browser, "wrong")
    wait_text(browser, "#key-why", "^weir does not take this key")
    give_key(browser, KEY)
    wait_text(browser, "#state-word", "^ok$")
    eq((browser.text("#key-form"), browser.text("#stale")), (None, None), "form, banner")
    eq(browser.evaluate("[location.href, localStorage.length, sessionStorage.length, document.cookie]"),
       [origin(t, address) + "/status", 0, 0, ""], "where a key might be kept")


def give_key(browser, key):
    browser.evaluate("document.querySelector('#key').focus()")
    browser.call("Input.insertText", text=key)
    browser.evaluate("document.querySelector('#key-form button').click()")
