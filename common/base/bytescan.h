/* SPDX-License-Identifier: MIT */
/* Finds the end of a run of ordinary bytes, 16 (SSE2) or 8 bytes at a time. The scanners of client
 * and provider bytes (json/jsonscan, http/) spend most of their time here. Reads nothing at or
 * behind `end`. Pure. */
#ifndef WEIR_COMMON_BASE_BYTESCAN_H
#define WEIR_COMMON_BASE_BYTESCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A test defines BYTESCAN_PORTABLE to exercise the other half, too. */
#if defined(__SSE2__) && !defined(BYTESCAN_PORTABLE)
#define BYTESCAN_SSE2 1
#include <emmintrin.h>
#endif

#define BYTESCAN_ALL(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

/* Non-zero when one of the eight bytes of word is 0 (may err towards non-zero above the first). */
static inline uint64_t bytescan_has_zero(uint64_t word)
{
    return (word - BYTESCAN_ALL(0x01)) & ~word & BYTESCAN_ALL(0x80);
}

static inline bool bytescan_ends_json_text(unsigned char c)
{
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

/* The first byte of a JSON string that is not plain ASCII text: a quote, a backslash, a control
 * character or a byte above 0x7f; end when there is none. */
static inline const char *bytescan_json_text(const char *p, const char *end)
{
#ifdef BYTESCAN_SSE2
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed: bytes above 0x7f are below a space, too */
        __m128i hits =
            _mm_or_si128(_mm_cmplt_epi8(v, space),
                         _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#else
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof(v));
        uint64_t below_space = (v - BYTESCAN_ALL(' ')) & ~v;
        if (((below_space | v) & BYTESCAN_ALL(0x80)) != 0 ||
            (bytescan_has_zero(v ^ BYTESCAN_ALL('"')) |
             bytescan_has_zero(v ^ BYTESCAN_ALL('\\'))) != 0)
            break;
    }
#endif
    while (p < end && !bytescan_ends_json_text((unsigned char)*p))
        p++;
    return p;
}

/* The first control character (below 0x20, or 0x7f); end when there is none. */
static inline const char *bytescan_controls(const char *p, const char *end)
{
#ifdef BYTESCAN_SSE2
    const __m128i highest = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hits =
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, highest), v), _mm_cmpeq_epi8(v, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#else
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof(v));
        uint64_t below_space = (v - BYTESCAN_ALL(' ')) & ~v & BYTESCAN_ALL(0x80);
        if ((below_space | bytescan_has_zero(v ^ BYTESCAN_ALL(0x7f))) != 0)
            break;
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && *p != 0x7f)
        p++;
    return p;
}

#endif
