/* transfer_client.h over libcurl's multi interface and libevent: the only file that knows libcurl.
 *
 * libcurl walks the list of connections to a host for each request, so that a multi handle is kept
 * to MULTI_BUSY_MAX transfers and another one is opened beyond. Its functions must not be called
 * from its own callbacks: inside them (`in_curl`) every wish is put on the work list and carried
 * out when the library has returned. */
#include "server/transfer_client.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/alloc.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "server/transfer_headers.h"

#define MULTI_BUSY_MAX    256
#define MULTI_IDLE_MAX    64
#define CONNECTION_IDLE_S 40L /* shorter than what load balancers forget without a word */
#define TCP_KEEPALIVE_S   60L
#define RECEIVE_BUFFER    16384L /* a stalled reader holds at most one of these unread */

struct multi {
    CURLM *handle;
    struct event *timer;
    struct curl_pool *owner;
    unsigned busy;
    LIST_ENTRY(multi) link;
};

struct curl_transfer {
    struct transfer base;
    struct curl_pool *owner;
    struct multi *multi; /* NULL while it waits to be added */
    CURL *easy;
    struct curl_slist *header_list;
    char *body;
    size_t body_len;
    bool http2;
    const struct transfer_events *events; /* NULL: nobody listens any more */
    void *arg;
    struct transfer_headers headers;
    int status;            /* of the head that comes; 0 = none yet */
    bool is_head_complete; /* the blank line of the final head was seen */
    bool is_head_refused;
    uint64_t sent_at; /* of the first sending */
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
    CURLSH *share; /* TLS sessions, so that a new connection resumes one */
    LIST_HEAD(, multi) multis;
    LIST_HEAD(, curl_transfer) all;
    TAILQ_HEAD(, curl_transfer) work;
    struct event *work_event;
    bool in_curl;
};

static void destroy(struct curl_transfer *t);
static void run_work(struct curl_pool *ts);

/* ---- the event loop's side ---------------------------------------------------------------- */

static void collect_finished(struct multi *m);

static void act(struct multi *m, curl_socket_t fd, int what)
{
    int running;
    m->owner->in_curl = true;
    curl_multi_socket_action(m->handle, fd, what, &running);
    m->owner->in_curl = false;
    collect_finished(m);
    run_work(m->owner);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(arg, fd, bits);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch_arg)
{
    struct multi *m = arg;
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
    ev = event_new(m->owner->base, fd, bits, on_socket, m);
    event_add(ev, NULL);
    curl_multi_assign(m->handle, fd, ev);
    return 0;
}

static int timer_changed(CURLM *handle, long ms, void *arg)
{
    struct multi *m = arg;
    if (ms < 0) {
        event_del(m->timer);
    } else {
        struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
        event_add(m->timer, &tv);
    }
    return 0;
}

static struct multi *multi_new(struct curl_pool *ts)
{
    struct multi *m = xcalloc(1, sizeof(*m));
    m->owner = ts;
    m->handle = curl_multi_init();
    m->timer = event_new(ts->base, -1, 0, on_timer, m);
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(m->handle, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERFUNCTION, timer_changed);
    curl_multi_setopt(m->handle, CURLMOPT_TIMERDATA, m);
    /* The limit counts busy connections too; below it finished ones would be closed, not kept. */
    curl_multi_setopt(m->handle, CURLMOPT_MAXCONNECTS, (long)(MULTI_BUSY_MAX + MULTI_IDLE_MAX));
    LIST_INSERT_HEAD(&ts->multis, m, link);
    return m;
}

static struct multi *multi_pick(struct curl_pool *ts)
{
    struct multi *m, *last = NULL;
    /* The oldest first (the list's end), so that later ones empty again after a peak. */
    LIST_FOREACH(m, &ts->multis, link)
    if (m->busy < MULTI_BUSY_MAX)
        last = m;
    return last != NULL ? last : multi_new(ts);
}

/* ---- libcurl's callbacks ------------------------------------------------------------------- */

static void head_reset(struct curl_transfer *t, int status)
{
    transfer_headers_clear(&t->headers);
    t->status = status;
}

static bool head_add(struct curl_transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || memchr(line, '\0', len) != NULL)
        return true; /* no header: nobody can ask for it */
    const char *from = colon + 1, *to = line + len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && strchr(" \t\r\n", to[-1]) != NULL)
        to--;
    return transfer_headers_add(&t->headers, line, (size_t)(colon - line), from,
                                (size_t)(to - from));
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

/* Lines of 1xx answers and trailers come here too: a status line begins anew, and what follows the
 * final head is ignored. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct curl_transfer *t = arg;
    size_t len = size * count;
    if (t->wants_removal)
        return 0;
    if (t->is_head_complete)
        return len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        head_reset(t, status_of(line, len));
    } else if (len <= 2 && (line[0] == '\r' || line[0] == '\n')) {
        if (t->status < 200)
            return len;
        t->is_head_complete = true;
        if (is_listened(t))
            t->events->head(t->arg, t->status, &t->headers);
    } else if (!head_add(t, line, len)) {
        t->is_head_refused = true;
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
    /* With a CA directory set, libcurl reads the whole CA file for every connection. */
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(e, CURLOPT_SHARE, t->owner->share);
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
    t->multi = multi_pick(t->owner);
    t->multi->busy++;
    curl_multi_add_handle(t->multi->handle, t->easy);
}

