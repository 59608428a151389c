# What server/, trackerd/ and the tests build on. Knows neither of them.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/alloc.c common/alloc.h \
	common/bootid.c common/bootid.h \
	common/buf.c common/buf.h \
	common/choose.c common/choose.h \
	common/claims.c common/claims.h \
	common/clock.c common/clock.h \
	common/conf.c common/conf.h \
	common/conf_check.c \
	common/conf_effective.c \
	common/conf_faults.c common/conf_faults.h \
	common/conf_index.c common/conf_index.h \
	common/conf_link.c \
	common/conf_listen.c common/conf_listen.h \
	common/conf_lists.c \
	common/conf_nearest.c common/conf_nearest.h \
	common/conf_node.c \
	common/conf_parse.h \
	common/conf_reader.h \
	common/conf_schema.c common/conf_schema.h \
	common/conf_secret.c \
	common/conf_url.c common/conf_url.h \
	common/conf_value.c \
	common/conf_yaml.c common/conf_yaml.h \
	common/daemon.c common/daemon.h \
	common/decimal.h \
	common/daemon_options.c \
	common/daemon_user.c \
	common/evwire.c common/evwire.h \
	common/fnv.h \
	common/ledger.c common/ledger.h \
	common/listen_address.c common/listen_address.h \
	common/log.c common/log.h \
	common/logfile.c common/logfile.h \
	common/outcome.c common/outcome.h \
	common/pidfile.c \
	common/provider_types.h \
	common/ratelimits.c common/ratelimits.h \
	common/recent.c common/recent.h \
	common/recent_ring.c common/recent_ring.h \
	common/shmlayout.h \
	common/shmlock.c common/shmlock.h \
	common/shmobj.c common/shmobj.h \
	common/shmtab.c common/shmtab.h \
	common/sse.c common/sse.h \
	common/tableview.c common/tableview.h \
	common/trail.c common/trail.h \
	common/unixsock.c common/unixsock.h \
	common/utf8.h \
	common/wpages.c common/wpages.h
COMMON_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS)
