/* SPDX-License-Identifier: MIT */
/* The configuration as both daemons and weirctl use it (CONTRACT 3): one struct, made by load.h,
 * never changed afterwards. Keys, bounds, defaults and help stand in schema.c as data. */
#ifndef WEIR_COMMON_CONF_CONF_H
#define WEIR_COMMON_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/conf/index.h"
#include "common/terms/delivery.h"
#include "common/terms/provider_type.h"

/* Keys of the shared table have fixed room; longer names are a configuration error. */
#define CONF_PROVIDER_ID_MAX 63
#define CONF_MODEL_MAX       127
#define CONF_CHAIN_NAME_MAX  127

/* Must a stream's parts be finished by a finish_reason before its end mark? */
enum conf_finish_reason {
    CONF_FINISH_REASON_AUTO, /* where the pair has been seen to send them */
    CONF_FINISH_REASON_REQUIRED,
    CONF_FINISH_REASON_OPTIONAL,
};

/* May the name of a model that entries have pick the first chain that has it? */
enum conf_model_names {
    CONF_MODEL_NAMES_PREFER,
    CONF_MODEL_NAMES_CHAINS
};

/* What becomes of a request whose model is the name of nothing? */
enum conf_unknown_model {
    CONF_UNKNOWN_MODEL_DEFAULT,
    CONF_UNKNOWN_MODEL_REJECT
};

struct conf_provider {
    char *id, *name, *api_key;
    char *base_url; /* without a trailing slash; the type's own when the file gives none */
    enum provider_type type;
    uint32_t timeout_ms; /* instead of requestTimeoutMs; 0 = not given */
    enum conf_finish_reason finish_reason;
    bool stream_usage; /* weir may ask for the usage of a stream */
    bool http2;
    char *ca_file; /* certificates to trust, PEM; NULL = the system's */
    /* rateLimits; 0 = no such limit */
    uint32_t requests_per_minute, tokens_per_minute, requests_per_day, concurrent_requests;
};

/* A distinct provider+model pair, in the order in which the chains first name it. */
struct conf_pair {
    const struct conf_provider *provider;
    const char *model;
    const char *model_json; /* the same as a JSON string, quotes included */
    uint64_t key_hash;      /* pair_key_hash(provider->id, model) */
};

struct conf_chain {
    char *name;
    uint64_t name_hash; /* chain_name_hash(name); 0 where a pair was named in its place */
    uint32_t *pairs;    /* indexes into conf.pairs, in the order to try */
    uint32_t n_pairs;
    enum delivery delivery; /* settings.delivery unless the chain has its own */
};

/* A distinct model, and where the chains name it first. */
struct conf_model {
    uint32_t chain, entry;
};

struct conf_listen {
    char *text;      /* as configured, for messages */
    char *address;   /* numeric, without brackets; NULL for a Unix socket */
    uint16_t port;   /* 0 for a Unix socket */
    char *unix_path; /* NULL unless unix:PATH */
};

struct conf {
    char *path;
    /* settings */
    uint16_t port;
    char **api_keys;
    uint32_t n_api_keys;
    bool has_literal_keys;  /* of clients or providers: in the file, not in the environment */
    uint32_t default_chain; /* index into chains */
    enum conf_model_names model_names;
    enum conf_unknown_model unknown_model;
    enum log_level log_level;
    enum delivery delivery;
    bool normalize_responses;
    uint32_t cooldown_default_ms, request_timeout_ms, stream_idle_timeout_ms;
    uint32_t first_token_timeout_ms, stream_end_grace_ms, deadline_ms;
    uint32_t answer_timeout_ms, answer_idle_timeout_ms;
    bool has_answer_timeout;      /* the file's own; else a provider's timeout comes first */
    bool has_first_token_timeout; /* the file sets it; else it follows each provider's timeout */
    uint32_t retry_attempts, retry_max_wait_ms;
    uint32_t mid_stream_failure_threshold, mid_stream_cooldown_ms, mid_stream_cooldown_max_ms;
    uint32_t recovery_concurrency, max_rest_ms, pre_stream_failure_threshold;
    bool queue_mode;
    uint32_t queue_max_wait_ms, queue_max_size;
    /* providers, chains, and the pairs they name */
    struct conf_provider *providers;
    struct conf_chain *chains;
    struct conf_pair *pairs;
    uint32_t n_providers, n_chains, n_pairs;
    struct conf_model *models; /* by the order in which the chains name them; see conf_find_model */
    uint32_t n_models;
    struct conf_index models_index; /* over them */
    /* server */
    struct conf_listen *listen;
    uint32_t n_listen;
    char **cors_origins; /* as browsers send them, or "*" */
    uint32_t n_cors_origins;
    uint32_t workers; /* resolved: `auto` is the number of CPUs */
    char *pid_file, *user, *group, *access_log, *error_log; /* NULL = none */
    uint32_t max_connections;
    uint32_t max_body_bytes, max_header_bytes, max_held_bytes, max_event_bytes, max_answer_bytes;
    uint32_t client_header_timeout_ms, client_body_timeout_ms, client_write_timeout_ms;
    uint32_t keep_alive_timeout_ms;
    uint32_t drain_timeout_ms, stream_heartbeat_ms, stuck_worker_ms;
    /* tracker */
    char *tracker_socket, *tracker_shm, *tracker_state_file; /* state file: NULL = none */
    char *tracker_user, *tracker_pid_file;                   /* NULL = server.user, none */
    uint32_t tracker_capacity;
};

/* Accepts NULL inside; sets *conf to NULL. */
void conf_free(struct conf **conf);

/* Index of a chain or a pair; -1 when there is none. All search from the front. */
WEIR_MUST_CHECK int conf_find_chain(const struct conf *conf, const char *name, size_t len);
WEIR_MUST_CHECK int conf_find_chain_by_hash(const struct conf *conf,
                                            uint64_t name_hash); /* chain_name_hash */
WEIR_MUST_CHECK int conf_find_pair(const struct conf *conf, uint64_t key_hash); /* pair_key_hash */
WEIR_MUST_CHECK int conf_find_pair_by_name(const struct conf *conf,
                                           const char *name); /* PROVIDER/MODEL */
/* The first place in the chains that has the model; NULL = none. */
const struct conf_model *conf_find_model(const struct conf *conf, const char *name, size_t len);

#endif