static void remove_from_multi(struct curl_transfer *t)
{
    if (t->multi == NULL)
        return;
    curl_multi_remove_handle(t->multi->handle, t->easy);
    t->multi->busy--;
    t->multi = NULL;
}

static void queue_work(struct curl_transfer *t)
{
    if (!t->is_in_work) {
        TAILQ_INSERT_TAIL(&t->owner->work, t, work_link);
        t->is_in_work = true;
    }
    if (!t->owner->in_curl)
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

static struct transfer *start(void *pool, struct transfer_request *request,
                              const struct transfer_events *events, void *arg)
{
    struct curl_pool *ts = pool;
    struct curl_transfer *t = xcalloc(1, sizeof(*t));
    t->base.client = &transfer_curl;
    t->owner = ts;
    t->body = request->body;
    t->body_len = request->body_len;
    t->http2 = request->http2;
    t->events = events;
    t->arg = arg;
    t->header_list = list_headers(request->headers, request->headers_len);
    /* Bodies over 1 MB would otherwise wait for a 100 that few providers send. */
    t->header_list = curl_slist_append(t->header_list, "Expect:");
    LIST_INSERT_HEAD(&ts->all, t, link);
    t->easy = curl_easy_init();
    curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
    set_common_options(t);
    set_request_options(t);
    if (ts->in_curl) {
        t->wants_start = true;
        queue_work(t);
    } else {
        add_to_multi(t);
    }
    return &t->base;
}

static void destroy(struct curl_transfer *t)
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

static void set_paused(struct curl_transfer *t, bool paused)
{
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

static void pause_transfer(struct transfer *base, bool paused)
{
    set_paused((struct curl_transfer *)base, paused);
}

static void abort_transfer(struct transfer *base)
{
    struct curl_transfer *t = (struct curl_transfer *)base;
    t->events = NULL;
    t->wants_removal = true;
    if (t->owner->in_curl)
        queue_work(t);
    else
        destroy(t);
}

static void on_finish_timeout(evutil_socket_t fd, short what, void *arg)
{
    abort_transfer(arg);
}

static void finish(struct transfer *base)
{
    struct curl_transfer *t = (struct curl_transfer *)base;
    t->events = NULL;
    struct timeval tv = {TRANSFER_FINISH_MS / 1000, TRANSFER_FINISH_MS % 1000 * 1000};
    t->finish_timer = evtimer_new(t->owner->base, on_finish_timeout, t);
    event_add(t->finish_timer, &tv);
    if (t->is_paused)
        set_paused(t, false);
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

static enum transfer_end end_of(const struct curl_transfer *t, CURLcode code)
{
    if (t->is_head_refused)
        return TRANSFER_BAD_HEAD;
    if (t->is_head_complete)
        return code == CURLE_OK ? TRANSFER_COMPLETE : TRANSFER_CUT;
    for (size_t i = 0; i < sizeof(early_ends) / sizeof(early_ends[0]); i++)
        if (early_ends[i].code == code)
            return early_ends[i].end;
    return TRANSFER_LOST; /* CURLE_OK too: a connection closed inside the head ends so */
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

static void finished(struct curl_transfer *t, CURLcode code)
{
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
    t->events = NULL;
    if (events != NULL)
        events->done(t->arg, end_of(t, code), detail);
    destroy(t);
}

static void collect_finished(struct multi *m)
{
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(m->handle, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        struct curl_transfer *t = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finished(t, code);
    }
}

/* Carries out what was asked for inside libcurl's callbacks. */
static void run_work(struct curl_pool *ts)
{
    struct curl_transfer *t;
    while ((t = TAILQ_FIRST(&ts->work)) != NULL) {
        TAILQ_REMOVE(&ts->work, t, work_link);
        t->is_in_work = false;
        if (t->wants_removal) {
            destroy(t);
        } else if (t->wants_start) {
            add_to_multi(t);
        } else if (t->wants_resume) {
            t->wants_resume = false;
            ts->in_curl = true;
            curl_easy_pause(t->easy, CURLPAUSE_CONT);
            ts->in_curl = false;
        }
    }
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    run_work(arg);
}

static void *pool_new(struct event_base *base)
{
    struct curl_pool *ts = xcalloc(1, sizeof(*ts));
    ts->base = base;
    LIST_INIT(&ts->multis);
    LIST_INIT(&ts->all);
    TAILQ_INIT(&ts->work);
    ts->work_event = event_new(base, -1, 0, on_work, ts);
    ts->share = curl_share_init();
    curl_share_setopt(ts->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    multi_new(ts);
    return ts;
}

static void pool_free(void *pool)
{
    struct curl_pool *ts = pool;
    while (!LIST_EMPTY(&ts->all))
        destroy(LIST_FIRST(&ts->all));
    while (!LIST_EMPTY(&ts->multis)) {
        struct multi *m = LIST_FIRST(&ts->multis);
        LIST_REMOVE(m, link);
        curl_multi_cleanup(m->handle);
        event_free(m->timer);
        free(m);
    }
    curl_share_cleanup(ts->share);
    event_free(ts->work_event);
    free(ts);
}

const struct transfer_client transfer_curl = {pool_new,       pool_free,      start,
                                              pause_transfer, abort_transfer, finish};
