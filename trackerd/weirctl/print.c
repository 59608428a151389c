/* SPDX-License-Identifier: MIT */
/* See print.h. */
#include "trackerd/weirctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/terms/cause.h"
#include "trackerd/weirctl/columns.h"
#include "trackerd/weirctl/text.h"

#define JSON_STYLE (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- the terminal ---------------------------------------------------------------------------- */

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

/* A terminal gets colours unless $NO_COLOR is set and not empty (https://no-color.org); one that
 * $TERM calls dumb gets neither colours nor a moving cursor. Its size may change at any time. */
static struct screen look_at_screen(void)
{
    struct screen screen = {0};
    struct winsize size;
    const char *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return screen;
    screen.is_live = is_set(term) && strcmp(term, "dumb") != 0;
    screen.has_colors = screen.is_live && !is_set(getenv("NO_COLOR"));
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        screen.width = size.ws_col;
        screen.height = size.ws_row;
    }
    return screen;
}

/* ---- small texts ----------------------------------------------------------------------------- */

static void print_text(struct buf *text)
{
    fwrite(text->data, 1, text->len, stdout);
    buf_free(text);
}

const char *print_duration(char out[PRINT_DURATION_BYTES], uint64_t ms)
{
    struct buf text = BUF_INIT;
    text_put_duration(&text, ms);
    snprintf(out, PRINT_DURATION_BYTES, "%s", buf_cstr(&text));
    buf_free(&text);
    return out;
}

const char *print_time(char out[PRINT_TIME_BYTES], uint64_t wall_ms, const char *format)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&s, &tm);
    size_t len = strftime(out, PRINT_TIME_BYTES, format, &tm);
    snprintf(out + len, PRINT_TIME_BYTES - len, ".%03u", (unsigned)(wall_ms % 1000));
    return out;
}

void print_clean(const char *text, int width)
{
    struct buf out = BUF_INIT;
    text_put_clean(&out, text);
    for (int n = (int)text_width(out.data, out.len); n < width; n++)
        buf_putc(&out, ' ');
    print_text(&out);
}

/* ---- status ---------------------------------------------------------------------------------- */

static void put_tracker(struct buf *out, const struct tracker *t, const struct screen *screen)
{
    buf_printf(out, "weir-trackerd: %s%s%s",
               columns_color(screen, t->is_running ? COLOR_GOOD : COLOR_BAD),
               t->is_running        ? "running"
               : t->is_unresponsive ? "not responding"
                                    : "not running",
               columns_color(screen, COLOR_PLAIN));
    if (t->is_running || t->is_unresponsive)
        buf_printf(out, ", pid %" PRId32, t->pid);
    buf_puts(out, t->is_running ? ", up " : ", last sign of life ");
    text_put_duration(out, t->is_running ? t->uptime_ms : t->silent_ms);
    buf_puts(out, t->is_running ? "\n" : " ago\n");
}

void print_tracker_text(const struct tracker *tracker)
{
    struct buf out = BUF_INIT;
    struct screen screen = look_at_screen();
    put_tracker(&out, tracker, &screen);
    print_text(&out);
}

void print_status_text(const struct tracker *tracker, const struct pair_row *rows, size_t n)
{
    struct buf out = BUF_INIT;
    struct screen screen = look_at_screen();
    screen.width = screen.height = 0; /* what does not fit is better wrapped than lost */
    put_tracker(&out, tracker, &screen);
    columns_put(&out, rows, n, &screen);
    print_text(&out);
}

/* ---- top ------------------------------------------------------------------------------------- */

#define HEAD_LINES 3 /* of top, above the columns */
#define FOOT_LINES 1 /* where the cursor rests */

/* While a frame is drawn nothing wraps and the cursor is hidden; afterwards the terminal is as it
 * was, so that top may be killed or suspended at any time. */
#define FRAME_BEGIN "\033[?25l\033[?7l\033[H"
#define FRAME_END   "\033[J\033[?7h\033[?25h"
#define LINE_END    "\033[K\n" /* clears what an older frame had there */

static void put_head(struct buf *out, const struct tracker *tracker, const struct pair_row *rows,
                     size_t n, const struct screen *screen)
{
    struct buf totals = BUF_INIT;
    put_tracker(out, tracker, screen);
    columns_put_totals(&totals, rows, n);
    text_put_cut(out, totals.data, totals.len, (size_t)screen->width);
    buf_puts(out, "\n\n");
    buf_free(&totals);
}

