/* SPDX-License-Identifier: MIT */
/* conf: what valid files become: defaults, bounds, substitution, pairs, and the printed form. */
#include "common/conf/conf.h"

#include <stddef.h>

#include "common/conf/effective.h"
#include "common/terms/pair_key.h"
#include "tests/unit/conf_fixture.h"

/* CONTRACT 3, written down a second time: numbers with their bounds and defaults. */
static const struct {
    const char *section, *key;
    size_t offset;
    uint32_t least, greatest, preset;
} numbers[] = {
#define NUMBER(section, key, member, least, greatest, preset)                \
    {                                                                        \
        section, key, offsetof(struct conf, member), least, greatest, preset \
    }
    NUMBER("settings", "cooldownDefaultMs", cooldown_default_ms, 1000, 2147483647, 60000),
    NUMBER("settings", "requestTimeoutMs", request_timeout_ms, 1000, 2147483647, 30000),
    NUMBER("settings", "streamIdleTimeoutMs", stream_idle_timeout_ms, 1000, 2147483647, 30000),
    NUMBER("settings", "firstTokenTimeoutMs", first_token_timeout_ms, 1000, 2147483647, 60000),
    NUMBER("settings", "streamEndGraceMs", stream_end_grace_ms, 100, 2147483647, 2000),
    NUMBER("settings", "answerTimeoutMs", answer_timeout_ms, 1000, 2147483647, 300000),
    NUMBER("settings", "answerIdleTimeoutMs", answer_idle_timeout_ms, 1000, 2147483647, 60000),
    NUMBER("settings", "deadlineMs", deadline_ms, 0, 2147483647, 0),
    NUMBER("settings", "retryAttempts", retry_attempts, 0, 5, 0),
    NUMBER("settings", "retryMaxWaitMs", retry_max_wait_ms, 0, 2147483647, 3000),
    NUMBER("settings", "midStreamFailureThreshold", mid_stream_failure_threshold, 1, 2147483647, 3),
    NUMBER("settings", "midStreamCooldownMs", mid_stream_cooldown_ms, 1000, 2147483647, 30000),
    NUMBER("settings", "midStreamCooldownMaxMs", mid_stream_cooldown_max_ms, 30000, 2147483647,
           30000),
    NUMBER("settings", "recoveryConcurrency", recovery_concurrency, 0, 2147483647, 1),
    NUMBER("settings", "maxRestMs", max_rest_ms, 1000, 2147483647, 21600000),
    NUMBER("settings", "preStreamFailureThreshold", pre_stream_failure_threshold, 0, 2147483647, 0),
    NUMBER("settings", "queueMaxWaitMs", queue_max_wait_ms, 1000, 2147483647, 300000),
    NUMBER("settings", "queueMaxSize", queue_max_size, 1, 2147483647, 100),
    NUMBER("server", "workers", workers, 1, 256, FIXTURE_CPUS),
    NUMBER("server", "maxConnections", max_connections, 1, 1000000, 10000),
    NUMBER("server", "maxBodyBytes", max_body_bytes, 1, 2147483647, 33554432),
    NUMBER("server", "maxHeaderBytes", max_header_bytes, 1, 16777216, 65536),
    NUMBER("server", "maxHeldBytes", max_held_bytes, 1, 2147483647, 4194304),
    NUMBER("server", "maxEventBytes", max_event_bytes, 1, 2147483647, 33554432),
    NUMBER("server", "maxAnswerBytes", max_answer_bytes, 1, 2147483647, 67108864),
    NUMBER("server", "clientHeaderTimeoutMs", client_header_timeout_ms, 100, 2147483647, 10000),
    NUMBER("server", "clientBodyTimeoutMs", client_body_timeout_ms, 100, 2147483647, 30000),
    NUMBER("server", "clientWriteTimeoutMs", client_write_timeout_ms, 100, 2147483647, 60000),
    NUMBER("server", "keepAliveTimeoutMs", keep_alive_timeout_ms, 100, 2147483647, 75000),
    NUMBER("server", "drainTimeoutMs", drain_timeout_ms, 100, 2147483647, 30000),
    NUMBER("server", "streamHeartbeatMs", stream_heartbeat_ms, 100, 2147483647, 15000),
    NUMBER("server", "stuckWorkerMs", stuck_worker_ms, 100, 2147483647, 10000),
    NUMBER("tracker", "capacity", tracker_capacity, 1, 65536, 1024),
};

