# SPDX-License-Identifier: MIT
# The stock OpenAI SDK against running daemons: `make check-clients` (needs node and, once, npm).
EXTRA_DIST += tests/clients/run tests/clients/openai.cjs tests/clients/package.json

.PHONY: check-clients
check-clients: all
	WEIR_BUILD='$(abs_top_builddir)' $(srcdir)/tests/clients/run

distclean-local: distclean-clients
.PHONY: distclean-clients
distclean-clients:
	rm -rf clients
