/* SPDX-License-Identifier: MIT */
/* See date.h. */
#include "common/http/date.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_DAY UINT64_C(86400000)

struct date {
    unsigned year, month, day, hour, minute, second; /* month: 1..12 */
};

/* After %: w, W weekday, short or long; d day, two digits; e day, padded with a space; M name of
 * the month; Y year; y its last two digits; t hh:mm:ss. All else stands for itself. */
static const char *const formats[] = {"%w, %d %M %Y %t GMT", "%W, %d-%M-%y %t GMT",
                                      "%w %M %e %t %Y"};

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool read_number(const char **p, size_t digits, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        *out = *out * 10 + (unsigned)(**p - '0');
    }
    return true;
}

static bool read_weekday(const char **p, bool is_short)
{
    for (size_t i = 0; i < 7; i++) {
        size_t n = is_short ? 3 : strlen(weekdays[i]);
        if (strncmp(*p, weekdays[i], n) == 0) {
            *p += n;
            return true;
        }
    }
    return false;
}

static bool read_month(const char **p, unsigned *month)
{
    for (*month = 1; *month <= 12; (*month)++) {
        if (strncmp(*p, months + 3 * (*month - 1), 3) == 0) {
            *p += 3;
            return true;
        }
    }
    return false;
}

static bool read_time(const char **p, struct date *date)
{
    if (!read_number(p, 2, &date->hour) || *(*p)++ != ':' || !read_number(p, 2, &date->minute) ||
        *(*p)++ != ':')
        return false;
    return read_number(p, 2, &date->second);
}

static bool read_field(char field, const char **p, struct date *date)
{
    switch (field) {
    case 'w':
    case 'W':
        return read_weekday(p, field == 'w');
    case 'd':
        return read_number(p, 2, &date->day);
    case 'e':
        if (**p != ' ')
            return read_number(p, 2, &date->day);
        (*p)++;
        return read_number(p, 1, &date->day);
    case 'M':
        return read_month(p, &date->month);
    case 'Y':
        return read_number(p, 4, &date->year);
    case 'y':
        return read_number(p, 2, &date->year);
    case 't':
        return read_time(p, date);
    default:
        return false;
    }
}

static bool read_format(const char *format, const char *text, struct date *date)
{
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            if (*text++ != *format)
                return false;
        } else if (!read_field(*++format, &text, date)) {
            return false;
        }
    }
    return *text == '\0';
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_real(const struct date *date)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned last = days[date->month - 1] + (date->month == 2 && is_leap(date->year));
    return date->year >= 1970 && date->day >= 1 && date->day <= last && date->hour < 24 &&
           date->minute < 60 && date->second <= 60; /* a leap second is 60 */
}

/* Days since 1970 of the first of January. */
static uint64_t days_before_year(unsigned year)
{
    uint64_t before = year - 1;
    return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

static uint64_t to_wall_ms(const struct date *date)
{
    static const unsigned short before_month[] = {0,   31,  59,  90,  120, 151,
                                                  181, 212, 243, 273, 304, 334};
    uint64_t days = days_before_year(date->year) + before_month[date->month - 1] +
                    (date->month > 2 && is_leap(date->year)) + date->day - 1;
    uint64_t seconds = ((uint64_t)date->hour * 60 + date->minute) * 60 + date->second;
    return days * MS_PER_DAY + seconds * 1000;
}

/* Two digits: the year that ends so and is at most 50 years ahead. */
static unsigned full_year(unsigned two_digits, uint64_t now_wall_ms)
{
    unsigned this_year = 1970 + (unsigned)(now_wall_ms / MS_PER_DAY * 400 / 146097);
    unsigned year = this_year - this_year % 100 + two_digits;
    return year > this_year + 50 ? year - 100 : year;
}

bool http_date_parse(const char *text, uint64_t now_wall_ms, uint64_t *wall_ms)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct date date = {0};
        if (!read_format(formats[i], text, &date))
            continue;
        if (date.year < 100)
            date.year = full_year(date.year, now_wall_ms);
        if (!is_real(&date))
            return false;
        *wall_ms = to_wall_ms(&date);
        return true;
    }
    return false;
}

/* ".5" at *p, if it is there: ms, rounded up. False when no digit follows the point. */
static bool read_fraction(const char **p, unsigned *ms)
{
    unsigned scale = 100;
    bool has_finer = false;
    *ms = 0;
    if (**p != '.')
        return true;
    const char *first = ++*p;
    for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10) {
        *ms += (unsigned)(**p - '0') * scale;
        has_finer |= scale == 0 && **p != '0';
    }
    *ms += has_finer;
    return *p > first;
}

/* The zone at *p: minutes that its clocks are ahead of UTC. */
static bool read_zone(const char **p, int *minutes)
{
    unsigned hour, minute;
    *minutes = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return true;
    bool is_ahead = *(*p)++ == '+';
    if (!read_number(p, 2, &hour))
        return false;
    *p += **p == ':';
    if (!read_number(p, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (int)(hour * 60 + minute) * (is_ahead ? 1 : -1);
    return true;
}

bool http_date_parse_rfc3339(const char *text, uint64_t *wall_ms)
{
    struct date date = {0};
    unsigned ms;
    int ahead_minutes;
    const char *p = text;
    if (!read_number(&p, 4, &date.year) || *p++ != '-' || !read_number(&p, 2, &date.month) ||
        *p++ != '-' || !read_number(&p, 2, &date.day) || *p == '\0' || strchr("Tt ", *p++) == NULL)
        return false;
    if (!read_time(&p, &date) || !read_fraction(&p, &ms) || !read_zone(&p, &ahead_minutes) ||
        *p != '\0' || date.month < 1 || date.month > 12 || !is_real(&date))
        return false;
    int64_t at_ms = (int64_t)(to_wall_ms(&date) + ms) - (int64_t)ahead_minutes * 60000;
    *wall_ms = (uint64_t)at_ms;
    return at_ms >= 0;
}

void http_date_put(char out[HTTP_DATE_BYTES], uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    /* the remainders change nothing: they tell the compiler that the text fits */
    snprintf(out, HTTP_DATE_BYTES, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", weekdays[tm.tm_wday],
             (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