static uint32_t number_in(const struct conf *conf, size_t i)
{
    uint32_t value;
    memcpy(&value, (const char *)conf + numbers[i].offset, sizeof(value));
    return value;
}

/* The file with one number set to value (as text). */
static char *text_with_number(size_t i, const char *value)
{
    bool is_setting = strcmp(numbers[i].section, "settings") == 0;
    char *line = is_setting
                     ? xasprintf("  %s: %s\n", numbers[i].key, value)
                     : xasprintf("%s: {%s: %s}\n", numbers[i].section, numbers[i].key, value);
    char *text = fixture_text(
        (struct addition){.settings = is_setting ? line : NULL, .rest = is_setting ? NULL : line});
    free(line);
    return text;
}

static bool accepts_number(size_t i, int64_t value)
{
    char *number = xasprintf("%lld", (long long)value), *messages = NULL;
    char *text = text_with_number(i, number);
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    bool is_accepted = conf != NULL;
    if (is_accepted)
        ck_assert_msg(number_in(conf, i) == value, "%s became %u", number, number_in(conf, i));
    else
        ck_assert_msg(strstr(messages, numbers[i].key) != NULL, "%s", messages);
    conf_free(&conf);
    free(messages);
    free(number);
    free(text);
    return is_accepted;
}

START_TEST(numbers_have_their_defaults)
{
    struct conf *conf = fixture_load((struct addition){0});
    for (size_t i = 0; i < UNIT_ROWS(numbers); i++)
        ck_assert_msg(number_in(conf, i) == numbers[i].preset, "%s is %u", numbers[i].key,
                      number_in(conf, i));
    ck_assert_uint_eq(conf->port, 3429);
    conf_free(&conf);
}
END_TEST

START_TEST(numbers_keep_to_their_bounds)
{
    for (size_t i = 0; i < UNIT_ROWS(numbers); i++) {
        const char *key = numbers[i].key;
        ck_assert_msg(accepts_number(i, numbers[i].least), "%s: least", key);
        ck_assert_msg(accepts_number(i, numbers[i].greatest), "%s: greatest", key);
        ck_assert_msg(!accepts_number(i, (int64_t)numbers[i].least - 1), "%s: below", key);
        ck_assert_msg(!accepts_number(i, (int64_t)numbers[i].greatest + 1), "%s: above", key);
    }
}
END_TEST

START_TEST(heartbeat_may_be_0)
{
    struct conf *conf = fixture_load((struct addition){.rest = "server: {streamHeartbeatMs: 0}\n"});
    ck_assert_uint_eq(conf->stream_heartbeat_ms, 0);
    conf_free(&conf);
}
END_TEST

START_TEST(the_rest_has_its_defaults)
{
    struct conf *conf = fixture_load((struct addition){0});
    ck_assert_str_eq(conf->path, FIXTURE_PATH);
    ck_assert_int_eq(conf->log_level, LOGLV_INFO);
    ck_assert_int_eq(conf->delivery, DELIVERY_STREAM);
    ck_assert(!conf->normalize_responses && !conf->queue_mode);
    ck_assert_uint_eq(conf->n_listen, 1);
    ck_assert_str_eq(conf->listen[0].text, "127.0.0.1");
    ck_assert_str_eq(conf->listen[0].address, "127.0.0.1");
    ck_assert_uint_eq(conf->listen[0].port, 3429);
    ck_assert_ptr_null(conf->pid_file);
    ck_assert_ptr_null(conf->user);
    ck_assert_ptr_null(conf->group);
    ck_assert_ptr_null(conf->access_log);
    ck_assert_ptr_null(conf->error_log);
    ck_assert_str_eq(conf->tracker_socket, RUNSTATEDIR "/weir/tracker.sock");
    ck_assert_str_eq(conf->tracker_shm, "/weir");
    ck_assert_str_eq(conf->tracker_state_file, LOCALSTATEDIR "/lib/weir/tracker.state");
    conf_free(&conf);
}
END_TEST

