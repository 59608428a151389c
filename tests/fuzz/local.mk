# SPDX-License-Identifier: MIT
# Fuzz targets. Configured with --enable-fuzzers (and CC=clang) they are linked with libFuzzer, to be
# run by hand:  tests/fuzz/fuzz_sse -max_total_time=60 CORPUS_OF_MY_OWN SRCDIR/tests/fuzz/corpus/sse
# Otherwise with driver.c, which replays their corpus and some mutations of it in `make check`.
# A target is four lines here, and a folder in tests/fuzz/corpus.
FUZZ_TARGETS =
FUZZ_LIBS = libserver_dialect.a libserver_judge.a libserver_provider.a $(COMMON_LIBS)
FUZZ_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_json.h
FUZZ_LINK =
if ENABLE_FUZZERS
AM_CFLAGS += -fsanitize=fuzzer-no-link
AM_LDFLAGS += -fsanitize=fuzzer-no-link
FUZZ_LINK += -fsanitize=fuzzer
else
FUZZ_SOURCES += tests/fuzz/driver.c
TESTS += $(FUZZ_TARGETS)
endif
check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/corpus
CLEANFILES += *.crash

FUZZ_TARGETS += tests/fuzz/fuzz_chat_request
tests_fuzz_fuzz_chat_request_SOURCES = tests/fuzz/fuzz_chat_request.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_chat_request_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_chat_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_chat_event
tests_fuzz_fuzz_chat_event_SOURCES = tests/fuzz/fuzz_chat_event.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_chat_event_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_chat_event_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_dialect
tests_fuzz_fuzz_dialect_SOURCES = tests/fuzz/fuzz_dialect.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_dialect_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_dialect_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_http_request
tests_fuzz_fuzz_http_request_SOURCES = tests/fuzz/fuzz_http_request.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_http_request_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_http_chunked
tests_fuzz_fuzz_http_chunked_SOURCES = tests/fuzz/fuzz_http_chunked.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_http_chunked_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_chunked_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_http_response
tests_fuzz_fuzz_http_response_SOURCES = tests/fuzz/fuzz_http_response.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_http_response_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_coding
tests_fuzz_fuzz_coding_SOURCES = tests/fuzz/fuzz_coding.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_coding_LDADD = libserver_coding.a $(FUZZ_LIBS) $(CODING_LIBS)
tests_fuzz_fuzz_coding_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_jsonscan
tests_fuzz_fuzz_jsonscan_SOURCES = tests/fuzz/fuzz_jsonscan.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_jsonscan_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_jsonscan_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_judge
tests_fuzz_fuzz_judge_SOURCES = tests/fuzz/fuzz_judge.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_judge_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_judge_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_limit_headers
tests_fuzz_fuzz_limit_headers_SOURCES = tests/fuzz/fuzz_limit_headers.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_limit_headers_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_limit_headers_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_chat_normalize
tests_fuzz_fuzz_chat_normalize_SOURCES = tests/fuzz/fuzz_chat_normalize.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_chat_normalize_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_chat_normalize_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_rewrite
tests_fuzz_fuzz_rewrite_SOURCES = tests/fuzz/fuzz_rewrite.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_rewrite_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_rewrite_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_sse
tests_fuzz_fuzz_sse_SOURCES = tests/fuzz/fuzz_sse.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_sse_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_sse_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_sim_body
tests_fuzz_fuzz_sim_body_SOURCES = tests/fuzz/fuzz_sim_body.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_sim_body_LDADD = libsim.a $(FUZZ_LIBS)
tests_fuzz_fuzz_sim_body_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_sim_http
tests_fuzz_fuzz_sim_http_SOURCES = tests/fuzz/fuzz_sim_http.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_sim_http_LDADD = libsim.a $(FUZZ_LIBS)
tests_fuzz_fuzz_sim_http_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_sim_scenario
tests_fuzz_fuzz_sim_scenario_SOURCES = tests/fuzz/fuzz_sim_scenario.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_sim_scenario_LDADD = libsim.a $(FUZZ_LIBS)
tests_fuzz_fuzz_sim_scenario_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_conf_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_evwire
tests_fuzz_fuzz_evwire_SOURCES = tests/fuzz/fuzz_evwire.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_evwire_LDADD = libtrackerd_table.a $(FUZZ_LIBS)
tests_fuzz_fuzz_evwire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += tests/fuzz/fuzz_statefile
tests_fuzz_fuzz_statefile_SOURCES = tests/fuzz/fuzz_statefile.c $(FUZZ_SOURCES)
tests_fuzz_fuzz_statefile_LDADD = libtrackerd_table.a $(FUZZ_LIBS)
tests_fuzz_fuzz_statefile_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
