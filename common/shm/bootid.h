/* SPDX-License-Identifier: MIT */
/* The kernel's boot id: tells shared memory of this boot from what an earlier boot, or another host
 * sharing /dev/shm, left behind. Instants of CLOCK_BOOTTIME mean nothing across a boot. */
#ifndef WEIR_COMMON_SHM_BOOTID_H
#define WEIR_COMMON_SHM_BOOTID_H

#include <stdint.h>

#define BOOTID_WORDS 2

/* Reads /proc/sys/kernel/random/boot_id; zeros when that cannot be read. */
void bootid_read(uint64_t out[BOOTID_WORDS]);

#endif
