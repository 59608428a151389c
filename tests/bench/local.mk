# Benchmarks, built and run by hand: `make bench` measures the whole gateway beside a direct
# connection and nginx (when installed), and the shared table; `make tests/bench/bench_pure` builds
# the measure of the pure files.
BENCHMARKS = tests/bench/load tests/bench/bench_table tests/bench/bench_pure
EXTRA_PROGRAMS += $(BENCHMARKS)
EXTRA_DIST += tests/bench/run tests/bench/instructions tests/bench/instructions.expected
CLEANFILES += $(BENCHMARKS)

tests_bench_bench_pure_SOURCES = tests/bench/bench_pure.c
tests_bench_bench_pure_LDADD = libpure.a $(COMMON_LIBS)
tests_bench_load_SOURCES = tests/bench/load.c
tests_bench_load_LDADD = $(COMMON_LIBS)
tests_bench_bench_table_SOURCES = tests/bench/bench_table.c
tests_bench_bench_table_LDADD = $(COMMON_LIBS)

.PHONY: bench
bench: all $(BENCHMARKS)
	BENCH_BUILD=$(abs_builddir) $(srcdir)/tests/bench/run
