# SPDX-License-Identifier: MIT
# see common/local.mk
noinst_LIBRARIES += libcommon_tableview.a
libcommon_tableview_a_SOURCES = \
	common/tableview/tableview.c common/tableview/tableview.h
