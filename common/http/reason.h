/* SPDX-License-Identifier: MIT */
/* The phrases after the statuses of HTTP (RFC 9110 15). Pure. client writes them into the heads of
 * its answers; nobody reads them. */
#ifndef WEIR_COMMON_HTTP_REASON_H
#define WEIR_COMMON_HTTP_REASON_H

/* "OK" for 200, and so on; "Unknown" for a status that weir itself never sends. Static. */
const char *http_reason_phrase(int status);

#endif
