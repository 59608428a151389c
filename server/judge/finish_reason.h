/* SPDX-License-Identifier: MIT */
/* Which finish_reasons say that an answer was broken off rather than ended. Pure. The readers of
 * the dialects ask; a reason that is in no row is an end, whatever it says. */
#ifndef WEIR_SERVER_JUDGE_FINISH_REASON_H
#define WEIR_SERVER_JUDGE_FINISH_REASON_H

#include <stdbool.h>

#include "common/json/jsonscan.h"

/* `reason` as in the JSON text, without quotes; not empty. */
bool finish_reason_is_broken(struct jsonscan_span reason);

#endif
