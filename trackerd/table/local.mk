# SPDX-License-Identifier: MIT
# see trackerd/local.mk
noinst_LIBRARIES += libtrackerd_table.a
libtrackerd_table_a_SOURCES = \
	trackerd/table/apply.c trackerd/table/apply.h \
	trackerd/table/changes.c trackerd/table/changes.h \
	trackerd/table/cooldown.c trackerd/table/cooldown.h \
	trackerd/table/keeper.c trackerd/table/keeper.h trackerd/table/keeper_inside.h \
	trackerd/table/now.h \
	trackerd/table/publish.c trackerd/table/publish.h \
	trackerd/table/segment.c trackerd/table/segment.h \
	trackerd/table/senders.c trackerd/table/senders.h \
	trackerd/table/snapshot.c trackerd/table/snapshot.h \
	trackerd/table/statefile.c trackerd/table/statefile.h \
	trackerd/table/table.c trackerd/table/table.h
