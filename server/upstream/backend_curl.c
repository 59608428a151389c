/* SPDX-License-Identifier: MIT */
/* The backend over libcurl's multi interface and libevent. libcurl's functions must not be called
 * from its own callbacks: inside them whatever is asked for is put on the work list, and carried
 * out when the library has returned. Called by transfer.c through the table at the end. Weak: it
 * copies the request's body, which libcurl wants in one piece. A provider that speaks HTTP/1.1 here
 * after all is read by libcurl's parser; of what response.h refuses only the fields that framing
 * depends on are held to it, and a `Content-Length : 5` is none to libcurl. */
#include "server/upstream/backend.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/field.h"
#include "server/upstream/curl_multi.h"
#include "server/upstream/headers.h"

#define CONNECTION_IDLE_S 40L /* shorter than what load balancers forget without a word */
/* libcurl walks the list of connections to a host for each request. */
#define TRANSFERS_A_MULTI 256
#define TCP_KEEPALIVE_S   60L
#define RECEIVE_BUFFER    16384L /* a stalled reader holds at most one of these unread */

struct curl_transfer {
    struct transfer base;
    struct curl_pool *owner;
    struct transfer_multi *multi; /* NULL while it waits to be added */
    CURL *easy;
    struct curl_slist *header_list;
    char *body;
    size_t body_len;
    bool http2;
    const char *ca_file;
    const struct transfer_events *events; /* NULL: nobody listens any more */
    void *arg;
    struct transfer_headers headers;
    struct http_field_facts facts; /* of the head that comes */
    int status;                    /* of it; 0 = none yet */
    bool is_head_complete;         /* the blank line of the final head was seen */
    const char *refused;           /* what is wrong with the head; NULL = nothing */
    uint64_t sent_at;              /* of the first sending */
    unsigned sendings;
    bool wants_start, wants_removal, wants_resume, is_paused, is_fresh;
    size_t finish_bytes; /* received after transfer_finish */
    struct event *finish_timer;
    char error[CURL_ERROR_SIZE];
    TAILQ_ENTRY(curl_transfer) work_link;
    bool is_in_work;
    LIST_ENTRY(curl_transfer) link;
};

struct curl_pool {
    struct event_base *base;
    struct transfer_multis *multis;
    LIST_HEAD(, curl_transfer) all;
    TAILQ_HEAD(, curl_transfer) work;
    struct event *work_event;
};

/* ---- libcurl's callbacks ------------------------------------------------------------------- */

static bool add_header_line(struct curl_transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || memchr(line, '\0', len) != NULL)
        return true; /* no header: nobody can ask for it */
    const char *from = colon + 1, *to = line + len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && strchr(" \t\r\n", to[-1]) != NULL)
        to--;
    while (colon > line && (colon[-1] == ' ' || colon[-1] == '\t'))
        colon--;
    struct http_text name = {line, (size_t)(colon - line)}, value = {from, (size_t)(to - from)};
    t->refused = http_field_note(&t->facts, name, value);
    if (t->refused == NULL &&
        !transfer_headers_add(&t->headers, name.at, name.len, from, value.len))
        t->refused = "too many or too large headers";
    return t->refused == NULL;
}

/* The final head is whole: may its connection be used again, as far as it says? */
static bool check_head(struct curl_transfer *t)
{
    long version = CURL_HTTP_VERSION_NONE;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    t->refused = http_field_check(&t->facts, version == CURL_HTTP_VERSION_1_0 ? 0 : 1);
    if (t->facts.is_doubtful)
        curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    return t->refused == NULL;
}

/* The number behind "HTTP/x "; 0 when there is none. */
static int status_of(const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    int status = 0;
    for (const char *p = space; p != NULL && ++p < line + len && *p >= '0' && *p <= '9';)
        status = status * 10 + (*p - '0');
    return status <= 999 ? status : 0;
}

static bool is_listened(const struct curl_transfer *t)
{
    return t->events != NULL && !t->wants_removal;
}

/* Lines of 1xx answers and trailers come here too: a status line starts a new head, and what
 * follows the final head is ignored. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct curl_transfer *t = arg;
    size_t len = size * count;
    if (t->wants_removal)
        return 0;
    if (t->is_head_complete)
        return len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer_headers_clear(&t->headers);
        t->facts = (struct http_field_facts){.forgives = true};
        t->status = status_of(line, len);
    } else if (len <= 2 && (line[0] == '\r' || line[0] == '\n')) {
        if (t->status < 200)
            return len;
        if (!check_head(t))
            return 0;
        t->is_head_complete = true;
        if (is_listened(t))
            t->events->head(t->arg, t->status, &t->headers);
    } else if (!add_header_line(t, line, len)) {
        return 0;
    }
    return t->wants_removal ? 0 : len;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct curl_transfer *t = arg;
    size_t len = size * count;
    if (t->wants_removal)
        return 0;
    if (t->events == NULL) {
        t->finish_bytes += len;
        return t->finish_bytes > TRANSFER_FINISH_BYTES ? 0 : len;
    }
    t->events->data(t->arg, data, len);
    if (is_listened(t))
        t->events->fed(t->arg);
    return t->wants_removal ? 0 : len;
}

/* Runs before every sending. libcurl sends a POST again on its own when a reused connection dies
 * before a byte of answer; past TRANSFER_REPLAY_MS the provider may be working on it already. */
