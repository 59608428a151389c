# Lints that need nothing but a shell.
dist_noinst_SCRIPTS += tests/lint/layers.sh
TESTS += tests/lint/layers.sh

# The documentation of the configuration against the table in common/conf_schema.c.
check_PROGRAMS += tests/lint/conf_keys
tests_lint_conf_keys_SOURCES = tests/lint/conf_keys.c
tests_lint_conf_keys_LDADD = $(COMMON_LIBS)
dist_noinst_SCRIPTS += tests/lint/conf_docs.sh
TESTS += tests/lint/conf_docs.sh