START_TEST(a_provider_has_its_defaults)
{
    struct conf *conf = fixture_load((struct addition){0});
    const struct conf_provider *one = &conf->providers[0];
    ck_assert_uint_eq(conf->n_providers, 1);
    ck_assert_str_eq(one->id, "one");
    ck_assert_str_eq(one->name, "One");
    ck_assert_str_eq(one->api_key, "provider-key");
    ck_assert_int_eq(one->type, PROVIDER_OPENAI);
    ck_assert(!one->http2);
    ck_assert(one->stream_usage);
    ck_assert_ptr_null(one->ca_file);
    ck_assert_uint_eq(one->timeout_ms | one->requests_per_minute | one->tokens_per_minute |
                          one->requests_per_day | one->concurrent_requests,
                      0);
    conf_free(&conf);
}
END_TEST

START_TEST(a_provider_has_what_it_is_given)
{
    struct conf *conf = fixture_load((struct addition){
        .provider = "    baseUrl: https://example.com:8443/v1//\n"
                    "    timeout: 1000\n"
                    "    http2: true\n"
                    "    streamUsage: false\n"
                    "    caFile: ca/own.pem\n"
                    "    rateLimits: {requestsPerMinute: 1, tokensPerMinute: 2,\n"
                    "                 requestsPerDay: 3, concurrentRequests: 4}\n"});
    const struct conf_provider *one = &conf->providers[0];
    ck_assert_str_eq(one->base_url, "https://example.com:8443/v1");
    ck_assert_uint_eq(one->timeout_ms, 1000);
    ck_assert(one->http2);
    ck_assert(!one->stream_usage);
    ck_assert_str_eq(one->ca_file, "/etc/weir/ca/own.pem");
    ck_assert_uint_eq(one->requests_per_minute, 1);
    ck_assert_uint_eq(one->tokens_per_minute, 2);
    ck_assert_uint_eq(one->requests_per_day, 3);
    ck_assert_uint_eq(one->concurrent_requests, 4);
    conf_free(&conf);
}
END_TEST

static const struct {
    const char *word, *url;
    enum provider_type type;
} types[] = {
    {"openai", "https://api.openai.com/v1", PROVIDER_OPENAI},
    {"openrouter", "https://openrouter.ai/api/v1", PROVIDER_OPENROUTER},
    {"groq", "https://api.groq.com/openai/v1", PROVIDER_GROQ},
    {"cerebras", "https://api.cerebras.ai/v1", PROVIDER_CEREBRAS},
    {"google-ai", "https://generativelanguage.googleapis.com/v1beta/openai", PROVIDER_GOOGLE_AI},
};

START_TEST(types_bring_their_addresses)
{
    for (size_t i = 0; i < UNIT_ROWS(types); i++) {
        char *more = xasprintf("  - {id: two, name: Two, type: %s, apiKey: x}\n", types[i].word);
        struct conf *conf = fixture_load((struct addition){.provider = more});
        ck_assert_int_eq(conf->providers[1].type, types[i].type);
        ck_assert_str_eq(conf->providers[1].base_url, types[i].url);
        ck_assert_str_eq(provider_type_name(types[i].type), types[i].word);
        conf_free(&conf);
        free(more);
    }
    ck_assert_str_eq(provider_type_name(PROVIDER_GENERIC_OPENAI), "generic-openai");
}
END_TEST

START_TEST(settings_depend_on_each_other)
{
    struct conf *conf = fixture_load((struct addition){.settings = "  requestTimeoutMs: 2000\n"
                                                                   "  streamIdleTimeoutMs: 3000\n"
                                                                   "  midStreamCooldownMs: 4000\n"
                                                                   "  delivery: complete\n"});
    ck_assert_uint_eq(conf->first_token_timeout_ms, 5000);
    ck_assert(!conf->has_first_token_timeout);
    ck_assert_uint_eq(conf->mid_stream_cooldown_max_ms, 4000);
    ck_assert_int_eq(conf->chains[0].delivery, DELIVERY_COMPLETE);
    conf_free(&conf);
    conf = fixture_load((struct addition){.settings = "  requestTimeoutMs: 2147483647\n"});
    ck_assert_uint_eq(conf->first_token_timeout_ms, 2147483647);
    conf_free(&conf);
}
END_TEST

