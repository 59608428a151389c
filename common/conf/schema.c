/* SPDX-License-Identifier: MIT */
/* See schema.h. The order of the rows is the order in which values are read and printed, and
 * in which the sample file and the manual page explain them. */
#include "common/conf/schema.h"

#include <assert.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Members are reached by offset and size; an enum is stored like a uint32_t. */
static_assert(sizeof(enum log_level) == sizeof(uint32_t), "enums are as wide as uint32_t");
static_assert(sizeof(enum delivery) == sizeof(uint32_t), "enums are as wide as uint32_t");
static_assert(sizeof(enum provider_type) == sizeof(uint32_t), "enums are as wide as uint32_t");

/* What a row leaves out is zero: not required, no default, no unit. */
#define KEY(key) .name = key
#define IN(type, member) \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define INT(low, high)        .kind = CONF_INT, .min = (low), .max = (high)
#define COUNT_FROM(low)       INT(low, CONF_INT_MAX)
#define TIME_FROM(low)        .kind = CONF_INT, .min = (low), .max = CONF_INT_MAX, .unit = "ms"
#define BYTES(low, high)      .kind = CONF_INT, .min = (low), .max = (high), .unit = "bytes"
#define TEXT(text_kind, high) .kind = (text_kind), .min = 1, .max = (high)
#define BOOL                  .kind = CONF_BOOL
#define WORD(list)            .kind = CONF_WORD, .words = (list)
#define NESTED(how, which)    .kind = (how), .section = &(which)
#define PRESET(text)          .preset = text
#define COMPUTED(text)        .computed = text
#define REQUIRED              .is_required = true
#define FIXED                 .is_fixed = true
#define OR_0                  .may_be_0 = true
#define HELP(text)            .help = text

#define TIME_MIN      100  /* the least time where nothing else is said */
#define LONG_TIME_MIN 1000 /* times known from 429chain */

static const char *const finish_reason_words[] = {"auto", "required", "optional", NULL};
static const char *const model_names_words[] = {"prefer", "chains", NULL};
static const char *const unknown_model_words[] = {"default", "reject", NULL};
static const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};

