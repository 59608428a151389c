/* SPDX-License-Identifier: MIT */
/* How a stream ends (CONTRACT 4.3): random streams, cut into random reads, against a reference that
 * is written from the contract and keeps each choice's whole history instead of bits. It knows what
 * every event of its small vocabulary says, so it reads no JSON. */
#include <stdio.h>
#include <string.h>

#include "tests/replay/replay.h"
#include "tests/unit/unit.h"

#define STREAMS     20000
#define EVENTS_MAX  24
#define CHOICES     3
#define TEXT_BYTES  8192
#define GRACE_MS    2000
#define IDLE_MS     30000
#define TOKEN_MS    60000
#define TORN_IN_ROW 3

enum what {
    ROLE,    /* opens a choice, says nothing */
    LATE,    /* a choice without a delta */
    TEXT,    /* content */
    PICTURE, /* content */
    TOOL,    /* content, and a tool call is open from here to the choice's finish */
    FINISH,
    BROKEN, /* a finish_reason that is no end */
    NOTHING,
    WORD, /* a keep-alive */
    COMMENT,
    TORN,
    ERROR,
    DONE,
    WHATS
};

/* How often each comes, of 100; the rest is text. */
static const unsigned weights[WHATS] = {
    [ROLE] = 10,   [LATE] = 4, [PICTURE] = 5, [TOOL] = 8, [FINISH] = 25, [BROKEN] = 1,
    [NOTHING] = 5, [WORD] = 8, [COMMENT] = 4, [TORN] = 5, [ERROR] = 1,   [DONE] = 6,
};

struct event {
    enum what what;
    unsigned choice;
};

enum end {
    END_OF_BODY,
    END_CUT,
    END_SILENCE,
    ENDS
};

enum verdict {
    CREDITED, /* clean, and a success */
    UNPROVED, /* clean for the client, nothing for the pair */
    FAILED,
};

static uint64_t random_state = 88172645463325252;

static unsigned random_below(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % n);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static const char *const words[] = {"", " ", "ping", "2024-04-07 20:20:50", "\"ping\"", "17"};
static const char *const torn[] = {"{\"choices\":[{\"ind", "ex\":0,\"delta\":{}}]}", "{",
                                   "{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}"};
static const char *const errors[] = {
    "{\"error\":{\"message\":\"boom\"}}",
    "{\"errors\":[{\"message\":\"boom\"}],\"success\":false}",
    "{\"choices\":null,\"error_type\":\"server_error\",\"error_message\":\"boom\"}",
    "{\"detail\":\"boom\"}",
    "{\"code\":1234,\"message\":\"boom\"}",
    "[{\"error\":{\"message\":\"boom\"}}]",
};
static const char *const reasons[] = {"stop", "length", "tool_calls", "yet_to_come"};
static const char *const broken_reasons[] = {"error", "insufficient_system_resource",
                                             "network_error", "malformed_function_call", "abort"};
#define ANY(list) ((list)[random_below(UNIT_ROWS(list))])

static void put_data(const struct event *e, char *out, size_t cap)
{
    static const char *const inner[WHATS] = {
        [ROLE] = ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null",
        [LATE] = ",\"finish_reason\":null,\"content_filter_offsets\":{\"a\":1}",
        [TEXT] = ",\"delta\":{\"content\":\"t\"}",
        [PICTURE] = ",\"delta\":{\"images\":[{\"url\":\"x\"}]},\"logprobs\":[-Infinity]",
        [TOOL] = ",\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}",
    };
    switch (e->what) {
    case NOTHING:
        snprintf(out, cap, "{\"choices\":[],\"x\":1}");
        break;
    case WORD:
        snprintf(out, cap, "%s", ANY(words));
        break;
    case TORN:
        snprintf(out, cap, "%s", ANY(torn));
        break;
    case ERROR:
        snprintf(out, cap, "%s", ANY(errors));
        break;
    case DONE:
        snprintf(out, cap, "[DONE]");
        break;
    case FINISH:
    case BROKEN:
        snprintf(out, cap, "{\"choices\":[{\"index\":%u,\"delta\":{},\"finish_reason\":\"%s\"}]}",
                 e->choice, e->what == FINISH ? ANY(reasons) : ANY(broken_reasons));
        break;
    default:
        snprintf(out, cap, "{\"choices\":[{\"index\":%u%s}]}", e->choice, inner[e->what]);
        break;
    }
}

static bool is_document(enum what what)
{
    return what != WORD && what != COMMENT && what != TORN;
}

/* ---- the reference --------------------------------------------------------------------------- */

struct history {
    enum what what[EVENTS_MAX];
    unsigned n;
};

