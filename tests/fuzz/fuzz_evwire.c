/* SPDX-License-Identifier: MIT */
/* evwire: a packet from anybody. What the check accepts has exactly the size it says, and events
 * that are sound leave a row in which everything holds, whatever numbers they carry. */
#include "common/wire/evwire.h"
#include "tests/fuzz/fuzz.h"
#include "trackerd/table/cooldown.h"

#define NOW UINT64_C(1000000000000)

static size_t record_size(unsigned kind)
{
    switch (kind) {
    case EVWIRE_HELLO:
        return sizeof(struct evwire_hello);
    case EVWIRE_EVENTS:
        return sizeof(struct evwire_event);
    case EVWIRE_ACK:
        return sizeof(struct evwire_ack);
    case EVWIRE_COMMAND:
        return sizeof(struct evwire_command);
    case EVWIRE_REPLY:
        return sizeof(struct evwire_reply);
    default:
        FUZZ_CHECK(kind == EVWIRE_CHANGE);
        return sizeof(struct evwire_change);
    }
}

static void apply(const struct evwire_event *events, uint32_t n)
{
    static const struct cooldown_rules rules = {
        .mid_threshold = 3,
        .mid_cooldown_ms = 1000,
        .mid_cooldown_max_ms = UINT32_MAX,
        .pre_threshold = 2,
    };
    struct cooldown_now now = {.at = NOW, .wall_ms = 1};
    struct shm_table_state row;
    cooldown_init(&row, "p", "m", 1, &rules);
    for (uint32_t i = 0; i < n; i++) {
        struct cooldown_changes out;
        uint64_t until = row.hot.cooldown_until_at;
        if (!evwire_event_is_sound(&events[i]))
            continue;
        cooldown_apply(&row, &rules, &events[i], now, &out);
        FUZZ_CHECK(row.hot.mid_failures < rules.mid_threshold);
        FUZZ_CHECK(row.hot.pre_failures < rules.pre_threshold);
        FUZZ_CHECK(row.hot.cooldown_until_at >= until);
        FUZZ_CHECK(row.hot.cooldown_until_at <= NOW + SHM_TABLE_REST_MAX_NS);
        FUZZ_CHECK(row.last_success_at <= NOW && row.last_answer_success_at <= NOW);
        FUZZ_CHECK(row.hot.cooldown_began_at <= NOW);
        FUZZ_CHECK(out.n <= COOLDOWN_CHANGES_MAX);
        FUZZ_CHECK(memchr(row.reason, '\0', sizeof(row.reason)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum ev_status status;
    char *packet = fuzz_copy((const char *)data, size);
    const struct evwire_head *head = evwire_check(packet, size, &status);
    FUZZ_CHECK((head != NULL) == (status == EVST_DONE));
    if (head != NULL) {
        FUZZ_CHECK(size == sizeof(*head) + head->count * record_size(head->kind));
        if (head->kind == EVWIRE_EVENTS)
            apply(evwire_payload(head), head->count);
    }
    free(packet);
    return 0;
}
