# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_tracker.a
libserver_tracker_a_SOURCES = \
	server/tracker/backlog.c server/tracker/backlog.h \
	server/tracker/link.c server/tracker/link.h
