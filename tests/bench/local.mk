# SPDX-License-Identifier: MIT
# Benchmarks, run by hand: `make bench` measures weir beside nginx (when installed); `make
# tests/bench/bench_pure` builds the measure of the pure files. tests/check runs `instructions`.
BENCHMARKS = tests/bench/load tests/bench/provider tests/bench/bench_table tests/bench/bench_pure
EXTRA_PROGRAMS += $(BENCHMARKS)
EXTRA_DIST += tests/bench/run tests/bench/gateways.py tests/bench/meter.py \
	tests/bench/instructions tests/bench/instructions.expected
CLEANFILES += $(BENCHMARKS)

tests_bench_bench_pure_SOURCES = tests/bench/bench_pure.c
tests_bench_bench_pure_LDADD = libserver_dialect.a libserver_judge.a libserver_provider.a $(COMMON_LIBS)
tests_bench_load_SOURCES = tests/bench/load.c tests/bench/stamp.h
tests_bench_load_LDADD = $(COMMON_LIBS)
tests_bench_provider_SOURCES = tests/bench/provider.c tests/bench/stamp.h
tests_bench_provider_LDADD = $(COMMON_LIBS)
tests_bench_bench_table_SOURCES = tests/bench/bench_table.c
tests_bench_bench_table_LDADD = $(COMMON_LIBS)

.PHONY: bench
bench: all $(BENCHMARKS)
	WEIR_BUILD='$(abs_top_builddir)' $(srcdir)/tests/bench/run $(BENCH)
