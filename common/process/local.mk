# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_process.a
libcommon_process_a_SOURCES = \
	common/process/daemon.c common/process/daemon.h \
	common/process/options.c common/process/options.h \
	common/process/pidfile.c common/process/pidfile.h \
	common/process/user.c common/process/user.h
