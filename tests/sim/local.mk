# SPDX-License-Identifier: MIT
# weir-sim: the provider weir is tested and rehearsed against. Shares nothing with server/.
noinst_LIBRARIES += libsim.a
libsim_a_SOURCES = \
	tests/sim/sim_answer.c tests/sim/sim_answer.h \
	tests/sim/sim_body.c tests/sim/sim_body.h \
	tests/sim/sim_conn.c tests/sim/sim_conn.h \
	tests/sim/sim_control.c tests/sim/sim_control.h \
	tests/sim/sim_event.c tests/sim/sim_event.h \
	tests/sim/sim_http.c tests/sim/sim_http.h \
	tests/sim/sim_journal.c tests/sim/sim_journal.h \
	tests/sim/sim_listen.c tests/sim/sim_listen.h \
	tests/sim/sim_models.c tests/sim/sim_models.h \
	tests/sim/sim_play.c tests/sim/sim_play.h \
	tests/sim/sim_query.c tests/sim/sim_query.h \
	tests/sim/sim_scenario.c tests/sim/sim_scenario.h \
	tests/sim/sim_serve.c tests/sim/sim_serve.h \
	tests/sim/sim_sha256.c tests/sim/sim_sha256.h \
	tests/sim/sim_steps.c \
	tests/sim/sim_stream.c \
	tests/sim/sim_wait.c tests/sim/sim_wait.h

bin_PROGRAMS += weir-sim
weir_sim_SOURCES = tests/sim/sim_main.c
weir_sim_LDADD = libsim.a $(COMMON_LIBS) $(LIBEVENT_LIBS)

dist_man_MANS += man/weir-sim.1

# Every fault on the wire.
SIM_SELFTESTS = \
	tests/sim/selftests/harness.py \
	tests/sim/selftests/test_answers.py \
	tests/sim/selftests/test_control.py \
	tests/sim/selftests/test_heads.py \
	tests/sim/selftests/test_http.py \
	tests/sim/selftests/test_load.py \
	tests/sim/selftests/test_program.py \
	tests/sim/selftests/test_streams.py
dist_noinst_SCRIPTS += tests/sim/selftest
EXTRA_DIST += $(SIM_SELFTESTS)
if HAVE_PYTHON
TESTS += tests/sim/selftest
endif
