/* SPDX-License-Identifier: MIT */
/* GET /metrics (CONTRACT 7): Prometheus text format 0.0.4, printed from the workers' pages and the
 * table, so that any worker answers for all of them. Reads only. Weak: it walks every slot of every
 * pair twice, which thousands of pairs would show. */
#ifndef WEIR_SERVER_API_METRICS_H
#define WEIR_SERVER_API_METRICS_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/shm/pages.h"
#include "common/shm/table.h"

/* Appends the text; tab and pages may be NULL. */
void metrics_print(const struct conf *conf, const struct shm_table *tab, const struct pages *pages,
                   bool has_tracker, struct buf *out);

#endif
