# SPDX-License-Identifier: MIT
# The tracker daemon and the admin tool: one archive for each room.
include trackerd/table/local.mk
include trackerd/daemon/local.mk
include trackerd/weirctl/local.mk

sbin_PROGRAMS += weir-trackerd
weir_trackerd_SOURCES = trackerd/main.c
weir_trackerd_LDADD = libtrackerd_daemon.a libtrackerd_table.a $(COMMON_LIBS) $(LIBEVENT_LIBS)
