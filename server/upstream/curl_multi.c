/* SPDX-License-Identifier: MIT */
/* See curl_multi.h. */
#include "server/upstream/curl_multi.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "server/upstream/trust.h"

#define MULTI_IDLE_MAX 64

struct transfer_multi {
    CURLM *handle;
    struct event *timer;
    struct realm *realm;
    unsigned busy;
    LIST_ENTRY(transfer_multi) link;
};

/* All that trusts the same CA certificates. */
struct realm {
    char *ca_file;
    struct transfer_trust *trust;
    CURLSH *share; /* TLS sessions, so that a new connection resumes one, and resolved names */
    struct transfer_multis *owner;
    LIST_HEAD(, transfer_multi) multis;
    LIST_ENTRY(realm) link;
};

struct transfer_multis {
    struct event_base *base;
    const struct transfer_multis_events *events;
    void *arg;
    unsigned busy_max; /* transfers of one handle */
    bool is_inside;
    LIST_HEAD(, realm) realms;
};

/* ---- the event loop's side ----------------------------------------------------------------- */

static void collect_ended(struct transfer_multi *m)
{
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(m->handle, &left)) != NULL)
        if (msg->msg == CURLMSG_DONE)
            m->realm->owner->events->ended(msg->easy_handle, msg->data.result);
}

static void run_libcurl(struct transfer_multi *m, curl_socket_t fd, int what)
{
    struct transfer_multis *ms = m->realm->owner;
    int running;
    ms->is_inside = true;
    curl_multi_socket_action(m->handle, fd, what, &running);
    ms->is_inside = false;
    collect_ended(m);
    if (ms->events->returned != NULL)
        ms->events->returned(ms->arg);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    run_libcurl(arg, fd, bits);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    run_libcurl(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch_arg)
{
    struct transfer_multi *m = arg;
    struct event *ev = watch_arg;
    if (ev != NULL)
        event_free(ev);
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(m->handle, fd, NULL);
        return 0;
    }
    short bits = EV_PERSIST;
    if (what & CURL_POLL_IN)
        bits |= EV_READ;
    if (what & CURL_POLL_OUT)
        bits |= EV_WRITE;
    ev = event_new(m->realm->owner->base, fd, bits, on_socket, m);
    event_add(ev, NULL);
    curl_multi_assign(m->handle, fd, ev);
    return 0;
}

static int timer_changed(CURLM *handle, long ms, void *arg)
{
    struct transfer_multi *m = arg;
    if (ms < 0) {
        event_del(m->timer);
    } else {
        struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
        event_add(m->timer, &tv);
    }
    return 0;
}

/* ---- how it ended -------------------------------------------------------------------------- */

static const struct {
    CURLcode code;
    enum transfer_end end;
} early_ends[] = {
    {CURLE_COULDNT_RESOLVE_HOST, TRANSFER_DNS},
    {CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_DNS},
    {CURLE_COULDNT_CONNECT, TRANSFER_CONNECT},
    {CURLE_OPERATION_TIMEDOUT, TRANSFER_CONNECT},
    {CURLE_URL_MALFORMAT, TRANSFER_CONNECT},
    {CURLE_UNSUPPORTED_PROTOCOL, TRANSFER_CONNECT},
    {CURLE_SSL_CONNECT_ERROR, TRANSFER_TLS},
    {CURLE_SSL_ENGINE_NOTFOUND, TRANSFER_TLS},
    {CURLE_SSL_ENGINE_SETFAILED, TRANSFER_TLS},
    {CURLE_SSL_CERTPROBLEM, TRANSFER_TLS},
    {CURLE_SSL_CIPHER, TRANSFER_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, TRANSFER_TLS},
    {CURLE_SSL_CACERT_BADFILE, TRANSFER_TLS},
    {CURLE_SSL_CRL_BADFILE, TRANSFER_TLS},
    {CURLE_SSL_ISSUER_ERROR, TRANSFER_TLS},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, TRANSFER_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, TRANSFER_TLS},
    {CURLE_WEIRD_SERVER_REPLY, TRANSFER_BAD_HEAD},
};

enum transfer_end transfer_multi_early_end(CURLcode code)
{
    for (size_t i = 0; i < sizeof(early_ends) / sizeof(early_ends[0]); i++)
        if (early_ends[i].code == code)
            return early_ends[i].end;
    return TRANSFER_LOST; /* CURLE_OK too: a connection closed inside the head ends so */
}

/* ---- handles ------------------------------------------------------------------------------- */

