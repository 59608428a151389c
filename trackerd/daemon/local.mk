# SPDX-License-Identifier: MIT
# see trackerd/local.mk
noinst_LIBRARIES += libtrackerd_daemon.a
libtrackerd_daemon_a_SOURCES = \
	trackerd/daemon/control.c trackerd/daemon/control.h \
	trackerd/daemon/intake.c trackerd/daemon/intake.h \
	trackerd/daemon/reload.c trackerd/daemon/reload.h \
	trackerd/daemon/trackerd.c trackerd/daemon/trackerd.h
