/* SPDX-License-Identifier: MIT */
/* See judge.h. */
#include "server/judge/judge.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANY_PROVIDER    PROVIDER_TYPES_COUNT
#define MEMBER_BYTES    64  /* a longer code, type or reason is in no row */
#define MESSAGE_BYTES   512 /* of a message; what is behind is not looked at */
#define COUNT(rows)     (sizeof(rows) / sizeof((rows)[0]))
#define LARGEST_COUNTED UINT64_C(1000000000000)

/* Members, compared whole and without regard to case. */
struct member_row {
    const char *word;
    enum judge_verdict verdict;
    const char *source;
};

/* Rule 1: refused content and the request's own fault. A bare number is in no row: another provider
 * may mean something else by it, and what is refused goes to nobody else. */
static const struct member_row blameless_members[] = {
    {"content_policy_violation", JUDGE_REFUSED, "OpenAI, error codes; LiteLLM proxies"},
    {"content_filter", JUDGE_REFUSED, "Azure OpenAI, content filtering; Moonshot, error types"},
    {"ResponsibleAIPolicyViolation", JUDGE_REFUSED, "Azure OpenAI, innererror.code"},
    {"invalid_prompt", JUDGE_REFUSED, "OpenAI: prompt flagged as violating the usage policy"},
    {"moderation_blocked", JUDGE_REFUSED, "OpenAI, images"},
    {"data_inspection_failed", JUDGE_REFUSED, "Alibaba Model Studio, error codes"},
    {"DataInspectionFailed", JUDGE_REFUSED, "Alibaba Model Studio, error codes"},
    {"PROHIBITED_CONTENT", JUDGE_REFUSED, "Gemini API, blockReason"},
    {"context_length_exceeded", JUDGE_REQUEST, "OpenAI, error codes; many others"},
    {"string_above_max_length", JUDGE_REQUEST, "OpenAI, error codes"},
    {"exceed_context_size_error", JUDGE_REQUEST, "llama.cpp, error types"},
    {"request_too_large", JUDGE_REQUEST, "Anthropic, errors; Groq"},
    {"model_not_found", JUDGE_REQUEST, "OpenAI, error codes"},
    {"json_validate_failed", JUDGE_REQUEST, "Groq, JSON mode"},
    {"tool_use_failed", JUDGE_REQUEST, "Groq, tool use"},
};

/* Rule 2: account, key and load. */
static const struct member_row blaming_members[] = {
    {"insufficient_quota", JUDGE_PAYMENT, "OpenAI, error codes"},
    {"billing_hard_limit_reached", JUDGE_PAYMENT, "OpenAI, error codes"},
    {"billing_not_active", JUDGE_PAYMENT, "OpenAI, error codes"},
    {"billing_error", JUDGE_PAYMENT, "Anthropic, errors (402)"},
    {"insufficient_balance", JUDGE_PAYMENT, "DeepSeek, error codes (402)"},
    {"exceeded_current_quota_error", JUDGE_PAYMENT, "Moonshot, error types"},
    {"Arrearage", JUDGE_PAYMENT, "Alibaba Model Studio, error codes"},
    {"invalid_api_key", JUDGE_KEY, "OpenAI, error codes"},
    {"account_deactivated", JUDGE_KEY, "OpenAI, error codes"},
    {"authentication_error", JUDGE_KEY, "Anthropic, errors (401)"},
    {"invalid_authentication_error", JUDGE_KEY, "Moonshot, error types"},
    {"permission_error", JUDGE_KEY, "Anthropic, errors (403)"},
    {"API_KEY_INVALID", JUDGE_KEY, "Google APIs, ErrorInfo.reason (400)"},
    {"API_KEY_SERVICE_BLOCKED", JUDGE_KEY, "Google APIs, ErrorInfo.reason (403)"},
    {"UNAUTHENTICATED", JUDGE_KEY, "google.rpc.Code (401)"},
    {"PERMISSION_DENIED", JUDGE_KEY, "google.rpc.Code (403)"},
    {"rate_limit_exceeded", JUDGE_LIMIT, "OpenAI, error codes; Groq"},
    {"rate_limit_error", JUDGE_LIMIT, "Anthropic, errors (429)"},
    {"rate_limit_reached_error", JUDGE_LIMIT, "Moonshot, error types"},
    {"too_many_requests", JUDGE_LIMIT, "OpenAI-compatible servers"},
    {"too_many_requests_error", JUDGE_LIMIT, "Cerebras, error types"},
    {"TooManyRequests", JUDGE_LIMIT, "Azure OpenAI"},
    {"RESOURCE_EXHAUSTED", JUDGE_LIMIT, "google.rpc.Code (429)"},
    {"overloaded_error", JUDGE_OVERLOAD, "Anthropic, errors (529)"},
    {"engine_overloaded_error", JUDGE_OVERLOAD, "Moonshot, error types"},
    {"server_is_overloaded", JUDGE_OVERLOAD, "OpenAI Responses, error codes"},
    {"slow_down", JUDGE_OVERLOAD, "OpenAI, error codes (503)"},
    {"capacity_exceeded", JUDGE_OVERLOAD, "Groq, flex tier (498)"},
    {"UNAVAILABLE", JUDGE_OVERLOAD, "google.rpc.Code (503)"},
};

