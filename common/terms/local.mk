# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_terms.a
libcommon_terms_a_SOURCES = \
	common/terms/cause.c common/terms/cause.h \
	common/terms/delivery.c common/terms/delivery.h \
	common/terms/outcome.c common/terms/outcome.h \
	common/terms/pair_key.c common/terms/pair_key.h \
	common/terms/provider_type.c common/terms/provider_type.h \
	common/terms/quota.h
