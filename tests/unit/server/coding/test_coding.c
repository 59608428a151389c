/* SPDX-License-Identifier: MIT */
/* coding: what is coded comes out as it went in, cut anywhere; what is malformed, cut or too large
 * is told apart; a step stays a step however much would come of it. */
#include "server/coding/coding.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "config.h"
#include "tests/unit/unit.h"
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

static const struct {
    const char *value;
    enum coding coding;
} values[] = {
    {"", CODING_NONE},          {"identity", CODING_NONE},
    {"Identity", CODING_NONE},  {"UTF-8", CODING_OTHER},
    {"gzip", CODING_GZIP},      {"GZip", CODING_GZIP},
    {"x-gzip", CODING_GZIP},    {"deflate", CODING_DEFLATE},
    {"zstd", CODING_ZSTD},      {"br", CODING_OTHER},
    {"compress", CODING_OTHER}, {"gzip, gzip", CODING_OTHER},
    {"gzip,br", CODING_OTHER},  {"identity, gzip", CODING_OTHER},
    {"gzi", CODING_OTHER},      {"gzipp", CODING_OTHER},
    {"gzip;q=1", CODING_OTHER},
};

START_TEST(knows_codings_by_their_words)
{
    for (size_t i = 0; i < UNIT_ROWS(values); i++)
        ck_assert_msg(coding_find(values[i].value, strlen(values[i].value)) == values[i].coding,
                      "%s", values[i].value);
    ck_assert(coding_is_known(CODING_NONE));
    ck_assert(!coding_is_known(CODING_OTHER));
    const char *words = coding_known_words();
    ck_assert(coding_is_known(CODING_GZIP) == (strstr(words, "gzip") != NULL));
    ck_assert(coding_is_known(CODING_DEFLATE) == (strstr(words, "deflate") != NULL));
    ck_assert(coding_is_known(CODING_ZSTD) == (strstr(words, "zstd") != NULL));
}
END_TEST

/* ---- encoding, for the tests ----------------------------------------------------------------- */

enum how {
    GZIP,
    GZIP_FLUSHED,
    GZIP_MEMBERS,
    DEFLATE,
    RAW_DEFLATE,
    ZSTD,
    ZSTD_FRAMES,
    HOWS
};

static enum coding coding_of(enum how how)
{
    if (how == ZSTD || how == ZSTD_FRAMES)
        return CODING_ZSTD;
    return how == DEFLATE || how == RAW_DEFLATE ? CODING_DEFLATE : CODING_GZIP;
}

#ifdef HAVE_ZLIB
static void put_deflated(struct buf *out, const char *data, size_t len, int bits, size_t piece)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t at = 0, n; at == 0 || at < len; at += n) {
        n = len - at < piece ? len - at : piece;
        z.next_in = (Bytef *)data + at;
        z.avail_in = (uInt)n;
        do {
            char *to = buf_reserve(out, 4096);
            z.next_out = (Bytef *)to;
            z.avail_out = 4096;
            deflate(&z, at + n == len ? Z_FINISH : Z_SYNC_FLUSH);
            out->len += 4096 - z.avail_out;
        } while (z.avail_out == 0);
        if (len == 0)
            break;
    }
    deflateEnd(&z);
}
#endif

#ifdef HAVE_ZSTD
static void put_zstd(struct buf *out, const char *data, size_t len)
{
    size_t bound = ZSTD_compressBound(len);
    size_t n = ZSTD_compress(buf_reserve(out, bound), bound, data, len, 3);
    ck_assert(!ZSTD_isError(n));
    out->len += n;
}
#endif

static struct buf encode(enum how how, const char *data, size_t len)
{
    struct buf out = BUF_INIT;
    size_t half = len / 2;
    buf_reserve(&out, 1);
    switch (how) {
#ifdef HAVE_ZLIB
    case GZIP:
        put_deflated(&out, data, len, 15 + 16, SIZE_MAX);
        break;
    case GZIP_FLUSHED:
        put_deflated(&out, data, len, 15 + 16, 100);
        break;
    case GZIP_MEMBERS:
        put_deflated(&out, data, half, 15 + 16, SIZE_MAX);
        put_deflated(&out, data + half, len - half, 15 + 16, SIZE_MAX);
        break;
    case DEFLATE:
        put_deflated(&out, data, len, 15, SIZE_MAX);
        break;
    case RAW_DEFLATE:
        put_deflated(&out, data, len, -15, SIZE_MAX);
        break;
#endif
#ifdef HAVE_ZSTD
    case ZSTD:
        put_zstd(&out, data, len);
        break;
    case ZSTD_FRAMES:
        put_zstd(&out, data, half);
        put_zstd(&out, data + half, len - half);
        break;
#endif
    default:
        (void)half;
        break;
    }
    return out;
}

