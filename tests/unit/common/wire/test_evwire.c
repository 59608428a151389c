/* SPDX-License-Identifier: MIT */
/* common/wire/evwire.c: what passes the check and what does not. */
#include "common/wire/evwire.h"

#include <string.h>

#include "common/terms/cause.h"
#include "tests/unit/unit.h"

static struct evwire_event good_event(void)
{
    return (struct evwire_event){
        .seq = 1,
        .key_hash = 7,
        .kind = EV_MID_FAILURE,
        .count = 1,
        .started_at = 10,
        .ended_at = 20,
    };
}

static enum ev_status status_of(const void *packet, size_t len)
{
    enum ev_status status;
    const struct evwire_head *head = evwire_check(packet, len, &status);
    ck_assert((head != NULL) == (status == EVST_DONE));
    return status;
}

static size_t pack_events(char *out, const struct evwire_event *events, uint32_t n)
{
    return evwire_pack(out, EVWIRE_PACKET_MAX, EVWIRE_EVENTS, events, sizeof(*events), n);
}

START_TEST(round_trip)
{
    char packet[EVWIRE_PACKET_MAX];
    struct evwire_event events[EVWIRE_EVENTS_MAX];
    for (uint32_t n = 1; n <= EVWIRE_EVENTS_MAX; n++) {
        events[n - 1] = good_event();
        events[n - 1].seq = n;
        size_t len = pack_events(packet, events, n);
        ck_assert_uint_eq(len, sizeof(struct evwire_head) + n * sizeof(events[0]));
        enum ev_status status;
        const struct evwire_head *head = evwire_check(packet, len, &status);
        ck_assert_ptr_nonnull(head);
        ck_assert_uint_eq(head->count, n);
        ck_assert_mem_eq(evwire_payload(head), events, n * sizeof(events[0]));
        /* one byte less, one more: the size must be exact */
        ck_assert_int_eq(status_of(packet, len - 1), EVST_BAD_REQUEST);
        if (len < sizeof(packet))
            ck_assert_int_eq(status_of(packet, len + 1), EVST_BAD_REQUEST);
    }
}
END_TEST

START_TEST(does_not_fit)
{
    char packet[64];
    struct evwire_event event = good_event();
    ck_assert_uint_eq(evwire_pack(packet, sizeof(packet), EVWIRE_EVENTS, &event, sizeof(event), 1),
                      0);
}
END_TEST

START_TEST(bad_heads)
{
    static const struct {
        const char *what;
        size_t offset, size;
        uint32_t value;
        enum ev_status want;
    } rows[] = {
        {"magic", offsetof(struct evwire_head, magic), 4, 1, EVST_BAD_REQUEST},
        {"version", offsetof(struct evwire_head, version), 2, 2, EVST_BAD_VERSION},
        {"version 0", offsetof(struct evwire_head, version), 2, 0, EVST_BAD_VERSION},
        {"kind 0", offsetof(struct evwire_head, kind), 2, 0, EVST_BAD_REQUEST},
        {"kind 7", offsetof(struct evwire_head, kind), 2, 7, EVST_BAD_REQUEST},
        {"kind 65535", offsetof(struct evwire_head, kind), 2, 65535, EVST_BAD_REQUEST},
        {"other kind", offsetof(struct evwire_head, kind), 2, EVWIRE_HELLO, EVST_BAD_REQUEST},
        {"count 0", offsetof(struct evwire_head, count), 4, 0, EVST_BAD_REQUEST},
        {"count 2", offsetof(struct evwire_head, count), 4, 2, EVST_BAD_REQUEST},
        {"count 33", offsetof(struct evwire_head, count), 4, 33, EVST_BAD_REQUEST},
        {"count -1", offsetof(struct evwire_head, count), 4, UINT32_MAX, EVST_BAD_REQUEST},
        {"count overflows", offsetof(struct evwire_head, count), 4, 0x2000001, EVST_BAD_REQUEST},
        {"zero", offsetof(struct evwire_head, zero), 4, 1, EVST_BAD_REQUEST},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char packet[EVWIRE_PACKET_MAX];
        struct evwire_event event = good_event();
        size_t len = pack_events(packet, &event, 1);
        memcpy(packet + rows[i].offset, &rows[i].value, rows[i].size);
        ck_assert_msg(status_of(packet, len) == rows[i].want, "%s", rows[i].what);
    }
    ck_assert_int_eq(status_of("", 0), EVST_BAD_REQUEST);
    ck_assert_int_eq(status_of("WEVR", 4), EVST_BAD_REQUEST);
}
END_TEST

