/* SPDX-License-Identifier: MIT */
/* See clock.h. */
#include "common/base/clock.h"

#include <stdbool.h>
#include <time.h>

#include "common/base/buf.h"

static bool faked;
static uint64_t fake_boot_at, fake_wall_ms;

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
    return faked ? fake_boot_at : read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_wall_ms(void)
{
    return faked ? fake_wall_ms : read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS;
}

uint64_t clock_wall_ms_of(uint64_t boot_at)
{
    uint64_t now = clock_boot_ns();
    if (boot_at >= now)
        return clock_wall_ms() + (boot_at - now) / CLOCK_NS_PER_MS;
    return clock_wall_ms() - (now - boot_at) / CLOCK_NS_PER_MS;
}

/* Many lines are of the same second. */
static const char *second_text(time_t second)
{
    static char text[32];
    static time_t of = -1;
    if (second != of) {
        struct tm tm;
        gmtime_r(&second, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        of = second;
    }
    return text;
}

void clock_put_iso8601(struct buf *out, uint64_t wall_ms)
{
    unsigned ms = (unsigned)(wall_ms % 1000);
    const char rest[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                         (char)('0' + ms % 10), 'Z'};
    buf_puts(out, second_text((time_t)(wall_ms / 1000)));
    buf_put(out, rest, sizeof(rest));
}

void clock_fake_set(uint64_t boot_at, uint64_t wall_ms)
{
    faked = boot_at != 0 || wall_ms != 0;
    fake_boot_at = boot_at;
    fake_wall_ms = wall_ms;
}

void clock_fake_advance_ms(uint64_t ms)
{
    fake_boot_at += ms * CLOCK_NS_PER_MS;
    fake_wall_ms += ms;
}
