/* SPDX-License-Identifier: MIT */
/* Plays one answer: the steps of its scenario, in time, with memory bounded whatever its length.
 * sim_play.c drives and ends; sim_steps.c has the steps up to the head and of answers without
 * streaming, sim_stream.c those of a stream. Only those three look inside struct play. */
#ifndef WEIR_SIM_PLAY_H
#define WEIR_SIM_PLAY_H

#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_conn.h"
#include "tests/sim/sim_event.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_models.h"

#define PLAY_FOR_EVER UINT64_MAX

enum play_kind {
    PLAY_CHAT,
    PLAY_COMPLETION,
    PLAY_EMBEDDINGS
};

enum step {
    STEP_START,
    STEP_HEAD, /* whatever answer it is begins here */
    STEP_STREAM,
    STEP_ROLE,
    STEP_CONTENT,
    STEP_PADDING,
    STEP_MALFORMED,
    STEP_FINISH,
    STEP_USAGE,
    STEP_DONE
};

enum step_result {
    PLAY_ON,    /* the next step follows at once */
    PLAY_FLUSH, /* it follows once everything so far is sent */
    PLAY_WAIT,  /* it follows wait_ms after everything so far was sent */
    PLAY_END    /* no step follows: `end` says how it ends once everything is sent */
};

enum play_end {
    END_NONE,
    END_FINISH, /* properly */
    END_CLOSE,
    END_RESET
};

struct play {
    struct conn *conn;
    struct model *model;
    struct journal_entry *entry;
    struct scenario *scenario;
    struct answer answer;
    enum play_kind kind;
    bool is_stream;
    uint32_t epoch;
    uint64_t begun_at;

    enum step step;
    uint64_t wait_ms;
    uint64_t wait_until_at; /* 0: not waiting */
    uint64_t comment_at;    /* 0: no comment is due during this wait */
    enum play_end end;
    enum ending ending;

    /* of a stream */
    struct event_shape shape;
    bool is_streaming; /* its head is out: there may be comments, and pieces are framed */
    bool is_chunked;
    bool is_last_chunk_due;
    struct buf raw; /* made, not yet framed: raw_at on */
    size_t raw_at;
    int64_t contents;  /* content events sent so far */
    int64_t malformed; /* malformed events sent so far */
    uint64_t padding;  /* to come, of the content event that is open */
};

/* What is being answered. */
struct play_request {
    enum play_kind kind;
    bool is_stream;
    bool is_usage_wanted;
    uint64_t body_len;
    uint64_t number;
};

/* Starts answering; may be over when it returns. Takes the references of entry and scenario. */
void play_start(struct conn *c, struct model *m, struct scenario *s, struct journal_entry *entry,
                const struct play_request *request);

/* For the steps. */
enum step_result play_go(struct play *p, enum step step);
enum step_result play_wait(struct play *p, uint64_t ms, enum step step);
enum step_result play_finish(struct play *p, enum play_end end, enum ending ending);

enum step_result step_start(struct play *p);
enum step_result step_head(struct play *p);
enum step_result step_stream(struct play *p);
enum step_result step_role(struct play *p);
enum step_result step_content(struct play *p);
enum step_result step_padding(struct play *p);
enum step_result step_malformed(struct play *p);
enum step_result step_finish(struct play *p);
enum step_result step_usage(struct play *p);
enum step_result step_done(struct play *p);

#endif
