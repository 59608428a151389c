# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_wire.a
libcommon_wire_a_SOURCES = \
	common/wire/evwire.c common/wire/evwire.h
