# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_attempt.a
libserver_attempt_a_SOURCES = \
	server/attempt/attempt.c server/attempt/attempt.h \
	server/attempt/body.c server/attempt/body.h \
	server/attempt/classify.c server/attempt/classify.h \
	server/attempt/key_mask.c server/attempt/key_mask.h
