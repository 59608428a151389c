# Benchmarks, built and run by hand: make tests/bench/bench_pure && tests/bench/bench_pure
EXTRA_PROGRAMS += tests/bench/bench_pure
tests_bench_bench_pure_SOURCES = tests/bench/bench_pure.c
tests_bench_bench_pure_LDADD = libpure.a $(COMMON_LIBS)
