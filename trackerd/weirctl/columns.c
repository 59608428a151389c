/* SPDX-License-Identifier: MIT */
/* See columns.h. The columns are a table; a layout says how wide each is on this screen. */
#include "trackerd/weirctl/columns.h"

#include <inttypes.h>

#include "trackerd/weirctl/text.h"

#define HEIGHT_LEAST 2
#define REASON_LEAST 16 /* a reason gets at least this many characters before counts do */
#define NAME_LEAST   8

enum {
    PROVIDER,
    MODEL,
    STATUS,
    REST,
    FAILS,
    COOLDOWNS,
    REQUESTS,
    SUCCEEDED,
    FAILED,
    REASON,
    N_COLUMNS
};

const char *columns_color(const struct screen *screen, enum color color)
{
    static const char *const codes[] = {
        [COLOR_PLAIN] = "\033[0m",    [COLOR_HEADING] = "\033[1m", [COLOR_GOOD] = "\033[32m",
        [COLOR_WARNING] = "\033[33m", [COLOR_BAD] = "\033[31m",
    };
    return screen->has_colors ? codes[color] : "";
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void put_provider(struct buf *out, const struct pair_row *row)
{
    text_put_clean(out, row->provider);
}

static void put_model(struct buf *out, const struct pair_row *row)
{
    text_put_clean(out, row->model);
}

static void put_status(struct buf *out, const struct pair_row *row)
{
    buf_puts(out, pair_status_word(row->status));
}

static void put_rest(struct buf *out, const struct pair_row *row)
{
    if (row->cooldown_remaining_ms > 0)
        text_put_duration(out, row->cooldown_remaining_ms);
    else
        buf_putc(out, '-');
}

static void put_fails(struct buf *out, const struct pair_row *row)
{
    buf_put_u64(out, row->mid_failures);
}

static void put_cooldowns(struct buf *out, const struct pair_row *row)
{
    buf_put_u64(out, row->cooldowns);
}

static void put_requests(struct buf *out, const struct pair_row *row)
{
    buf_put_u64(out, row->requests);
}

static void put_succeeded(struct buf *out, const struct pair_row *row)
{
    buf_put_u64(out, row->successes);
}

static void put_failed(struct buf *out, const struct pair_row *row)
{
    buf_put_u64(out, row->failures);
}

static void put_reason(struct buf *out, const struct pair_row *row)
{
    text_put_clean(out, row->reason);
}

static enum color color_of_status(const struct pair_row *row)
{
    static const enum color colors[] = {
        [PAIR_AVAILABLE] = COLOR_GOOD,
        [PAIR_TRACKING] = COLOR_GOOD,
        [PAIR_EXHAUSTED] = COLOR_BAD,
        [PAIR_RECOVERING] = COLOR_WARNING,
    };
    return colors[row->status];
}

static enum color color_of_fails(const struct pair_row *row)
{
    return row->mid_failures > 0 ? COLOR_WARNING : COLOR_PLAIN;
}

static const struct column {
    const char *heading;
    void (*put)(struct buf *out, const struct pair_row *row);
    enum color (*color)(const struct pair_row *row); /* NULL = plain */
    int gap;                                         /* blanks before it */
    int least;                                       /* width that its values may need */
    bool is_right;
} columns[N_COLUMNS] = {
    [PROVIDER] = {"PROVIDER", put_provider, NULL, 0, 0, false},
    [MODEL] = {"MODEL", put_model, NULL, 2, 0, false},
    [STATUS] = {"STATUS", put_status, color_of_status, 2, 10, false},
    [REST] = {"REST", put_rest, NULL, 1, 6, true},
    [FAILS] = {"FAILS", put_fails, color_of_fails, 1, 0, true},
    [COOLDOWNS] = {"COOLDOWNS", put_cooldowns, NULL, 1, 0, true},
    [REQUESTS] = {"REQUESTS", put_requests, NULL, 1, 0, true},
    [SUCCEEDED] = {"SUCCEEDED", put_succeeded, NULL, 1, 0, true},
    [FAILED] = {"FAILED", put_failed, NULL, 1, 0, true},
    [REASON] = {"REASON", put_reason, NULL, 2, 0, false},
};

/* Left out first if there is no room. */
static const int dispensable[] = {SUCCEEDED, COOLDOWNS, REQUESTS, FAILED};
#define N_DISPENSABLE (sizeof(dispensable) / sizeof(dispensable[0]))

/* ---- layout ---------------------------------------------------------------------------------- */

struct layout {
    int widths[N_COLUMNS]; /* 0 = left out */
};

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int natural_width(const struct column *column, const struct pair_row *rows, size_t n)
{
    struct buf cell = BUF_INIT;
    int width = larger(column->least, (int)strlen(column->heading));
    for (size_t i = 0; i < n; i++) {
        buf_clear(&cell);
        column->put(&cell, &rows[i]);
        width = larger(width, (int)text_width(cell.data, cell.len));
    }
    buf_free(&cell);
    return width;
}

/* Without the reason. */
static int total_width(const struct layout *layout)
{
    int total = 0;
    for (int i = 0; i < REASON; i++)
        if (layout->widths[i] > 0)
            total += columns[i].gap + layout->widths[i];
    return total;
}

static void shrink(int *width, int excess)
{
    if (excess > 0)
        *width = larger(*width - excess, NAME_LEAST < *width ? NAME_LEAST : *width);
}

static void fit(struct layout *layout, int width)
{
    int room = width - columns[REASON].gap - REASON_LEAST;
    for (size_t i = 0; i < N_DISPENSABLE && total_width(layout) > room; i++)
        layout->widths[dispensable[i]] = 0;
    shrink(&layout->widths[MODEL], total_width(layout) - room);
    shrink(&layout->widths[PROVIDER], total_width(layout) - room);
    layout->widths[REASON] = larger(width - total_width(layout) - columns[REASON].gap, 0);
}

static struct layout make_layout(const struct pair_row *rows, size_t n, int width)
{
    struct layout layout;
    for (int i = 0; i < N_COLUMNS; i++)
        layout.widths[i] = natural_width(&columns[i], rows, n);
    if (width > 0)
        fit(&layout, width);
    return layout;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void put_blanks(struct buf *out, int n)
{
    for (; n > 0; n--)
        buf_putc(out, ' ');
}

static void put_cell(struct buf *out, const struct buf *cell, int column, int width,
                     const struct screen *screen, enum color color)
{
    int padding = width - (int)text_width(cell->data, cell->len);
    put_blanks(out, columns[column].gap + (columns[column].is_right ? padding : 0));
    if (color != COLOR_PLAIN)
        buf_puts(out, columns_color(screen, color));
    text_put_cut(out, cell->data, cell->len, (size_t)width);
    if (color != COLOR_PLAIN)
        buf_puts(out, columns_color(screen, COLOR_PLAIN));
    if (!columns[column].is_right && column != REASON)
        put_blanks(out, padding);
}

/* Appends a row; the headings if row is NULL. */
static void put_line(struct buf *out, const struct layout *layout, const struct screen *screen,
                     const struct pair_row *row)
{
    struct buf cell = BUF_INIT;
    for (int i = 0; i < N_COLUMNS; i++) {
        enum color color = row == NULL ? COLOR_HEADING : COLOR_PLAIN;
        if (layout->widths[i] == 0)
            continue;
        buf_clear(&cell);
        if (row == NULL)
            buf_puts(&cell, columns[i].heading);
        else
            columns[i].put(&cell, row);
        if (row != NULL && columns[i].color != NULL)
            color = columns[i].color(row);
        if (cell.len > 0) /* no blanks for an empty reason */
            put_cell(out, &cell, i, layout->widths[i], screen, color);
    }
    buf_putc(out, '\n');
    buf_free(&cell);
}

static bool is_quiet(const struct pair_row *row)
{
    return (row->status == PAIR_AVAILABLE || row->status == PAIR_TRACKING) &&
           row->mid_failures == 0;
}

/* Appends the rows that are quiet, or those that are not, while there is room. Returns how many. */
static size_t put_some(struct buf *out, const struct layout *layout, const struct screen *screen,
                       const struct pair_row *rows, size_t n, bool quiet, size_t room)
{
    size_t done = 0;
    for (size_t i = 0; i < n && done < room; i++) {
        if (is_quiet(&rows[i]) != quiet)
            continue;
        put_line(out, layout, screen, &rows[i]);
        done++;
    }
    return done;
}

void columns_put(struct buf *out, const struct pair_row *rows, size_t n,
                 const struct screen *screen)
{
    struct layout layout = make_layout(rows, n, screen->width);
    size_t lines = (size_t)larger(screen->height, HEIGHT_LEAST);
    put_line(out, &layout, screen, NULL);
    if (screen->height == 0 || n < lines) {
        for (size_t i = 0; i < n; i++)
            put_line(out, &layout, screen, &rows[i]);
        return;
    }
    size_t room = lines - 2; /* minus the headings and the last line */
    size_t done = put_some(out, &layout, screen, rows, n, false, room);
    done += put_some(out, &layout, screen, rows, n, true, room - done);
    buf_printf(out, "... and %zu more\n", n - done);
}

/* ---- totals ---------------------------------------------------------------------------------- */

void columns_put_totals(struct buf *out, const struct pair_row *rows, size_t n)
{
    size_t by_status[PAIR_RECOVERING + 1] = {0};
    uint64_t requests = 0, failures = 0;
    const char *before = ":";
    for (size_t i = 0; i < n; i++) {
        by_status[rows[i].status]++;
        requests += rows[i].requests;
        failures += rows[i].failures;
    }
    buf_printf(out, "%zu pairs", n);
    for (int status = PAIR_AVAILABLE; status <= PAIR_RECOVERING; status++) {
        if (by_status[status] == 0)
            continue;
        buf_printf(out, "%s %zu %s", before, by_status[status],
                   pair_status_word((enum pair_status)status));
        before = ",";
    }
    buf_printf(out, "; %" PRIu64 " requests, %" PRIu64 " failed", requests, failures);
}
