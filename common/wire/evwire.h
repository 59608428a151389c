/* SPDX-License-Identifier: MIT */
/* What passes over the tracker's Unix socket (SOCK_SEQPACKET, one packet = one message): layouts,
 * pack and check. Pure. Both sides run on one machine: native byte order. Numbers are never
 * reused; a change of any layout changes EVWIRE_VERSION.
 *
 *   every packet: struct evwire_head (16 bytes), then by its kind:
 *     HELLO    worker -> trackerd   struct evwire_hello, first on a worker's connection
 *     EVENTS   worker -> trackerd   head.count records of struct evwire_event
 *     ACK      trackerd -> worker   struct evwire_ack: all events up to `seq` are in the table
 *     COMMAND  weirctl -> trackerd  struct evwire_command
 *     REPLY    trackerd -> weirctl  struct evwire_reply; to a worker only when it is refused
 *     CHANGE   trackerd -> weirctl  struct evwire_change, after the command CHANGES
 *
 * A worker numbers its events from 1 for each incarnation and repeats what was not acknowledged on
 * a new connection; trackerd keeps the last number of each worker process in the table, applies
 * none twice, and answers a hello with an ACK of that number. A record that is not sound is counted
 * as refused, changes nothing and is acknowledged like the others.
 *
 * Known weakness: two versions do not talk to each other at all. While weir and weir-trackerd
 * differ, workers keep their events and the table stands still. */
#ifndef WEIR_COMMON_WIRE_EVWIRE_H
#define WEIR_COMMON_WIRE_EVWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/shm/table.h"

#define EVWIRE_MAGIC      UINT32_C(0x57455652) /* "WEVR" */
#define EVWIRE_VERSION    1
#define EVWIRE_EVENTS_MAX 32   /* records in a packet */
#define EVWIRE_PACKET_MAX 8192 /* bytes; larger packets are refused whole */

enum evwire_kind {
    EVWIRE_HELLO = 1,
    EVWIRE_EVENTS = 2,
    EVWIRE_ACK = 3,
    EVWIRE_COMMAND = 4,
    EVWIRE_REPLY = 5,
    EVWIRE_CHANGE = 6,
};

struct evwire_head { /* 16 bytes */
    uint32_t magic;
    uint16_t version, kind;
    uint32_t count; /* records that follow; 1 for all kinds but EVENTS */
    uint32_t zero;
};

struct evwire_hello { /* 32 bytes */
    uint32_t slot;    /* of the worker's page */
    uint32_t zero;
    uint64_t incarnation; /* of the process in that slot: its start, boot clock ns */
    uint64_t conf_hash;   /* 0: reserved for a warning that configurations differ */
    uint64_t next_seq;    /* number of the next event it will send; not read today */
};

enum ev_kind {
    EV_MID_FAILURE = 1, /* a stream failed */
    EV_PRE_FAILURE = 2,
    EV_STREAM_SUCCESS = 3, /* sent only when the row shows something to reset */
    EV_ANSWER_SUCCESS = 4, /* likewise */
    EV_COOLDOWN = 5,       /* starts a cooldown until until_at, for `cause` */
    EV_QUOTA = 6,          /* limit headers of a success */
};

struct evwire_event { /* 128 bytes */
    uint64_t seq;
    uint64_t key_hash;   /* pair_key_hash */
    uint32_t row;        /* hint: where the worker saw the pair; UINT32_MAX = unknown */
    uint16_t kind;       /* enum ev_kind */
    uint16_t outcome;    /* enum outcome that led to it */
    uint32_t count;      /* of equal failures coalesced into this record; >= 1 */
    uint32_t cause;      /* enum cooldown_cause, EV_COOLDOWN */
    uint64_t incident;   /* the row's incident number when the pair was picked */
    uint64_t started_at; /* of the attempt (boot clock ns) */
    uint64_t ended_at;   /* the outcome's instant */
    uint64_t until_at;   /* EV_COOLDOWN: its end */
    int64_t remaining_requests, remaining_tokens; /* EV_QUOTA; QUOTA_UNKNOWN */
    uint64_t reset_requests_at, reset_tokens_at;  /* EV_QUOTA; boot clock ns, 0 = unknown */
    uint64_t zero[4];
};

