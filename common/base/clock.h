/* SPDX-License-Identifier: MIT */
/* The only file that reads clocks, in every process. Tests stop the clock and move it by hand.
 * Instants are `_at`: CLOCK_BOOTTIME in ns, the same on both sides of the shared table, going on
 * through suspend. Wall-clock instants are for files, logs and answers only. 0 means "never".
 * Not for several threads: the text of the current second is kept. */
#ifndef WEIR_COMMON_BASE_CLOCK_H
#define WEIR_COMMON_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)

uint64_t clock_boot_ns(void);
uint64_t clock_wall_ms(void); /* ms since 1970 */

/* The wall-clock instant in ms of a boot-clock instant, as both clocks stand now. */
uint64_t clock_wall_ms_of(uint64_t boot_at);

/* Appends a wall-clock instant as 2026-01-31T12:34:56.789Z. */
struct buf;
void clock_put_iso8601(struct buf *out, uint64_t wall_ms);

/* Tests: from now on both clocks stand still at these values. Both 0: back to the real clocks. */
void clock_fake_set(uint64_t boot_at, uint64_t wall_ms);
void clock_fake_advance_ms(uint64_t ms);

#endif
