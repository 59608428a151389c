# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_routing.a
libcommon_routing_a_SOURCES = \
	common/routing/claims.c common/routing/claims.h \
	common/routing/pair_rows.c common/routing/pair_rows.h \
	common/routing/trail.c common/routing/trail.h
