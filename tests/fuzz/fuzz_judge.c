/* SPDX-License-Identifier: MIT */
/* judge: reads nothing outside its spans; words may take blame away and never put it there; what
 * stands between quotation marks is not looked at; letters' case and escapes do not matter. The
 * first bytes of an input are status and flags; then code, type, reason and message, a line each.
 */
#include "server/judge/judge.h"

#include "server/judge/finish_reason.h"
#include "tests/fuzz/fuzz.h"

#define MESSAGE_BYTES 4096

static const int statuses[] = {200, 302, 400, 401, 402, 403, 404, 408,
                               413, 429, 451, 500, 502, 503, 529, 599};

static bool rests(enum judge_verdict verdict)
{
    return verdict != JUDGE_PROVIDER && verdict != JUDGE_REQUEST && verdict != JUDGE_REFUSED;
}

/* The next line, in memory of its own size. */
static struct jsonscan_span take_line(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *lf = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    size_t len = (size_t)((lf != NULL ? lf : end) - *at);
    struct jsonscan_span line = {fuzz_copy(*at, len), len};
    *at = lf != NULL ? lf + 1 : end;
    return line;
}

static bool is_string(struct jsonscan_span text)
{
    char *quoted = fuzz_alloc(text.len + 2);
    struct jsonscan scan;
    quoted[0] = quoted[text.len + 1] = '"';
    if (text.len > 0)
        memcpy(quoted + 1, text.at, text.len);
    jsonscan_init(&scan, quoted, text.len + 2);
    bool is_valid = jsonscan_skip(&scan, NULL) && jsonscan_finish(&scan);
    free(quoted);
    return is_valid;
}

static enum judge_verdict judge_with(struct judge_error error, const char *before,
                                     struct jsonscan_span message, const char *behind)
{
    char text[MESSAGE_BYTES];
    int len =
        snprintf(text, sizeof(text), "%s%.*s%s", before, (int)message.len, message.at, behind);
    if (len < 0 || len >= MESSAGE_BYTES)
        len = 0;
    error.message = (struct jsonscan_span){text, (size_t)len};
    return judge(&error);
}

static void check(const struct judge_error *error)
{
    enum judge_verdict verdict = judge(error);
    struct judge_error mute = *error;
    mute.message.len = 0;
    enum judge_verdict without_words = judge(&mute);
    FUZZ_CHECK(verdict < JUDGE_VERDICTS);
    /* A message that rests a pair begins as one of its provider's rows. */
    if (rests(verdict) && verdict != without_words) {
        struct judge_error behind = *error;
        FUZZ_CHECK(judge_with(behind, "x ", error->message, "") == without_words ||
                   error->message.len > 200);
    }
    /* Quoted, it says nothing. Marks within it would end the quotation. */
    bool has_marks = false;
    for (size_t i = 0; i < error->message.len; i++)
        has_marks |= strchr("\"'`\\", error->message.at[i]) != NULL || error->message.at[i] < 0;
    if (!has_marks && error->message.len < 200) {
        FUZZ_CHECK(judge_with(*error, "no: `", error->message, "` it is") == without_words);
        FUZZ_CHECK(judge_with(*error, "no: \\\"", error->message, "\\\" it is") == without_words);
    }
    judge_invites_retry(error->type);
    FUZZ_CHECK(judge_status_for_client(error->status) >= 400 &&
               judge_status_for_client(error->status) < 500);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const uint8_t *at = data + 2, *end = data + size;
    struct judge_error error = {
        .status = statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))],
        .provider = (enum provider_type)(data[1] % PROVIDER_TYPES_COUNT),
        .has_retry_after = data[1] >= 128,
    };
    struct jsonscan_span *const spans[] = {&error.code, &error.type, &error.reason, &error.message};
    bool are_strings = true;
    for (size_t i = 0; i < 4; i++) {
        *spans[i] = take_line(&at, end);
        are_strings = are_strings && is_string(*spans[i]);
    }
    if (are_strings) { /* as the scanner hands them on */
        check(&error);
        if (error.type.len > 0)
            finish_reason_is_broken(error.type);
    }
    for (size_t i = 0; i < 4; i++)
        free((void *)spans[i]->at);
    return 0;
}
