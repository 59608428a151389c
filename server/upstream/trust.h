/* SPDX-License-Identifier: MIT */
/* Whose certificates vouch for providers', in a worker: read from their file once, so that no TLS
 * connection parses them again (libcurl remembers one file for each of its multi handles, and reads
 * 140 certificates in 20 to 40 ms: time in which a worker serves nobody). Only trust.c
 * knows OpenSSL (trust_none.c stands in without it); curl_multi.c is the user. */
#ifndef WEIR_SERVER_UPSTREAM_TRUST_H
#define WEIR_SERVER_UPSTREAM_TRUST_H

struct transfer_trust;

/* Certificates in PEM. A file that cannot be read is logged, and nobody vouches for anybody then.
 * NULL in a build without OpenSSL: libcurl must load the file. */
struct transfer_trust *transfer_trust_new(const char *ca_file);
void transfer_trust_free(struct transfer_trust **trust);

/* Makes an OpenSSL SSL_CTX use them; it keeps what it needs for itself. */
void transfer_trust_apply(const struct transfer_trust *trust, void *ssl_ctx);

#endif