static int on_send(void *arg, char *local, char *remote, int local_port, int remote_port)
{
    struct curl_transfer *t = arg;
    uint64_t now_at = clock_boot_ns();
    if (t->sendings++ == 0)
        t->sent_at = now_at;
    else if (now_at - t->sent_at > TRANSFER_REPLAY_MS * CLOCK_NS_PER_MS)
        return CURL_PREREQFUNC_ABORT;
    return CURL_PREREQFUNC_OK;
}

/* ---- a transfer's life --------------------------------------------------------------------- */

static void set_common_options(struct curl_transfer *t)
{
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                     t->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, TCP_KEEPALIVE_S);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
}

static void set_request_options(struct curl_transfer *t)
{
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->header_list);
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, t->is_fresh ? 1L : 0L);
}

static void add_to_multi(struct curl_transfer *t)
{
    t->wants_start = false;
    t->multi = transfer_multis_add(t->owner->multis, t->easy, t->ca_file);
}

static void remove_from_multi(struct curl_transfer *t)
{
    if (t->multi != NULL)
        transfer_multi_remove(t->multi, t->easy);
    t->multi = NULL;
}

static bool is_inside(const struct curl_transfer *t)
{
    return transfer_multis_is_inside(t->owner->multis);
}

static void queue_work(struct curl_transfer *t)
{
    if (!t->is_in_work) {
        TAILQ_INSERT_TAIL(&t->owner->work, t, work_link);
        t->is_in_work = true;
    }
    if (!is_inside(t))
        event_active(t->owner->work_event, EV_TIMEOUT, 0);
}

static struct curl_slist *list_headers(const char *text, size_t len)
{
    struct curl_slist *list = NULL;
    const char *end = text + len, *cr;
    while ((cr = memchr(text, '\r', (size_t)(end - text))) != NULL) {
        char *line = xstrndup(text, (size_t)(cr - text));
        list = curl_slist_append(list, line);
        explicit_bzero(line, (size_t)(cr - text));
        free(line);
        text = cr + 2;
    }
    return list;
}

/* libcurl wants it in one piece. */
static char *join_body(const struct transfer_request *request, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < request->n_body; i++)
        *len += request->body[i].iov_len;
    char *body = xmalloc(*len + 1), *to = body;
    for (size_t i = 0; i < request->n_body; i++)
        to = mempcpy(to, request->body[i].iov_base, request->body[i].iov_len);
    return body;
}

static struct transfer *start_transfer(void *opaque, struct transfer_request *request,
                                       const struct transfer_events *events, void *arg)
{
    struct curl_pool *pool = opaque;
    struct curl_transfer *t = xcalloc(1, sizeof(*t));
    t->base.backend = &backend_curl;
    t->owner = pool;
    t->body = join_body(request, &t->body_len);
    t->http2 = request->http2;
    t->ca_file = request->ca_file;
    t->events = events;
    t->arg = arg;
    t->header_list = list_headers(request->headers, request->headers_len);
    /* Bodies over 1 MB would otherwise wait for a 100 that few providers send. */
    t->header_list = curl_slist_append(t->header_list, "Expect:");
    LIST_INSERT_HEAD(&pool->all, t, link);
    t->easy = curl_easy_init();
    curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
    set_common_options(t);
    set_request_options(t);
    if (is_inside(t)) {
        t->wants_start = true;
        queue_work(t);
    } else {
        add_to_multi(t);
    }
    return &t->base;
}

static void destroy_transfer(struct curl_transfer *t)
{
    remove_from_multi(t);
    curl_easy_cleanup(t->easy);
    for (struct curl_slist *s = t->header_list; s != NULL; s = s->next)
        explicit_bzero(s->data, strlen(s->data));
    curl_slist_free_all(t->header_list);
    if (t->finish_timer != NULL)
        event_free(t->finish_timer);
    if (t->is_in_work)
        TAILQ_REMOVE(&t->owner->work, t, work_link);
    LIST_REMOVE(t, link);
    transfer_headers_free(&t->headers);
    free(t->body);
    free(t);
}

static void pause_transfer(struct transfer *base, bool paused)
{
    struct curl_transfer *t = (struct curl_transfer *)base;
    if (t->is_paused == paused)
        return;
    t->is_paused = paused;
    if (paused) {
        t->wants_resume = false;
        curl_easy_pause(t->easy, CURLPAUSE_RECV); /* allowed inside callbacks */
    } else {
        /* Resuming may call on_data before it returns: not under the caller's feet. */
        t->wants_resume = true;
        queue_work(t);
    }
}

