# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_coding.a
libserver_coding_a_SOURCES = \
	server/coding/coding.c server/coding/coding.h \
	server/coding/coding_inside.h
libserver_coding_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
if HAVE_ZLIB
libserver_coding_a_SOURCES += server/coding/coding_zlib.c
endif
if HAVE_ZSTD
libserver_coding_a_SOURCES += server/coding/coding_zstd.c
endif
