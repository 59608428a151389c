# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_upstream.a
libserver_upstream_a_SOURCES = \
	server/upstream/backend.h \
	server/upstream/backend_http1.c \
	server/upstream/conn.c server/upstream/conn.h \
	server/upstream/conn_kind.h \
	server/upstream/conn_tcp.c \
	server/upstream/end.h \
	server/upstream/headers.c server/upstream/headers.h \
	server/upstream/module.c server/upstream/module.h \
	server/upstream/transfer.c server/upstream/transfer.h
EXTRA_DIST += server/upstream/module.symbols

# Loaded when a provider needs libcurl: module.h. What it calls in weir is found at loading.
moduledir = $(pkglibdir)
module_PROGRAMS = transfer_curl.so
transfer_curl_so_SOURCES = \
	server/upstream/backend_curl.c \
	server/upstream/conn_curl.c \
	server/upstream/curl_multi.c server/upstream/curl_multi.h \
	server/upstream/module_table.c \
	server/upstream/trust.h
if HAVE_OPENSSL
transfer_curl_so_SOURCES += server/upstream/trust.c
else
transfer_curl_so_SOURCES += server/upstream/trust_none.c
endif
transfer_curl_so_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(OPENSSL_CFLAGS) -fPIC -fvisibility=hidden
transfer_curl_so_LDFLAGS = $(AM_LDFLAGS) -shared
transfer_curl_so_LDADD = $(LIBEVENT_LIBS) $(LIBCURL_LIBS) $(OPENSSL_LIBS)
