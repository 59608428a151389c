/* SPDX-License-Identifier: MIT */
/* What the replays of chats say on the wire, and how they look at what came: labels, events of a
 * stream, a whole answer. The text of each is exact: weir relays it byte for byte. */
#ifndef WEIR_TESTS_REPLAY_WIRE_H
#define WEIR_TESTS_REPLAY_WIRE_H

#include <string.h>

#include "tests/replay/replay.h"

#define SSE  "content-type: text/event-stream\n"
#define JSON "content-type: application/json\n"

#define EVENT(json)  "data: " json "\n\n"
#define DELTA(delta) EVENT("{\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}")
#define ROLE         DELTA("\"role\":\"assistant\",\"content\":\"\"")
#define TOKEN        DELTA("\"content\":\"t\"")
#define FINISHED(why) \
    EVENT("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}")
#define FINISH         FINISHED("stop")
#define DONE           "data: [DONE]\n\n"
#define ANSWER         "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}"
#define ERROR_OF(text) "{\"error\":{\"message\":\"" text "\",\"type\":\"t\",\"code\":null}}"

static inline void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is missing in \"%s\"", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "\"%s\" stands in \"%s\"", part, text);
}

static inline void begin_stream(void)
{
    replay_chat_stream();
    replay_head(200, SSE);
}

static inline void answer_error(int status, const char *body)
{
    replay_head(status, JSON);
    replay_data(body);
    replay_done(TRANSFER_COMPLETE);
}

static inline void begin_complete(void)
{
    replay_conf()->chains[0].delivery = DELIVERY_COMPLETE;
    begin_stream();
}

static inline void rest_all_pairs(uint64_t ms)
{
    replay_conf()->queue_mode = true;
    replay_conf()->queue_max_wait_ms = 10000;
    for (uint32_t i = 0; i < REPLAY_PAIRS; i++)
        replay_cooldown_ms(i, ms + i * 1000);
}

#endif