/* Rule 4: where no status says it. */
static const struct member_row side_members[] = {
    {"invalid_request_error", JUDGE_REQUEST, "OpenAI and Anthropic, error types (400)"},
    {"not_found_error", JUDGE_REQUEST, "Anthropic, errors (404)"},
    {"BadRequestError", JUDGE_REQUEST, "vLLM, error types"},
    {"INVALID_ARGUMENT", JUDGE_REQUEST, "google.rpc.Code (400)"},
    {"FAILED_PRECONDITION", JUDGE_REQUEST, "google.rpc.Code (400)"},
    {"NOT_FOUND", JUDGE_REQUEST, "google.rpc.Code (404)"},
};

/* Rule 1: words within a message, in lower case. None is one bare word. */
static const struct {
    const char *words;
    enum judge_verdict verdict;
    const char *source;
} phrases[] = {
    {"violates usage guidelines", JUDGE_REFUSED, "xAI (403)"},
    {"input was flagged", JUDGE_REFUSED, "OpenRouter, moderation (403)"},
    {"requires moderation on", JUDGE_REFUSED, "OpenRouter, moderation (403)"},
    {"content management policy", JUDGE_REFUSED, "Azure OpenAI (400)"},
    {"content filtering policy", JUDGE_REFUSED, "Anthropic (400)"},
    {"result of our safety system", JUDGE_REFUSED, "OpenAI, images (400)"},
    {"violating our usage policy", JUDGE_REFUSED, "OpenAI, reasoning models (400)"},
    {"content exists risk", JUDGE_REFUSED, "DeepSeek (400)"},
    {"considered high risk", JUDGE_REFUSED, "Moonshot (400)"},
    {"may contain inappropriate content", JUDGE_REFUSED, "Alibaba Model Studio (400)"},
    {"potentially unsafe or sensitive content", JUDGE_REFUSED, "Zhipu (Z.ai), code 1301"},
    {"maximum context length", JUDGE_REQUEST, "OpenAI, vLLM, OpenRouter, Together"},
    {"context length exceeded", JUDGE_REQUEST, "LM Studio, SGLang"},
    {"exceeds the context window", JUDGE_REQUEST, "OpenAI Responses"},
    {"exceeds the available context size", JUDGE_REQUEST, "llama.cpp"},
    {"greater than the context length", JUDGE_REQUEST, "LM Studio"},
    {"exceeds the context length", JUDGE_REQUEST, "Ollama"},
    {"context window exceeds limit", JUDGE_REQUEST, "MiniMax"},
    {"exceed context limit", JUDGE_REQUEST, "Anthropic: input length and max_tokens"},
    {"prompt is too long", JUDGE_REQUEST, "Anthropic"},
    {"input is too long", JUDGE_REQUEST, "Bedrock"},
    {"maximum prompt length", JUDGE_REQUEST, "xAI"},
    {"exceeded model token limit", JUDGE_REQUEST, "Moonshot"},
    {"exceeds the maximum number of tokens", JUDGE_REQUEST, "Gemini API"},
    {"reduce the length of the messages", JUDGE_REQUEST, "OpenAI, Groq, Cerebras"},
    {"request too large for", JUDGE_REQUEST, "OpenAI (429), Groq (413)"},
    {"request exceeds the maximum size", JUDGE_REQUEST, "Anthropic (413)"},
    {"fewer max_tokens", JUDGE_REQUEST, "OpenRouter: more than the credits allow (402)"},
};

