# Request lives on a fake clock. The stand-ins of replay.c come before libserver.a, so that the real
# transfer, tableview, report and turn are not pulled in.
if HAVE_CHECK
check_PROGRAMS += tests/replay/test_exchange
TESTS += tests/replay/test_exchange
tests_replay_test_exchange_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_exchange.c
tests_replay_test_exchange_LDADD = libserver.a libpure.a $(COMMON_LIBS) $(CHECK_LIBS)
tests_replay_test_exchange_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

check_PROGRAMS += tests/replay/test_provider
TESTS += tests/replay/test_provider
tests_replay_test_provider_SOURCES = \
	tests/replay/replay.c tests/replay/replay.h tests/replay/test_provider.c
tests_replay_test_provider_LDADD = libserver.a libpure.a $(COMMON_LIBS) $(CHECK_LIBS)
tests_replay_test_provider_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
endif
