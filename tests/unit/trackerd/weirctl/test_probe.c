/* SPDX-License-Identifier: MIT */
/* trackerd/weirctl/probe.c: the request is exactly what it should be; answers of weir, cut at every
 * byte, mean what they mean. */
#include "trackerd/weirctl/probe.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define HEAD   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define CHUNK  "data: {\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"po\"}}]}\n\n"
#define CHUNK2 "data: {\"model\":\"m-2\",\"choices\":[{\"delta\":{\"content\":\"ng\"}}]}\n\n"
#define USAGE  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2}}\n\n"
#define DONE   "data: [DONE]\n\n"
#define ERROR(code, message) \
    "\"error\":{\"message\":\"" message "\",\"type\":\"t\",\"param\":null,\"code\":\"" code "\"}"
#define PROBE(outcome, status, message) \
    ",\"probe\":{\"outcome\":\"" outcome "\",\"status\":" status ",\"message\":\"" message "\"}"
#define ANSWER(status, body) \
    "HTTP/1.1 " status " No\r\nContent-Type: application/json\r\n\r\n{" body "}"

static struct conf_provider provider = {.id = (char *)"p", .type = PROVIDER_GENERIC_OPENAI};

static const char *request_of(enum provider_type type, const char *model)
{
    static struct buf text;
    struct conf_pair pair = {.provider = &provider, .model = model};
    provider.type = type;
    buf_clear(&text);
    probe_put_request(&text, &pair, "KEY");
    return buf_cstr(&text);
}

START_TEST(the_request)
{
    static const char body[] =
        "{\"model\":\"p/"
        "a\\\"b\",\"stream\":true,\"max_tokens\":16,\"messages\":[{\"role\":\"user\","
        "\"content\":\"Answer with one word: pong\"}]}";
    char expected[1024];
    snprintf(expected, sizeof(expected),
             "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer "
             "KEY\r\nX-Weir-Probe: 1\r\nX-Weir-Delivery: stream\r\nContent-Type: "
             "application/json\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof(body) - 1, body);
    ck_assert_str_eq(request_of(PROVIDER_GENERIC_OPENAI, "a\"b"), expected);
    ck_assert_ptr_nonnull(
        strstr(request_of(PROVIDER_OPENAI, "m"), ",\"max_completion_tokens\":16,"));
}
END_TEST

/* What an answer means that comes in two pieces, cut at `cut`, at instants 100 and 200. */
static struct probe_result read_cut(const char *answer, size_t cut)
{
    struct probe *probe = probe_new();
    bool goes_on = probe_feed(probe, answer, cut, 100);
    if (goes_on)
        goes_on = probe_feed(probe, answer + cut, strlen(answer) - cut, 200);
    if (goes_on)
        probe_finish(probe, 300);
    struct probe_result result = *probe_result(probe);
    probe_free(&probe);
    ck_assert_ptr_null(probe);
    return result;
}

static const struct {
    const char *text;
    enum probe_end end;
    const char *outcome;
    int status;
    const char *message, *answer;
} rows[] = {
    {HEAD CHUNK CHUNK2 USAGE DONE, PROBE_COMPLETED, "stream_completed", 200, "", "pong"},
    {HEAD DONE, PROBE_COMPLETED, "stream_completed", 200, "", ""},
    {HEAD ": weir\n\n" CHUNK DONE, PROBE_COMPLETED, "stream_completed", 200, "", "po"},
    {HEAD CHUNK, PROBE_UNFINISHED, "", 0, "", "po"},
    {HEAD, PROBE_UNFINISHED, "", 0, "", ""},
    {"", PROBE_UNFINISHED, "", 0, "", ""},
    {"HTTP/1.1 200 OK\r\nConten", PROBE_UNFINISHED, "", 0, "", ""},
    {HEAD CHUNK "data: {" ERROR("stream_error", "m") PROBE("stream_lost", "200", "cut") "}\n\n",
     PROBE_FAILED, "stream_lost", 200, "cut", "po"},
    {HEAD ": weir\n\ndata: {" ERROR("all_providers_exhausted", "m")
         PROBE("header_timeout", "0", "") "}\n\n",
     PROBE_FAILED, "header_timeout", 0, "", ""},
    {HEAD CHUNK "data: {" ERROR("stream_error", "weir is shutting down") "}\n\n", PROBE_REFUSED,
     "stream_error", 0, "weir is shutting down", "po"},
    {ANSWER("503",
            ERROR("all_providers_exhausted", "m") PROBE("rate_limited", "429", "slow \\u0007")),
     PROBE_FAILED, "rate_limited", 429, "slow \a", ""},
    {ANSWER("401", ERROR("invalid_api_key", "no")), PROBE_REFUSED, "invalid_api_key", 0, "no", ""},
    {ANSWER("404", "\"detail\":\"Not Found\""), PROBE_NOT_WEIR, "", 0, "", ""},
    {"HTTP/1.1 404 Not Found\r\n\r\n<html>", PROBE_NOT_WEIR, "", 0, "", ""},
    {"SSH-2.0-x\r\n\r\n", PROBE_NOT_WEIR, "", 0, "", ""},
    {"HTTP/2 200\r\n\r\n", PROBE_NOT_WEIR, "", 0, "", ""},
    {"HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n", PROBE_NOT_WEIR, "", 0, "", ""},
    /* A body that is delimited after all ends where it says. */
    {"HTTP/1.1 401 No\r\nContent-Length: 20\r\n\r\n{\"error\":{\"code\":1}}x", PROBE_REFUSED, "", 0,
     "", ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
     PROBE_COMPLETED, "stream_completed", 200, "", ""},
};

START_TEST(answers)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
            struct probe_result r = read_cut(rows[i].text, cut);
            ck_assert_msg(r.end == rows[i].end, "row %zu cut at %zu: end %d", i, cut, (int)r.end);
            ck_assert_str_eq(r.outcome, rows[i].outcome);
            ck_assert_int_eq(r.status, rows[i].status);
            ck_assert_str_eq(r.message, rows[i].message);
            ck_assert_msg(strcmp(r.answer, rows[i].answer) == 0, "row %zu cut at %zu: %s", i, cut,
                          r.answer);
        }
    }
}
END_TEST

