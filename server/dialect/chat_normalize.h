/* SPDX-License-Identifier: MIT */
/* settings.normalizeResponses: for each choice whose content is absent (not there, null or ""), its
 * reasoning_content, when that is a string that is not empty, becomes the content. Pure. Called
 * through the row dialect_chat; whatever needs no change stays byte for byte, tool calls too. */
#ifndef WEIR_SERVER_DIALECT_CHAT_NORMALIZE_H
#define WEIR_SERVER_DIALECT_CHAT_NORMALIZE_H

#include <stddef.h>

/* An event of a stream (`delta` of its choices), or a whole reply (`message`); both are valid
 * JSON. A member that is there twice is not touched. */
char *chat_normalize_event(const char *data, size_t len, size_t *out_len);
char *chat_normalize_reply(const char *body, size_t len, size_t *out_len);

#endif
