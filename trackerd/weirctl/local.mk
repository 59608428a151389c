# SPDX-License-Identifier: MIT
# see trackerd/local.mk
noinst_LIBRARIES += libweirctl.a
libweirctl_a_SOURCES = \
	trackerd/weirctl/columns.c trackerd/weirctl/columns.h \
	trackerd/weirctl/commands.c trackerd/weirctl/commands.h \
	trackerd/weirctl/door.c trackerd/weirctl/door.h \
	trackerd/weirctl/events.c trackerd/weirctl/events.h \
	trackerd/weirctl/explain.c trackerd/weirctl/explain.h \
	trackerd/weirctl/init.c trackerd/weirctl/init.h \
	trackerd/weirctl/link.c trackerd/weirctl/link.h \
	trackerd/weirctl/print.c trackerd/weirctl/print.h \
	trackerd/weirctl/probe.c trackerd/weirctl/probe.h \
	trackerd/weirctl/probe_command.c trackerd/weirctl/probe_command.h \
	trackerd/weirctl/route.c trackerd/weirctl/route.h \
	trackerd/weirctl/text.c trackerd/weirctl/text.h \
	trackerd/weirctl/tracker.c trackerd/weirctl/tracker.h \
	trackerd/weirctl/view.c trackerd/weirctl/view.h \
	trackerd/weirctl/weir.c trackerd/weirctl/weir.h \
	trackerd/weirctl/weirctl.c trackerd/weirctl/weirctl.h

sbin_PROGRAMS += weirctl
weirctl_SOURCES = trackerd/weirctl/main.c
weirctl_LDADD = libweirctl.a $(COMMON_LIBS) -lm
