/* SPDX-License-Identifier: MIT */
/* The recent requests: a shared memory object NAME.recent, made by the weir master before it forks,
 * in which each worker keeps what became of its last requests; weirctl explain reads them, also
 * when nothing else of weir runs any more.
 *
 *   0      struct recent_header   4096 bytes (recent.c): magic and version (object.h), 12 slots, 16
 *          records in a ring, 20 number of outcomes, 24 boot id
 *   4096   a ring for each slot of the workers' pages (recent_ring.h)
 *
 * Memory is taken page by page as requests come, never up front: 512 bytes a request, 2 MiB for the
 * RECENT_REQUESTS of one generation of workers; workers of another generation have other slots, so
 * that some reloads later it may be twice that. A reader takes a page for each slot. When there is
 * no memory for a page, the worker goes on with memory of its own (mapping.h), and its requests are
 * not found: that, and the few requests a worker was killed over, is where this is weak. */
#ifndef WEIR_COMMON_SHM_RECENT_H
#define WEIR_COMMON_SHM_RECENT_H

#include "common/shm/object.h"
#include "common/shm/recent_ring.h"

/* How many requests are kept, about, over all workers of a generation; and of one worker at least.
 */
#define RECENT_REQUESTS 4096
#define RECENT_SLOT_MIN 64

struct recent;
extern const struct shm_kind recent_kind;

/* Master: a new object for this many slots and workers at a time, still without its name; what an
 * object of that name holds, of this boot, is taken along. NULL with errno. */
struct recent *recent_create(const char *table_name, uint32_t slots, uint32_t workers, int gid);
/* Master that follows a living one, whose workers' slots it shares: the living one's object. NULL
 * with errno; EPROTO: it is not for that many slots. */
struct recent *recent_take_over(const char *table_name, uint32_t slots);
/* Gives a new object its name; nothing for one that was taken over. False with errno. */
WEIR_MUST_CHECK bool recent_take_name(struct recent *recent);
/* Worker, after the fork: from now on this process can write to this slot's ring only. False with
 * errno. */
WEIR_MUST_CHECK bool recent_restrict(struct recent *recent, uint32_t slot);
/* Into the mapping; valid until close. */
struct recent_writer recent_writer(struct recent *recent, uint32_t slot);
/* Everybody else: maps it read-only. NULL when absent or not of this layout and boot. */
struct recent *recent_open_reader(const char *table_name);
/* All that can be read, the one that ended first comes first; the caller frees. */
struct recent_request *recent_read(const struct recent *recent, size_t *n);
void recent_close(struct recent **recent);
/* Master, at its end: removes the name if it is still ours. */
void recent_unlink(const struct recent *recent);

#endif
