# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_client.a
libserver_client_a_SOURCES = \
	server/client/answer.c server/client/answer.h \
	server/client/client.c server/client/client.h \
	server/client/cors.c server/client/cors.h \
	server/client/endpoint.h \
	server/client/head.c server/client/head.h \
	server/client/input.c server/client/input.h \
	server/client/keys.c server/client/keys.h \
	server/client/output.c server/client/output.h \
	server/client/path.c server/client/path.h \
	server/client/peer.c server/client/peer.h \
	server/client/state.c server/client/state.h \
	server/client/unpack.c server/client/unpack.h