START_TEST(the_order_of_sections_does_not_matter)
{
    static const char text[] =
        "chains:\n"
        "  - {name: a, entries: [{provider: p, model: m}]}\n"
        "  - {name: b, delivery: stream, entries: [{provider: p, model: m}]}\n"
        "server: {listen: [127.0.0.1]}\n"
        "providers: [{id: p, name: P, type: groq, apiKey: k}]\n"
        "settings: {port: 81, delivery: complete, apiKeys: [k], defaultChain: b}\n"
        "version: 1\n";
    char *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_msg(conf != NULL, "%s", messages);
    ck_assert_uint_eq(conf->listen[0].port, 81);
    ck_assert_int_eq(conf->chains[0].delivery, DELIVERY_COMPLETE);
    ck_assert_int_eq(conf->chains[1].delivery, DELIVERY_STREAM);
    ck_assert_uint_eq(conf->default_chain, 1);
    conf_free(&conf);
    free(messages);
}
END_TEST

START_TEST(pairs_are_the_distinct_ones_in_order)
{
    struct conf *conf = fixture_load((struct addition){
        .provider = "  - {id: two, name: Two, type: groq, apiKey: x}\n",
        .rest = "      - {provider: two, model: m}\n"
                "      - {provider: one, model: m}\n"
                "  - name: other\n"
                "    entries: [{provider: two, model: n}, {provider: two, model: m}]\n"});
    static const uint32_t first[] = {0, 1, 0}, second[] = {2, 1};
    ck_assert_uint_eq(conf->n_pairs, 3);
    ck_assert_uint_eq(conf->chains[0].n_pairs, 3);
    ck_assert_mem_eq(conf->chains[0].pairs, first, sizeof(first));
    ck_assert_uint_eq(conf->chains[1].n_pairs, 2);
    ck_assert_mem_eq(conf->chains[1].pairs, second, sizeof(second));
    ck_assert_str_eq(conf->pairs[2].provider->id, "two");
    ck_assert_str_eq(conf->pairs[2].model, "n");
    ck_assert_uint_eq(conf->pairs[2].key_hash, pair_key_hash("two", "n"));
    conf_free(&conf);
}
END_TEST

START_TEST(chains_are_found_by_name)
{
    struct conf *conf = fixture_load(
        (struct addition){.rest = "  - {name: other, entries: [{provider: one, model: n}]}\n"});
    ck_assert_int_eq(conf_find_chain(conf, "otherwise", 5), 1);
    ck_assert_int_eq(conf_find_chain(conf, "othe", 4), -1);
    ck_assert_int_eq(conf_find_chain(conf, "otherwise", 9), -1);
    ck_assert_int_eq(conf_find_chain(conf, "", 0), -1);
    ck_assert_int_eq(conf_find_chain(conf, "other", 5), 1);
    ck_assert_int_eq(conf_find_chain(conf, "gpt-4o", 6), -1);
    ck_assert_int_eq(conf_find_chain_by_hash(conf, chain_name_hash("other")), 1);
    ck_assert_int_eq(conf_find_chain_by_hash(conf, chain_name_hash("othe")), -1);
    ck_assert_int_eq(conf_find_chain_by_hash(conf, 0), -1);
    conf_free(&conf);
}
END_TEST

START_TEST(pairs_are_found_by_key_and_by_name)
{
    struct conf *conf = fixture_load(
        (struct addition){.provider = "  - {id: a/b, name: Two, type: groq, apiKey: x}\n",
                          .rest = "      - {provider: a/b, model: c/d}\n"});
    ck_assert_int_eq(conf_find_pair(conf, pair_key_hash("a/b", "c/d")), 1);
    ck_assert_int_eq(conf_find_pair(conf, pair_key_hash("a", "b/c/d")), -1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, "a/b/c/d"), 1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, "a/b/c"), -1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, "a/b/c/d/"), -1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, "a/b"), -1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, "a"), -1);
    ck_assert_int_eq(conf_find_pair_by_name(conf, ""), -1);
    conf_free(&conf);
}
END_TEST

