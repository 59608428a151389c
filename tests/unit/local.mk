# SPDX-License-Identifier: MIT
# Unit tests: one program for each file that is tested, in the folder of the tree that the file is in. A
# test is one line here; by its folder it is linked with the room it is about and those that the room may
# include (tests/lint/rooms.txt), and with no other.
EXTRA_DIST += tests/unit/unit.h
EXTRA_DIST += tests/unit/conf_fixture.h
EXTRA_DIST += tests/unit/trackerd/table/cooldown_fixture.h
if HAVE_CHECK
# What automake knows: build all of this before any test is linked. The lines behind narrow it.
LDADD = libreplay.a libsim.a $(SERVER_LIBS) libweirctl.a libtrackerd_daemon.a libtrackerd_table.a $(COMMON_LIBS) $(CODING_LIBS) $(CHECK_LIBS)
tests/unit/%: AM_CFLAGS += $(CHECK_CFLAGS)
tests/unit/common/base/%: LDADD = libcommon_base.a $(JSONC_LIBS) $(CHECK_LIBS)
tests/unit/common/terms/%: LDADD = $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/common/json/%: LDADD = libcommon_json.a libcommon_base.a $(CHECK_LIBS)
tests/unit/common/http/%: LDADD = libcommon_http.a libcommon_base.a $(CHECK_LIBS)
tests/unit/common/conf/%: LDADD = $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/common/shm/%: LDADD = libcommon_shm.a $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/common/wire/%: LDADD = libcommon_wire.a libcommon_shm.a $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/common/routing/%: LDADD = libcommon_routing.a libcommon_tableview.a libcommon_shm.a $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/common/process/%: LDADD = libcommon_process.a $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/server/dialect/%: LDADD = libserver_dialect.a libserver_judge.a libcommon_json.a $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/server/judge/%: LDADD = libserver_judge.a libcommon_json.a $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/server/provider/%: LDADD = libserver_provider.a libserver_dialect.a libserver_judge.a libcommon_http.a libcommon_json.a $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/server/coding/%: LDADD = libserver_coding.a libcommon_base.a $(CODING_LIBS) $(CHECK_LIBS)
tests/unit/server/coding/%: AM_CFLAGS += $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests/unit/server/record/%: LDADD = libserver_record.a libcommon_routing.a libcommon_wire.a libcommon_shm.a $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/server/tracker/%: LDADD = libserver_tracker.a libserver_loop.a libcommon_wire.a libcommon_shm.a $(TERMS_LIBS) $(LIBEVENT_LIBS) $(CHECK_LIBS)
tests/unit/server/attempt/%: LDADD = libserver_attempt.a libserver_coding.a libserver_dialect.a libserver_judge.a libserver_provider.a libcommon_http.a libcommon_json.a $(CONF_LIBS) $(CHECK_LIBS)
tests/unit/server/exchange/%: LDADD = libserver_exchange.a libserver_attempt.a libserver_coding.a libserver_dialect.a libserver_judge.a libserver_provider.a $(COMMON_LIBS) $(CODING_LIBS) $(CHECK_LIBS)
tests/unit/server/client/%: LDADD = libserver_client.a libserver_coding.a libserver_loop.a libserver_dialect.a libserver_judge.a libcommon_http.a libcommon_json.a libcommon_shm.a $(CONF_LIBS) $(LIBEVENT_LIBS) $(CODING_LIBS) $(CHECK_LIBS)
tests/unit/server/worker/%: LDADD = libserver_worker.a libcommon_shm.a $(TERMS_LIBS) $(CHECK_LIBS)
tests/unit/server/master/%: LDADD = libserver_master.a libcommon_base.a $(CHECK_LIBS)
tests/unit/server/loop/%: LDADD = libserver_loop.a $(CHECK_LIBS)
tests/unit/server/api/%: LDADD = libserver_api.a $(COMMON_LIBS) $(CHECK_LIBS)
tests/unit/trackerd/table/%: LDADD = libtrackerd_table.a libcommon_wire.a libcommon_shm.a libcommon_json.a $(CONF_LIBS) $(LIBEVENT_LIBS) $(CHECK_LIBS)
tests/unit/trackerd/weirctl/%: LDADD = libweirctl.a $(COMMON_LIBS) $(CHECK_LIBS) -lm
tests/unit/sim/%: LDADD = libsim.a $(COMMON_LIBS) $(CHECK_LIBS)

