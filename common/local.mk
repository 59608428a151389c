# SPDX-License-Identifier: MIT
# What server/, trackerd/ and the tests build on; it knows none of them. One archive for each room, those
# that build on others first.
include common/base/local.mk
include common/terms/local.mk
include common/json/local.mk
include common/http/local.mk
include common/conf/local.mk
include common/shm/local.mk
include common/wire/local.mk
include common/tableview/local.mk
include common/routing/local.mk
include common/process/local.mk
TERMS_LIBS = libcommon_terms.a libcommon_base.a $(JSONC_LIBS)
CONF_LIBS = libcommon_conf.a $(TERMS_LIBS) $(YAML_LIBS)
COMMON_LIBS = libcommon_process.a libcommon_routing.a libcommon_tableview.a libcommon_wire.a \
	libcommon_shm.a libcommon_http.a libcommon_json.a $(CONF_LIBS)
