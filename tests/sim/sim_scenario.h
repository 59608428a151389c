/* SPDX-License-Identifier: MIT */
/* What a simulated provider does with one request: the grammar of fault lists and the struct they
 * become. Pure. Called by sim_models.c (model names, scripts) and the unit test; read by everything
 * that answers.
 *
 * A model's name is `BASE[:FAULT[,FAULT...]]`, a script's item is the list alone. A FAULT is `name`
 * or `name=value`; `%XX` in a value is that byte (a comma is %2C). `ok` is the empty list. Later
 * ones win over earlier ones of the same name, except for `header`, which adds up. */
#ifndef WEIR_SIM_SCENARIO_H
#define WEIR_SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_ERROR_MAX       512 /* bytes for a message, its NUL included */
#define SCENARIO_HEADERS_MAX     64
#define SCENARIO_TOKENS          10                 /* content events when `tokens` is not given */
#define SCENARIO_WHOLE_BYTES_MAX (64 * 1024 * 1024) /* of an answer that is built in memory */
#define SCENARIO_UNSET           (-1)               /* of a number that was not given */

struct scenario_header {
    char *name;
    char *value;
};

/* How lines of a stream end. */
enum scenario_eol {
    SCENARIO_LF,
    SCENARIO_CRLF,
    SCENARIO_CR
};

/* Times are in ms. Numbers after which something happens count content events and are
 * SCENARIO_UNSET when it does not happen. */
struct scenario {
    unsigned refs;

    /* the response's head, and what comes instead of it */
    int64_t status;
    int64_t head_delay_ms;
    bool is_hang;
    bool is_reset;
    bool is_close;
    bool is_slow_read;
    struct scenario_header *headers;
    size_t header_count;
    char *error_code; /* NULL: what the status suggests; so for the next two */
    char *error_type;
    char *error_message;

    /* the content */
    int64_t tokens;
    int64_t size; /* bytes of each content */
    char *text;
    int64_t choices;
    int64_t big; /* bytes of the content in the middle */
    bool is_reasoning;
    bool is_tool;
    bool is_refusal;
    char *finish; /* NULL: the usual one; "none": no finish_reason at all */
    bool is_without_usage;

    /* its pace */
    int64_t first_delay_ms;
    int64_t role_delay_ms;
    int64_t delay_ms;
    int64_t comment_ms;

    /* how a stream breaks */
    int64_t cut_after;
    int64_t eof_after;
    int64_t close_after;
    int64_t stall_after;
    int64_t error_event_after;
    int64_t error_name_after;
    int64_t malformed;
    bool is_without_done;
    bool is_done_bare;

    /* how its bytes are laid out */
    enum scenario_eol eol;
    bool is_without_space;
    bool is_multi_line;
    bool has_bom;
    int64_t split;
    bool is_lump;
    bool is_close_delimited;

    /* answers of the wrong kind */
    int64_t truncate_json_at;
    bool is_wrong_type;
    bool is_json_for_stream;
    bool is_error_200;

    /* which requests of the model it is for */
    int64_t first;
    int64_t every;
    struct scenario *otherwise; /* for the others: same content, no faults; NULL without the two */
};

/* Parses a fault list. The result has one reference. NULL: `error` says what is wrong, naming the
 * nearest known fault where a name is unknown. */
struct scenario *scenario_parse(const char *list, size_t len, char error[SCENARIO_ERROR_MAX]);

/* Parses a whole model name; without a colon it is the good scenario. As scenario_parse. */
struct scenario *scenario_parse_model(const char *model, char error[SCENARIO_ERROR_MAX]);

struct scenario *scenario_ref(struct scenario *s);
void scenario_unref(struct scenario *s); /* NULL is allowed */

/* s itself, or what replaces it for the nth (from 1) request of its model. Borrowed from s. */
struct scenario *scenario_for_request(struct scenario *s, uint64_t nth);

/* Content events of a stream: tokens of all choices, and at least as many as a fault waits for. */
int64_t scenario_content_events(const struct scenario *s);

/* Upper bound of the bytes of all contents together. */
uint64_t scenario_content_bytes(const struct scenario *s);

/* The value of an added header, by its name in lower case; NULL when there is none. */
const char *scenario_header_value(const struct scenario *s, const char *name);

#endif
