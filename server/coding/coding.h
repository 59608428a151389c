/* SPDX-License-Identifier: MIT */
/* Content codings (RFC 9110 8.4.1): bytes in, bytes out. attempt decodes providers' answers with
 * it, client the bodies of requests. A decoder takes its input cut anywhere and gives its output in
 * pieces of the caller's size: how much of either is worth a turn of the loop, and how much may
 * come out of it altogether, is the caller's to say. Pure. Known to be weak: `deflate` without
 * zlib's two bytes of header is told from text by nothing but its label. */
#ifndef WEIR_SERVER_CODING_CODING_H
#define WEIR_SERVER_CODING_CODING_H

#include <stdbool.h>
#include <stddef.h>

enum coding {
    CODING_NONE,
    CODING_GZIP,
    CODING_DEFLATE, /* zlib's format, or what is sent for it: deflate as such */
    CODING_ZSTD,    /* with a window of at most 8 MiB (RFC 9659) */
    CODING_OTHER,   /* one that weir does not know, or more than one */
};

/* Of the value of a Content-Encoding. None: an empty one, and `identity`. */
enum coding coding_find(const char *value, size_t len);
/* Can this weir decode it? By how it was configured; true for none. */
bool coding_is_known(enum coding coding);
/* Those that are known, as a client may be told them: "gzip, deflate, zstd"; static. */
const char *coding_known_words(void);

#define CODING_GZIP_MAGIC 0x1f /* the first byte of gzip, and of no text */

/* The bytes of input and of output that one step is worth: some hundred us at most. */
#define CODING_STEP_IN  (16u << 10)
#define CODING_STEP_OUT (64u << 10)

enum coding_result {
    CODING_GOOD,
    CODING_BAD,    /* malformed, or something stands behind its end */
    CODING_TOO_BIG /* its window is larger than weir takes */
};

struct coding_decoder;
/* `coding` is known, and not none. */
struct coding_decoder *coding_decoder_new(enum coding coding);
/* NULL is nothing. */
void coding_decoder_free(struct coding_decoder **decoder);
/* One step: uses *used bytes of the input and writes *got bytes of output. Call again while input
 * is left or the output was filled. What is not good is final. */
enum coding_result coding_decode(struct coding_decoder *decoder, const char *in, size_t len,
                                 size_t *used, char *out, size_t size, size_t *got);
/* May the input end here? */
bool coding_decoder_may_end(const struct coding_decoder *decoder);

#endif