/* ---- decoding -------------------------------------------------------------------------------- */

struct got {
    enum coding_result result;
    struct buf text;
    bool may_end;
};

/* In pieces of `step`, each in a copy that ends where it ends; output in pieces of `room`. */
static struct got decode(enum coding coding, const char *data, size_t len, size_t step, size_t room)
{
    struct got got = {.result = CODING_GOOD};
    struct coding_decoder *decoder = coding_decoder_new(coding);
    char *out = malloc(room);
    for (size_t at = 0; at < len && got.result == CODING_GOOD; at += step) {
        size_t n = len - at < step ? len - at : step, left = n, used, given;
        char *copy = malloc(n);
        memcpy(copy, data + at, n);
        do {
            got.result = coding_decode(decoder, copy + (n - left), left, &used, out, room, &given);
            ck_assert_uint_le(used, left);
            ck_assert_uint_le(given, room);
            buf_put(&got.text, out, given);
            left -= used;
        } while (got.result == CODING_GOOD && (left > 0 || given == room));
        free(copy);
    }
    got.may_end = coding_decoder_may_end(decoder);
    free(out);
    coding_decoder_free(&decoder);
    ck_assert_ptr_null(decoder);
    return got;
}

static struct buf text_of(size_t len)
{
    struct buf text = BUF_INIT;
    unsigned random = 1;
    buf_reserve(&text, 1);
    while (text.len < len) {
        random = random * 1103515245 + 12345;
        buf_printf(&text, "data: {\"n\":%u}\n\n", random >> 16 & 0xff);
    }
    text.len = len;
    return text;
}

static void for_each_how(void (*check)(enum how how))
{
    for (int how = 0; how < HOWS; how++)
        if (coding_is_known(coding_of((enum how)how)))
            check((enum how)how);
}

static void check_whole(enum how how)
{
    static const size_t lengths[] = {0, 1, 17, 1000, 70000}, rooms[] = {1, 7, 4096, 70001};
    for (size_t i = 0; i < UNIT_ROWS(lengths); i++) {
        struct buf text = text_of(lengths[i]);
        struct buf coded = encode(how, text.data, text.len);
        for (size_t step = 1; step <= coded.len;
             step = step < 20 && lengths[i] <= 1000 ? step + 1 : step * 5)
            for (size_t r = lengths[i] > 1000 ? 2 : 0; r < UNIT_ROWS(rooms); r++) {
                struct got got = decode(coding_of(how), coded.data, coded.len, step, rooms[r]);
                ck_assert_msg(got.result == CODING_GOOD && got.may_end, "%zu, %zu, %zu", text.len,
                              step, rooms[r]);
                ck_assert_uint_eq(got.text.len, text.len);
                ck_assert(text.len == 0 || memcmp(got.text.data, text.data, text.len) == 0);
                buf_free(&got.text);
            }
        buf_free(&coded);
        buf_free(&text);
    }
}

START_TEST(what_went_in_comes_out_cut_anywhere)
{
    for_each_how(check_whole);
}
END_TEST

static void check_cut(enum how how)
{
    struct buf text = text_of(1000), coded = encode(how, text.data, text.len);
    bool has_parts = how == GZIP_MEMBERS || how == ZSTD_FRAMES;
    unsigned ends = 0;
    for (size_t len = 0; len < coded.len; len++) {
        struct got got = decode(coding_of(how), coded.data, len, 7, 4096);
        ck_assert_int_eq(got.result, CODING_GOOD);
        ends += got.may_end;
        buf_free(&got.text);
    }
    ck_assert_uint_eq(ends, has_parts); /* between two of them */
    buf_free(&coded);
    buf_free(&text);
}

START_TEST(a_cut_is_no_end)
{
    for_each_how(check_cut);
}
END_TEST

START_TEST(what_was_flushed_is_given_at_once)
{
#ifdef HAVE_ZLIB
    struct buf text = text_of(1000), coded = encode(GZIP_FLUSHED, text.data, text.len);
    static const char flushed[] = {0, 0, (char)0xff, (char)0xff};
    size_t seen = 0, flushes = 0;
    for (size_t len = 4; len < coded.len - 8; len++) {
        if (memcmp(coded.data + len - 4, flushed, 4) != 0)
            continue;
        struct got got = decode(CODING_GZIP, coded.data, len, len, 4096);
        flushes++;
        ck_assert_uint_eq(got.text.len, seen += 100);
        buf_free(&got.text);
    }
    ck_assert_uint_eq(flushes, 9);
    buf_free(&coded);
    buf_free(&text);
#endif
}
END_TEST

