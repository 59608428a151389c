# SPDX-License-Identifier: MIT
# The gateway: one archive for each room, those that build on others first. All but main.c are libraries, so that
# tests take the rooms that they are about and put their own at the edges.
include server/loop/local.mk
include server/coding/local.mk
include server/upstream/local.mk
include server/provider/local.mk
include server/judge/local.mk
include server/dialect/local.mk
include server/tracker/local.mk
include server/record/local.mk
include server/attempt/local.mk
include server/exchange/local.mk
include server/client/local.mk
include server/api/local.mk
include server/worker/local.mk
include server/master/local.mk
SERVER_LIBS = libserver_master.a libserver_worker.a libserver_api.a libserver_client.a libserver_exchange.a \
	libserver_attempt.a libserver_record.a libserver_tracker.a libserver_dialect.a libserver_judge.a libserver_provider.a \
	libserver_upstream.a libserver_coding.a libserver_loop.a

sbin_PROGRAMS += weir
weir_SOURCES = server/main.c
weir_LDADD = $(SERVER_LIBS) $(COMMON_LIBS) $(LIBEVENT_LIBS) $(CODING_LIBS)
weir_LDFLAGS = $(AM_LDFLAGS) -Wl,--dynamic-list=$(srcdir)/server/upstream/module.symbols
EXTRA_weir_DEPENDENCIES = server/upstream/module.symbols
