/* SPDX-License-Identifier: MIT */
/* Checks the base URL of a provider, when value.c reads one. Pure. Looks no name up, and asks
 * nobody: an address where nothing answers is found out by the first request. */
#ifndef WEIR_COMMON_CONF_URL_H
#define WEIR_COMMON_CONF_URL_H

#include "common/base/attributes.h"

/* NULL when url is http(s)://HOST[:PORT][/PATH], else what is wrong with it, as the end of "must
 * ...". Never quotes the URL: it may carry a password. */
WEIR_MUST_CHECK const char *conf_url_fault(const char *url);

/* The endpoint that a base URL without slashes at its end ends in, and should not; NULL: none. */
const char *conf_url_endpoint(const char *url);

#endif
