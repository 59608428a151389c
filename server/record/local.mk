# SPDX-License-Identifier: MIT
# see server/local.mk
noinst_LIBRARIES += libserver_record.a
libserver_record_a_SOURCES = \
	server/record/access_log.c server/record/access_log.h \
	server/record/credit.c server/record/credit.h \
	server/record/recent.c server/record/recent.h \
	server/record/request_record.c server/record/request_record.h
