# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_master.a
libserver_master_a_SOURCES = \
	server/master/children.c server/master/children.h \
	server/master/descriptors.c server/master/descriptors.h \
	server/master/listeners.c server/master/listeners.h \
	server/master/master.c server/master/master.h \
	server/master/orphans.c server/master/orphans.h \
	server/master/reload.c server/master/reload.h \
	server/master/respawn.c server/master/respawn.h \
	server/master/state.h \
	server/master/upgrade.c server/master/upgrade.h \
	server/master/watchdog.c server/master/watchdog.h
