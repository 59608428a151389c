/* SPDX-License-Identifier: MIT */
/* coding: whole and cut input give the same output, verdict and end, and no step gives more than a
 * step. The first byte says how to cut, the second which coding. */
#include "common/base/buf.h"
#include "server/coding/coding.h"
#include "tests/fuzz/fuzz.h"

#define OUTPUT_MAX (1u << 20)

struct output {
    struct buf text;
    enum coding_result result;
    bool may_end, is_full;
};

static void feed(struct coding_decoder *decoder, struct output *o, const char *data, size_t len,
                 size_t room)
{
    char *copy = fuzz_copy(data, len), *out = fuzz_alloc(room);
    size_t at = 0, used, got;
    do {
        o->result = coding_decode(decoder, copy + at, len - at, &used, out, room, &got);
        FUZZ_CHECK(used <= len - at && got <= room && got <= CODING_STEP_OUT);
        buf_put(&o->text, out, got);
        at += used;
        o->is_full = o->text.len > OUTPUT_MAX;
    } while (o->result == CODING_GOOD && !o->is_full && (at < len || got == room));
    free(copy);
    free(out);
}

static struct output run(enum coding coding, int how, const char *data, size_t size)
{
    struct output o = {.text = BUF_INIT};
    struct coding_decoder *decoder = coding_decoder_new(coding);
    for (size_t nth = 0, at = 0; at < size && o.result == CODING_GOOD && !o.is_full; nth++) {
        size_t n = how < 0 ? size : fuzz_piece((uint8_t)how, nth, size - at);
        feed(decoder, &o, data + at, n, how < 0 ? CODING_STEP_OUT : (size_t)how * 16 + 1);
        at += n;
    }
    o.may_end = coding_decoder_may_end(decoder);
    FUZZ_CHECK(o.result == CODING_GOOD || !o.may_end);
    coding_decoder_free(&decoder);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum coding codings[] = {CODING_GZIP, CODING_DEFLATE, CODING_ZSTD};
    if (size < 2)
        return 0;
    coding_find((const char *)data + 2, size - 2);
    enum coding coding = codings[data[1] % 3];
    if (!coding_is_known(coding))
        return 0;
    struct output whole = run(coding, -1, (const char *)data + 2, size - 2);
    struct output cut = run(coding, data[0], (const char *)data + 2, size - 2);
    if (!whole.is_full && !cut.is_full && whole.result == CODING_GOOD) {
        FUZZ_CHECK(whole.result == cut.result && whole.may_end == cut.may_end);
        FUZZ_CHECK(whole.text.len == cut.text.len);
        FUZZ_CHECK(whole.text.len == 0 ||
                   memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
    }
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
