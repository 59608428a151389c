# Lints that need nothing but a shell.
dist_noinst_SCRIPTS += tests/lint/layers.sh
TESTS += tests/lint/layers.sh