START_TEST(facts_of_a_stream)
{
    static const char text[] = HEAD CHUNK CHUNK2 USAGE DONE;
    struct probe_result r = read_cut(text, sizeof(HEAD) - 1);
    ck_assert_str_eq(r.model, "m-1");
    ck_assert_int_eq(r.prompt_tokens, 12);
    ck_assert_int_eq(r.completion_tokens, 2);
    ck_assert_uint_eq(r.first_token_at, 200); /* the first event, not the head */
    r = read_cut(text, sizeof(HEAD CHUNK) - 1);
    ck_assert_uint_eq(r.first_token_at, 100);
    r = read_cut(HEAD "data: {" ERROR("a", "b") "}\n\n", 3);
    ck_assert_uint_eq(r.first_token_at, 0);
    ck_assert_int_eq(r.prompt_tokens, -1);
}
END_TEST

/* A long answer is cut between characters. */
START_TEST(the_beginning_of_a_long_answer)
{
    struct buf text = BUF_INIT;
    buf_puts(&text, HEAD "data: {\"choices\":[{\"delta\":{\"content\":\"x");
    for (int i = 0; i < 200; i++)
        buf_puts(&text, "\u00fc");
    buf_puts(&text, "\"}}]}\n\n" CHUNK DONE);
    struct probe_result r = read_cut(buf_cstr(&text), 0);
    ck_assert_int_eq(r.end, PROBE_COMPLETED);
    ck_assert_uint_eq(strlen(r.answer), PROBE_ANSWER_BYTES - 1);
    ck_assert_str_eq(r.answer + PROBE_ANSWER_BYTES - 3, "\u00fc");
    buf_free(&text);
}
END_TEST

START_TEST(what_never_ends_is_not_weir)
{
    struct probe *probe = probe_new();
    char block[4096];
    bool goes_on = true;
    memset(block, 'x', sizeof(block));
    for (int i = 0; goes_on && i < 1000; i++)
        goes_on = probe_feed(probe, block, sizeof(block), 1);
    ck_assert_int_eq(probe_result(probe)->end, PROBE_NOT_WEIR);
    probe_free(&probe);
}
END_TEST

UNIT_MAIN("probe", the_request, answers, facts_of_a_stream, the_beginning_of_a_long_answer,
          what_never_ends_is_not_weir)
