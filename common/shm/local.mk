# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_shm.a
libcommon_shm_a_SOURCES = \
	common/shm/ledger.c common/shm/ledger.h \
	common/shm/lock.c common/shm/lock.h \
	common/shm/mapping.c common/shm/mapping.h \
	common/shm/object.c common/shm/object.h \
	common/shm/page_sums.c common/shm/page_sums.h \
	common/shm/pages.c common/shm/pages.h \
	common/shm/recent.c common/shm/recent.h \
	common/shm/recent_ring.c common/shm/recent_ring.h \
	common/shm/table.c common/shm/table.h \
	common/shm/table_layout.h
