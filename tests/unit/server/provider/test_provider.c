/* SPDX-License-Identifier: MIT */
/* provider, and limits beside it: every type's address, headers, rules and limit headers. A new
 * type is a row here (see doc/provider-types.md). */
#include "server/provider/provider.h"

#include <stdio.h>
#include <string.h>

#include "common/terms/provider_type.h"
#include "common/terms/quota.h"
#include "server/provider/limit_headers.h"
#include "tests/unit/unit.h"

#define NOW_MS  UINT64_C(1764000000000)
#define UNKNOWN QUOTA_UNKNOWN

/* A success and a 429 as this type would tell its limits: 41 requests and 1000 tokens left, then no
 * request left for `rest_ms`. */
struct row {
    const char *name, *base_url;
    const char *token_limit; /* NULL: max_tokens */
    const char *headers[4];  /* beside those of every type */
    const char *model;       /* one that the rules are for */
    const char *removed[4];  /* what they take away */
    bool merges_system;
    const char *spared;    /* a model that no rule is for */
    const char *limits[9]; /* name, value, ... of a success */
    struct quota quota;
    const char *spent[9]; /* of a 429 without Retry-After */
    uint64_t rest_ms;
};

#define OPENAI_LIMITS                                                                             \
    .limits = {"x-ratelimit-remaining-requests", "41",   "x-ratelimit-reset-requests", "1m26.4s", \
               "x-ratelimit-remaining-tokens",   "1000", "x-ratelimit-reset-tokens",   "120ms"},  \
    .quota = {true, 41, 1000, 86400, 120},                                                        \
    .spent = {"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "7.66s",       \
              "x-ratelimit-remaining-tokens",   "5", "x-ratelimit-reset-tokens",   "1h"},         \
    .rest_ms = 7660

static const struct row rows[PROVIDER_TYPES_COUNT] = {
    [PROVIDER_OPENAI] = {"openai", "https://api.openai.com/v1", "max_completion_tokens",
                         .model = "gpt-4o", OPENAI_LIMITS},
    [PROVIDER_OPENROUTER] =
        {"openrouter", "https://openrouter.ai/api/v1",
         .headers = {"HTTP-Referer: https://github.com/weir-gateway/weir", "X-Title: weir"},
         .model = "openai/gpt-4o",
         .limits = {"x-ratelimit-remaining", "41", "x-ratelimit-reset", "1764000060000"},
         .quota = {true, 41, UNKNOWN, 60000, 0},
         .spent = {"x-ratelimit-remaining", "0", "x-ratelimit-reset", "1764000007000"},
         .rest_ms = 7000},
    [PROVIDER_GROQ] = {"groq", "https://api.groq.com/openai/v1", .model = "llama-3.3-70b-versatile",
                       OPENAI_LIMITS},
    [PROVIDER_CEREBRAS] = {"cerebras", "https://api.cerebras.ai/v1", .model = "llama3.1-8b",
                           .removed = {"presence_penalty", "frequency_penalty"},
                           .limits = {"x-ratelimit-remaining-requests-day", "41",
                                      "x-ratelimit-reset-requests-day", "33011.382867813",
                                      "x-ratelimit-remaining-tokens-minute", "1000",
                                      "x-ratelimit-reset-tokens-minute", "11.38"},
                           .quota = {true, 41, 1000, 33011383, 11380},
                           .spent = {"x-ratelimit-remaining-requests-day", "0",
                                     "x-ratelimit-reset-requests-day", "12.5"},
                           .rest_ms = 12500},
    [PROVIDER_GOOGLE_AI] = {"google-ai", "https://generativelanguage.googleapis.com/v1beta/openai",
                            .model = "gemma-3-27b-it",
                            .removed = {"response_format", "tools", "tool_choice"},
                            .merges_system = true, .spared = "gemini-2.5-flash", OPENAI_LIMITS},
    [PROVIDER_GENERIC_OPENAI] = {"generic-openai", NULL, .model = "m", OPENAI_LIMITS},
};

static const char *lookup(const void *arg, const char *name)
{
    for (const char *const *at = arg; *at != NULL; at += 2)
        if (strcmp(*at, name) == 0)
            return at[1];
    return NULL;
}

START_TEST(every_type_has_its_words)
{
    for (int type = 0; type < PROVIDER_TYPES_COUNT; type++) {
        const char *url = provider_type_base_url((enum provider_type)type);
        ck_assert_ptr_nonnull(rows[type].name);
        ck_assert_str_eq(provider_type_name((enum provider_type)type), rows[type].name);
        ck_assert_pstr_eq(url, rows[type].base_url);
        const char *limit = rows[type].token_limit != NULL ? rows[type].token_limit : "max_tokens";
        ck_assert_str_eq(provider_type_token_limit((enum provider_type)type), limit);
    }
}
END_TEST

static bool has_line(struct buf *headers, const char *line)
{
    char text[128];
    snprintf(text, sizeof(text), "%s\r\n", line);
    const char *at = strstr(buf_cstr(headers), text);
    return at == headers->data || (at != NULL && at[-1] == '\n');
}

static size_t count_lines(struct buf *headers)
{
    size_t n = 0;
    for (const char *at = buf_cstr(headers); (at = strstr(at, "\r\n")) != NULL; at += 2)
        n++;
    return n;
}

START_TEST(every_type_sends_its_headers)
{
    static const char *const common[] = {
        "Content-Type: application/json", "Accept: text/event-stream", "Accept-Encoding: identity",
        "Authorization: Bearer k3y",      "X-Request-Id: req-1",
    };
    for (int type = 0; type < PROVIDER_TYPES_COUNT; type++) {
        struct conf_provider provider = {.type = (enum provider_type)type,
                                         .api_key = (char *)"k3y"};
        struct buf headers = BUF_INIT;
        size_t n = UNIT_ROWS(common) + 1; /* and User-Agent, which has our version */
        provider_put_headers(&provider, true, "req-1", &headers);
        for (size_t i = 0; i < UNIT_ROWS(common); i++)
            ck_assert_msg(has_line(&headers, common[i]), "%s: %s", rows[type].name, common[i]);
        for (const char *const *line = rows[type].headers; *line != NULL; line++, n++)
            ck_assert_msg(has_line(&headers, *line), "%s: %s", rows[type].name, *line);
        ck_assert_msg(count_lines(&headers) == n, "%s: %s", rows[type].name, headers.data);
        buf_clear(&headers);
        provider_put_headers(&provider, false, "req-1", &headers);
        ck_assert(has_line(&headers, "Accept: application/json"));
        buf_free(&headers);
    }
}
END_TEST

START_TEST(every_type_has_its_rules)
{
    for (int type = 0; type < PROVIDER_TYPES_COUNT; type++) {
        const struct row *row = &rows[type];
        const struct rewrite_rules *rules = provider_rules((enum provider_type)type, row->model);
        if (row->removed[0] == NULL && !row->merges_system) {
            ck_assert_msg(rules == NULL, "%s", row->name);
            continue;
        }
        ck_assert_msg(rules != NULL, "%s", row->name);
        ck_assert_msg(rules->merges_system == row->merges_system, "%s", row->name);
        size_t n = 0;
        for (; row->removed[n] != NULL; n++)
            ck_assert_str_eq(rules->removed[n], row->removed[n]);
        ck_assert_ptr_null(rules->removed[n]);
        if (row->spared != NULL)
            ck_assert_ptr_null(provider_rules((enum provider_type)type, row->spared));
    }
}
END_TEST

START_TEST(every_type_tells_its_limits)
{
    for (int type = 0; type < PROVIDER_TYPES_COUNT; type++) {
        const struct row *row = &rows[type];
        struct limits limits, spent;
        bool was_clamped;
        const struct limit_terms terms = {NOW_MS, 60000, 3600000};
        limit_headers_read((enum provider_type)type, lookup, row->limits, &terms, &limits,
                           &was_clamped);
        limit_headers_read((enum provider_type)type, lookup, row->spent, &terms, &spent,
                           &was_clamped);
        const struct quota quota = limits.quota;
        ck_assert_msg(quota.is_known == row->quota.is_known, "%s", row->name);
        ck_assert_int_eq(quota.remaining_requests, row->quota.remaining_requests);
        ck_assert_int_eq(quota.remaining_tokens, row->quota.remaining_tokens);
        ck_assert_uint_eq(quota.reset_requests_ms, row->quota.reset_requests_ms);
        ck_assert_uint_eq(quota.reset_tokens_ms, row->quota.reset_tokens_ms);
        ck_assert_uint_eq(limit_headers_rest_ms(&spent, 60000), row->rest_ms);
    }
}
END_TEST

START_TEST(an_address_keeps_its_path)
{
    struct conf_provider provider = {.base_url = (char *)"https://host:8443/some/path"};
    struct buf url = BUF_INIT;
    provider_put_url(&provider, "/chat/completions", NULL, &url);
    ck_assert_str_eq(buf_cstr(&url), "https://host:8443/some/path/chat/completions");
    buf_clear(&url);
    provider_put_url(&provider, "/embeddings", "api-version=1&x", &url);
    ck_assert_str_eq(buf_cstr(&url), "https://host:8443/some/path/embeddings?api-version=1&x");
    buf_free(&url);
}
END_TEST

UNIT_MAIN("provider", every_type_has_its_words, every_type_sends_its_headers,
          every_type_has_its_rules, every_type_tells_its_limits, an_address_keeps_its_path)