void print_top_text(const struct tracker *tracker, const struct pair_row *rows, size_t n)
{
    struct buf lines = BUF_INIT, frame = BUF_INIT;
    struct screen screen = look_at_screen();
    if (!screen.is_live) {
        print_status_text(tracker, rows, n);
        return;
    }
    put_head(&lines, tracker, rows, n, &screen);
    if (screen.height > 0)
        screen.height =
            screen.height > HEAD_LINES + FOOT_LINES ? screen.height - HEAD_LINES - FOOT_LINES : 1;
    columns_put(&lines, rows, n, &screen);
    buf_puts(&frame, FRAME_BEGIN);
    for (const char *at = buf_cstr(&lines), *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        buf_put(&frame, at, (size_t)(end - at));
        buf_puts(&frame, LINE_END);
    }
    buf_puts(&frame, FRAME_END);
    print_text(&frame);
    buf_free(&lines);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void print_json(json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_STYLE));
    json_object_put(o);
}

void print_result(bool as_json, bool is_done, uint32_t rows, const char *text)
{
    if (as_json) {
        json_object *o = json_object_new_object();
        json_out_text(o, "status", is_done ? "done" : "refused");
        json_out_number(o, "rows", rows);
        json_out_text(o, "message", text);
        print_json(o);
    } else if (is_done) {
        puts(text);
    }
}

json_object *print_tracker_json(const struct tracker *t)
{
    json_object *o = json_object_new_object();
    json_out_nonzero(o, "pid", (uint64_t)t->pid);
    json_out_bool(o, "running", t->is_running);
    json_out_number(o, "uptimeMs", t->uptime_ms);
    return o;
}

void print_status_json(const struct tracker *t, const struct pair_row *rows, size_t n)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++)
        json_object_array_add(list, pair_row_json(&rows[i]));
    json_object *o = json_object_new_object();
    json_object_object_add(o, "tracker", print_tracker_json(t));
    json_object_object_add(o, "ratelimits", list);
    print_json(o);
}

/* ---- changes --------------------------------------------------------------------------------- */

static enum color color_of_change(uint32_t kind)
{
    if (kind == EVCH_COOLDOWN)
        return COLOR_BAD;
    if (kind == EVCH_FAILURE)
        return COLOR_WARNING;
    return kind == EVCH_QUOTA ? COLOR_PLAIN : COLOR_GOOD;
}

void print_change_text(const struct evwire_change *c)
{
    char time[PRINT_TIME_BYTES];
    struct buf out = BUF_INIT;
    struct screen screen = look_at_screen();
    buf_printf(&out, "%s %s%-9s%s ", print_time(time, c->at_wall_ms, "%H:%M:%S"),
               columns_color(&screen, color_of_change(c->kind)), ev_change_word(c->kind),
               columns_color(&screen, COLOR_PLAIN));
    text_put_clean(&out, c->state.provider);
    buf_putc(&out, '/');
    text_put_clean(&out, c->state.model);
    if (c->kind == EVCH_COOLDOWN) {
        buf_puts(&out, " for ");
        text_put_duration(&out, c->duration_ms);
        buf_puts(&out, ": ");
        text_put_clean(&out, c->state.reason);
    } else if (c->kind == EVCH_FAILURE) {
        buf_printf(&out, " %s %" PRIu32, cooldown_cause_word(c->cause), c->failures);
        if (c->threshold != 0)
            buf_printf(&out, "/%" PRIu32, c->threshold);
    }
    buf_putc(&out, '\n');
    print_text(&out);
}

void print_change_json(const struct evwire_change *c)
{
    uint64_t now_at = clock_boot_ns();
    uint64_t rest_ns = shm_table_rest_ns(&c->state.hot, now_at);
    json_object *o = json_object_new_object();
    json_out_number(o, "time", c->at_wall_ms);
    json_out_text(o, "event", ev_change_word(c->kind));
    json_out_text(o, "provider", c->state.provider);
    json_out_text(o, "model", c->state.model);
    json_out_text(o, "status", pair_status_word(shm_table_status(&c->state.hot, now_at)));
    json_out_text(o, "cause", cooldown_cause_word(c->cause));
    json_out_text(o, "reason", rest_ns > 0 ? c->state.reason : NULL);
    json_out_number(o, "cooldownMs", c->duration_ms);
    json_out_number(o, "failures", c->failures);
    json_out_number(o, "threshold", c->threshold);
    json_out_number(o, "midStreamFailures", c->state.hot.mid_failures);
    print_json(o);
}
