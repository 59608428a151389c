/* SPDX-License-Identifier: MIT */
/* See coding.h. */
#include "server/coding/coding.h"

#include <string.h>
#include <strings.h>

#include "config.h"
#include "server/coding/coding_inside.h"

#ifdef HAVE_ZLIB
#define ZLIB_KIND &coding_zlib
#else
#define ZLIB_KIND NULL
#endif
#ifdef HAVE_ZSTD
#define ZSTD_KIND &coding_zstd
#else
#define ZSTD_KIND NULL
#endif

#if defined(HAVE_ZLIB) && defined(HAVE_ZSTD)
#define KNOWN_WORDS "gzip, deflate, zstd"
#elif defined(HAVE_ZLIB)
#define KNOWN_WORDS "gzip, deflate"
#elif defined(HAVE_ZSTD)
#define KNOWN_WORDS "zstd"
#else
#define KNOWN_WORDS "identity"
#endif

static const struct coding_kind *const kinds[] = {
    [CODING_NONE] = NULL,      [CODING_GZIP] = ZLIB_KIND, [CODING_DEFLATE] = ZLIB_KIND,
    [CODING_ZSTD] = ZSTD_KIND, [CODING_OTHER] = NULL,
};

static const struct {
    const char *word;
    enum coding coding;
} words[] = {
    {"", CODING_NONE},       {"identity", CODING_NONE},   {"gzip", CODING_GZIP},
    {"x-gzip", CODING_GZIP}, {"deflate", CODING_DEFLATE}, {"zstd", CODING_ZSTD},
};

enum coding coding_find(const char *value, size_t len)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, value, len) == 0)
            return words[i].coding;
    return CODING_OTHER;
}

bool coding_is_known(enum coding coding)
{
    return coding == CODING_NONE || kinds[coding] != NULL;
}

const char *coding_known_words(void)
{
    return KNOWN_WORDS;
}

struct coding_decoder *coding_decoder_new(enum coding coding)
{
    struct coding_decoder *decoder = kinds[coding]->open(coding);
    decoder->kind = kinds[coding];
    return decoder;
}

void coding_decoder_free(struct coding_decoder **decoder)
{
    if (*decoder != NULL)
        (*decoder)->kind->close(*decoder);
    *decoder = NULL;
}

enum coding_result coding_decode(struct coding_decoder *decoder, const char *in, size_t len,
                                 size_t *used, char *out, size_t size, size_t *got)
{
    return decoder->kind->decode(decoder, in, len < CODING_STEP_IN ? len : CODING_STEP_IN, used,
                                 out, size < CODING_STEP_OUT ? size : CODING_STEP_OUT, got);
}

bool coding_decoder_may_end(const struct coding_decoder *decoder)
{
    return decoder->may_end;
}
