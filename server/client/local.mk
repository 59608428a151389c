# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_client.a
libserver_client_a_SOURCES = \
	server/client/answer.c \
	server/client/client.c server/client/client.h \
	server/client/head.c \
	server/client/input.c \
	server/client/output.c \
	server/client/state.h
