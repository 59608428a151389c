/* SPDX-License-Identifier: MIT */
/* GET /status: the page on which people watch weir. It draws /status.json and holds no data itself:
 * the same text for everybody, except for a nonce that allows its own style and script.
 * Its source is status_page.html, .css and .js, made into C by status_page.awk. Called by its
 * endpoint. */
#ifndef WEIR_SERVER_API_STATUS_PAGE_H
#define WEIR_SERVER_API_STATUS_PAGE_H

#include "common/base/buf.h"

/* What stands between one nonce and the next; ended by NULL (status_page_html.c, made by the
 * build). */
extern const char *const status_page_html[];

/* Appends the headers that belong to the page, Content-Security-Policy among them, and the page. */
void status_page_put(struct buf *headers, struct buf *page);

#endif
