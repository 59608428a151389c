# SPDX-License-Identifier: MIT
# For those who work on weir: what users can rely on, and why things are as they are.
EXTRA_DIST += HACKING.md doc/contract.md doc/provider-types.md \
	doc/decisions/README.md \
	doc/decisions/0001-own-http-server.md \
	doc/decisions/0002-own-http-client.md \
	doc/decisions/0003-end-of-stream.md \
	doc/decisions/0004-credit-at-the-end.md \
	doc/decisions/0005-body-spliced.md \
	doc/decisions/0006-events-as-they-came.md \
	doc/decisions/0007-no-translation.md \
	doc/decisions/0008-one-writer.md \
	doc/decisions/0009-locks-with-a-limit.md \
	doc/decisions/0010-pages-and-ledger.md \
	doc/decisions/0011-events-by-seqpacket.md \
	doc/decisions/0012-history.md \
	doc/decisions/0013-listeners.md \
	doc/decisions/0014-plain-master.md \
	doc/decisions/0015-deferred-free.md \
	doc/decisions/0016-boot-clock.md \
	doc/decisions/0017-rooms.md \
	doc/decisions/0018-count-instructions.md
