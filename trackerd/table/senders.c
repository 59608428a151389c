/* SPDX-License-Identifier: MIT */
/* See senders.h. */
#include "trackerd/table/senders.h"

static int find(const struct senders *senders, uint64_t who, uint64_t incarnation)
{
    for (int i = 0; i < SHM_TABLE_SENDERS; i++)
        if (senders->items[i].who == who && senders->items[i].incarnation == incarnation)
            return i;
    return -1;
}

static int find_least_missed(const struct senders *senders)
{
    int best = -1;
    for (int i = 0; i < SHM_TABLE_SENDERS; i++) {
        if (senders->users[i] != 0)
            continue;
        if (senders->items[i].who == 0)
            return i;
        if (best < 0 || senders->items[i].used_at < senders->items[best].used_at)
            best = i;
    }
    return best;
}

int senders_join(struct senders *senders, uint32_t slot, uint64_t incarnation, uint64_t now_at)
{
    uint64_t who = (uint64_t)slot + 1;
    int index = find(senders, who, incarnation);
    if (index < 0) {
        index = find_least_missed(senders);
        if (index < 0)
            return -1;
        senders->items[index] = (struct sender){.who = who, .incarnation = incarnation};
    }
    senders->items[index].used_at = now_at;
    senders->users[index]++;
    return index;
}

void senders_leave(struct senders *senders, int index)
{
    if (index >= 0 && senders->users[index] > 0)
        senders->users[index]--;
}
