/* SPDX-License-Identifier: MIT */
/* The CA certificates a worker trusts for providers, parsed once, so that no TLS connection parses
 * them again (libcurl remembers one file for each of its multi handles, and reads 140 certificates
 * in 20 to 40 ms: time in which a worker serves nobody). curl_multi.c is the caller. Only trust.c
 * knows OpenSSL; trust_none.c stands in without it. */
#ifndef WEIR_SERVER_UPSTREAM_TRUST_H
#define WEIR_SERVER_UPSTREAM_TRUST_H

struct transfer_trust;

/* Reads certificates in PEM. A file that cannot be read is logged, and no provider is trusted then.
 * NULL in a build without OpenSSL: libcurl must load the file. */
struct transfer_trust *transfer_trust_new(const char *ca_file);
void transfer_trust_free(struct transfer_trust **trust);

/* Makes an OpenSSL SSL_CTX use them; it keeps what it needs for itself. */
void transfer_trust_apply(const struct transfer_trust *trust, void *ssl_ctx);

#endif
