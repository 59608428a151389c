# SPDX-License-Identifier: MIT
"""The main scenarios once more with what libcurl does for weir, over http://, with the cases of the
other files. curl.*: `http2: true` has libcurl speak HTTP, too (HTTP/1.1 without TLS). named.*: the
provider's host is a name, so that libcurl makes the connections, as it does for https://."""

import test_core  # noqa: F401
import test_relay  # noqa: F401
import test_routing  # noqa: F401
import test_streams  # noqa: F401
from weirtest import CASES

PICKED = (
    "core.a_client_that_leaves", "core.streams_that_die_together_are_one_incident",
    "core.a_timeout_before_the_stream_moves_on_and_does_not_count",
    "relay.event_by_event", "relay.300_concurrent_streams", "relay.100_streams_at_full_speed",
    "relay.a_slow_reader_is_no_silent_provider", "relay.a_stalled_reader_that_leaves",
    "relay.a_provider_that_dies_while_the_client_is_slow", "relay.mixed_load",
    "routing.moves_on_without_a_rest", "routing.nobody_listens",
    "routing.a_name_that_does_not_resolve", "routing.tls_against_a_plain_port",
    "routing.limit_headers_of_a_success", "routing.redirects_are_not_followed",
    "routing.a_post_is_never_sent_twice", "routing.a_dead_pooled_connection_does_not_count",
    "streams.clean_end", "streams.failure_after_content",
    "streams.failure_before_content_moves_on_unseen", "streams.shape", "streams.a_bad_answer_moves_on",
    "streams.data_is_relayed_byte_for_byte", "streams.an_answer_of_four_megabytes",
)


def _speaks_http(t):
    t.provider_more = {"http2": True}


def _connects(t):
    t.provider_host = "provider.localhost"


def _with(prepare, function):
    def run(t, *args):
        prepare(t)
        function(t, *args)
    return run


def _register():
    found = [c for c in CASES if c["name"].split("[")[0] in PICKED]
    missing = set(PICKED) - {c["name"].split("[")[0] for c in found}
    assert not missing, f"no such cases: {missing}"
    for name, prepare in (("curl.", _speaks_http), ("named.", _connects)):
        CASES.extend({**c, "name": name + c["name"].split(".", 1)[1],
                      "function": _with(prepare, c["function"])} for c in found)


_register()