static struct transfer_multi *multi_new(struct realm *realm)
{
    struct transfer_multi *m = xcalloc(1, sizeof(*m));
    m->realm = realm;
    m->handle = curl_multi_init();
    m->timer = event_new(realm->owner->base, -1, 0, on_timer, m);
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION, timer_changed);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERDATA, m);
    /* The limit counts busy connections too; below it finished ones would be closed, not kept. */
    curl_multi_setopt(m->handle, CURLMOPT_MAXCONNECTS,
                      (long)(realm->owner->busy_max + MULTI_IDLE_MAX));
    LIST_INSERT_HEAD(&realm->multis, m, link);
    return m;
}

static void multi_free(struct transfer_multi *m)
{
    LIST_REMOVE(m, link);
    curl_multi_cleanup(m->handle);
    event_free(m->timer);
    free(m);
}

static struct transfer_multi *pick_multi(struct realm *realm)
{
    struct transfer_multi *m, *last = NULL;
    /* The oldest first (the list's end), so that later ones empty again after a peak. */
    LIST_FOREACH(m, &realm->multis, link)
    if (m->busy < realm->owner->busy_max)
        last = m;
    return last != NULL ? last : multi_new(realm);
}

static const char *system_ca_file(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->cainfo != NULL ? info->cainfo : "/etc/ssl/certs/ca-certificates.crt";
}

static struct realm *realm_new(struct transfer_multis *ms, const char *ca_file)
{
    struct realm *realm = xcalloc(1, sizeof(*realm));
    realm->owner = ms;
    realm->ca_file = xstrdup(ca_file);
    realm->trust = transfer_trust_new(ca_file);
    realm->share = curl_share_init();
    curl_share_setopt(realm->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_share_setopt(realm->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    LIST_INIT(&realm->multis);
    LIST_INSERT_HEAD(&ms->realms, realm, link);
    return realm;
}

static void realm_free(struct realm *realm)
{
    while (!LIST_EMPTY(&realm->multis))
        multi_free(LIST_FIRST(&realm->multis));
    curl_share_cleanup(realm->share);
    transfer_trust_free(&realm->trust);
    LIST_REMOVE(realm, link);
    free(realm->ca_file);
    free(realm);
}

static struct realm *find_realm(struct transfer_multis *ms, const char *ca_file)
{
    struct realm *realm;
    if (ca_file == NULL)
        ca_file = system_ca_file();
    LIST_FOREACH(realm, &ms->realms, link)
    if (strcmp(realm->ca_file, ca_file) == 0)
        return realm;
    return realm_new(ms, ca_file);
}

/* ---- transfers ----------------------------------------------------------------------------- */

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    transfer_trust_apply(arg, ssl_ctx);
    return CURLE_OK;
}

/* Our certificates instead of those that libcurl would load; where it or weir is built without
 * OpenSSL, it must load them. */
static void set_trust(const struct realm *realm, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (realm->trust == NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, realm->ca_file);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, realm->trust);
    if (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) != CURLE_OK)
        curl_easy_setopt(easy, CURLOPT_CAINFO, realm->ca_file);
}

struct transfer_multi *transfer_multis_add(struct transfer_multis *ms, CURL *easy,
                                           const char *ca_file)
{
    struct realm *realm = find_realm(ms, ca_file);
    struct transfer_multi *m = pick_multi(realm);
    curl_easy_setopt(easy, CURLOPT_SHARE, realm->share);
    set_trust(realm, easy);
    m->busy++;
    curl_multi_add_handle(m->handle, easy);
    return m;
}

void transfer_multi_remove(struct transfer_multi *m, CURL *easy)
{
    curl_multi_remove_handle(m->handle, easy);
    m->busy--;
}

void transfer_multis_prepare(struct transfer_multis *ms, const char *ca_file)
{
    find_realm(ms, ca_file);
}

bool transfer_multis_is_inside(const struct transfer_multis *ms)
{
    return ms->is_inside;
}

void transfer_multis_set_inside(struct transfer_multis *ms, bool is_inside)
{
    ms->is_inside = is_inside;
}

struct transfer_multis *transfer_multis_new(struct event_base *base, unsigned busy_max,
                                            const struct transfer_multis_events *events, void *arg)
{
    struct transfer_multis *ms = xcalloc(1, sizeof(*ms));
    ms->base = base;
    ms->busy_max = busy_max;
    ms->events = events;
    ms->arg = arg;
    LIST_INIT(&ms->realms);
    return ms;
}

void transfer_multis_free(struct transfer_multis **multis)
{
    struct transfer_multis *ms = *multis;
    *multis = NULL;
    while (!LIST_EMPTY(&ms->realms))
        realm_free(LIST_FIRST(&ms->realms));
    free(ms);
}
