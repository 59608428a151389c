/* SPDX-License-Identifier: MIT */
/* server/judge/judge.c against a reference that is written from doc/contract.md 5.1 and knows what
 * each word of its small vocabulary means, so that it never has to look for one in a text. Every
 * status with every member and message, and many mixtures. */
#include <stdio.h>
#include <string.h>

#include "server/judge/judge.h"
#include "tests/unit/unit.h"

#define BIT(verdict)  (1u << (verdict))
#define BLAMELESS     (BIT(JUDGE_REQUEST) | BIT(JUDGE_REFUSED))
#define MIXTURES      300000
#define MESSAGE_BYTES 400

/* A word and what it says, as a bit; 0 = nothing. */
struct word {
    const char *text;
    unsigned says;
};

/* Of code, type and reason. `side` speaks only where no status does. */
static const struct {
    const char *text;
    unsigned says;
    bool is_side;
    int number; /* the status that it stands for; 0 = none */
} members[] = {
    {"", 0, false, 0},
    {"of_its_own", 0, false, 0},
    {"context_length_exceeded", BIT(JUDGE_REQUEST), false, 0},
    {"Request_Too_Large", BIT(JUDGE_REQUEST), false, 0},
    {"content_filter", BIT(JUDGE_REFUSED), false, 0},
    {"content_policy_violation", BIT(JUDGE_REFUSED), false, 0},
    {"insufficient_quota", BIT(JUDGE_PAYMENT), false, 0},
    {"API_KEY_INVALID", BIT(JUDGE_KEY), false, 0},
    {"rate_limit_exceeded", BIT(JUDGE_LIMIT), false, 0},
    {"rate_limit_\\u0065rror", BIT(JUDGE_LIMIT), false, 0},
    {"overloaded_error", BIT(JUDGE_OVERLOAD), false, 0},
    {"invalid_request_error", 0, true, 0},
    {"rate_limit_exceeded_not", 0, false, 0},
    {"400", 0, false, 400},
    {"401", 0, false, 401},
    {"402", 0, false, 402},
    {"413", 0, false, 413},
    {"429", 0, false, 429},
    {"502", 0, false, 502},
    {"503", 0, false, 503},
    {"200", 0, false, 0},
    {"600", 0, false, 0},
    {"1301", 0, false, 0},
};

/* Parts of messages, in any order, with a blank between. */
static const struct word parts[] = {
    {"boom", 0},
    {"rate limit exceeded, slow down", 0}, /* words never rest a pair */
    {"insufficient_quota", 0},
    {"invalid api key", 0},
    {"overloaded", 0},
    {"401 429 402", 0},
    {"This model's maximum context length is 8192 tokens.", BIT(JUDGE_REQUEST)},
    {"PROMPT IS TOO LONG: 9 > 8", BIT(JUDGE_REQUEST)},
    {"Limit 30000, Requested 342389", BIT(JUDGE_REQUEST)},
    {"Content violates usage guidelines.", BIT(JUDGE_REFUSED)},
    {"Your input was flagged", BIT(JUDGE_REFUSED)},
    /* the client's words between marks */
    {"\\\"maximum context length\\\"", 0},
    {"'prompt is too long'", 0},
    {"`your input was flagged`", 0},
    {"\u201cviolates usage guidelines\u201d", 0},
    {"can't", 0},
    /* half of it is nothing */
    {"maximum context", 0},
    {"flagged", 0},
};

/* What rests a pair by words must begin the message, and mostly be its provider's. */
static const struct {
    const char *text;
    enum provider_type provider; /* PROVIDER_TYPES_COUNT: any */
    unsigned says;
} beginnings[] = {
    {"", PROVIDER_TYPES_COUNT, 0},
    {"API key not valid. Please pass one.", PROVIDER_GOOGLE_AI, BIT(JUDGE_KEY)},
    {"Your credit balance is too low", PROVIDER_TYPES_COUNT, BIT(JUDGE_PAYMENT)},
    {"your credit balance", PROVIDER_TYPES_COUNT, 0},
};

static const int statuses[] = {200, 201, 302, 400, 401, 402, 403, 404, 405, 408, 409, 413,
                               418, 422, 429, 451, 498, 499, 500, 502, 503, 504, 529, 599};
static const enum provider_type providers[] = {PROVIDER_OPENAI, PROVIDER_GOOGLE_AI,
                                               PROVIDER_GENERIC_OPENAI};

/* ---- the reference --------------------------------------------------------------------------- */

static unsigned of_status(int status, bool has_retry_after)
{
    if (status == 401 || status == 403)
        return BIT(JUDGE_KEY);
    if (status == 402)
        return BIT(JUDGE_PAYMENT);
    if (status == 429)
        return BIT(JUDGE_LIMIT);
    if ((status == 503 || status == 529) && has_retry_after)
        return BIT(JUDGE_OVERLOAD);
    if (status >= 400 && status <= 499 && status != 408)
        return BIT(JUDGE_REQUEST);
    return BIT(JUDGE_PROVIDER);
}