/* clang-format off */
static const struct conf_key settings_keys[] = {
    {KEY("port"), IN(conf, port), INT(1, 65535), PRESET("3429"),
     HELP("the port of the listen addresses that name none")},
    {KEY("apiKeys"), IN(conf, api_keys), TEXT(CONF_SECRETS, CONF_SECRET_MAX), REQUIRED,
     HELP("the keys clients may use")},
    {KEY("defaultChain"), IN(conf, default_chain), TEXT(CONF_CHAIN_REF, CONF_CHAIN_NAME_MAX),
     REQUIRED, HELP("the chain for requests whose model is no chain's name")},
    {KEY("modelNames"), IN(conf, model_names), WORD(model_names_words), PRESET("prefer"),
     HELP("prefer: the name of a chains' model picks the first chain that has it; chains: never")},
    {KEY("unknownModel"), IN(conf, unknown_model), WORD(unknown_model_words), PRESET("default"),
     HELP("where the model is no known name: serve with the default chain, or reject")},
    {KEY("logLevel"), IN(conf, log_level), WORD(log_level_words), PRESET("info"),
     HELP("the least level that is logged")},
    {KEY("cooldownDefaultMs"), IN(conf, cooldown_default_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("60000"), HELP("how long a pair rests after a 429 that names no time")},
    {KEY("requestTimeoutMs"), IN(conf, request_timeout_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("30000"), HELP("until the headers of the answer, per attempt")},
    {KEY("streamIdleTimeoutMs"), IN(conf, stream_idle_timeout_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("30000"), HELP("between two events of a stream, from its first content on")},
    {KEY("firstTokenTimeoutMs"), IN(conf, first_token_timeout_ms), TIME_FROM(LONG_TIME_MIN),
     COMPUTED("requestTimeoutMs + streamIdleTimeoutMs"),
     HELP("from the start of an attempt to its first content")},
    {KEY("streamEndGraceMs"), IN(conf, stream_end_grace_ms), TIME_FROM(TIME_MIN), PRESET("2000"),
     HELP("how long usage and the end's mark may take after everything was said")},
    {KEY("answerTimeoutMs"), IN(conf, answer_timeout_ms), TIME_FROM(LONG_TIME_MIN),
     COMPUTED("the provider's timeout or requestTimeoutMs where the file has one, else 300000"),
     HELP("until the headers of an answer without streaming")},
    {KEY("answerIdleTimeoutMs"), IN(conf, answer_idle_timeout_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("60000"), HELP("between two pieces of such an answer's body")},
    {KEY("deadlineMs"), IN(conf, deadline_ms), TIME_FROM(0), PRESET("0"),
     HELP("for everything a request may wait for before content, over all entries; 0 = none")},
    {KEY("retryAttempts"), IN(conf, retry_attempts), INT(0, 5), PRESET("0"),
     HELP("further tries of the same entry before moving on")},
    {KEY("retryMaxWaitMs"), IN(conf, retry_max_wait_ms), TIME_FROM(0), PRESET("3000"),
     HELP("the longest wait a 429 may name to be tried again")},
    {KEY("delivery"), IN(conf, delivery), WORD(delivery_words), PRESET("stream"),
     HELP("send a stream as it comes, or hold it until it is complete")},
    {KEY("normalizeResponses"), IN(conf, normalize_responses), BOOL, PRESET("false"),
     HELP("reasoning_content becomes content where content is absent")},
    {KEY("midStreamFailureThreshold"), IN(conf, mid_stream_failure_threshold), COUNT_FROM(1),
     PRESET("3"), HELP("consecutive mid-stream failures before a cooldown")},
    {KEY("midStreamCooldownMs"), IN(conf, mid_stream_cooldown_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("30000"), HELP("how long a pair rests after them")},
    {KEY("midStreamCooldownMaxMs"), IN(conf, mid_stream_cooldown_max_ms), TIME_FROM(LONG_TIME_MIN),
     COMPUTED("midStreamCooldownMs, which means no doubling"),
     HELP("each further cooldown without a success between doubles, up to this")},
    {KEY("recoveryConcurrency"), IN(conf, recovery_concurrency), COUNT_FROM(0), PRESET("1"),
     HELP("requests without content at once that may try a pair after its cooldown; 0 = no limit")},
    {KEY("maxRestMs"), IN(conf, max_rest_ms), TIME_FROM(LONG_TIME_MIN), PRESET("21600000"),
     HELP("the longest rest that one header of a provider can ask for")},
    {KEY("preStreamFailureThreshold"), IN(conf, pre_stream_failure_threshold), COUNT_FROM(0),
     PRESET("0"), HELP("consecutive failures before a stream that lead to a cooldown; 0 = never")},
    {KEY("queueMode"), IN(conf, queue_mode), BOOL, PRESET("false"),
     HELP("requests wait for a pair instead of failing when all are exhausted")},
    {KEY("queueMaxWaitMs"), IN(conf, queue_max_wait_ms), TIME_FROM(LONG_TIME_MIN),
     PRESET("300000"), HELP("the longest wait in the queue")},
    {KEY("queueMaxSize"), IN(conf, queue_max_size), COUNT_FROM(1), PRESET("100"),
     HELP("requests that may wait, per chain")},
    {KEY("dbPath"), .kind = CONF_IGNORED,
     HELP("weir keeps no database")},
};

static const struct conf_key server_keys[] = {
    {KEY("listen"), IN(conf, listen), TEXT(CONF_LISTEN, CONF_PATH_MAX),
     PRESET("127.0.0.1"),
     HELP("where clients connect: ADDRESS, ADDRESS:PORT, [v6]:PORT or unix:PATH")},
    {KEY("corsOrigins"), IN(conf, cors_origins), TEXT(CONF_ORIGINS, CONF_NAME_MAX),
     HELP("web pages of these origins, * for all, may use /v1/*")},
    {KEY("workers"), IN(conf, workers), .kind = CONF_WORKERS, .min = 1, .max = CONF_WORKERS_MAX,
     PRESET("auto"), HELP("worker processes; auto = one a CPU")},
    {KEY("pidFile"), IN(conf, pid_file), TEXT(CONF_PATH, CONF_PATH_MAX), FIXED,
     HELP("where weir writes its process id")},
    {KEY("user"), IN(conf, user), TEXT(CONF_TEXT, CONF_NAME_MAX), FIXED,
     HELP("whom weir runs as when it is started by root")},
    {KEY("group"), IN(conf, group), TEXT(CONF_TEXT, CONF_NAME_MAX), FIXED,
     HELP("the group of both daemons, and of the tracker's socket and table")},
    {KEY("accessLog"), IN(conf, access_log), TEXT(CONF_LOG, CONF_PATH_MAX), FIXED,
     HELP("a file that gets a line a request; - = standard error")},
    {KEY("errorLog"), IN(conf, error_log), TEXT(CONF_LOG, CONF_PATH_MAX), FIXED,
     HELP("a file for the log, instead of syslog; - = standard error")},
    {KEY("maxConnections"), IN(conf, max_connections), INT(1, CONF_CONNECTIONS_MAX),
     PRESET("10000"), HELP("client connections, per worker")},
    {KEY("maxBodyBytes"), IN(conf, max_body_bytes), BYTES(1, CONF_INT_MAX),
     PRESET("33554432"), HELP("the largest body of a request")},
    {KEY("maxHeaderBytes"), IN(conf, max_header_bytes),
     BYTES(1, CONF_HEADER_BYTES_MAX),
     PRESET("65536"), HELP("the largest head of a request")},
    {KEY("maxHeldBytes"), IN(conf, max_held_bytes), BYTES(1, CONF_INT_MAX),
     PRESET("4194304"), HELP("how much of an answer may be held before it is sent")},
    {KEY("maxEventBytes"), IN(conf, max_event_bytes), BYTES(1, CONF_INT_MAX),
     PRESET("33554432"), HELP("the largest event of a provider's stream")},
    {KEY("maxAnswerBytes"), IN(conf, max_answer_bytes), BYTES(1, CONF_INT_MAX),
     PRESET("67108864"), HELP("the largest answer without streaming")},
    {KEY("clientHeaderTimeoutMs"), IN(conf, client_header_timeout_ms), TIME_FROM(TIME_MIN),
     PRESET("10000"), HELP("for a client to send the head of a request")},
    {KEY("clientBodyTimeoutMs"), IN(conf, client_body_timeout_ms), TIME_FROM(TIME_MIN),
     PRESET("30000"), HELP("for a client to send the body of a request")},
    {KEY("clientWriteTimeoutMs"), IN(conf, client_write_timeout_ms), TIME_FROM(TIME_MIN),
     PRESET("60000"), HELP("for a client to take some more of what waits for it")},
    {KEY("keepAliveTimeoutMs"), IN(conf, keep_alive_timeout_ms), TIME_FROM(TIME_MIN),
     PRESET("75000"), HELP("how long an idle client connection stays open")},
    {KEY("drainTimeoutMs"), IN(conf, drain_timeout_ms), TIME_FROM(TIME_MIN), PRESET("30000"),
     HELP("how long running requests may take to end when weir stops")},
    {KEY("streamHeartbeatMs"), IN(conf, stream_heartbeat_ms), TIME_FROM(TIME_MIN), OR_0,
     PRESET("15000"), HELP("after so long a silence a stream's client gets a comment line; 0 = never")},
    {KEY("stuckWorkerMs"), IN(conf, stuck_worker_ms), TIME_FROM(TIME_MIN), OR_0, PRESET("10000"),
     HELP("a worker whose loop has not turned for that long is replaced; 0 = never")},
};

static const struct conf_key tracker_keys[] = {
    {KEY("socket"), IN(conf, tracker_socket), TEXT(CONF_PATH, CONF_SOCKET_MAX), FIXED,
     PRESET(RUNSTATEDIR "/weir/tracker.sock"), HELP("where weir-trackerd listens")},
    {KEY("shm"), IN(conf, tracker_shm), TEXT(CONF_SHM, CONF_SHM_MAX), FIXED, PRESET("/weir"),
     HELP("the name of the shared table")},
    {KEY("capacity"), IN(conf, tracker_capacity), INT(1, CONF_CAPACITY_MAX), PRESET("1024"),
     HELP("pairs the table has room for")},
    {KEY("stateFile"), IN(conf, tracker_state_file), .kind = CONF_PATH, .max = CONF_PATH_MAX,
     PRESET(LOCALSTATEDIR "/lib/weir/tracker.state"),
     HELP("what keeps cooldowns over a reboot; empty = none")},
    {KEY("pidFile"), IN(conf, tracker_pid_file), TEXT(CONF_PATH, CONF_PATH_MAX), FIXED,
     HELP("where weir-trackerd writes its process id")},
    {KEY("user"), IN(conf, tracker_user), TEXT(CONF_TEXT, CONF_NAME_MAX),
     COMPUTED("server.user"), FIXED,
     HELP("whom weir-trackerd runs as when it is started by root")},
};

static const struct conf_key rate_limit_keys[] = {
    {KEY("requestsPerMinute"), IN(conf_provider, requests_per_minute), COUNT_FROM(1),
     HELP("requests a minute")},
    {KEY("tokensPerMinute"), IN(conf_provider, tokens_per_minute), COUNT_FROM(1),
     HELP("tokens a minute")},
    {KEY("requestsPerDay"), IN(conf_provider, requests_per_day), COUNT_FROM(1),
     HELP("requests a day")},
    {KEY("concurrentRequests"), IN(conf_provider, concurrent_requests), COUNT_FROM(1),
     HELP("requests at once")},
};
static const struct conf_section rate_limits = {
    "providers[].rateLimits", rate_limit_keys, COUNT(rate_limit_keys)};

static const struct conf_key provider_keys[] = {
    {KEY("id"), IN(conf_provider, id), TEXT(CONF_TEXT, CONF_PROVIDER_ID_MAX), REQUIRED,
     HELP("what chains call it")},
    {KEY("name"), IN(conf_provider, name), TEXT(CONF_TEXT, CONF_NAME_MAX), REQUIRED,
     HELP("what people call it")},
    {KEY("type"), IN(conf_provider, type), WORD(provider_type_words), REQUIRED,
     HELP("which provider's headers and quirks it has")},
    {KEY("apiKey"), IN(conf_provider, api_key), TEXT(CONF_SECRET, CONF_SECRET_MAX), REQUIRED,
     HELP("the key sent to it; ${NAME} is taken from the environment")},
    {KEY("baseUrl"), IN(conf_provider, base_url), TEXT(CONF_URL, CONF_URL_MAX),
     COMPUTED("that of the type; generic-openai has none"),
     HELP("where its API is, up to /chat/completions")},
    {KEY("timeout"), IN(conf_provider, timeout_ms), TIME_FROM(LONG_TIME_MIN),
     COMPUTED("requestTimeoutMs"), HELP("instead of settings.requestTimeoutMs")},
    {KEY("finishReason"), IN(conf_provider, finish_reason), WORD(finish_reason_words),
     PRESET("auto"), HELP("must a stream finish with a finish_reason before its end mark")},
    {KEY("streamUsage"), IN(conf_provider, stream_usage), BOOL, PRESET("true"),
     HELP("may weir ask for the usage of a stream where the client does not")},
    {KEY("http2"), IN(conf_provider, http2), BOOL, PRESET("false"), HELP("speak HTTP/2 to it over TLS")},
    {KEY("caFile"), IN(conf_provider, ca_file), TEXT(CONF_FILE, CONF_PATH_MAX),
     COMPUTED("the system's"), HELP("the certificates that vouch for the provider's, PEM")},
    {KEY("rateLimits"), NESTED(CONF_SECTION, rate_limits),
     HELP("limits to keep when the provider's headers tell none")},
};
static const struct conf_section provider = {"providers[]", provider_keys, COUNT(provider_keys)};

static const struct conf_key entry_keys[] = {
    {KEY("provider"), IN(conf_entry, provider), TEXT(CONF_TEXT, CONF_PROVIDER_ID_MAX), REQUIRED,
     HELP("the id of a provider")},
    {KEY("model"), IN(conf_entry, model), TEXT(CONF_TEXT, CONF_MODEL_MAX), REQUIRED,
     HELP("the model to ask it for")},
};
static const struct conf_section entry = {"chains[].entries[]", entry_keys, COUNT(entry_keys)};

static const struct conf_key chain_keys[] = {
    {KEY("name"), IN(conf_chain, name), TEXT(CONF_TEXT, CONF_CHAIN_NAME_MAX), REQUIRED,
     HELP("what clients ask for as the model")},
    {KEY("delivery"), IN(conf_chain, delivery), WORD(delivery_words),
     COMPUTED("settings.delivery"), HELP("instead of settings.delivery")},
    {KEY("entries"), NESTED(CONF_ENTRIES, entry), REQUIRED, HELP("the pairs to try, in order")},
};
static const struct conf_section chain = {"chains[]", chain_keys, COUNT(chain_keys)};

static const struct conf_section settings = {"settings", settings_keys, COUNT(settings_keys)};
static const struct conf_section server = {"server", server_keys, COUNT(server_keys)};
static const struct conf_section tracker = {"tracker", tracker_keys, COUNT(tracker_keys)};

static const struct conf_key top_keys[] = {
    {KEY("version"), .kind = CONF_VERSION, HELP("of the file's format: 1")},
    {KEY("settings"), NESTED(CONF_SECTION, settings), REQUIRED, HELP("how weir behaves")},
    {KEY("providers"), NESTED(CONF_PROVIDERS, provider), REQUIRED, HELP("who can be asked")},
    {KEY("chains"), NESTED(CONF_CHAINS, chain), REQUIRED, HELP("who is asked, in which order")},
    {KEY("server"), NESTED(CONF_SECTION, server), HELP("the gateway's processes")},
    {KEY("tracker"), NESTED(CONF_SECTION, tracker), HELP("the tracker's files")},
};
/* clang-format on */

const struct conf_section conf_schema = {"", top_keys, COUNT(top_keys)};
