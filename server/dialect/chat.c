/* SPDX-License-Identifier: MIT */
/* The chat dialect's row: /v1/chat/completions, with /v1/completions and /v1/embeddings, which
 * share its errors and most of its streams. Pure. See dialect.h. */
#include "server/dialect/chat_event.h"
#include "server/dialect/chat_normalize.h"
#include "server/dialect/chat_request.h"
#include "server/dialect/dialect.h"

static void put_error(struct buf *out, const struct dialect_error *error)
{
    buf_puts(out, "{\"error\":{\"message\":");
    buf_put_json(out, error->message, error->len);
    buf_printf(out, ",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}",
               error->status >= 500 ? "server_error" : "invalid_request_error", error->code);
}

const struct dialect dialect_chat = {
    .name = "chat",
    .read_request = chat_read_request,
    .edit_request = chat_edit_request,
    .read_event = chat_read_event,
    .read_reply = chat_read_reply,
    .normalize_event = chat_normalize_event,
    .normalize_reply = chat_normalize_reply,
    .put_error = put_error,
    .put_error_event = put_error,
    .error_event_type = "",
    .heartbeat = ": weir\n",
    .end_mark = "data: [DONE]\n\n",
};

const struct dialect_operation dialect_chat_completions = {&dialect_chat, CHAT_MESSAGES,
                                                           "/chat/completions"};
const struct dialect_operation dialect_completions = {&dialect_chat, CHAT_PROMPT, "/completions"};
const struct dialect_operation dialect_embeddings = {&dialect_chat, CHAT_INPUT, "/embeddings"};
