# SPDX-License-Identifier: MIT
# Request lives on a fake clock: the rooms between the client and the providers, with stand-ins (replay.c) for
# the rooms that are left out: upstream, tracker, tableview, and deferred calls.
if HAVE_CHECK
REPLAY_LIBS = libserver_exchange.a libserver_attempt.a libserver_coding.a libserver_record.a libserver_dialect.a libserver_judge.a libserver_provider.a \
	libserver_tracker.a libserver_loop.a libcommon_routing.a libcommon_wire.a libcommon_shm.a libcommon_http.a libcommon_json.a \
	$(CONF_LIBS) $(CODING_LIBS) $(CHECK_LIBS)
REPLAY_TESTS = tests/replay/test_bodies tests/replay/test_exchange tests/replay/test_ends_model tests/replay/test_faults tests/replay/test_gate \
	tests/replay/test_provider
check_PROGRAMS += $(REPLAY_TESTS)
TESTS += $(REPLAY_TESTS)
tests/replay/%: AM_CFLAGS += $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
tests_replay_test_bodies_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_bodies.c
tests_replay_test_bodies_LDADD = $(REPLAY_LIBS)
tests_replay_test_exchange_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_exchange.c
tests_replay_test_exchange_LDADD = $(REPLAY_LIBS)
tests_replay_test_ends_model_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_ends_model.c
tests_replay_test_ends_model_LDADD = $(REPLAY_LIBS)
tests_replay_test_faults_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_faults.c
tests_replay_test_faults_LDADD = $(REPLAY_LIBS)
tests_replay_test_gate_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_gate.c
tests_replay_test_gate_LDADD = $(REPLAY_LIBS)
tests_replay_test_provider_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_provider.c
tests_replay_test_provider_LDADD = $(REPLAY_LIBS)
endif