static void abort_transfer(struct transfer *base)
{
    struct curl_transfer *t = (struct curl_transfer *)base;
    t->events = NULL;
    t->wants_removal = true;
    if (is_inside(t))
        queue_work(t);
    else
        destroy_transfer(t);
}

static void on_finish_timeout(evutil_socket_t fd, short what, void *arg)
{
    abort_transfer(arg);
}

static void finish_transfer(struct transfer *base)
{
    struct curl_transfer *t = (struct curl_transfer *)base;
    t->events = NULL;
    struct timeval tv = {TRANSFER_FINISH_MS / 1000, TRANSFER_FINISH_MS % 1000 * 1000};
    t->finish_timer = evtimer_new(t->owner->base, on_finish_timeout, t);
    event_add(t->finish_timer, &tv);
    pause_transfer(base, false);
}

/* ---- how it ended -------------------------------------------------------------------------- */

static enum transfer_end end_of(const struct curl_transfer *t, CURLcode code)
{
    /* So libcurl calls an answer without a status line: it takes it for HTTP/0.9. */
    bool is_no_http = code == CURLE_UNSUPPORTED_PROTOCOL && t->sendings > 0;
    if (t->refused != NULL || is_no_http)
        return TRANSFER_BAD_HEAD;
    if (t->is_head_complete)
        return code == CURLE_OK ? TRANSFER_COMPLETE : TRANSFER_CUT;
    return transfer_multi_early_end(code);
}

/* A pooled connection that was dead already says nothing about the provider. */
static bool may_go_again(const struct curl_transfer *t, CURLcode code)
{
    long connects = 0;
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    return (code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) &&
           connects == 0 && !t->is_fresh && t->status == 0 && is_listened(t) &&
           clock_boot_ns() - t->sent_at <= TRANSFER_REPLAY_MS * CLOCK_NS_PER_MS;
}

static void on_ended(CURL *easy, CURLcode code)
{
    struct curl_transfer *t = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    bool again = may_go_again(t, code);
    remove_from_multi(t);
    if (again) {
        log_debug("pooled connection was dead (%s), using a fresh one", curl_easy_strerror(code));
        t->is_fresh = true;
        curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
        add_to_multi(t);
        return;
    }
    const struct transfer_events *events = is_listened(t) ? t->events : NULL;
    const char *detail = t->error[0] != '\0' ? t->error : curl_easy_strerror(code);
    if (t->refused != NULL)
        detail = t->refused;
    t->events = NULL;
    if (events != NULL)
        events->done(t->arg, end_of(t, code), detail);
    destroy_transfer(t);
}

/* Carries out what was asked for inside libcurl's callbacks. */
static void run_work(void *arg)
{
    struct curl_pool *pool = arg;
    struct curl_transfer *t;
    while ((t = TAILQ_FIRST(&pool->work)) != NULL) {
        TAILQ_REMOVE(&pool->work, t, work_link);
        t->is_in_work = false;
        if (t->wants_removal) {
            destroy_transfer(t);
        } else if (t->wants_start) {
            add_to_multi(t);
        } else if (t->wants_resume) {
            t->wants_resume = false;
            transfer_multis_set_inside(pool->multis, true);
            curl_easy_pause(t->easy, CURLPAUSE_CONT);
            transfer_multis_set_inside(pool->multis, false);
        }
    }
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    run_work(arg);
}

static const struct transfer_multis_events multis_events = {.ended = on_ended,
                                                            .returned = run_work};

static void *pool_new(struct event_base *base, const struct conn_kind *const *kinds)
{
    struct curl_pool *pool = xcalloc(1, sizeof(*pool));
    pool->base = base;
    pool->multis = transfer_multis_new(base, TRANSFERS_A_MULTI, &multis_events, pool);
    LIST_INIT(&pool->all);
    TAILQ_INIT(&pool->work);
    pool->work_event = event_new(base, -1, 0, on_work, pool);
    return pool;
}

static void pool_free(void *opaque)
{
    struct curl_pool *pool = opaque;
    while (!LIST_EMPTY(&pool->all))
        destroy_transfer(LIST_FIRST(&pool->all));
    transfer_multis_free(&pool->multis);
    event_free(pool->work_event);
    free(pool);
}

static void prepare_trust(void *opaque, const char *url, const char *ca_file)
{
    struct curl_pool *pool = opaque;
    transfer_multis_prepare(pool->multis, ca_file);
}

const struct transfer_backend backend_curl = {
    .pool_new = pool_new,
    .pool_free = pool_free,
    .prepare = prepare_trust,
    .start = start_transfer,
    .pause = pause_transfer,
    .abort = abort_transfer,
    .finish = finish_transfer,
};
