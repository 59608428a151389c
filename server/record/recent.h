/* SPDX-License-Identifier: MIT */
/* A request's record as weirctl explain finds it: written into the worker's ring of shared memory
 * (common/shm/recent_ring.h). record_request calls it for every request that is kept: no clock, no
 * allocation, no text but what is copied. */
#ifndef WEIR_SERVER_RECORD_RECENT_H
#define WEIR_SERVER_RECORD_RECENT_H

#include "server/record/request_record.h"

/* `view` is asked for the cooldowns that trackerd began after this request's failures. */
void record_recent(struct recent_writer *writer, const struct conf *conf, struct tableview *view,
                   const struct request_record *record);

#endif
