/* SPDX-License-Identifier: MIT */
/* See finish_reason.h. */
#include "server/judge/finish_reason.h"

#include <string.h>
#include <strings.h>

#define REASON_BYTES 64 /* of one with escapes; a longer one is in no row */

static const struct {
    const char *word;
    const char *source;
} broken[] = {
    {"error", "OpenRouter, errors in a stream; many servers"},
    {"insufficient_system_resource", "DeepSeek, chat completions"},
    {"network_error", "Zhipu (Z.ai), chat completions"},
    {"malformed_function_call", "Gemini API, FinishReason"},
    {"unexpected_tool_call", "Gemini API, FinishReason"},
    {"too_many_tool_calls", "Gemini API, FinishReason"},
    {"missing_thought_signature", "Gemini API, FinishReason"},
    {"abort", "vLLM, SGLang: the request was aborted"},
    {"aborted", "text-generation servers"},
    {"cancelled", "Together, Fireworks"},
    {"timeout", "OpenAI-compatible servers"},
    {"engine_error", "OpenAI-compatible servers"},
};

static bool is_broken(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        if (strlen(broken[i].word) == len && strncasecmp(word, broken[i].word, len) == 0)
            return true;
    return false;
}

bool finish_reason_is_broken(struct jsonscan_span reason)
{
    char word[REASON_BYTES];
    if (memchr(reason.at, '\\', reason.len) == NULL)
        return is_broken(reason.at, reason.len);
    return reason.len < sizeof(word) &&
           is_broken(word, jsonscan_unescape(reason, word, sizeof(word)));
}
