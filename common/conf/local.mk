# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_conf.a
libcommon_conf_a_SOURCES = \
	common/conf/check.c \
	common/conf/conf.c common/conf/conf.h \
	common/conf/effective.c \
	common/conf/faults.c common/conf/faults.h \
	common/conf/index.c common/conf/index.h \
	common/conf/link.c \
	common/conf/listen.c common/conf/listen.h \
	common/conf/listen_address.c common/conf/listen_address.h \
	common/conf/lists.c \
	common/conf/node.c \
	common/conf/parse.h \
	common/conf/reader.h \
	common/conf/schema.c common/conf/schema.h \
	common/conf/secret.c \
	common/conf/url.c common/conf/url.h \
	common/conf/value.c \
	common/conf/yaml.c common/conf/yaml.h
