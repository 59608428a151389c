# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_json.a
libcommon_json_a_SOURCES = \
	common/json/jsonscan.c common/json/jsonscan.h \
	common/json/splice.c common/json/splice.h
