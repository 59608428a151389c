/* SPDX-License-Identifier: MIT */
/* See evwire.h. */
#include "common/wire/evwire.h"

#include <string.h>

#include "common/terms/cause.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- words --------------------------------------------------------------------------------- */

const char *ev_status_text(enum ev_status status)
{
    static const char *const texts[] = {
        [EVST_DONE] = "done",
        [EVST_UNKNOWN_PAIR] = "no such provider and model in the table",
        [EVST_BAD_REQUEST] = "malformed message",
        [EVST_BAD_VERSION] = "another version of the protocol",
        [EVST_NOT_ALLOWED] = "not allowed for this user",
        [EVST_REFUSED] = "refused",
    };
    return texts[(unsigned)status < COUNT(texts) ? status : EVST_BAD_REQUEST];
}

const char *ev_change_word(enum ev_change_kind kind)
{
    static const char *const words[] = {
        [0] = "unknown",        [EVCH_FAILURE] = "failure", [EVCH_COOLDOWN] = "cooldown",
        [EVCH_RESET] = "reset", [EVCH_CLEARED] = "cleared", [EVCH_RECOVERED] = "recovered",
        [EVCH_QUOTA] = "quota",
    };
    return words[(unsigned)kind < COUNT(words) ? kind : 0];
}

/* ---- packing and checking ------------------------------------------------------------------ */

static bool is_text(const char *field, size_t size)
{
    return memchr(field, '\0', size) != NULL;
}

bool evwire_event_is_sound(const struct evwire_event *ev)
{
    bool zeros = (ev->zero[0] | ev->zero[1] | ev->zero[2] | ev->zero[3]) == 0;
    return zeros && ev->key_hash != 0 && ev->kind >= EV_MID_FAILURE && ev->kind <= EV_QUOTA &&
           ev->count >= 1 && ev->cause < CAUSE_COUNT && ev->started_at <= ev->ended_at &&
           (ev->kind != EV_COOLDOWN || ev->cause != CAUSE_NONE);
}

/* What it says is checked by who reads it: an unsound record costs itself, not its packet. */
static bool event_has_number(const void *payload)
{
    struct evwire_event ev;
    memcpy(&ev, payload, sizeof(ev));
    return ev.seq != 0;
}

static bool hello_is_good(const void *payload)
{
    struct evwire_hello hello;
    memcpy(&hello, payload, sizeof(hello));
    return hello.zero == 0 && hello.incarnation != 0;
}

static bool command_is_good(const void *payload)
{
    struct evwire_command command;
    memcpy(&command, payload, sizeof(command));
    return command.zero == 0 && is_text(command.provider, sizeof(command.provider)) &&
           is_text(command.model, sizeof(command.model)) &&
           is_text(command.reason, sizeof(command.reason));
}

static bool reply_is_good(const void *payload)
{
    return is_text((const char *)payload + offsetof(struct evwire_reply, text),
                   sizeof(((struct evwire_reply *)0)->text));
}

static bool change_is_good(const void *payload)
{
    struct evwire_change change;
    memcpy(&change, payload, sizeof(change));
    return is_text(change.state.provider, sizeof(change.state.provider)) &&
           is_text(change.state.model, sizeof(change.state.model)) &&
           is_text(change.state.reason, sizeof(change.state.reason));
}

static bool anything_is_good(const void *payload)
{
    return true;
}

static const struct {
    size_t size;        /* of one record */
    uint32_t count_max; /* records in a packet */
    bool (*is_good)(const void *record);
} kinds[] = {
    [EVWIRE_HELLO] = {sizeof(struct evwire_hello), 1, hello_is_good},
    [EVWIRE_EVENTS] = {sizeof(struct evwire_event), EVWIRE_EVENTS_MAX, event_has_number},
    [EVWIRE_ACK] = {sizeof(struct evwire_ack), 1, anything_is_good},
    [EVWIRE_COMMAND] = {sizeof(struct evwire_command), 1, command_is_good},
    [EVWIRE_REPLY] = {sizeof(struct evwire_reply), 1, reply_is_good},
    [EVWIRE_CHANGE] = {sizeof(struct evwire_change), 1, change_is_good},
};

const void *evwire_payload(const struct evwire_head *head)
{
    return head + 1;
}

static enum ev_status check_head(const struct evwire_head *head, size_t len)
{
    if (head->magic != EVWIRE_MAGIC)
        return EVST_BAD_REQUEST;
    if (head->version != EVWIRE_VERSION)
        return EVST_BAD_VERSION;
    if (head->kind == 0 || head->kind >= COUNT(kinds) || head->zero != 0 || head->count == 0 ||
        head->count > kinds[head->kind].count_max ||
        len != sizeof(*head) + head->count * kinds[head->kind].size)
        return EVST_BAD_REQUEST;
    return EVST_DONE;
}

const struct evwire_head *evwire_check(const void *data, size_t len, enum ev_status *status)
{
    struct evwire_head head;
    *status = EVST_BAD_REQUEST;
    if (len < sizeof(head) || len > EVWIRE_PACKET_MAX)
        return NULL;
    memcpy(&head, data, sizeof(head));
    *status = check_head(&head, len);
    const char *record = (const char *)data + sizeof(head);
    for (uint32_t i = 0; *status == EVST_DONE && i < head.count; i++) {
        if (!kinds[head.kind].is_good(record + i * kinds[head.kind].size))
            *status = EVST_BAD_REQUEST;
    }
    return *status == EVST_DONE ? data : NULL;
}

size_t evwire_pack(void *out, size_t cap, enum evwire_kind kind, const void *payload, size_t size,
                   uint32_t count)
{
    struct evwire_head head = {
        .magic = EVWIRE_MAGIC,
        .version = EVWIRE_VERSION,
        .kind = (uint16_t)kind,
        .count = count,
    };
    size_t len = sizeof(head) + size * count;
    if (len > cap || len > EVWIRE_PACKET_MAX)
        return 0;
    memcpy(out, &head, sizeof(head));
    memcpy((char *)out + sizeof(head), payload, size * count);
    return len;
}
