# SPDX-License-Identifier: MIT
# Request lives on a fake clock: the rooms between the client and the providers, with stand-ins (replay.c) for
# the rooms that are left out: upstream, tracker, tableview, and deferred calls.
if HAVE_CHECK
REPLAY_LIBS = libserver_exchange.a libserver_attempt.a libserver_coding.a libserver_record.a libserver_dialect.a libserver_judge.a libserver_provider.a \
	libserver_tracker.a libserver_loop.a libcommon_routing.a libcommon_wire.a libcommon_shm.a libcommon_http.a libcommon_json.a \
	$(CONF_LIBS) $(CODING_LIBS) $(CHECK_LIBS)
check_LIBRARIES += libreplay.a
libreplay_a_SOURCES = tests/replay/replay.c tests/replay/replay.h tests/replay/wire.h
libreplay_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests/replay/test_%: LDADD = libreplay.a $(REPLAY_LIBS)
REPLAY_TESTS = \
	tests/replay/test_bodies \
	tests/replay/test_ends_model \
	tests/replay/test_exchange \
	tests/replay/test_explain \
	tests/replay/test_faults \
	tests/replay/test_gate \
	tests/replay/test_provider \
	tests/replay/test_queue \
	tests/replay/test_requests
check_PROGRAMS += $(REPLAY_TESTS)
TESTS += $(REPLAY_TESTS)
tests/replay/%: AM_CFLAGS += $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
endif
