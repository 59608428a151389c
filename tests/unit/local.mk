# Unit tests: one program for each pure file, linked with nothing but the archive it is in. A test
# is three lines here: its name in UNIT_TESTS, and its LDADD and CFLAGS.
EXTRA_DIST += tests/unit/unit.h
if HAVE_CHECK
UNIT_TESTS =
UNIT_LIBS = libcommon.a $(JSONC_LIBS) $(YAML_LIBS) $(CHECK_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

UNIT_TESTS += tests/unit/test_outcome
tests_unit_test_outcome_LDADD = $(UNIT_LIBS)
tests_unit_test_outcome_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
