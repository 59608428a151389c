# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_base.a
libcommon_base_a_SOURCES = \
	common/base/alloc.c common/base/alloc.h \
	common/base/attributes.h \
	common/base/buf.c common/base/buf.h \
	common/base/bytescan.h \
	common/base/clock.c common/base/clock.h \
	common/base/decimal.h \
	common/base/fd.h \
	common/base/file.c common/base/file.h \
	common/base/fnv.h \
	common/base/hex.h \
	common/base/json_out.c common/base/json_out.h \
	common/base/killpoint.c common/base/killpoint.h \
	common/base/log.c common/base/log.h \
	common/base/logfile.c common/base/logfile.h \
	common/base/logsink.c common/base/logsink.h \
	common/base/nearest.c common/base/nearest.h \
	common/base/siphash.h \
	common/base/unixsock.c common/base/unixsock.h \
	common/base/utf8.h
