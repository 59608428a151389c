/* SPDX-License-Identifier: MIT */
/* See status_page.h. */
#include "server/api/status_page.h"

#include <sys/random.h>

#define NONCE_BYTES 16

/* All zeros if the kernel has no randomness yet: the page still works. */
static void make_nonce(char hex[2 * NONCE_BYTES + 1])
{
    unsigned char random[NONCE_BYTES] = {0};
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        memset(random, 0, sizeof(random));
    for (unsigned i = 0; i < NONCE_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[random[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    hex[2 * NONCE_BYTES] = '\0';
}

void status_page_put(struct buf *headers, struct buf *page)
{
    char nonce[2 * NONCE_BYTES + 1];
    make_nonce(nonce);
    buf_printf(headers,
               "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; "
               "script-src 'nonce-%s'; connect-src 'self'; img-src data:; "
               "require-trusted-types-for 'script'; trusted-types 'none'; "
               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
               "Referrer-Policy: no-referrer\r\n",
               nonce, nonce);
    buf_puts(page, status_page_html[0]);
    for (const char *const *piece = status_page_html + 1; *piece != NULL; piece++) {
        buf_puts(page, nonce);
        buf_puts(page, *piece);
    }
}