UNIT_TESTS = \
	tests/unit/common/base/test_buf \
	tests/unit/common/base/test_bytescan \
	tests/unit/common/base/test_bytescan_portable \
	tests/unit/common/base/test_clock \
	tests/unit/common/base/test_file \
	tests/unit/common/base/test_json_out \
	tests/unit/common/base/test_log \
	tests/unit/common/base/test_logsink \
	tests/unit/common/base/test_nearest \
	tests/unit/common/base/test_siphash \
	tests/unit/common/base/test_unixsock \
	tests/unit/common/conf/test_check \
	tests/unit/common/conf/test_conf \
	tests/unit/common/conf/test_envfile \
	tests/unit/common/conf/test_index \
	tests/unit/common/conf/test_listen \
	tests/unit/common/conf/test_load \
	tests/unit/common/conf/test_url \
	tests/unit/common/conf/test_yaml \
	tests/unit/common/http/test_chunked \
	tests/unit/common/http/test_date \
	tests/unit/common/http/test_reason \
	tests/unit/common/http/test_request \
	tests/unit/common/http/test_response \
	tests/unit/common/http/test_sse \
	tests/unit/common/http/test_target \
	tests/unit/common/http/test_url \
	tests/unit/common/json/test_jsonscan \
	tests/unit/common/json/test_splice \
	tests/unit/common/process/test_daemon \
	tests/unit/common/routing/test_claims \
	tests/unit/common/routing/test_trail \
	tests/unit/common/shm/test_ledger \
	tests/unit/common/shm/test_object \
	tests/unit/common/shm/test_page_sums \
	tests/unit/common/shm/test_pages \
	tests/unit/common/shm/test_recent \
	tests/unit/common/shm/test_recent_ring \
	tests/unit/common/shm/test_table \
	tests/unit/common/terms/test_cause \
	tests/unit/common/terms/test_delivery \
	tests/unit/common/terms/test_outcome \
	tests/unit/common/terms/test_pair_key \
	tests/unit/common/wire/test_evwire \
	tests/unit/server/api/test_health \
	tests/unit/server/client/test_client \
	tests/unit/server/client/test_cors \
	tests/unit/server/client/test_keys \
	tests/unit/server/client/test_path \
	tests/unit/server/client/test_peer \
	tests/unit/server/attempt/test_body \
	tests/unit/server/attempt/test_classify \
	tests/unit/server/attempt/test_key_mask \
	tests/unit/server/coding/test_coding \
	tests/unit/server/dialect/test_chat_event \
	tests/unit/server/dialect/test_chat_normalize \
	tests/unit/server/dialect/test_chat_request \
	tests/unit/server/dialect/test_dialect \
	tests/unit/server/dialect/test_own_error \
	tests/unit/server/exchange/test_queue \
	tests/unit/server/judge/test_judge \
	tests/unit/server/judge/test_judge_model \
	tests/unit/server/provider/test_limit_headers \
	tests/unit/server/loop/test_crumb \
	tests/unit/server/master/test_descriptors \
	tests/unit/server/master/test_respawn \
	tests/unit/server/master/test_watchdog \
	tests/unit/server/worker/test_siblings \
	tests/unit/server/provider/test_provider \
	tests/unit/server/provider/test_rewrite \
	tests/unit/server/record/test_credit \
	tests/unit/server/tracker/test_backlog \
	tests/unit/server/tracker/test_link \
	tests/unit/sim/test_sim_body \
	tests/unit/sim/test_sim_http \
	tests/unit/sim/test_sim_scenario \
	tests/unit/trackerd/table/test_changes \
	tests/unit/trackerd/table/test_cooldown \
	tests/unit/trackerd/table/test_cooldown_model \
	tests/unit/trackerd/table/test_publish \
	tests/unit/trackerd/table/test_segment \
	tests/unit/trackerd/table/test_snapshot \
	tests/unit/trackerd/table/test_statefile \
	tests/unit/trackerd/table/test_table \
	tests/unit/trackerd/weirctl/test_columns \
	tests/unit/trackerd/weirctl/test_probe

# The same once more, without the instructions of this processor.
tests_unit_common_base_test_bytescan_portable_SOURCES = tests/unit/common/base/test_bytescan.c
tests_unit_common_base_test_bytescan_portable_CPPFLAGS = $(AM_CPPFLAGS) -DBYTESCAN_PORTABLE

# These write a table of their own, as trackerd does.
tests_unit_common_shm_test_table_SOURCES = tests/unit/common/shm/test_table.c \
	common/base/killpoint.c trackerd/table/cooldown.c trackerd/table/publish.c trackerd/table/segment.c \
	trackerd/table/table.c
# With the kill points that only an unusual build has.
tests_unit_trackerd_table_test_publish_SOURCES = tests/unit/trackerd/table/test_publish.c \
	common/base/killpoint.c trackerd/table/publish.c trackerd/table/segment.c
tests_unit_trackerd_table_test_publish_CPPFLAGS = $(AM_CPPFLAGS) -DWEIR_KILL_POINTS=1

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
