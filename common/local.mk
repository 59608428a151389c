# What server/, trackerd/ and the tests build on. Knows neither of them.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/alloc.c common/alloc.h \
	common/buf.c common/buf.h \
	common/clock.c common/clock.h \
	common/log.c common/log.h \
	common/outcome.c common/outcome.h \
	common/utf8.h
COMMON_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS)
