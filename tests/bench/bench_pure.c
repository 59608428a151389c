/* SPDX-License-Identifier: MIT */
/* What the pure parts of a request's road cost: run by hand (`make tests/bench/bench_pure`), the
 * best of some rounds each, so that a busy machine disturbs little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/http/chunked.h"
#include "common/http/request.h"
#include "common/http/sse.h"
#include "server/dialect/chat_event.h"
#include "server/dialect/chat_request.h"

#define ROUNDS           7
#define ROUND_NS         UINT64_C(40000000)
#define FEED_BYTES       16384
#define LARGE_IMAGE_SIZE (30u << 20)

/* One piece of work over `text`, done once. Results go to `sink`, so that none is left out. */
typedef void (*work_fn)(const struct buf *text);
static volatile size_t sink;

static double once_ns(work_fn work, const struct buf *text, size_t times)
{
    uint64_t began_at = clock_boot_ns();
    for (size_t i = 0; i < times; i++)
        work(text);
    return (double)(clock_boot_ns() - began_at) / (double)times;
}

static void measure(const char *name, work_fn work, const struct buf *text, size_t units)
{
    size_t times = 1;
    double best = once_ns(work, text, 1);
    while (best * (double)times < (double)ROUND_NS && times < (1u << 24)) {
        times *= 2;
        best = once_ns(work, text, times);
    }
    for (int i = 1; i < ROUNDS; i++) {
        double ns = once_ns(work, text, times);
        best = ns < best ? ns : best;
    }
    printf("%-34s %9zu bytes %12.1f ns %8.2f GB/s\n", name, text->len, best / (double)units,
           (double)text->len / best);
}

static void scan(const struct buf *text)
{
    struct jsonscan s;
    jsonscan_init(&s, text->data, text->len);
    sink += jsonscan_skip(&s, NULL) && jsonscan_finish(&s);
}

static void read_chat(const struct buf *text)
{
    struct dialect_request chat;
    char why[160];
    sink += chat_read_request(CHAT_MESSAGES, text->data, text->len, &chat, why, sizeof(why));
}

static void read_chunk(const struct buf *text)
{
    struct dialect_event event;
    struct dialect_stream stream = {0};
    chat_read_event(&stream, text->data, text->len, &event);
    sink += event.has_content;
}

static bool hear(void *arg, const struct sse_event *event)
{
    sink += event->data_len;
    return true;
}

/* A whole stream, in feeds as the network brings them. */
static void read_stream(const struct buf *text)
{
    struct sse *sse = sse_new(hear, NULL, 1u << 20);
    for (size_t at = 0; at < text->len; at += FEED_BYTES)
        sse_feed(sse, text->data + at, text->len - at < FEED_BYTES ? text->len - at : FEED_BYTES);
    sink += (size_t)sse_finish(sse);
    sse_free(&sse);
}

static void parse_head(const struct buf *text)
{
    static struct http_request req;
    size_t skip, end = http_head_end(text->data, text->len, 0, &skip);
    sink += (size_t)http_request_parse(text->data + skip, end - skip, &req);
}

static void read_chunked(const struct buf *text)
{
    struct http_chunked chunked;
    struct http_text piece;
    size_t at = 0, used;
    http_chunked_init(&chunked, false);
    while (http_chunked_feed(&chunked, text->data + at, text->len - at, &used, &piece) ==
           HTTP_CHUNKED_DATA)
        at += used;
    sink += at;
}

static void put_repeated(struct buf *b, const char *s, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += strlen(s))
        buf_puts(b, s);
}

/* A chat request whose only message is the text, repeated. */
static void put_request(struct buf *b, const char *content, size_t bytes)
{
    buf_clear(b);
    buf_puts(b, "{\"model\":\"main\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                "{\"role\":\"user\",\"content\":\"");
    put_repeated(b, content, bytes);
    buf_puts(b, "\"}],\"temperature\":0.7,\"max_tokens\":512,\"stream\":true}");
}

static const char event[] =
    "{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz01\",\"object\":\"chat.completion.chunk\","
    "\"created\":1764000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\" token\"},\"logprobs\":null,\"finish_reason\":null}]}";

static const char head[] = "POST /v1/chat/completions HTTP/1.1\r\n"
                           "Host: 127.0.0.1:3429\r\n"
                           "Accept: application/json\r\n"
                           "Content-Type: application/json\r\n"
                           "User-Agent: OpenAI/JS 4.104.0\r\n"
                           "X-Stainless-Lang: js\r\n"
                           "X-Stainless-Runtime: node\r\n"
                           "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"
                           "Connection: keep-alive\r\n"
                           "Accept-Encoding: gzip, deflate\r\n"
                           "Content-Length: 1024\r\n"
                           "\r\n";

static void measure_scanner(struct buf *b)
{
    put_request(b, "The quick brown fox jumps over the lazy dog. ", 880);
    measure("jsonscan, request of 1 kB", scan, b, 1);
    measure("chat, request of 1 kB", read_chat, b, 1);
    put_request(b, "He said:\\n\\\"Jump, fox, over the dog\\\".\\n\\n", 100000);
    measure("jsonscan, 100 kB with escapes", scan, b, 1);
    put_request(b, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe6\x96\x87\xe7\xab\xa0",
                100000);
    measure("jsonscan, 100 kB of Japanese", scan, b, 1);
    put_request(b, "Gr\xc3\xbc\xc3\x9f\x65 aus M\xc3\xbcnchen, sch\xc3\xb6nes Wetter. ", 100000);
    measure("jsonscan, 100 kB of German", scan, b, 1);
    put_request(b, "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", LARGE_IMAGE_SIZE);
    measure("jsonscan, image of 30 MiB", scan, b, 1);
    buf_clear(b);
    buf_puts(b, "[0");
    put_repeated(b, ",\n        {\n            \"type\" : [ 1.5, true, null ]\n        }", 100000);
    buf_puts(b, "]");
    measure("jsonscan, 100 kB of structure", scan, b, 1);
}

int main(void)
{
    struct buf b = BUF_INIT;
    measure_scanner(&b);
    buf_clear(&b);
    buf_puts(&b, event);
    measure("chunk, one event", read_chunk, &b, 1);
    buf_clear(&b);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "data: %s\n\n", event);
    measure("sse, an event of a stream", read_stream, &b, 1000);
    buf_clear(&b);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "data: %s\r\n\r\n", event);
    measure("sse, the same with CRLF", read_stream, &b, 1000);
    buf_clear(&b);
    buf_puts(&b, head);
    measure("http1, head with ten headers", parse_head, &b, 1);
    buf_clear(&b);
    for (int i = 0; i < 100; i++) {
        buf_puts(&b, "400\r\n");
        put_repeated(&b, "0123456789abcdef", 1024);
        buf_puts(&b, "\r\n");
    }
    buf_puts(&b, "0\r\n\r\n");
    measure("http_chunked, a chunk of 1 kB", read_chunked, &b, 100);
    buf_free(&b);
    return EXIT_SUCCESS;
}
