# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_exchange.a
libserver_exchange_a_SOURCES = \
	server/exchange/downstream.h \
	server/exchange/exchange.c server/exchange/exchange.h \
	server/exchange/finish.c server/exchange/finish.h \
	server/exchange/gate.c server/exchange/gate.h \
	server/exchange/headers.c server/exchange/headers.h \
	server/exchange/hear.c server/exchange/hear.h \
	server/exchange/queue.c server/exchange/queue.h \
	server/exchange/queueing.c server/exchange/queueing.h \
	server/exchange/relay.c server/exchange/relay.h \
	server/exchange/route.c server/exchange/route.h \
	server/exchange/state.c server/exchange/state.h