START_TEST(variables_are_substituted)
{
    struct conf *conf = fixture_load((struct addition){
        .settings = "  # ${WEIR_TEST_UNSET} in a comment is nothing\n",
        .provider =
            "  - {id: a, name: A, type: groq, apiKey: \"${WEIR_TEST_KEY}\"}\n"
            "  - {id: b, name: B, type: groq, apiKey: \"<${WEIR_TEST_KEY}$>\"}\n"
            "  - {id: c, name: C, type: groq, apiKey: \"$WEIR_TEST_KEY ${} ${1A} ${A B} $\"}\n"
            "  - {id: d, name: \"${WEIR_TEST_KEY}\", type: groq, apiKey: \"${WEIR\"}\n"});
    ck_assert_str_eq(conf->providers[1].api_key, "key-from-environment");
    ck_assert_str_eq(conf->providers[2].api_key, "<key-from-environment$>");
    ck_assert_str_eq(conf->providers[3].api_key, "$WEIR_TEST_KEY ${} ${1A} ${A B} $");
    ck_assert_str_eq(conf->providers[4].api_key, "${WEIR");
    ck_assert_str_eq(conf->providers[4].name, "${WEIR_TEST_KEY}");
    conf_free(&conf);
}
END_TEST

START_TEST(client_keys_are_substituted)
{
    static const char text[] = "settings: {apiKeys: [a, \"${WEIR_TEST_KEY}\"], defaultChain: c}\n"
                               "providers: [{id: p, name: P, type: groq, apiKey: k}]\n"
                               "chains: [{name: c, entries: [{provider: p, model: m}]}]\n";
    char *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_msg(conf != NULL, "%s", messages);
    ck_assert_uint_eq(conf->n_api_keys, 2);
    ck_assert_str_eq(conf->api_keys[0], "a");
    ck_assert_str_eq(conf->api_keys[1], "key-from-environment");
    conf_free(&conf);
    free(messages);
}
END_TEST

START_TEST(without_an_environment_nothing_is_needed_of_it)
{
    char *text = fixture_text((struct addition){
        .provider = "  - {id: a, name: A, type: groq, apiKey: \"${WEIR_TEST_UNSET}\"}\n"});
    struct conf_source source = {
        .path = FIXTURE_PATH, .text = text, .len = strlen(text), .n_cpus = 1};
    struct conf *conf = NULL;
    struct buf messages = BUF_INIT;
    ck_assert(conf_parse(&source, &conf, &messages));
    ck_assert_str_eq(conf->providers[1].api_key, "${WEIR_TEST_UNSET}");
    conf_free(&conf);
    buf_free(&messages);
    free(text);
}
END_TEST

START_TEST(a_dash_is_standard_error_for_logs_only)
{
    struct conf *conf = fixture_load(
        (struct addition){.rest = "server: {accessLog: \"-\", errorLog: \"-\", pidFile: \"-\"}\n"});
    ck_assert_str_eq(conf->access_log, "-");
    ck_assert_str_eq(conf->error_log, "-");
    ck_assert_str_eq(conf->pid_file, "/etc/weir/-");
    conf_free(&conf);
}
END_TEST

START_TEST(paths_start_from_the_file)
{
    struct conf *conf = fixture_load((struct addition){
        .rest = "server: {pidFile: weir.pid, accessLog: /var/log/a, listen: [\"unix:w.sock\"]}\n"
                "tracker: {socket: ../t.sock, stateFile: \"\"}\n"});
    ck_assert_str_eq(conf->pid_file, "/etc/weir/weir.pid");
    ck_assert_str_eq(conf->access_log, "/var/log/a");
    ck_assert_str_eq(conf->listen[0].unix_path, "/etc/weir/w.sock");
    ck_assert_str_eq(conf->listen[0].text, "unix:w.sock");
    ck_assert_ptr_null(conf->listen[0].address);
    ck_assert_str_eq(conf->tracker_socket, "/etc/weir/../t.sock");
    ck_assert_ptr_null(conf->tracker_state_file);
    conf_free(&conf);
}
END_TEST

