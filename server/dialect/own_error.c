/* SPDX-License-Identifier: MIT */
/* See own_error.h. */
#include "server/dialect/own_error.h"

#include <json-c/json.h>
#include <string.h>

static const struct {
    int status;
    const char *code;
} errors[OWN_ERROR_COUNT] = {
    [OWN_ERROR_INVALID_REQUEST] = {400, "invalid_request"},
    [OWN_ERROR_INVALID_API_KEY] = {401, "invalid_api_key"},
    [OWN_ERROR_NOT_FOUND] = {404, "not_found"},
    [OWN_ERROR_MODEL_NOT_FOUND] = {404, "model_not_found"},
    [OWN_ERROR_METHOD_NOT_ALLOWED] = {405, "method_not_allowed"},
    [OWN_ERROR_REQUEST_TIMEOUT] = {408, "request_timeout"},
    [OWN_ERROR_REQUEST_TOO_LARGE] = {413, "request_too_large"},
    [OWN_ERROR_UNSUPPORTED_ENCODING] = {415, "unsupported_encoding"},
    [OWN_ERROR_HEADERS_TOO_LARGE] = {431, "headers_too_large"},
    [OWN_ERROR_EXPECTATION_FAILED] = {417, "invalid_request"},
    [OWN_ERROR_HTTP_VERSION] = {505, "invalid_request"},
    [OWN_ERROR_ALL_EXHAUSTED] = {503, "all_providers_exhausted"},
    [OWN_ERROR_QUEUE_FULL] = {503, "queue_full"},
    [OWN_ERROR_QUEUE_TIMEOUT] = {503, "queue_timeout"},
    [OWN_ERROR_QUEUE_SHUTDOWN] = {503, "queue_shutdown"},
    [OWN_ERROR_OVERLOADED] = {503, "overloaded"},
    [OWN_ERROR_DEADLINE] = {504, "deadline_exceeded"},
};

int own_error_status(enum own_error error)
{
    return errors[error].status;
}

const char *own_error_code(enum own_error error)
{
    return errors[error].code;
}

struct dialect_error own_error_with_message(enum own_error error, const char *message, size_t len,
                                            const char *request_id)
{
    return (struct dialect_error){
        .status = errors[error].status,
        .code = errors[error].code,
        .message = message,
        .len = len,
        .request_id = request_id,
    };
}

void own_error_put_with(struct buf *out, const char *json, size_t len, const char *member,
                        const char *text)
{
    struct json_tokener *tokener = json_tokener_new();
    json_object *root = json_tokener_parse_ex(tokener, json, (int)len), *error = NULL;
    json_tokener_free(tokener);
    json_object_object_get_ex(root, "error", &error);
    json_object *place = json_object_is_type(error, json_type_object) ? error : root;
    if (json_object_is_type(place, json_type_object)) {
        json_object_object_add(place, member, json_object_new_string(text));
        json = json_object_to_json_string_length(
            root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    }
    buf_put(out, json, len);
    json_object_put(root);
}

void own_error_add_probe(struct buf *out, const char *outcome, int status, const char *message)
{
    out->len--; /* the closing brace follows below */
    buf_printf(out, ",\"probe\":{\"outcome\":\"%s\",\"status\":%d,\"message\":", outcome, status);
    buf_put_json(out, message, strlen(message));
    buf_puts(out, "}}");
}
