# SPDX-License-Identifier: MIT
# Lints that need nothing but a shell.
dist_noinst_SCRIPTS += tests/lint/layers.sh
EXTRA_DIST += tests/lint/rooms.txt
TESTS += tests/lint/layers.sh
dist_noinst_SCRIPTS += tests/lint/circles.sh tests/lint/contract.sh tests/lint/documents.sh tests/lint/module.sh
TESTS += tests/lint/circles.sh tests/lint/contract.sh tests/lint/documents.sh tests/lint/module.sh

# The documentation of the configuration against the table in common/conf/schema.c.
check_PROGRAMS += tests/lint/conf_keys
tests_lint_conf_keys_SOURCES = tests/lint/conf_keys.c
tests_lint_conf_keys_LDADD = $(COMMON_LIBS)
dist_noinst_SCRIPTS += tests/lint/conf_docs.sh
TESTS += tests/lint/conf_docs.sh

# What programs say against what the man pages explain.
check_PROGRAMS += tests/lint/words
tests_lint_words_SOURCES = tests/lint/words.c
tests_lint_words_LDADD = $(weir_LDADD)
dist_noinst_SCRIPTS += tests/lint/words.sh
TESTS += tests/lint/words.sh

# What is installed around the daemons. It installs, so it runs when all is built.
dist_noinst_SCRIPTS += tests/lint/etc.sh
TESTS += tests/lint/etc.sh
