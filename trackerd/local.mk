# The pure part: rows, state machine, senders, state file text, weirctl's probe, columns for people.
# Unit tests and fuzzers link this.
noinst_LIBRARIES += libtracker.a
libtracker_a_SOURCES = \
	trackerd/table/cooldown.c trackerd/table/cooldown.h \
	trackerd/weirctl/probe.c trackerd/weirctl/probe.h \
	trackerd/table/senders.c trackerd/table/senders.h \
	trackerd/table/statefile.c trackerd/table/statefile.h \
	trackerd/table/table.c trackerd/table/table.h \
	trackerd/weirctl/columns.c trackerd/weirctl/columns.h \
	trackerd/weirctl/text.c trackerd/weirctl/text.h

sbin_PROGRAMS += weir-trackerd
weir_trackerd_SOURCES = \
	trackerd/table/apply.c trackerd/table/apply.h \
	trackerd/table/changes.c trackerd/table/changes.h \
	trackerd/daemon/control.c trackerd/daemon/control.h \
	trackerd/daemon/intake.c trackerd/daemon/intake.h \
	common/base/killpoint.c common/base/killpoint.h \
	trackerd/main.c \
	trackerd/table/publish.c trackerd/table/publish.h \
	trackerd/table/segment.c trackerd/table/segment.h \
	trackerd/table/snapshot.c trackerd/table/snapshot.h \
	trackerd/table/keeper.c trackerd/table/keeper.h \
	trackerd/daemon/trackerd.c trackerd/daemon/trackerd.h
weir_trackerd_LDADD = libtracker.a $(COMMON_LIBS) $(LIBEVENT_LIBS)

sbin_PROGRAMS += weirctl
weirctl_SOURCES = \
	trackerd/weirctl/weirctl.c trackerd/weirctl/weirctl.h \
	trackerd/weirctl/commands.c \
	trackerd/weirctl/events.c \
	trackerd/weirctl/explain.c \
	trackerd/weirctl/link.c \
	trackerd/weirctl/print.c trackerd/weirctl/print.h \
	trackerd/weirctl/probe_command.c \
	trackerd/weirctl/route.c \
	trackerd/weirctl/screen.c trackerd/weirctl/screen.h \
	trackerd/weirctl/view.c \
	trackerd/weirctl/weir.c
weirctl_LDADD = libtracker.a $(COMMON_LIBS) -lm
