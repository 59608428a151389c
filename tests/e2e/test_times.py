# SPDX-License-Identifier: MIT
"""How long a provider's limit rests a pair, in every way in which it may be written (CONTRACT 5.2), over
http and https: beside the quota of a success, on a 429, in Retry-After."""

import datetime
import email.utils
import time

import certs
from daemons import SLOW
from weirtest import between, case, eq

ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"hi"}}]}'
REMAINING, RESET = "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"
REST = 70  # s


def _rfc3339(at, zone=datetime.timezone.utc):
    return datetime.datetime.fromtimestamp(at, zone).isoformat().replace("+00:00", "Z")


def _http_date(at):
    return email.utils.formatdate(at, usegmt=True)


# Each as (text, ms that the pair then rests, Date of the answer).
FORMS = {
    "duration": lambda now: ("1m10s", 70000, None),
    "seconds": lambda now: ("70", 70000, None),
    "fraction": lambda now: ("70.5", 70500, None),
    "unix-seconds": lambda now: (str(int(now) + REST), 70000, None),
    "unix-fraction": lambda now: (f"{now + REST:.3f}", 70000, None),
    "unix-ms": lambda now: (str(int((now + REST) * 1000)), 70000, None),
    "unix-past": lambda now: (str(int(now) - 10), 0, None),
    "unix-ms-past": lambda now: (str(int(now - 10) * 1000), 0, None),
    "rfc-3339": lambda now: (_rfc3339(now + REST), 70000, None),
    "rfc-3339-zone": lambda now: (
        _rfc3339(now + REST, datetime.timezone(datetime.timedelta(hours=-7))), 70000, None),
    "rfc-3339-past": lambda now: (_rfc3339(now - 10), 0, None),
    "http-date": lambda now: (_http_date(now + REST), 70000, None),
    "http-date-past": lambda now: (_http_date(now - 10), 0, None),
    "own-date": lambda now: (_http_date(now + 3600 + REST), 70000, _http_date(now + 3600)),
    "own-date-unix": lambda now: (str(int(now) - 3600 + REST), 70000, _http_date(now - 3600)),
    "a-month-ahead": lambda now: (str(int(now) + 30 * 86400), 21600000, None),
    "unreadable": lambda now: ("soon", 60000, None),
}
# What the provider answers with such a text.
PLACES = {
    "success": lambda text: (200, [(REMAINING, "0"), (RESET, text)]),
    "429": lambda text: (429, [(REMAINING, "0"), (RESET, text)]),
    "retry-after": lambda text: (429, [("Retry-After", text)]),
}


def _check(t, p, place, form):
    model = f"{place}-{form}"
    text, ms, date = FORMS[form](time.time())
    status, headers = PLACES[place](text)
    conn = t.send(t.body(False, model))
    body = ANSWER if status == 200 else b'{"error":{"message":"slow down"}}'
    p.accept().answer(status, body, headers=headers + ([("Date", date)] if date else []))
    response = conn.response()
    response.read()
    conn.close()
    eq(response.headers["x-weir-provider"], f"alpha/{model}" if status == 200 else "beta/two", model)
    row = t.row(f"alpha/{model}")
    # Unix seconds and dates are whole seconds, and some time has passed; parts of a ms round up.
    between(row["cooldownRemainingMs"], max(0, ms - 1000 - 4000 * SLOW), ms + 1, f"rest of {model}")
    eq(row["status"] == "exhausted", ms != 0, f"{model} rests: {row['status']}")


@case(params=[(transport, transport) for transport in ("http", "https")])
def test_every_way_to_write_a_time(t, transport):
    t.start_sim()
    authority = certs.Authority(t.dir)
    p = t.raw_provider(tls=authority.server() if transport == "https" else None)
    names = [(place, form) for place in PLACES for form in FORMS]
    t.start(chains={"default": ["beta/two"],
                    **{f"{a}-{b}": [f"alpha/{a}-{b}", "beta/two"] for a, b in names}},
            base_urls={"alpha": p.base_url, "beta": t.sim.base_url},
            providers={"alpha": {"caFile": authority.path}})
    for place, form in names:
        _check(t, p, place, form)
