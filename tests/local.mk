# SPDX-License-Identifier: MIT
# Every kind of test has its own fragment.
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/replay/local.mk
include tests/lint/local.mk
include tests/e2e/local.mk
include tests/clients/local.mk