START_TEST(bad_events)
{
    enum {
        KEY,
        KIND0,
        KIND7,
        COUNT,
        CAUSE,
        NO_CAUSE,
        ORDER,
        ZERO,
        N
    };
    for (int what = 0; what < N; what++) {
        char packet[EVWIRE_PACKET_MAX];
        struct evwire_event events[3] = {good_event(), good_event(), good_event()};
        struct evwire_event *ev = &events[2];
        ck_assert(evwire_event_is_sound(ev));
        if (what == KEY)
            ev->key_hash = 0;
        if (what == KIND0)
            ev->kind = 0;
        if (what == KIND7)
            ev->kind = 7;
        if (what == COUNT)
            ev->count = 0;
        if (what == CAUSE)
            ev->cause = CAUSE_COUNT;
        if (what == NO_CAUSE)
            ev->kind = EV_COOLDOWN;
        if (what == ORDER)
            ev->started_at = ev->ended_at + 1;
        if (what == ZERO)
            ev->zero[3] = 1;
        size_t len = pack_events(packet, events, 3);
        ck_assert_msg(!evwire_event_is_sound(ev), "fault %d", what);
        /* it costs itself, not its packet; without a number it could not be acknowledged */
        ck_assert_msg(status_of(packet, len) == EVST_DONE, "fault %d", what);
        ev->seq = 0;
        len = pack_events(packet, events, 3);
        ck_assert_msg(status_of(packet, len) == EVST_BAD_REQUEST, "fault %d", what);
    }
}
END_TEST

START_TEST(commands)
{
    char packet[EVWIRE_PACKET_MAX];
    struct evwire_command command = {.command = EVCMD_COOLDOWN, .provider = "p", .model = "m"};
    size_t len = evwire_pack(packet, sizeof(packet), EVWIRE_COMMAND, &command, sizeof(command), 1);
    ck_assert_int_eq(status_of(packet, len), EVST_DONE);
    struct {
        char *field;
        size_t size;
    } texts[] = {{command.provider, sizeof(command.provider)},
                 {command.model, sizeof(command.model)},
                 {command.reason, sizeof(command.reason)}};
    for (size_t i = 0; i < UNIT_ROWS(texts); i++) {
        struct evwire_command saved = command;
        memset(texts[i].field, 'x', texts[i].size); /* no NUL anywhere */
        len = evwire_pack(packet, sizeof(packet), EVWIRE_COMMAND, &command, sizeof(command), 1);
        ck_assert_msg(status_of(packet, len) == EVST_BAD_REQUEST, "text %zu", i);
        command = saved;
    }
}
END_TEST

START_TEST(reasons_fit_into_a_row)
{
    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        ck_assert_uint_lt(strlen(cooldown_cause_reason(i)), SHM_TABLE_REASON_BYTES);
}
END_TEST

/* Every number has a word, and none outside reaches past a table. */
START_TEST(words)
{
    for (unsigned i = 0; i <= EVST_REFUSED + 1; i++)
        ck_assert_ptr_nonnull(ev_status_text(i));
    for (unsigned i = 0; i <= EVCH_QUOTA + 1; i++)
        ck_assert_ptr_nonnull(ev_change_word(i));
}
END_TEST

UNIT_MAIN("evwire", round_trip, does_not_fit, bad_heads, bad_events, commands,
          reasons_fit_into_a_row, words)