START_TEST(names_may_be_as_long_as_the_table_holds)
{
    char id[CONF_PROVIDER_ID_MAX + 1] = {0}, model[CONF_MODEL_MAX + 1] = {0};
    memset(id, 'i', CONF_PROVIDER_ID_MAX);
    memset(model, 'm', CONF_MODEL_MAX);
    char *provider = xasprintf("  - {id: %s, name: x, type: groq, apiKey: x}\n", id);
    char *entry = xasprintf("      - {provider: %s, model: %s}\n", id, model);
    struct conf *conf = fixture_load((struct addition){.provider = provider, .rest = entry});
    ck_assert_str_eq(conf->pairs[1].provider->id, id);
    ck_assert_str_eq(conf->pairs[1].model, model);
    conf_free(&conf);
    free(provider);
    free(entry);
}
END_TEST

/* Whatever is printed loads again and prints the same; keys are not in it. */
START_TEST(the_printed_form_loads_again)
{
    struct conf *conf = fixture_load((struct addition){
        .settings = "  midStreamCooldownMaxMs: 90000\n",
        .provider = "    rateLimits: {requestsPerDay: 5}\n"
                    "  - {id: \"t\\\"wo\", name: \"T\\u00e4\", type: groq, apiKey: hidden-key}\n",
        .rest = "      - {provider: \"t\\\"wo\", model: \"a/b:free\"}\n"
                "server: {listen: [\"[::1]:80\", \"unix:/w\"], user: nobody}\n"
                "tracker: {stateFile: \"\"}\n"});
    struct buf first = BUF_INIT, second = BUF_INIT;
    char *messages = NULL;
    conf_print_effective(conf, &first);
    struct conf *again = fixture_parse_bytes(buf_cstr(&first), first.len, &messages);
    ck_assert_msg(again != NULL, "%s\n%s", messages, buf_cstr(&first));
    conf_print_effective(again, &second);
    ck_assert_str_eq(buf_cstr(&first), buf_cstr(&second));
    ck_assert_ptr_null(strstr(buf_cstr(&first), "hidden-key"));
    ck_assert_ptr_null(strstr(buf_cstr(&first), "client-key"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&first), "\n      requestsPerDay: 5\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&first), "\n  user: \"nobody\"\n"));
    ck_assert_ptr_null(again->tracker_state_file);
    buf_free(&first);
    buf_free(&second);
    conf_free(&conf);
    conf_free(&again);
    free(messages);
}
END_TEST

START_TEST(fixed_changes_are_named)
{
    struct conf *a = fixture_load((struct addition){0});
    struct conf *b = fixture_load(
        (struct addition){.settings = "  port: 81\n",
                          .rest = "server: {user: x}\ntracker: {shm: /other, capacity: 2}\n"});
    struct buf names = BUF_INIT;
    ck_assert_uint_eq(conf_print_fixed_changes(a, a, &names), 0);
    ck_assert_uint_eq(names.len, 0);
    ck_assert_uint_eq(conf_print_fixed_changes(a, b, &names), 2);
    ck_assert_str_eq(buf_cstr(&names), "server.user, tracker.shm");
    buf_clear(&names);
    ck_assert_uint_eq(conf_keep_fixed(a, b, &names), 2);
    ck_assert_str_eq(buf_cstr(&names), "server.user, tracker.shm");
    ck_assert_ptr_null(b->user);
    ck_assert_str_eq(b->tracker_shm, a->tracker_shm);
    ck_assert_ptr_ne(b->tracker_shm, a->tracker_shm);
    ck_assert_uint_eq(b->tracker_capacity, 2);
    ck_assert_uint_eq(b->port, 81);
    ck_assert_uint_eq(conf_keep_fixed(a, b, &names), 0);
    buf_free(&names);
    conf_free(&a);
    conf_free(&b);
}
END_TEST

