# see Makefile.am
# The pure files: no sockets, no clock, no libevent, no curl, no log. Unit tests and fuzzers link this.
noinst_LIBRARIES += libpure.a
libpure_a_SOURCES = \
	server/answer.c server/answer.h \
	server/bytescan.h \
	server/chat.c server/chat.h \
	server/chunk.c server/chunk.h \
	server/classify.c server/classify.h \
	server/evqueue.c server/evqueue.h \
	server/health.c server/health.h \
	server/http1.c server/http1.h \
	server/http1_chunked.c \
	server/http1_field.c server/http1_field.h \
	server/http1_response.c server/http1_response.h \
	server/http_url.c server/http_url.h \
	server/httpdate.c server/httpdate.h \
	server/jsonscan.c server/jsonscan.h \
	server/limits.c server/limits.h \
	server/normalize.c server/normalize.h \
	server/provider.c server/provider.h \
	server/rewrite.c server/rewrite.h \
	server/splice.c server/splice.h \
	server/sums.c server/sums.h \
	server/queue.c server/queue.h \
	server/transfer_headers.c server/transfer_headers.h

# The rest of a worker and the master, all but main: a library, so that the replay tests can put
# their own transfers and clients at both ends of an exchange.
noinst_LIBRARIES += libserver.a
libserver_a_SOURCES = \
	server/access_log.c server/access_log.h \
	server/account.c server/account.h \
	server/attempt.c server/attempt.h \
	server/client_conn.h \
	server/client_http.c server/client_http.h \
	server/client_input.c \
	server/client_out.c \
	server/client_request.c \
	server/client_write.c \
	server/conn.c server/conn.h server/conn_kind.h \
	server/conn_tcp.c \
	server/endpoints.c server/endpoints.h \
	server/exchange.c server/exchange.h server/exchange_state.h \
	server/exchange_attempt.c \
	server/exchange_finish.c \
	server/exchange_queue.c \
	server/exchange_remember.c \
	server/exchange_route.c \
	server/inherit.h \
	server/listen.c server/listen.h \
	server/master.c server/master.h server/master_state.h \
	server/master_children.c server/master_children.h \
	server/master_listen.c server/master_listen.h \
	server/master_reload.c server/master_reload.h \
	server/master_upgrade.c server/master_upgrade.h \
	server/metrics.c server/metrics.h \
	server/numeric_address.c server/numeric_address.h \
	server/relay.c server/relay.h \
	server/report.c server/report.h \
	server/status.c server/status.h \
	server/status_page.c server/status_page.h \
	server/transfer.c server/transfer.h server/transfer_client.h \
	server/transfer_http1.c \
	server/transfer_module.c server/transfer_module.h \
	server/turn.c server/turn.h \
	server/worker.c server/worker.h

# The page at /status as C.
nodist_libserver_a_SOURCES = server/status_page_html.c
CLEANFILES += server/status_page_html.c
status_page_sources = \
	server/status_page.html \
	server/status_page.css \
	server/status_page.js \
	server/status_page.awk
EXTRA_DIST += $(status_page_sources)
server/status_page_html.c: $(status_page_sources)
	$(AM_V_GEN)$(MKDIR_P) server && \
	LC_ALL=C $(AWK) -f $(srcdir)/server/status_page.awk $(srcdir)/server/status_page.html >$@.tmp && \
	mv $@.tmp $@

sbin_PROGRAMS += weir
weir_SOURCES = server/main.c
weir_LDADD = libserver.a libpure.a $(COMMON_LIBS) $(LIBEVENT_LIBS)
weir_LDFLAGS = $(AM_LDFLAGS) -Wl,--dynamic-list=$(srcdir)/server/transfer_module.symbols
EXTRA_weir_DEPENDENCIES = server/transfer_module.symbols
EXTRA_DIST += server/transfer_module.symbols

# Loaded when a provider needs libcurl: transfer_module.h. What it calls in weir is found at loading.
moduledir = $(pkglibdir)
module_PROGRAMS = transfer_curl.so
transfer_curl_so_SOURCES = \
	server/conn_curl.c \
	server/transfer_curl.c \
	server/transfer_module_table.c \
	server/transfer_multi.c server/transfer_multi.h \
	server/transfer_trust.h
if HAVE_OPENSSL
transfer_curl_so_SOURCES += server/transfer_trust.c
else
transfer_curl_so_SOURCES += server/transfer_trust_none.c
endif
transfer_curl_so_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(OPENSSL_CFLAGS) -fPIC -fvisibility=hidden
transfer_curl_so_LDFLAGS = $(AM_LDFLAGS) -shared
transfer_curl_so_LDADD = $(LIBEVENT_LIBS) $(LIBCURL_LIBS) $(OPENSSL_LIBS)
