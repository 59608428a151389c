/* SPDX-License-Identifier: MIT */
/* The workers of a weir whose master was killed. They notice that at once, stop accepting, and end
 * when their requests have; but one that is stopped or stuck notices nothing, and would keep the
 * port from whoever is started next. Called at the start, while an address is taken. */
#ifndef WEIR_SERVER_MASTER_ORPHANS_H
#define WEIR_SERVER_MASTER_ORPHANS_H

/* Kills those of them whose loop has not turned for a second; none while a master with the pages of
 * this table lives. */
void master_orphans_kill_stuck(const char *table_name);

#endif
