# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_loop.a
libserver_loop_a_SOURCES = \
	server/loop/crumb.c server/loop/crumb.h \
	server/loop/defer.c server/loop/defer.h
