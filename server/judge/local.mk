# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_judge.a
libserver_judge_a_SOURCES = \
	server/judge/finish_reason.c server/judge/finish_reason.h \
	server/judge/judge.c server/judge/judge.h