struct reference {
    struct history choices[CHOICES];
    bool has_content, has_finish, has_lost;
    unsigned torn_in_row;
    bool is_over;
    enum verdict verdict;
    const char *code; /* of the error event, where the failure comes behind content */
};

static bool says_something(enum what what)
{
    return what == TEXT || what == PICTURE || what == TOOL;
}

/* Content after its latest finish, or no finish at all, leaves a choice open. */
static bool is_open(const struct history *choice)
{
    bool open = true;
    for (unsigned i = 0; i < choice->n; i++) {
        if (choice->what[i] == FINISH)
            open = false;
        else if (says_something(choice->what[i]))
            open = true;
    }
    return choice->n > 0 && open;
}

static bool is_in_tool(const struct history *choice)
{
    bool in_tool = false;
    for (unsigned i = 0; i < choice->n; i++) {
        if (choice->what[i] == FINISH)
            in_tool = false;
        else if (choice->what[i] == TOOL)
            in_tool = true;
    }
    return in_tool;
}

static bool is_any(const struct reference *ref, bool (*is)(const struct history *choice))
{
    for (unsigned i = 0; i < CHOICES; i++)
        if (is(&ref->choices[i]))
            return true;
    return false;
}

/* Every choice that opened was closed, and one did. */
static bool is_everything_said(const struct reference *ref)
{
    bool has_opened = false;
    for (unsigned i = 0; i < CHOICES; i++)
        has_opened |= ref->choices[i].n > 0;
    return has_opened && !is_any(ref, is_open);
}

static void end(struct reference *ref, enum verdict verdict, const char *code)
{
    ref->is_over = true;
    ref->verdict = verdict;
    ref->code = code;
}

static void end_clean(struct reference *ref)
{
    end(ref, ref->has_lost ? UNPROVED : CREDITED, NULL);
}

static void done(struct reference *ref, enum conf_finish_reason setting)
{
    if (is_everything_said(ref))
        end_clean(ref);
    else if (!ref->has_content)
        end(ref, FAILED, "stream_truncated"); /* stream_empty: unseen by the client */
    else if (ref->has_finish || setting == CONF_FINISH_REASON_REQUIRED)
        end(ref, FAILED, "stream_truncated");
    else /* nothing has been seen of this pair yet */
        end(ref, UNPROVED, NULL);
}

static void hear(struct reference *ref, const struct event *e, enum conf_finish_reason setting)
{
    if (is_document(e->what) && e->what != ERROR && e->what != BROKEN && e->what != DONE)
        ref->torn_in_row = 0;
    switch (e->what) {
    case NOTHING:
    case WORD:
    case COMMENT:
    case WHATS:
        return;
    case ERROR:
    case BROKEN:
        end(ref, FAILED, "stream_error");
        return;
    case DONE:
        done(ref, setting);
        return;
    case TORN:
        ref->has_lost = true;
        if (++ref->torn_in_row > TORN_IN_ROW || is_any(ref, is_in_tool))
            end(ref, FAILED, "stream_error"); /* stream_malformed */
        return;
    default: {
        struct history *choice = &ref->choices[e->choice];
        choice->what[choice->n++] = e->what;
        ref->has_finish |= e->what == FINISH;
        ref->has_content |= e->what == FINISH || says_something(e->what);
    }
    }
}

static void hear_end(struct reference *ref, enum end how)
{
    if (is_everything_said(ref))
        end_clean(ref);
    else if (how == END_OF_BODY)
        end(ref, FAILED, "stream_truncated");
    else
        end(ref, FAILED, how == END_CUT ? "stream_error" : "stream_idle_timeout");
}

/* ---- the play -------------------------------------------------------------------------------- */

/* Often the like of the one before, so that there are rows of them. */
static struct event random_event(const struct event *before)
{
    unsigned dice = random_below(100);
    if (before != NULL && random_below(3) == 0)
        return *before;
    for (enum what what = 0; what < WHATS; what++) {
        if (dice < weights[what])
            return (struct event){what, random_below(2) ? 0 : random_below(CHOICES)};
        dice -= weights[what];
    }
    return (struct event){TEXT, random_below(2) ? 0 : random_below(CHOICES)};
}

/* What goes to the provider's side, and what the client should see of it. */
struct play {
    char sent[TEXT_BYTES], seen[TEXT_BYTES];
    size_t sent_len, seen_len;
};

static void add(char *text, size_t *len, const char *a, const char *b, const char *c)
{
    *len += (size_t)snprintf(text + *len, TEXT_BYTES - *len, "%s%s%s", a, b, c);
    ck_assert_uint_lt(*len, TEXT_BYTES);
}

/* Two documents may be joined by one line end, or a word or a torn one be joined to a document. A
 * blank line beside a document stays part of it. */