/* Rule 2: how a message of that provider type begins. */
static const struct {
    enum provider_type provider;
    const char *words;
    enum judge_verdict verdict;
    const char *source;
} beginnings[] = {
    {ANY_PROVIDER, "Your credit balance is too low", JUDGE_PAYMENT, "Anthropic (400)"},
    {PROVIDER_GOOGLE_AI, "API key not valid", JUDGE_KEY, "Gemini API (400)"},
    {PROVIDER_GOOGLE_AI, "API key expired", JUDGE_KEY, "Gemini API (400)"},
};

static bool find_member(const struct judge_error *e, const struct member_row *rows, size_t n,
                        enum judge_verdict *verdict)
{
    const struct jsonscan_span members[] = {e->code, e->type, e->reason};
    for (size_t m = 0; m < COUNT(members); m++) {
        char word[MEMBER_BYTES];
        if (members[m].len == 0 || members[m].len >= sizeof(word))
            continue;
        jsonscan_unescape(members[m], word, sizeof(word));
        for (size_t i = 0; i < n; i++)
            if (strcasecmp(word, rows[i].word) == 0) {
                *verdict = rows[i].verdict;
                return true;
            }
    }
    return false;
}

/* Pairs of quotation marks, in UTF-8. */
static const struct {
    const char *open, *close;
} quotes[] = {{"\"", "\""}, {"`", "`"}, {"'", "'"}, {"“", "”"}, {"‘", "’"}, {"«", "»"}};

/* The mark that closes the quotation which begins at text[i]; NULL when none begins there. An
 * apostrophe inside a word opens nothing. */
static const char *find_quote(const char *text, size_t i)
{
    if (text[i] == '\'' && i > 0 && isalnum((unsigned char)text[i - 1]))
        return NULL;
    for (size_t q = 0; q < COUNT(quotes); q++)
        if (strncmp(text + i, quotes[q].open, strlen(quotes[q].open)) == 0)
            return quotes[q].close;
    return NULL;
}

/* Takes out what stands between quotation marks, or behind one that is never closed; the rest in
 * lower case. */
static void drop_quotes(char *text)
{
    size_t out = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        const char *mark = find_quote(text, i);
        if (mark != NULL) {
            const char *close = strstr(text + i + 1, mark);
            if (close == NULL)
                break;
            i = (size_t)(close - text) + strlen(mark) - 1;
            text[out++] = ' ';
        } else {
            text[out++] = (char)tolower((unsigned char)text[i]);
        }
    }
    text[out] = '\0';
}

