/* SPDX-License-Identifier: MIT */
/* Providers like to repeat the key they refuse: attempt.c makes stars of it before their words go
 * anywhere. Pure.
 *
 * Known to be weak: a key shorter than KEY_MASK_MIN_BYTES is left alone, since it may be a word
 * (`none`, `EMPTY`, `ollama`), and what is so short keeps nobody out. A key that is cut, or written
 * in another coding than JSON's, is not known again. */
#ifndef WEIR_SERVER_ATTEMPT_KEY_MASK_H
#define WEIR_SERVER_ATTEMPT_KEY_MASK_H

#include <stddef.h>

#define KEY_MASK_MIN_BYTES 12

/* In a text of that length; it keeps its length. */
void key_mask_text(const char *key, char *text, size_t len);
/* In JSON, which stays JSON: within strings only, and there in any way to write the characters. */
void key_mask_json(const char *key, char *json, size_t len);

#endif