static void add_event(struct play *p, const struct event *e, const struct event *next)
{
    char data[512];
    put_data(e, data, sizeof(data));
    if (e->what == COMMENT) {
        add(p->sent, &p->sent_len, ": queued", "\n", "\n");
        return;
    }
    bool is_joined = next != NULL && next->what != COMMENT && next->what != WORD &&
                     (e->what != WORD || data[strspn(data, " ")] != '\0') && random_below(4) == 0 &&
                     (is_document(e->what) || is_document(next->what));
    add(p->sent, &p->sent_len, "data: ", data, is_joined ? "\n" : "\n\n");
    if (is_document(e->what) && e->what != ERROR && e->what != BROKEN && e->what != DONE)
        add(p->seen, &p->seen_len, "data: ", data, "\n\n");
}

static void feed(const char *text, size_t len)
{
    char piece[TEXT_BYTES];
    for (size_t at = 0; at < len;) {
        size_t n = random_below(3) == 0 ? len - at : 1 + random_below(80);
        n = n < len - at ? n : len - at;
        memcpy(piece, text + at, n);
        piece[n] = '\0';
        replay_data(piece);
        at += n;
    }
}

static void finish(const struct reference *ref, enum end how)
{
    if (how == END_OF_BODY)
        replay_done(TRANSFER_COMPLETE);
    else if (how == END_CUT)
        replay_done(TRANSFER_CUT);
    else
        replay_pass_ms(is_everything_said(ref) ? GRACE_MS : ref->has_content ? IDLE_MS : TOKEN_MS);
}

static void check(const struct reference *ref, const struct play *p)
{
    bool is_failure = ref->verdict == FAILED;
    const char *why = p->sent;
    if (replay_events(EV_MID_FAILURE, 0) != is_failure)
        ck_abort_msg("%u failures, not %u, for:\n%s", replay_events(EV_MID_FAILURE, 0), is_failure,
                     why);
    if (replay_events(EV_STREAM_SUCCESS, 0) != (ref->verdict == CREDITED))
        ck_abort_msg("%u successes for:\n%s", replay_events(EV_STREAM_SUCCESS, 0), why);
    if (is_failure && !ref->has_content) {
        if (replay_is_over() || replay_pair() != 1 || replay_status() != 0)
            ck_abort_msg("not moved on unseen for:\n%s", why);
        return;
    }
    if (!replay_is_over())
        ck_abort_msg("still running for:\n%s", why);
    char code[64];
    snprintf(code, sizeof(code), "\"code\":\"%s\"}}\n\n", is_failure ? ref->code : "");
    const char *tail = replay_body() + (strlen(replay_body()) < p->seen_len ? 0 : p->seen_len);
    if (strncmp(replay_body(), p->seen, p->seen_len) != 0 ||
        (is_failure ? strstr(tail, code) == NULL || strstr(tail, "[DONE]") != NULL
                    : strcmp(tail, "data: [DONE]\n\n") != 0))
        ck_abort_msg("the client got:\n%s\nfor:\n%s", replay_body(), why);
}

static void play_one(void)
{
    static const enum conf_finish_reason settings[] = {
        CONF_FINISH_REASON_AUTO, CONF_FINISH_REASON_REQUIRED, CONF_FINISH_REASON_OPTIONAL};
    static struct play p;
    struct reference ref = {0};
    enum conf_finish_reason setting = ANY(settings);
    enum end how = (enum end)random_below(ENDS);
    unsigned n = random_below(EVENTS_MAX);
    struct event event = random_event(NULL), next;
    p.sent_len = p.seen_len = 0;
    p.sent[0] = p.seen[0] = '\0';
    replay_begin();
    replay_conf()->providers[0].finish_reason = setting;
    replay_conf()->stream_heartbeat_ms = 0;
    replay_conf()->has_first_token_timeout = true;
    replay_conf()->first_token_timeout_ms = TOKEN_MS;
    replay_wants_reset(0); /* so that a success is told */
    for (; n > 0 && !ref.is_over; n--, event = next) {
        next = random_event(&event);
        hear(&ref, &event, setting);
        add_event(&p, &event, n > 1 && !ref.is_over ? &next : NULL);
    }
    replay_chat_stream();
    replay_head(200, "content-type: text/event-stream\n");
    feed(p.sent, p.sent_len);
    if (!ref.is_over) {
        finish(&ref, how);
        hear_end(&ref, how);
    }
    check(&ref, &p);
    replay_end();
}

START_TEST(random_streams)
{
    for (unsigned i = 0; i < STREAMS; i++)
        play_one();
}
END_TEST

UNIT_MAIN("ends_model", random_streams)
