# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_dialect.a
libserver_dialect_a_SOURCES = \
	server/dialect/chat.c \
	server/dialect/chat_event.c server/dialect/chat_event.h \
	server/dialect/chat_normalize.c server/dialect/chat_normalize.h \
	server/dialect/chat_request.c server/dialect/chat_request.h \
	server/dialect/dialect.h \
	server/dialect/own_error.c server/dialect/own_error.h
