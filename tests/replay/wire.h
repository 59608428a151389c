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
#define FINISH FINISHED("stop")
#define DONE   "data: [DONE]\n\n"
#define ANSWER "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}"

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

#endif
