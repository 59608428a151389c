# The pure part: rows, state machine, senders, state file text, weirctl's probe, columns for people.
# Unit tests and fuzzers link this.
noinst_LIBRARIES += libtracker.a
libtracker_a_SOURCES = \
	trackerd/cooldown.c trackerd/cooldown.h \
	trackerd/probe.c trackerd/probe.h \
	trackerd/senders.c trackerd/senders.h \
	trackerd/statefile.c trackerd/statefile.h \
	trackerd/table.c trackerd/table.h \
	trackerd/weirctl_columns.c trackerd/weirctl_columns.h \
	trackerd/weirctl_text.c trackerd/weirctl_text.h

sbin_PROGRAMS += weir-trackerd
weir_trackerd_SOURCES = \
	trackerd/apply.c trackerd/apply.h \
	trackerd/changes.c trackerd/changes.h \
	trackerd/control.c trackerd/control.h \
	trackerd/intake.c trackerd/intake.h \
	trackerd/killpoint.c trackerd/killpoint.h \
	trackerd/main.c \
	trackerd/publish.c trackerd/publish.h \
	trackerd/segment.c trackerd/segment.h \
	trackerd/snapshot.c trackerd/snapshot.h \
	trackerd/tablekeeper.c trackerd/tablekeeper.h \
	trackerd/trackerd.c trackerd/trackerd.h
weir_trackerd_LDADD = libtracker.a $(COMMON_LIBS) $(LIBEVENT_LIBS)

sbin_PROGRAMS += weirctl
weirctl_SOURCES = \
	trackerd/weirctl.c trackerd/weirctl.h \
	trackerd/weirctl_cmds.c \
	trackerd/weirctl_events.c \
	trackerd/weirctl_explain.c \
	trackerd/weirctl_link.c \
	trackerd/weirctl_print.c trackerd/weirctl_print.h \
	trackerd/weirctl_probe.c \
	trackerd/weirctl_route.c \
	trackerd/weirctl_screen.c trackerd/weirctl_screen.h \
	trackerd/weirctl_view.c \
	trackerd/weirctl_weir.c
weirctl_LDADD = libtracker.a $(COMMON_LIBS) -lm
