# What server/, trackerd/ and the tests build on. Knows neither of them.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/base/alloc.c common/base/alloc.h \
	common/shm/bootid.c common/shm/bootid.h \
	common/base/buf.c common/base/buf.h \
	common/routing/choose.c common/routing/choose.h \
	common/routing/claims.c common/routing/claims.h \
	common/base/clock.c common/base/clock.h \
	common/conf/conf.c common/conf/conf.h \
	common/conf/check.c \
	common/conf/effective.c \
	common/conf/faults.c common/conf/faults.h \
	common/conf/index.c common/conf/index.h \
	common/conf/link.c \
	common/conf/listen.c common/conf/listen.h \
	common/conf/lists.c \
	common/base/nearest.c common/base/nearest.h \
	common/conf/node.c \
	common/conf/parse.h \
	common/conf/reader.h \
	common/conf/schema.c common/conf/schema.h \
	common/conf/secret.c \
	common/conf/url.c common/conf/url.h \
	common/conf/value.c \
	common/conf/yaml.c common/conf/yaml.h \
	common/process/daemon.c common/process/daemon.h \
	common/base/decimal.h \
	common/process/options.c \
	common/process/user.c \
	common/wire/evwire.c common/wire/evwire.h \
	common/base/fnv.h \
	common/shm/ledger.c common/shm/ledger.h \
	common/conf/listen_address.c common/conf/listen_address.h \
	common/base/log.c common/base/log.h \
	common/base/logfile.c common/base/logfile.h \
	common/terms/outcome.c common/terms/outcome.h \
	common/process/pidfile.c \
	common/terms/provider_type.h \
	common/routing/pair_rows.c common/routing/pair_rows.h \
	common/shm/recent.c common/shm/recent.h \
	common/shm/recent_ring.c common/shm/recent_ring.h \
	common/shm/table_layout.h \
	common/shm/lock.c common/shm/lock.h \
	common/shm/object.c common/shm/object.h \
	common/shm/table.c common/shm/table.h \
	common/http/sse.c common/http/sse.h \
	common/tableview/tableview.c common/tableview/tableview.h \
	common/routing/trail.c common/routing/trail.h \
	common/base/unixsock.c common/base/unixsock.h \
	common/base/utf8.h \
	common/shm/pages.c common/shm/pages.h
COMMON_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS)
