# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_provider.a
libserver_provider_a_SOURCES = \
	server/provider/limit_headers.c server/provider/limit_headers.h \
	server/provider/provider.c server/provider/provider.h \
	server/provider/rewrite.c server/provider/rewrite.h
