# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_http.a
libcommon_http_a_SOURCES = \
	common/http/chunked.c common/http/chunked.h \
	common/http/date.c common/http/date.h \
	common/http/field.c common/http/field.h \
	common/http/numeric_address.c common/http/numeric_address.h \
	common/http/reason.c common/http/reason.h \
	common/http/request.c common/http/request.h \
	common/http/response.c common/http/response.h \
	common/http/sse.c common/http/sse.h \
	common/http/target.c common/http/target.h \
	common/http/url.c common/http/url.h
