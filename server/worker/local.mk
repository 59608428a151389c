# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_worker.a
libserver_worker_a_SOURCES = \
	server/worker/accept.c server/worker/accept.h \
	server/worker/inherit.h \
	server/worker/siblings.c server/worker/siblings.h \
	server/worker/worker.c server/worker/worker.h