/* The shape of a file of 429chain: its keys, its habits of quoting, its ignored database. */
START_TEST(a_429chain_file_loads)
{
    static const char text[] = "version: 1\n"
                               "settings:\n"
                               "  port: 3429\n"
                               "  apiKeys:\n"
                               "    - \"your-proxy-api-key-here\"  # for clients\n"
                               "  defaultChain: \"default\"\n"
                               "  logLevel: info\n"
                               "  cooldownDefaultMs: 60000\n"
                               "  requestTimeoutMs: 30000\n"
                               "  dbPath: ./data/observability.db\n"
                               "  normalizeResponses: false\n"
                               "  midStreamFailureThreshold: 3\n"
                               "  midStreamCooldownMs: 30000\n"
                               "providers:\n"
                               "  - id: groq\n"
                               "    name: Groq\n"
                               "    type: groq\n"
                               "    apiKey: \"gsk_your-key-here\"\n"
                               "    timeout: 10000\n"
                               "    rateLimits:\n"
                               "      requestsPerMinute: 30\n"
                               "      tokensPerMinute: 15000\n"
                               "  - id: moonshot\n"
                               "    name: Moonshot\n"
                               "    type: generic-openai\n"
                               "    apiKey: sk-x\n"
                               "    baseUrl: \"https://api.moonshot.ai/v1\"\n"
                               "chains:\n"
                               "  - name: default\n"
                               "    entries:\n"
                               "      - provider: groq\n"
                               "        model: \"meta-llama/llama-3.1-8b-instruct:free\"\n"
                               "      - provider: moonshot\n"
                               "        model: kimi-k2-0711-preview\n";
    char *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_str_eq(messages,
                     "10:11: warning: settings.dbPath is ignored: weir keeps no database");
    ck_assert_ptr_nonnull(conf);
    ck_assert_uint_eq(conf->n_pairs, 2);
    ck_assert_str_eq(conf->pairs[0].model, "meta-llama/llama-3.1-8b-instruct:free");
    conf_free(&conf);
    free(messages);
}
END_TEST

/* What is allowed, and hardly ever meant. */
START_TEST(warnings)
{
    static const struct {
        const char *text, *message; /* behind line 4: the rest */
    } rows[] = {
        {"{id: a, name: A, type: openai, apiKey: $OPENAI_API_KEY}",
         "4:42: warning: providers[0].apiKey is taken as it stands: a variable of the environment "
         "is ${NAME}"},
        {"{id: a, name: A, type: openai, apiKey: $a-b}", ""},
        {"{id: a, name: A, type: openai, apiKey: $$a}", ""},
        {"{id: a, name: A, type: openai, apiKey: k, baseUrl: 'https://a/v1/chat/completions/'}",
         "4:54: warning: providers[0].baseUrl ends in /chat/completions, which weir appends "
         "itself: "
         "leave it out"},
        {"{id: a, name: A, type: openai, apiKey: k, baseUrl: 'https://a/v1/messages'}",
         "4:54: warning: providers[0].baseUrl ends in /messages, which weir appends itself: leave "
         "it out"},
        {"{id: a, name: A, type: openai, apiKey: k, baseUrl: 'https://messages'}", ""},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char *messages = NULL;
        char *text = xasprintf("settings: {apiKeys: [k], defaultChain: main}\n"
                               "\n"
                               "providers:\n"
                               "- %s\n"
                               "chains: [{name: main, entries: [{provider: a, model: m}]}]\n",
                               rows[i].text);
        struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
        ck_assert_str_eq(messages, rows[i].message);
        ck_assert_ptr_nonnull(conf);
        conf_free(&conf);
        free(messages);
        free(text);
    }
}
END_TEST

START_TEST(the_samples_key_is_for_this_machine)
{
    static const struct {
        const char *key, *listen;
        bool is_warned_about;
    } rows[] = {
        {"change-this-key", "127.0.0.1", false}, {"change-this-key", "'[::1]:80'", false},
        {"change-this-key", "unix:a", false},    {"change-this-key", "0.0.0.0", true},
        {"change-this-key", "'::'", true},       {"another-key", "0.0.0.0", false},
    };
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        char *messages = NULL;
        char *text = xasprintf("settings: {apiKeys: [%s], defaultChain: main}\n"
                               "server: {listen: [%s]}\n"
                               "providers: [{id: a, name: A, type: openai, apiKey: k}]\n"
                               "chains: [{name: main, entries: [{provider: a, model: m}]}]\n",
                               rows[i].key, rows[i].listen);
        struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
        ck_assert_ptr_nonnull(conf);
        ck_assert_msg((strstr(messages, "warning: settings.apiKeys has the sample") != NULL) ==
                          rows[i].is_warned_about,
                      "%s: %s", rows[i].listen, messages);
        conf_free(&conf);
        free(messages);
        free(text);
    }
}
END_TEST