/* Does what an event says make sense? Whoever posts one asks this before, and trackerd of each
 * record that comes. */
WEIR_MUST_CHECK bool evwire_event_is_sound(const struct evwire_event *event);

struct evwire_ack { /* 8 bytes */
    uint64_t seq;
};

enum ev_command {
    EVCMD_COOLDOWN = 1, /* provider, model, duration_ms, reason */
    EVCMD_CLEAR = 2,    /* provider, model */
    EVCMD_CLEAR_ALL = 3,
    EVCMD_RELOAD = 4,
    EVCMD_CHANGES = 5, /* from now on, every change of a row: `weirctl events` */
    EVCMD_PING = 6,
};

struct evwire_command { /* 304 bytes */
    uint32_t command;
    uint32_t zero;
    uint64_t duration_ms;
    char provider[SHM_TABLE_PROVIDER_BYTES];
    char model[SHM_TABLE_MODEL_BYTES];
    char reason[SHM_TABLE_REASON_BYTES];
};

enum ev_status {
    EVST_DONE = 0,
    EVST_UNKNOWN_PAIR = 1,
    EVST_BAD_REQUEST = 2,
    EVST_BAD_VERSION = 3,
    EVST_NOT_ALLOWED = 4,
    EVST_REFUSED = 5, /* text says why: a reload with a bad file, ... */
};
const char *ev_status_text(enum ev_status status);

struct evwire_reply { /* 520 bytes */
    uint32_t status;
    uint32_t count; /* rows concerned */
    char text[512]; /* for a person; NUL-terminated */
};

struct evwire_change { /* 624 bytes: a row as it is now, and what happened to it */
    uint64_t at_wall_ms;
    uint32_t kind;  /* enum ev_change_kind */
    uint32_t cause; /* enum cooldown_cause */
    uint64_t duration_ms;
    uint32_t failures, threshold;
    struct shm_table_state state;
};

enum ev_change_kind {
    EVCH_FAILURE = 1, /* a failure was counted, below the threshold */
    EVCH_COOLDOWN = 2,
    EVCH_RESET = 3, /* counters to 0 by a success */
    EVCH_CLEARED = 4,
    EVCH_RECOVERED = 5,
    EVCH_QUOTA = 6,
};
const char *ev_change_word(enum ev_change_kind kind);

_Static_assert(sizeof(struct evwire_head) == 16, "wire layout");
_Static_assert(sizeof(struct evwire_hello) == 32, "wire layout");
_Static_assert(sizeof(struct evwire_event) == 128, "wire layout");
_Static_assert(sizeof(struct evwire_command) == 304, "wire layout");
_Static_assert(sizeof(struct evwire_reply) == 520, "wire layout");
_Static_assert(sizeof(struct evwire_change) == 624, "wire layout");

/* Checks a received packet: magic, version, kind, exact size for its kind, count, zero fields,
 * NUL-terminated texts; of events only that they have numbers. Returns its head (into data) or
 * NULL, with *status set to the reason. */
WEIR_MUST_CHECK const struct evwire_head *evwire_check(const void *data, size_t len,
                                                       enum ev_status *status);
/* The payload behind a checked head. */
const void *evwire_payload(const struct evwire_head *head);
/* Writes head and payload (size bytes each, count of them) to out; returns the packet's length, or
 * 0 when it does not fit in cap. */
WEIR_MUST_CHECK size_t evwire_pack(void *out, size_t cap, enum evwire_kind kind,
                                   const void *payload, size_t size, uint32_t count);

#endif
