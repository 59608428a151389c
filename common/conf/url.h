/* SPDX-License-Identifier: MIT */
/* Is this a base URL a provider can have? Pure. */
#ifndef WEIR_COMMON_CONF_URL_H
#define WEIR_COMMON_CONF_URL_H

/* NULL when url is http(s)://HOST[:PORT][/PATH], else what is wrong with it, as the end of "must
 * ...". Never the URL itself: it may carry a password. */
const char *conf_url_fault(const char *url);

#endif
