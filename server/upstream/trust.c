/* SPDX-License-Identifier: MIT */
/* See trust.h. */
#include "server/upstream/trust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"

struct transfer_trust {
    X509_STORE *store;
};

struct transfer_trust *transfer_trust_new(const char *ca_file)
{
    struct transfer_trust *trust = xcalloc(1, sizeof(*trust));
    trust->store = X509_STORE_new();
    if (trust->store == NULL)
        abort(); /* out of memory, as in alloc.h */
    if (X509_STORE_load_file(trust->store, ca_file) != 1)
        log_warn("no certificate could be read from %s: no provider that needs it will be trusted",
                 ca_file);
    ERR_clear_error();
    /* As libcurl does: a certificate in the file need not be an authority's, it may be a provider's
     * own. */
    X509_STORE_set_flags(trust->store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return trust;
}

void transfer_trust_free(struct transfer_trust **trust)
{
    X509_STORE_free((*trust)->store);
    free(*trust);
    *trust = NULL;
}

void transfer_trust_apply(const struct transfer_trust *trust, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, trust->store);
}
