# SPDX-License-Identifier: MIT
# see trackerd/local.mk
noinst_LIBRARIES += libweirctl.a
libweirctl_a_SOURCES = \
	trackerd/weirctl/columns.c trackerd/weirctl/columns.h \
	trackerd/weirctl/commands.c \
	trackerd/weirctl/events.c \
	trackerd/weirctl/explain.c \
	trackerd/weirctl/link.c \
	trackerd/weirctl/print.c trackerd/weirctl/print.h \
	trackerd/weirctl/probe.c trackerd/weirctl/probe.h \
	trackerd/weirctl/probe_command.c \
	trackerd/weirctl/route.c \
	trackerd/weirctl/screen.c trackerd/weirctl/screen.h \
	trackerd/weirctl/text.c trackerd/weirctl/text.h \
	trackerd/weirctl/view.c \
	trackerd/weirctl/weir.c \
	trackerd/weirctl/weirctl.h

sbin_PROGRAMS += weirctl
weirctl_SOURCES = trackerd/weirctl/weirctl.c
weirctl_LDADD = libweirctl.a $(COMMON_LIBS) -lm
