# weir-sim: the provider weir is tested and rehearsed against. Shares nothing with server/.
bin_PROGRAMS += weir-sim
weir_sim_SOURCES = \
	tests/sim/sim_answer.c tests/sim/sim_answer.h \
	tests/sim/sim_body.c tests/sim/sim_body.h \
	tests/sim/sim_conn.c tests/sim/sim_conn.h \
	tests/sim/sim_control.c tests/sim/sim_control.h \
	tests/sim/sim_event.c tests/sim/sim_event.h \
	tests/sim/sim_http.c tests/sim/sim_http.h \
	tests/sim/sim_journal.c tests/sim/sim_journal.h \
	tests/sim/sim_listen.c tests/sim/sim_listen.h \
	tests/sim/sim_main.c \
	tests/sim/sim_models.c tests/sim/sim_models.h \
	tests/sim/sim_play.c tests/sim/sim_play.h \
	tests/sim/sim_query.c tests/sim/sim_query.h \
	tests/sim/sim_scenario.c tests/sim/sim_scenario.h \
	tests/sim/sim_serve.c tests/sim/sim_serve.h \
	tests/sim/sim_sha256.c tests/sim/sim_sha256.h \
	tests/sim/sim_steps.c \
	tests/sim/sim_stream.c \
	tests/sim/sim_wait.c tests/sim/sim_wait.h
weir_sim_LDADD = $(COMMON_LIBS) $(LIBEVENT_LIBS)
