# see Makefile.am
# The pure files: no sockets, no clock, no libevent, no curl, no log. Unit tests and fuzzers link this.
noinst_LIBRARIES += libpure.a
libpure_a_SOURCES = \
	server/dialect/own_error.c server/dialect/own_error.h \
	common/base/bytescan.h \
	server/dialect/chat_request.c server/dialect/chat_request.h \
	server/dialect/chat_event.c server/dialect/chat_event.h \
	server/attempt/classify.c server/attempt/classify.h \
	server/tracker/backlog.c server/tracker/backlog.h \
	server/api/health.c server/api/health.h \
	common/http/request.c common/http/request.h \
	common/http/chunked.c \
	common/http/field.c common/http/field.h \
	common/http/response.c common/http/response.h \
	common/http/url.c common/http/url.h \
	common/http/date.c common/http/date.h \
	common/json/jsonscan.c common/json/jsonscan.h \
	server/provider/limit_headers.c server/provider/limit_headers.h \
	server/dialect/chat_normalize.c server/dialect/chat_normalize.h \
	server/provider/provider.c server/provider/provider.h \
	server/provider/rewrite.c server/provider/rewrite.h \
	common/json/splice.c common/json/splice.h \
	server/api/page_sums.c server/api/page_sums.h \
	server/exchange/queue.c server/exchange/queue.h \
	server/upstream/headers.c server/upstream/headers.h

# The rest of a worker and the master, all but main: a library, so that the replay tests can put
# their own transfers and clients at both ends of an exchange.
noinst_LIBRARIES += libserver.a
libserver_a_SOURCES = \
	server/record/access_log.c server/record/access_log.h \
	server/record/credit.c server/record/credit.h \
	server/attempt/attempt.c server/attempt/attempt.h \
	server/client/state.h \
	server/client/client.c server/client/client.h \
	server/client/input.c \
	server/client/output.c \
	server/client/head.c \
	server/client/answer.c \
	server/upstream/conn.c server/upstream/conn.h server/upstream/conn_kind.h \
	server/upstream/conn_tcp.c \
	server/api/endpoints.c server/api/endpoints.h \
	server/exchange/exchange.c server/exchange/exchange.h server/exchange/state.h \
	server/exchange/hear.c \
	server/exchange/finish.c \
	server/exchange/queueing.c \
	server/exchange/remember.c \
	server/exchange/route.c \
	server/worker/inherit.h \
	server/worker/accept.c server/worker/accept.h \
	server/master/master.c server/master/master.h server/master/state.h \
	server/master/children.c server/master/children.h \
	server/master/listeners.c server/master/listeners.h \
	server/master/reload.c server/master/reload.h \
	server/master/upgrade.c server/master/upgrade.h \
	server/api/metrics.c server/api/metrics.h \
	common/http/numeric_address.c common/http/numeric_address.h \
	server/exchange/relay.c server/exchange/relay.h \
	server/tracker/link.c server/tracker/link.h \
	server/api/status.c server/api/status.h \
	server/api/status_page.c server/api/status_page.h \
	server/upstream/transfer.c server/upstream/transfer.h server/upstream/backend.h \
	server/upstream/backend_http1.c \
	server/upstream/module.c server/upstream/module.h \
	server/loop/defer.c server/loop/defer.h \
	server/worker/worker.c server/worker/worker.h

# The page at /status as C.
nodist_libserver_a_SOURCES = server/api/status_page_html.c
CLEANFILES += server/api/status_page_html.c
status_page_sources = \
	server/api/status_page.html \
	server/api/status_page.css \
	server/api/status_page.js \
	server/api/status_page.awk
EXTRA_DIST += $(status_page_sources)
server/api/status_page_html.c: $(status_page_sources)
	$(AM_V_GEN)$(MKDIR_P) server/api && \
	LC_ALL=C $(AWK) -f $(srcdir)/server/api/status_page.awk $(srcdir)/server/api/status_page.html >$@.tmp && \
	mv $@.tmp $@

sbin_PROGRAMS += weir
weir_SOURCES = server/main.c
weir_LDADD = libserver.a libpure.a $(COMMON_LIBS) $(LIBEVENT_LIBS)
weir_LDFLAGS = $(AM_LDFLAGS) -Wl,--dynamic-list=$(srcdir)/server/upstream/module.symbols
EXTRA_weir_DEPENDENCIES = server/upstream/module.symbols
EXTRA_DIST += server/upstream/module.symbols

# Loaded when a provider needs libcurl: upstream/module.h. What it calls in weir is found at loading.
moduledir = $(pkglibdir)
module_PROGRAMS = transfer_curl.so
transfer_curl_so_SOURCES = \
	server/upstream/conn_curl.c \
	server/upstream/backend_curl.c \
	server/upstream/module_table.c \
	server/upstream/curl_multi.c server/upstream/curl_multi.h \
	server/upstream/trust.h
if HAVE_OPENSSL
transfer_curl_so_SOURCES += server/upstream/trust.c
else
transfer_curl_so_SOURCES += server/upstream/trust_none.c
endif
transfer_curl_so_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(OPENSSL_CFLAGS) -fPIC -fvisibility=hidden
transfer_curl_so_LDFLAGS = $(AM_LDFLAGS) -shared
transfer_curl_so_LDADD = $(LIBEVENT_LIBS) $(LIBCURL_LIBS) $(OPENSSL_LIBS)