struct input {
    int status;
    enum provider_type provider;
    bool has_retry_after;
    size_t member[3]; /* code, type, reason */
    size_t beginning;
    unsigned words; /* what the parts of the message say */
};

/* The verdicts that the contract allows: more than one where two rows speak at once. */
static unsigned allowed(const struct input *in)
{
    unsigned said = in->words;
    for (int i = 0; i < 3; i++)
        said |= members[in->member[i]].says;
    if ((said & BLAMELESS) != 0)
        return said & BLAMELESS;
    enum provider_type only = beginnings[in->beginning].provider;
    if (only == PROVIDER_TYPES_COUNT || only == in->provider)
        said |= beginnings[in->beginning].says;
    if (said != 0)
        return said;
    if (in->status >= 300 && in->status <= 499)
        return of_status(in->status, in->has_retry_after);
    if (members[in->member[0]].number != 0)
        return of_status(members[in->member[0]].number, in->has_retry_after);
    if (in->status >= 500)
        return of_status(in->status, in->has_retry_after);
    for (int i = 0; i < 3; i++)
        if (members[in->member[i]].is_side)
            return BIT(JUDGE_REQUEST);
    return BIT(JUDGE_PROVIDER);
}

/* ---- the judge ------------------------------------------------------------------------------- */

static struct jsonscan_span span(const char *text)
{
    return (struct jsonscan_span){text, strlen(text)};
}

static void check(const struct input *in, const char *message)
{
    const struct judge_error error = {
        .status = in->status,
        .provider = in->provider,
        .has_retry_after = in->has_retry_after,
        .code = span(members[in->member[0]].text),
        .type = span(members[in->member[1]].text),
        .reason = span(members[in->member[2]].text),
        .message = span(message),
    };
    enum judge_verdict verdict = judge(&error);
    if ((BIT(verdict) & allowed(in)) == 0)
        ck_abort_msg("status %d%s, provider type %d, code '%s', type '%s', reason '%s', "
                     "message '%s': verdict %d, allowed 0x%x",
                     in->status, in->has_retry_after ? " with a wait" : "", (int)in->provider,
                     error.code.at, error.type.at, error.reason.at, message, (int)verdict,
                     allowed(in));
}

static uint64_t random_state = 1;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

START_TEST(every_status_with_every_member_and_message)
{
    for (size_t s = 0; s < UNIT_ROWS(statuses); s++)
        for (size_t m = 0; m < UNIT_ROWS(members) * 3; m++)
            for (size_t p = 0; p < UNIT_ROWS(parts) + UNIT_ROWS(beginnings); p++)
                for (unsigned flags = 0; flags < 2 * UNIT_ROWS(providers); flags++) {
                    bool is_part = p < UNIT_ROWS(parts);
                    size_t beginning = is_part ? 0 : p - UNIT_ROWS(parts);
                    struct input in = {.status = statuses[s],
                                       .provider = providers[flags / 2],
                                       .has_retry_after = flags % 2 != 0,
                                       .beginning = beginning,
                                       .words = is_part ? parts[p].says : 0};
                    in.member[m % 3] = m / 3;
                    check(&in, is_part ? parts[p].text : beginnings[beginning].text);
                }
}
END_TEST

/* Mostly few members, so that all rules get their turn. */
static size_t random_member(void)
{
    return random_below(3) == 0 ? random_below(UNIT_ROWS(members)) : 0;
}

START_TEST(mixtures)
{
    for (unsigned i = 0; i < MIXTURES; i++) {
        struct input in = {
            .status = statuses[random_below(UNIT_ROWS(statuses))],
            .provider = providers[random_below(UNIT_ROWS(providers))],
            .has_retry_after = random_below(2) == 0,
            .member = {random_member(), random_member(), random_member()},
            .beginning = random_below(UNIT_ROWS(beginnings)),
        };
        char message[MESSAGE_BYTES];
        /* Behind other words a beginning is none. */
        bool is_first = random_below(2) == 0;
        int len = snprintf(message, sizeof(message), "%s%s",
                           is_first ? "" : "Error: ", beginnings[in.beginning].text);
        if (!is_first)
            in.beginning = 0;
        for (size_t n = random_below(4); n > 0; n--) {
            const struct word *part = &parts[random_below(UNIT_ROWS(parts))];
            len += snprintf(message + len, sizeof(message) - (size_t)len, " %s", part->text);
            in.words |= part->says;
        }
        ck_assert_int_lt(len, MESSAGE_BYTES);
        check(&in, message);
    }
}
END_TEST

UNIT_MAIN("judge_model", every_status_with_every_member_and_message, mixtures)