/* The number behind a word of the message, at the first place where one is. */
static bool read_number_after(const char *text, const char *word, uint64_t *number)
{
    const char *at = text;
    do {
        at = strstr(at, word);
        if (at == NULL)
            return false;
        at += strlen(word);
    } while (!isdigit((unsigned char)*at));
    *number = 0;
    for (; isdigit((unsigned char)*at) && *number < LARGEST_COUNTED; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return true;
}

/* "Limit 30000, Requested 342389" (OpenAI, Groq): no waiting makes this request fit. */
static bool is_too_large_ever(const char *text)
{
    uint64_t limit, requested;
    return read_number_after(text, "limit ", &limit) &&
           read_number_after(text, "requested ", &requested) && requested > limit;
}

static bool find_phrase(const char *message, enum judge_verdict *verdict)
{
    char text[MESSAGE_BYTES];
    strcpy(text, message);
    drop_quotes(text);
    for (size_t i = 0; i < COUNT(phrases); i++)
        if (strstr(text, phrases[i].words) != NULL) {
            *verdict = phrases[i].verdict;
            return true;
        }
    *verdict = JUDGE_REQUEST;
    return is_too_large_ever(text);
}

static bool find_beginning(const char *message, enum provider_type provider,
                           enum judge_verdict *verdict)
{
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if ((beginnings[i].provider == ANY_PROVIDER || beginnings[i].provider == provider) &&
            strncmp(message, beginnings[i].words, strlen(beginnings[i].words)) == 0) {
            *verdict = beginnings[i].verdict;
            return true;
        }
    return false;
}

/* What the status says, or in its place a numeric code; 0 = nothing is said. */
static int find_status(const struct judge_error *e)
{
    if (e->status >= 300 && e->status < 500)
        return e->status;
    if (e->code.len == 3) {
        int code = 0;
        for (size_t i = 0; i < 3 && isdigit((unsigned char)e->code.at[i]); i++)
            code = code * 10 + (e->code.at[i] - '0');
        if (code >= 400 && code <= 599)
            return code;
    }
    return e->status >= 500 ? e->status : 0;
}

static enum judge_verdict judge_status(int status, bool has_retry_after)
{
    switch (status) {
    case 401:
    case 403:
        return JUDGE_KEY;
    case 402:
        return JUDGE_PAYMENT;
    case 408:
        return JUDGE_PROVIDER;
    case 429:
        return JUDGE_LIMIT;
    case 503:
    case 529:
        return has_retry_after ? JUDGE_OVERLOAD : JUDGE_PROVIDER;
    default:
        return status >= 400 && status < 500 ? JUDGE_REQUEST : JUDGE_PROVIDER;
    }
}

enum judge_verdict judge(const struct judge_error *e)
{
    enum judge_verdict verdict;
    char message[MESSAGE_BYTES] = "";
    if (e->message.len > 0)
        jsonscan_unescape(e->message, message, sizeof(message));
    if (find_member(e, blameless_members, COUNT(blameless_members), &verdict) ||
        find_phrase(message, &verdict) ||
        find_member(e, blaming_members, COUNT(blaming_members), &verdict) ||
        find_beginning(message, e->provider, &verdict))
        return verdict;
    int status = find_status(e);
    if (status != 0)
        return judge_status(status, e->has_retry_after);
    return find_member(e, side_members, COUNT(side_members), &verdict) ? verdict : JUDGE_PROVIDER;
}

bool judge_invites_retry(struct jsonscan_span type)
{
    static const char *const types[] = {
        "server_error",          "api_error",     "internal_error",
        "internal_server_error", "InternalError", "timeout_error",
        "upstream_error",        "tokens",        "requests",
    };
    const struct judge_error as_code = {.type = type};
    enum judge_verdict verdict;
    if (find_member(&as_code, blaming_members, COUNT(blaming_members), &verdict))
        return verdict == JUDGE_LIMIT || verdict == JUDGE_OVERLOAD;
    for (size_t i = 0; i < COUNT(types); i++)
        if (jsonscan_equals(type, types[i]))
            return true;
    return false;
}

int judge_status_for_client(int status)
{
    return status >= 400 && status < 500 ? status : 400;
}

bool judge_is_relayable(int status)
{
    static const int statuses[] = {400, 404, 409, 413, 415, 422, 451};
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i] == status)
            return true;
    /* Then it was not the status that blamed the request. */
    return judge_status(status, true) != JUDGE_REQUEST;
}
