# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_terms.a
libcommon_terms_a_SOURCES = \
	common/terms/outcome.c common/terms/outcome.h \
	common/terms/provider_type.h
