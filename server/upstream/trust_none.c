/* SPDX-License-Identifier: MIT */
/* trust.h in a build without OpenSSL's headers: there are no parsed certificates, libcurl
 * loads them from their file. */
#include "server/upstream/trust.h"

#include <stddef.h>

struct transfer_trust *transfer_trust_new(const char *ca_file)
{
    return NULL;
}

void transfer_trust_free(struct transfer_trust **trust)
{
    *trust = NULL;
}

void transfer_trust_apply(const struct transfer_trust *trust, void *ssl_ctx)
{
}