START_TEST(aliases_stand_for_what_they_name)
{
    struct conf *conf = fixture_load((struct addition){
        .provider = "    rateLimits: &limits {requestsPerDay: 7}\n"
                    "  - {id: two, name: Two, type: groq, apiKey: x, rateLimits: *limits}\n"});
    ck_assert_uint_eq(conf->providers[0].requests_per_day, 7);
    ck_assert_uint_eq(conf->providers[1].requests_per_day, 7);
    conf_free(&conf);
}
END_TEST

START_TEST(a_byte_order_mark_and_windows_line_ends_are_fine)
{
    char *text = fixture_text((struct addition){0}), *messages = NULL;
    struct buf windows = BUF_INIT;
    buf_puts(&windows, "\xef\xbb\xbf");
    for (const char *p = text; *p != '\0'; p++)
        buf_puts(&windows, *p == '\n' ? "\r\n" : (char[]){*p, '\0'});
    struct conf *conf = fixture_parse_bytes(windows.data, windows.len, &messages);
    ck_assert_msg(conf != NULL, "%s", messages);
    ck_assert_str_eq(conf->chains[0].name, "main");
    conf_free(&conf);
    buf_free(&windows);
    free(messages);
    free(text);
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
    struct conf *none = NULL;
    conf_free(&none);
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(a_model_is_found_where_a_chain_names_it_first)
{
    struct conf *conf = fixture_load((struct addition){
        .settings = "  modelNames: chains\n  unknownModel: reject\n",
        .rest = "  - name: second\n    entries:\n      - {provider: one, model: new}\n"
                "      - {provider: one, model: m}\n      - {provider: one, model: new}\n"});
    const struct conf_model *model = conf_find_model(conf, "new", 3);
    ck_assert_ptr_nonnull(model);
    ck_assert_uint_eq(model->chain, 1);
    ck_assert_uint_eq(model->entry, 0);
    ck_assert_ptr_null(conf_find_model(conf, "ne", 2));
    ck_assert_ptr_null(conf_find_model(conf, "", 0));
    ck_assert_int_eq(conf->model_names, CONF_MODEL_NAMES_CHAINS);
    ck_assert_int_eq(conf->unknown_model, CONF_UNKNOWN_MODEL_REJECT);
    conf_free(&conf);
}
END_TEST

START_TEST(origins_are_listed)
{
    struct conf *conf = fixture_load((struct addition){
        .rest = "server: {corsOrigins: ['https://app.example', 'http://localhost:3000']}\n"});
    ck_assert_uint_eq(conf->n_cors_origins, 2);
    ck_assert_str_eq(conf->cors_origins[1], "http://localhost:3000");
    conf_free(&conf);
    conf = fixture_load((struct addition){0});
    ck_assert_uint_eq(conf->n_cors_origins, 0);
    conf_free(&conf);
}
END_TEST

UNIT_MAIN("conf", origins_are_listed, a_model_is_found_where_a_chain_names_it_first,
          numbers_have_their_defaults, numbers_keep_to_their_bounds, heartbeat_may_be_0,
          the_rest_has_its_defaults, a_provider_has_its_defaults, a_provider_has_what_it_is_given,
          types_bring_their_addresses, settings_depend_on_each_other,
          the_order_of_sections_does_not_matter, pairs_are_the_distinct_ones_in_order,
          chains_are_found_by_name, pairs_are_found_by_key_and_by_name, variables_are_substituted,
          client_keys_are_substituted, without_an_environment_nothing_is_needed_of_it,
          a_dash_is_standard_error_for_logs_only, paths_start_from_the_file,
          names_may_be_as_long_as_the_table_holds, the_printed_form_loads_again,
          fixed_changes_are_named, a_429chain_file_loads, warnings,
          the_samples_key_is_for_this_machine, aliases_stand_for_what_they_name,
          a_byte_order_mark_and_windows_line_ends_are_fine, freeing_nothing_is_fine)
