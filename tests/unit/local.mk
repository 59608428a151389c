# Unit tests: one program for each pure file, linked with nothing but the archive it is in. A test
# is three lines here: its name in UNIT_TESTS, and its LDADD and CFLAGS.
EXTRA_DIST += tests/unit/unit.h
EXTRA_DIST += tests/unit/conf_fixture.h
if HAVE_CHECK
UNIT_TESTS =
UNIT_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS) $(CHECK_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

UNIT_TESTS += tests/unit/test_buf
tests_unit_test_buf_LDADD = $(UNIT_LIBS)
tests_unit_test_buf_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_bytescan
tests_unit_test_bytescan_LDADD = $(UNIT_LIBS)
tests_unit_test_bytescan_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_bytescan_portable
tests_unit_test_bytescan_portable_SOURCES = tests/unit/test_bytescan.c
tests_unit_test_bytescan_portable_LDADD = $(UNIT_LIBS)
tests_unit_test_bytescan_portable_CFLAGS = $(UNIT_CFLAGS) -DBYTESCAN_PORTABLE

UNIT_TESTS += tests/unit/test_clock
tests_unit_test_clock_LDADD = $(UNIT_LIBS)
tests_unit_test_clock_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_log
tests_unit_test_log_LDADD = $(UNIT_LIBS)
tests_unit_test_log_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_outcome
tests_unit_test_outcome_LDADD = $(UNIT_LIBS)
tests_unit_test_outcome_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_chat
tests_unit_test_chat_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_chat_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_jsonscan
tests_unit_test_jsonscan_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_jsonscan_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_chunk
tests_unit_test_chunk_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_chunk_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_http1
tests_unit_test_http1_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_http1_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_http1_chunked
tests_unit_test_http1_chunked_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_http1_chunked_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_http1_response
tests_unit_test_http1_response_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_http1_response_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_http_url
tests_unit_test_http_url_LDADD = libserver.a libpure.a $(UNIT_LIBS)
tests_unit_test_http_url_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_httpdate
tests_unit_test_httpdate_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_httpdate_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_limits
tests_unit_test_limits_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_limits_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_answer
tests_unit_test_answer_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_answer_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_choose
tests_unit_test_choose_LDADD = $(UNIT_LIBS)
tests_unit_test_choose_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_claims
tests_unit_test_claims_LDADD = $(UNIT_LIBS)
tests_unit_test_claims_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_classify
tests_unit_test_classify_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_classify_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_queue
tests_unit_test_queue_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_queue_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_health
tests_unit_test_health_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_health_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_sums
tests_unit_test_sums_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_sums_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_normalize
tests_unit_test_normalize_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_normalize_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_provider
tests_unit_test_provider_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_provider_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_rewrite
tests_unit_test_rewrite_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_rewrite_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_splice
tests_unit_test_splice_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_splice_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_sse
tests_unit_test_sse_LDADD = $(UNIT_LIBS)
tests_unit_test_sse_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_sim_body
tests_unit_test_sim_body_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_test_sim_body_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_sim_http
tests_unit_test_sim_http_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_test_sim_http_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_sim_scenario
tests_unit_test_sim_scenario_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_test_sim_scenario_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf
tests_unit_test_conf_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_check
tests_unit_test_conf_check_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_check_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_yaml
tests_unit_test_conf_yaml_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_yaml_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_url
tests_unit_test_conf_url_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_url_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_listen
tests_unit_test_conf_listen_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_listen_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_nearest
tests_unit_test_conf_nearest_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_nearest_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_conf_load
tests_unit_test_conf_load_LDADD = $(UNIT_LIBS)
tests_unit_test_conf_load_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_evqueue
tests_unit_test_evqueue_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_test_evqueue_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_cooldown
tests_unit_test_cooldown_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_cooldown_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_probe
tests_unit_test_probe_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_probe_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_table
tests_unit_test_table_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_table_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_statefile
tests_unit_test_statefile_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_statefile_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_evwire
tests_unit_test_evwire_LDADD = $(UNIT_LIBS)
tests_unit_test_evwire_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_ledger
tests_unit_test_ledger_LDADD = $(UNIT_LIBS)
tests_unit_test_ledger_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_recent
tests_unit_test_recent_LDADD = $(UNIT_LIBS)
tests_unit_test_recent_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_recent_ring
tests_unit_test_recent_ring_LDADD = $(UNIT_LIBS)
tests_unit_test_recent_ring_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_wpages
tests_unit_test_wpages_LDADD = $(UNIT_LIBS)
tests_unit_test_wpages_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_shmtab
tests_unit_test_shmtab_SOURCES = tests/unit/test_shmtab.c \
	trackerd/killpoint.c trackerd/publish.c trackerd/segment.c
tests_unit_test_shmtab_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_shmtab_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_columns
tests_unit_test_columns_SOURCES = tests/unit/test_columns.c \
	trackerd/weirctl_screen.c
tests_unit_test_columns_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_columns_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_publish
tests_unit_test_publish_SOURCES = tests/unit/test_publish.c \
	trackerd/killpoint.c trackerd/publish.c trackerd/segment.c
tests_unit_test_publish_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_KILL_POINTS=1
tests_unit_test_publish_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_test_publish_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_daemon
tests_unit_test_daemon_LDADD = $(UNIT_LIBS)
tests_unit_test_daemon_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/test_unixsock
tests_unit_test_unixsock_LDADD = $(UNIT_LIBS)
tests_unit_test_unixsock_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