static void check_behind(enum how how)
{
    struct buf coded = encode(how, "abc", 3);
    buf_puts(&coded, "garbage");
    for (size_t step = 1; step <= coded.len; step++) {
        struct got got = decode(coding_of(how), coded.data, coded.len, step, 4096);
        ck_assert_int_eq(got.result, CODING_BAD);
        ck_assert(!got.may_end);
        ck_assert_uint_eq(got.text.len, 3);
        buf_free(&got.text);
    }
    buf_free(&coded);
}

START_TEST(what_stands_behind_the_end_is_refused)
{
    for_each_how(check_behind);
}
END_TEST

static const struct {
    enum coding coding;
    const char *data;
    size_t len;
} malformed[] = {
    {CODING_GZIP, "{\"choices\":[]}", 14},
    {CODING_GZIP, "\x1f\x8b\x07\0\0\0\0\0\0\0", 10},
    {CODING_GZIP, "\x1f\x8b\x08\xe0\0\0\0\0\0\0", 10},
    {CODING_GZIP, "\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff", 12},
    {CODING_DEFLATE, "\x78\x9d\x03\0", 4},
    {CODING_DEFLATE, "\xff\xff\xff\xff", 4},
    {CODING_ZSTD, "{\"choices\":[]}", 14},
    {CODING_ZSTD, "\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 18},
};

START_TEST(what_is_malformed_is_refused_and_stays_so)
{
    for (size_t i = 0; i < UNIT_ROWS(malformed); i++) {
        if (!coding_is_known(malformed[i].coding))
            continue;
        for (size_t step = 1; step <= malformed[i].len; step++) {
            struct got got =
                decode(malformed[i].coding, malformed[i].data, malformed[i].len, step, 4096);
            ck_assert_msg(got.result != CODING_GOOD && !got.may_end, "row %zu", i);
            buf_free(&got.text);
        }
        struct coding_decoder *decoder = coding_decoder_new(malformed[i].coding);
        char out[64];
        size_t used, given;
        enum coding_result first =
            coding_decode(decoder, malformed[i].data, malformed[i].len, &used, out, 64, &given);
        ck_assert_int_eq(coding_decode(decoder, "x", 1, &used, out, 64, &given), first);
        ck_assert_uint_eq(used + given, 0);
        coding_decoder_free(&decoder);
    }
}
END_TEST

/* Of zeros a kilobyte makes a megabyte: one step gives its share, and no more. */
static void check_step(enum how how)
{
    size_t len = 16u << 20, used, given, total = 0;
    char *zeros = calloc(1, len), *out = malloc(len);
    struct buf coded = encode(how, zeros, len);
    struct coding_decoder *decoder = coding_decoder_new(coding_of(how));
    for (size_t at = 0; at < coded.len; at += used) {
        ck_assert_int_eq(
            coding_decode(decoder, coded.data + at, coded.len - at, &used, out, len, &given),
            CODING_GOOD);
        ck_assert_uint_le(used, CODING_STEP_IN);
        ck_assert_uint_le(given, CODING_STEP_OUT);
        ck_assert_uint_gt(used + given, 0);
        total += given;
    }
    ck_assert_uint_ge(total + CODING_STEP_OUT, len);
    coding_decoder_free(&decoder);
    buf_free(&coded);
    free(zeros);
    free(out);
}

START_TEST(a_step_stays_a_step)
{
    for_each_how(check_step);
}
END_TEST

START_TEST(a_window_of_8_mib_and_no_larger)
{
#ifdef HAVE_ZSTD
    static const int logs[] = {10, 23, 24, 27};
    size_t len = 20u << 20;
    char *zeros = calloc(1, len);
    for (size_t i = 0; i < UNIT_ROWS(logs); i++) {
        struct buf coded = BUF_INIT;
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, logs[i]);
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
        size_t bound = ZSTD_compressBound(len);
        coded.len = ZSTD_compress2(c, buf_reserve(&coded, bound), bound, zeros, len);
        ZSTD_freeCCtx(c);
        struct got got = decode(CODING_ZSTD, coded.data, coded.len, 100, 65536);
        ck_assert_int_eq(got.result, logs[i] <= 23 ? CODING_GOOD : CODING_TOO_BIG);
        ck_assert_uint_eq(got.text.len, logs[i] <= 23 ? len : 0);
        buf_free(&got.text);
        buf_free(&coded);
    }
    free(zeros);
#endif
}
END_TEST

UNIT_MAIN("coding", knows_codings_by_their_words, what_went_in_comes_out_cut_anywhere,
          a_cut_is_no_end, what_was_flushed_is_given_at_once, what_stands_behind_the_end_is_refused,
          what_is_malformed_is_refused_and_stays_so, a_step_stays_a_step,
          a_window_of_8_mib_and_no_larger)
