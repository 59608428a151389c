# Unit tests: one program for each pure file, linked with nothing but the archive it is in. A test
# is three lines here: its name in UNIT_TESTS, and its LDADD and CFLAGS.
EXTRA_DIST += tests/unit/unit.h
EXTRA_DIST += tests/unit/conf_fixture.h
if HAVE_CHECK
UNIT_TESTS =
UNIT_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS) $(CHECK_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_buf
tests_unit_common_base_test_buf_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_buf_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_bytescan
tests_unit_common_base_test_bytescan_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_bytescan_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_bytescan_portable
tests_unit_common_base_test_bytescan_portable_SOURCES = tests/unit/common/base/test_bytescan.c
tests_unit_common_base_test_bytescan_portable_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_bytescan_portable_CFLAGS = $(UNIT_CFLAGS) -DBYTESCAN_PORTABLE

UNIT_TESTS += tests/unit/common/base/test_clock
tests_unit_common_base_test_clock_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_clock_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_log
tests_unit_common_base_test_log_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_log_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/terms/test_outcome
tests_unit_common_terms_test_outcome_LDADD = $(UNIT_LIBS)
tests_unit_common_terms_test_outcome_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/dialect/test_chat_request
tests_unit_server_dialect_test_chat_request_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_dialect_test_chat_request_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/json/test_jsonscan
tests_unit_common_json_test_jsonscan_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_json_test_jsonscan_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/dialect/test_chat_event
tests_unit_server_dialect_test_chat_event_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_dialect_test_chat_event_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_request
tests_unit_common_http_test_request_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_http_test_request_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_chunked
tests_unit_common_http_test_chunked_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_http_test_chunked_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_response
tests_unit_common_http_test_response_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_http_test_response_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_url
tests_unit_common_http_test_url_LDADD = libserver.a libpure.a $(UNIT_LIBS)
tests_unit_common_http_test_url_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_date
tests_unit_common_http_test_date_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_http_test_date_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/provider/test_limit_headers
tests_unit_server_provider_test_limit_headers_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_provider_test_limit_headers_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/dialect/test_own_error
tests_unit_server_dialect_test_own_error_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_dialect_test_own_error_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/routing/test_trail
tests_unit_common_routing_test_trail_LDADD = $(UNIT_LIBS)
tests_unit_common_routing_test_trail_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/routing/test_claims
tests_unit_common_routing_test_claims_LDADD = $(UNIT_LIBS)
tests_unit_common_routing_test_claims_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/attempt/test_classify
tests_unit_server_attempt_test_classify_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_attempt_test_classify_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/exchange/test_queue
tests_unit_server_exchange_test_queue_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_exchange_test_queue_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/api/test_health
tests_unit_server_api_test_health_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_api_test_health_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/api/test_page_sums
tests_unit_server_api_test_page_sums_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_api_test_page_sums_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/dialect/test_chat_normalize
tests_unit_server_dialect_test_chat_normalize_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_dialect_test_chat_normalize_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/provider/test_provider
tests_unit_server_provider_test_provider_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_provider_test_provider_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/provider/test_rewrite
tests_unit_server_provider_test_rewrite_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_provider_test_rewrite_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/json/test_splice
tests_unit_common_json_test_splice_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_common_json_test_splice_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/http/test_sse
tests_unit_common_http_test_sse_LDADD = $(UNIT_LIBS)
tests_unit_common_http_test_sse_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/sim/test_sim_body
tests_unit_sim_test_sim_body_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_sim_test_sim_body_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/sim/test_sim_http
tests_unit_sim_test_sim_http_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_sim_test_sim_http_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/sim/test_sim_scenario
tests_unit_sim_test_sim_scenario_LDADD = libsim.a $(UNIT_LIBS)
tests_unit_sim_test_sim_scenario_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_conf
tests_unit_common_conf_test_conf_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_conf_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_check
tests_unit_common_conf_test_check_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_check_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_yaml
tests_unit_common_conf_test_yaml_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_yaml_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_url
tests_unit_common_conf_test_url_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_url_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_listen
tests_unit_common_conf_test_listen_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_listen_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_nearest
tests_unit_common_base_test_nearest_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_nearest_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/conf/test_load
tests_unit_common_conf_test_load_LDADD = $(UNIT_LIBS)
tests_unit_common_conf_test_load_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/server/tracker/test_backlog
tests_unit_server_tracker_test_backlog_LDADD = libpure.a $(UNIT_LIBS)
tests_unit_server_tracker_test_backlog_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/table/test_cooldown
tests_unit_trackerd_table_test_cooldown_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_table_test_cooldown_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/weirctl/test_probe
tests_unit_trackerd_weirctl_test_probe_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_weirctl_test_probe_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/table/test_table
tests_unit_trackerd_table_test_table_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_table_test_table_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/table/test_statefile
tests_unit_trackerd_table_test_statefile_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_table_test_statefile_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/wire/test_evwire
tests_unit_common_wire_test_evwire_LDADD = $(UNIT_LIBS)
tests_unit_common_wire_test_evwire_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/shm/test_ledger
tests_unit_common_shm_test_ledger_LDADD = $(UNIT_LIBS)
tests_unit_common_shm_test_ledger_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/shm/test_recent
tests_unit_common_shm_test_recent_LDADD = $(UNIT_LIBS)
tests_unit_common_shm_test_recent_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/shm/test_recent_ring
tests_unit_common_shm_test_recent_ring_LDADD = $(UNIT_LIBS)
tests_unit_common_shm_test_recent_ring_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/shm/test_pages
tests_unit_common_shm_test_pages_LDADD = $(UNIT_LIBS)
tests_unit_common_shm_test_pages_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/shm/test_table
tests_unit_common_shm_test_table_SOURCES = tests/unit/common/shm/test_table.c \
	common/base/killpoint.c trackerd/table/publish.c trackerd/table/segment.c
tests_unit_common_shm_test_table_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_common_shm_test_table_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/weirctl/test_columns
tests_unit_trackerd_weirctl_test_columns_SOURCES = tests/unit/trackerd/weirctl/test_columns.c \
	trackerd/weirctl/screen.c
tests_unit_trackerd_weirctl_test_columns_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_weirctl_test_columns_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/trackerd/table/test_publish
tests_unit_trackerd_table_test_publish_SOURCES = tests/unit/trackerd/table/test_publish.c \
	common/base/killpoint.c trackerd/table/publish.c trackerd/table/segment.c
tests_unit_trackerd_table_test_publish_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_KILL_POINTS=1
tests_unit_trackerd_table_test_publish_LDADD = libtracker.a $(UNIT_LIBS)
tests_unit_trackerd_table_test_publish_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/process/test_daemon
tests_unit_common_process_test_daemon_LDADD = $(UNIT_LIBS)
tests_unit_common_process_test_daemon_CFLAGS = $(UNIT_CFLAGS)

UNIT_TESTS += tests/unit/common/base/test_unixsock
tests_unit_common_base_test_unixsock_LDADD = $(UNIT_LIBS)
tests_unit_common_base_test_unixsock_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
