# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_api.a
libserver_api_a_SOURCES = \
	server/api/api.h \
	server/api/endpoints.c server/api/endpoints.h \
	server/api/health.c server/api/health.h \
	server/api/metrics.c server/api/metrics.h \
	server/api/start.c server/api/start.h \
	server/api/status.c server/api/status.h \
	server/api/status_page.c server/api/status_page.h

# The page at /status as C.
nodist_libserver_api_a_SOURCES = server/api/status_page_html.c
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
