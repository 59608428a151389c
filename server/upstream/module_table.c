/* SPDX-License-Identifier: MIT */
/* What the module of module.h gives to the program: its only symbol that is seen outside.
 */
#include "config.h"

#include <curl/curl.h>

#include "server/upstream/backend.h"
#include "server/upstream/conn_kind.h"
#include "server/upstream/module.h"

static bool init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

extern const struct transfer_module transfer_module __attribute__((visibility("default")));
const struct transfer_module transfer_module = {PACKAGE_VERSION, init, &backend_curl, &conn_curl};
