/* SPDX-License-Identifier: MIT */
/* See request_record.h. */
#include "server/record/request_record.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/shm/page_sums.h"
#include "server/record/access_log.h"
#include "server/record/recent.h"

struct recorder {
    struct recorder_setup setup;
    uint32_t *chains; /* the place in the pages of each configured chain */
    uint32_t no_chain;
};

struct recorder *recorder_new(const struct recorder_setup *setup)
{
    struct recorder *r = xcalloc(1, sizeof(*r));
    const struct conf *conf = setup->conf;
    r->setup = *setup;
    r->chains = xcalloc(conf->n_chains, sizeof(*r->chains));
    for (uint32_t i = 0; setup->pages != NULL && i < conf->n_chains; i++)
        r->chains[i] = pages_chain_find(setup->pages, conf->chains[i].name);
    r->no_chain = setup->pages != NULL ? pages_chain_find(setup->pages, "") : 0;
    return r;
}

void recorder_free(struct recorder **recorder)
{
    free((*recorder)->chains);
    free(*recorder);
    *recorder = NULL;
}

static void count(struct recorder *r, const struct request_record *record)
{
    const struct conf *conf = r->setup.conf;
    struct pages_slot *page = r->setup.page;
    uint32_t place = r->no_chain;
    /* A probe's chain is none of the configuration's. */
    if (record->chain >= conf->chains && record->chain < conf->chains + conf->n_chains)
        place = r->chains[record->chain - conf->chains];
    pages_counter_add(&page->requests[place][pages_code_index(record->status)], 1);
    pages_counter_add(&page->answers[place][record->answer], 1);
    if (record->chain == NULL)
        return;
    pages_observe_us(&page->overhead, record->overhead_us);
    if (record->first_token_us != 0)
        pages_observe_us(&page->ttft, record->first_token_us);
}

void record_request(struct recorder *r, const struct request_record *record)
{
    if (record->is_counted)
        count(r, record);
    access_log_write(r->setup.conf, record);
    if (record->is_kept && r->setup.recent != NULL)
        record_recent(r->setup.recent, r->setup.conf, r->setup.view, record);
}

pages_counter *recorder_queue_gauge(struct recorder *r, const struct conf_chain *chain)
{
    return &r->setup.page->queued[r->chains[chain - r->setup.conf->chains]];
}

uint64_t recorder_queued(const struct recorder *r, const struct conf_chain *chain)
{
    bool has_place = r->chains[chain - r->setup.conf->chains] != PAGES_CHAINS_MAX - 1;
    return has_place ? page_sums_queued(r->setup.pages, chain->name) : 0;
}
