/* SPDX-License-Identifier: MIT */
/* conf: every way in which a file can be wrong, with the exact message and place. */
#include "common/conf/schema.h"
#include "tests/unit/conf_fixture.h"

/* One fault each. Place and text as told, with "L" for the line at which the addition begins. */
struct row {
    const char *addition, *expected;
};

static void expect_rows(const struct row *rows, size_t n, size_t member, unsigned line)
{
    for (size_t i = 0; i < n; i++) {
        struct addition add = {0};
        *(const char **)((char *)&add + member) = rows[i].addition;
        struct buf expected = BUF_INIT;
        for (const char *p = rows[i].expected; *p != '\0'; p++) {
            bool is_line = *p == 'L' && (p == rows[i].expected || p[-1] == '\n');
            if (is_line)
                buf_printf(&expected, "%u", line);
            else
                buf_putc(&expected, *p);
        }
        fixture_expect(add, buf_cstr(&expected));
        buf_free(&expected);
    }
}

static const struct row settings_rows[] = {
    {"  port: \"3429\"\n",
     "L:9: settings.port must be an integer from 1 to 65535, not the string \"3429\""},
    {"  port: 0\n", "L:9: settings.port must be an integer from 1 to 65535, not 0"},
    {"  port: 65536\n", "L:9: settings.port must be an integer from 1 to 65535, not 65536"},
    {"  port: [1]\n", "L:9: settings.port must be an integer from 1 to 65535, not a list"},
    {"  port: 80.5\n", "L:9: settings.port must be an integer from 1 to 65535, not 80.5"},
    {"  port:\n",
     "L:3: settings.port needs a value: the port of the listen addresses that name none"},
    {"  port: null\n",
     "L:3: settings.port needs a value: the port of the listen addresses that name none"},
    {"  port: \"\"\n",
     "L:9: settings.port must be an integer from 1 to 65535, not the string \"\""},
    {"  logLevel: trace\n",
     "L:13: settings.logLevel must be one of debug, info, warn, error, not the string \"trace\""},
    {"  logLevel: 1\n", "L:13: settings.logLevel must be one of debug, info, warn, error, not 1"},
    {"  logLevel: {}\n",
     "L:13: settings.logLevel must be one of debug, info, warn, error, not a mapping"},
    {"  cooldownDefaultMs: 999\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at least 1000 (ms), not 999"},
    {"  cooldownDefaultMs: 3e4\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at least 1000 (ms), not 3e4"},
    {"  cooldownDefaultMs: 30_000\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at least 1000 (ms), not the string "
     "\"30_000\""},
    {"  cooldownDefaultMs: 0x7530\n",
     "L:22: settings.cooldownDefaultMs must be written in plain decimal digits, not 0x7530"},
    {"  cooldownDefaultMs: 030000\n",
     "L:22: settings.cooldownDefaultMs must be written in plain decimal digits, not 030000"},
    {"  cooldownDefaultMs: +30000\n",
     "L:22: settings.cooldownDefaultMs must be written in plain decimal digits, not +30000"},
    {"  cooldownDefaultMs: -30000\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at least 1000 (ms), not -30000"},
    {"  cooldownDefaultMs: 99999999999999999999999\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at most 2147483647 (ms), not "
     "99999999999999999999999"},
    {"  cooldownDefaultMs: -99999999999999999999999\n",
     "L:22: settings.cooldownDefaultMs must be an integer of at least 1000 (ms), not "
     "-99999999999999999999999"},
    {"  deadlineMs: -1\n",
     "L:15: settings.deadlineMs must be an integer of at least 0 (ms), not -1"},
    {"  retryAttempts: 6\n", "L:18: settings.retryAttempts must be an integer from 0 to 5, not 6"},
    {"  queueMode: yes\n",
     "L:14: settings.queueMode must be true or false, not the string \"yes\""},
    {"  queueMode: \"true\"\n",
     "L:14: settings.queueMode must be true or false, not the string \"true\""},
    {"  queueMode: 1\n", "L:14: settings.queueMode must be true or false, not 1"},
    {"  delivery: Stream\n",
     "L:13: settings.delivery must be one of stream, complete, not the string \"Stream\""},
    {"  midStreamCooldownMaxMs: 29999\n",
     "L:27: settings.midStreamCooldownMaxMs must be at least midStreamCooldownMs (30000), not "
     "29999"},
    {"  apiKeys: [x]\n", "L:3: duplicate key \"apiKeys\", first given in line 2"},
    {"  cooldownDefaultMS: 5\n",
     "L:3: unknown key \"cooldownDefaultMS\"; the nearest known key is settings.cooldownDefaultMs"},
    {"  request_timeout_ms: 5\n",
     "L:3: unknown key \"request_timeout_ms\"; the nearest known key is settings.requestTimeoutMs"},
    {"  apiKey:sk-hidden: 5\n",
     "L:3: unknown key \"apiKey\"...; the nearest known key is settings.apiKeys"},
    {"  <<: {port: 1}\n", "L:3: merge keys (<<) are not supported"},
    {"  ? [a]\n  : 1\n", "L:5: a key must be a word, not a list"},
    {"  port: !!int 80\n", "L:9: tags are not supported here"},
    {"  port: *nowhere\n", "L:9: this alias names no anchor above it"},
};

static const struct row provider_rows[] = {
    {"    timeout: 999\n",
     "L:14: providers[0].timeout must be an integer of at least 1000 (ms), not 999"},
    {"    caFile: \"\"\n", "L:13: providers[0].caFile must not be empty"},
    {"    caFile: [a]\n", "L:13: providers[0].caFile must be a string, not a list"},
    {"    http2: on\n", "L:12: providers[0].http2 must be true or false, not the string \"on\""},
    {"    rateLimits: 5\n", "L:17: providers[0].rateLimits must be a mapping, not an integer"},
    {"    rateLimits:\n",
     "L:5: providers[0].rateLimits needs a value: limits to keep when the provider's headers tell "
     "none"},
    {"    rateLimits: {requestsPerMinute: 0}\n",
     "L:37: providers[0].rateLimits.requestsPerMinute must be an integer of at least 1, not 0"},
    {"    rateLimits: {rpm: 5}\n", "L:18: unknown key \"rpm\"; the nearest known key is "
                                   "providers[0].rateLimits.requestsPerDay"},
    {"    baseURL: https://x.y\n",
     "L:5: unknown key \"baseURL\"; the nearest known key is providers[0].baseUrl"},
    {"    baseUrl: ftp://x.y\n", "L:14: providers[0].baseUrl must begin with http:// or https://"},
    {"    baseUrl: https://u:hidden@x.y\n",
     "L:14: providers[0].baseUrl must carry no user name or password"},
    {"    baseUrl: 5\n",
     "L:14: providers[0].baseUrl must be a string (put it in quotes), not an integer"},
    {"    baseUrl: \"\"\n", "L:14: providers[0].baseUrl must not be empty"},
    {"  - hidden\n", "L:5: providers[1] must be a mapping, not a string"},
    {"  -\n", "L:4: providers[1] must be a mapping, not nothing"},
    {"  - {id: one, name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id \"one\" is the same as that of providers[0]"},
    {"  - {name: x, type: groq, apiKey: x}\n",
     "L:5: providers[1].id is missing: what chains call it"},
    {"  - {id: x, type: groq, apiKey: x}\n",
     "L:5: providers[1].name is missing: what people call it"},
    {"  - {id: x, name: x, apiKey: x}\n",
     "L:5: providers[1].type is missing: which provider's headers and quirks it has"},
    {"  - {id: x, name: x, type: groq}\n",
     "L:5: providers[1].apiKey is missing: the key sent to it; ${NAME} is taken from the "
     "environment"},
    {"  - {id: x, name: x, type: generic-openai, apiKey: x}\n",
     "L:5: providers[1].baseUrl is missing: the type generic-openai has no address of its own"},
    {"  - {id: x, name: x, type: gorq, apiKey: x}\n",
     "L:28: providers[1].type must be one of openai, openrouter, groq, cerebras, google-ai, "
     "generic-openai, not the string \"gorq\""},
    {"  - {id: \"\", name: x, type: groq, apiKey: x}\n", "L:10: providers[1].id must not be empty"},
    {"  - {id: 7, name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must be a string (put it in quotes), not 7"},
    {"  - {id: true, name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must be a string (put it in quotes), not true"},
    {"  - {id: [x], name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must be a string, not a list"},
    {"  - {id: \"a\\nb\", name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must not contain control characters"},
    {"  - {id: \"a\\0b\", name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must not contain control characters"},
    {"  - {id: \"a\\x9bb\", name: x, type: groq, apiKey: x}\n",
     "L:10: providers[1].id must not contain control characters"},
    {"  - {id: 0123456789012345678901234567890123456789012345678901234567890abc, name: x, "
     "type: groq, apiKey: x}\n",
     "L:10: providers[1].id must be at most 63 bytes long"},
    {"  - {id: x, name: x, type: groq, apiKey: 12345678}\n",
     "L:42: providers[1].apiKey must be a string (put it in quotes), not an integer"},
    {"  - {id: x, name: x, type: groq, apiKey: [hidden]}\n",
     "L:42: providers[1].apiKey must be a string, not a list"},
    {"  - {id: x, name: x, type: groq, apiKey: \"\"}\n",
     "L:42: providers[1].apiKey must not be empty"},
    {"  - {id: x, name: x, type: groq, apiKey: \"hidden\\n\"}\n",
     "L:42: providers[1].apiKey must not contain control characters"},
    {"  - {id: x, name: x, type: groq, apiKey: \"${WEIR_TEST_UNSET}\"}\n",
     "L:42: providers[1].apiKey needs the environment variable WEIR_TEST_UNSET, which is not set"},
    {"  - {id: x, name: x, type: groq, apiKey: \"${WEIR_TEST_EMPTY}\"}\n",
     "L:42: providers[1].apiKey needs the environment variable WEIR_TEST_EMPTY, which is empty"},
    {"  - {id: x, name: x, type: groq, apiKey: \"${WEIR_TEST_BREAK}\"}\n",
     "L:42: providers[1].apiKey has a control character (a line break?) in its environment "
     "variable"},
    {"  - {id: x, name: x, type: groq, apiKey: \"${WEIR_TEST_UNSET}${OTHER}\"}\n",
     "L:42: providers[1].apiKey needs the environment variable WEIR_TEST_UNSET, which is not set\n"
     "L:42: providers[1].apiKey needs the environment variable OTHER, which is not set"},
};

static const struct row rest_rows[] = {
    {"      - {provider: onne, model: m}\n",
     "L:20: chains[0].entries[1].provider: \"onne\" is the id of no provider; the nearest is "
     "\"one\""},
    {"      - {provider: one}\n",
     "L:9: chains[0].entries[1].model is missing: the model to ask it for"},
    {"      - {model: m}\n", "L:9: chains[0].entries[1].provider is missing: the id of a provider"},
    {"      - one\n", "L:9: chains[0].entries[1] must be a mapping, not a string"},
    {"      - {provider: one, model: m, weight: 3}\n",
     "L:35: unknown key \"weight\"; the nearest known key is chains[0].entries[1].model"},
    {"  - {name: main, entries: [{provider: one, model: m}]}\n",
     "L:12: chains[1].name \"main\" is the same as that of chains[0]"},
    {"  - {name: x, entries: []}\n", "L:24: chains[1].entries needs at least one element"},
    {"  - {name: x, entries: {}}\n", "L:24: chains[1].entries must be a list, not a mapping"},
    {"  - {name: x}\n", "L:5: chains[1].entries is missing: the pairs to try, in order"},
    {"  - {name: x, delivery: late, entries: [{provider: one, model: m}]}\n",
     "L:25: chains[1].delivery must be one of stream, complete, not the string \"late\""},
    {"version: 2\n", "L:10: version must be 1, not 2"},
    {"version: \"1\"\n", "L:10: version must be 1, not the string \"1\""},
    {"version: 01\n", "L:10: version must be 1, not 01"},
    {"tracking: 1\n", "L:1: unknown key \"tracking\"; the nearest known key is tracker"},
    {"server: 5\n", "L:9: server must be a mapping, not an integer"},
    {"server:\n", "L:1: server needs a value: the gateway's processes"},
    {"server: {listen: 127.0.0.1}\n", "L:18: server.listen must be a list, not the string "
                                      "\"127.0.0.1\""},
    {"server: {listen: []}\n", "L:18: server.listen needs at least one element"},
    {"server: {listen: [~]}\n", "L:19: server.listen[0] needs a value"},
    {"server: {listen: [8080]}\n",
     "L:19: server.listen[0] must be a string (put it in quotes), not 8080"},
    {"server: {listen: [\"*:80\"]}\n",
     "L:19: server.listen[0] must be a numeric address or localhost, with or without :PORT, or "
     "unix:PATH, not \"*:80\""},
    {"server: {listen: [127.0.0.1, \"127.0.0.1:3429\"]}\n",
     "L:30: server.listen[1] is the same as listen[0]"},
    {"server: {workers: 0}\n",
     "L:19: server.workers must be an integer from 1 to 256 or auto, not 0"},
    {"server: {workers: Auto}\n",
     "L:19: server.workers must be an integer from 1 to 256 or auto, not the string \"Auto\""},
    {"server: {user: 5}\n", "L:16: server.user must be a string (put it in quotes), not 5"},
    {"server: {pidFile: \"\"}\n", "L:19: server.pidFile must not be empty"},
    {"server: {corsOrigins: ['https://a.example/']}\n",
     "L:24: server.corsOrigins[0] must be * or an origin such as https://app.example, no path, not "
     "the string \"https://a.example/\""},
    {"server: {corsOrigins: []}\n", "L:23: server.corsOrigins needs at least one element"},
    {"server: {streamHeartbeatMs: 99}\n",
     "L:29: server.streamHeartbeatMs must be 0 or an integer of at least 100 (ms), not 99"},
    {"server: {maxHeaderBytes: 0}\n",
     "L:26: server.maxHeaderBytes must be an integer from 1 to 16777216 (bytes), not 0"},
    {"tracker: {shm: weir}\n",
     "L:16: tracker.shm must be a slash and a name without further slashes, not the string "
     "\"weir\""},
    {"tracker: {shm: /a/b}\n",
     "L:16: tracker.shm must be a slash and a name without further slashes, not the string "
     "\"/a/b\""},
    {"tracker: {shm: /..}\n",
     "L:16: tracker.shm must be a slash and a name without further slashes, not the string "
     "\"/..\""},
    {"tracker: {socket: \"\"}\n", "L:19: tracker.socket must not be empty"},
};

#define EXPECT_ROWS(rows, n, member, line) \
    expect_rows((rows), (n), offsetof(struct addition, member), (line))

START_TEST(settings_are_checked)
{
    EXPECT_ROWS(settings_rows, UNIT_ROWS(settings_rows), settings, SETTINGS_LINE);
}
END_TEST

START_TEST(providers_are_checked)
{
    EXPECT_ROWS(provider_rows, UNIT_ROWS(provider_rows), provider, PROVIDER_LINE);
}
END_TEST

START_TEST(chains_server_and_tracker_are_checked)
{
    EXPECT_ROWS(rest_rows, UNIT_ROWS(rest_rows), rest, REST_LINE);
}
END_TEST

/* Whole files. */
static const struct row file_rows[] = {
    {"", "1:1: the file is empty"},
    {"# nothing\n", "1:1: the file is empty"},
    {"---\n...\n", "1:1: the file is empty"},
    {"- a\n", "1:1: the file must be a mapping, not a list"},
    {"hidden\n", "1:1: the file must be a mapping, not a string"},
    {"{}\n", "1:1: settings is missing: how weir behaves\n"
             "1:1: providers is missing: who can be asked\n"
             "1:1: chains is missing: who is asked, in which order"},
    {"settings: {apiKeys: hidden, defaultChain: c}\nproviders: []\nchains: [hidden]\n",
     "1:21: settings.apiKeys must be a list, not a string\n"
     "1:43: settings.defaultChain: \"c\" is the name of no chain\n"
     "2:12: providers needs at least one element\n"
     "3:10: chains[0] must be a mapping, not a string"},
    {"settings: {apiKeys: [], defaultChain: \"\"}\nproviders: {}\nchains: hidden\n",
     "1:21: settings.apiKeys needs at least one element\n"
     "1:39: settings.defaultChain must not be empty\n"
     "2:12: providers must be a list, not a mapping\n"
     "3:9: chains must be a list, not a string"},
    {"settings: {apiKeys: [\"\", 12345678, ~, \"a\\tb\"]}\nproviders:\nchains: ~\n",
     "1:11: settings.defaultChain is missing: the chain for requests whose model is no chain's "
     "name\n"
     "1:22: settings.apiKeys[0] must not be empty\n"
     "1:26: settings.apiKeys[1] must be a string (put it in quotes), not an integer\n"
     "1:36: settings.apiKeys[2] needs a value\n"
     "1:39: settings.apiKeys[3] must not contain control characters\n"
     "2:1: providers needs a value: who can be asked\n"
     "3:1: chains needs a value: who is asked, in which order"},
};

START_TEST(files_are_checked)
{
    for (size_t i = 0; i < UNIT_ROWS(file_rows); i++)
        fixture_expect_bytes(file_rows[i].addition, strlen(file_rows[i].addition),
                             file_rows[i].expected);
}
END_TEST

START_TEST(the_default_chain_must_exist)
{
    static const char text[] = "settings: {apiKeys: [k], defaultChain: fats}\n"
                               "providers: [{id: p, name: P, type: groq, apiKey: k}]\n"
                               "chains: [{name: default, entries: [{provider: p, model: m}]},\n"
                               "         {name: fast, entries: [{provider: p, model: m}]}]\n";
    fixture_expect_bytes(text, strlen(text),
                         "1:40: settings.defaultChain: \"fats\" is the name of no chain; the "
                         "nearest is \"fast\"");
}
END_TEST

START_TEST(the_table_must_have_room_for_the_pairs)
{
    fixture_expect((struct addition){.rest = "      - {provider: one, model: n}\n"
                                             "      - {provider: one, model: m}\n"
                                             "tracker: {shm: /x, capacity: 1}\n"},
                   "16:30: tracker.capacity is 1, but the chains name 2 pairs");
}
END_TEST

START_TEST(the_default_room_may_be_too_little)
{
    struct buf entries = BUF_INIT;
    for (int i = 0; i < 1024; i++)
        buf_printf(&entries, "      - {provider: one, model: m%d}\n", i);
    fixture_expect((struct addition){.rest = buf_cstr(&entries)},
                   "1:1: tracker.capacity is 1024, but the chains name 1025 pairs");
    buf_free(&entries);
}
END_TEST

START_TEST(all_faults_come_in_the_order_of_the_file)
{
    fixture_expect((struct addition){.settings = "  port: 0\n  logLevel: 1\n",
                                     .provider = "    timeout: 1\n",
                                     .rest = "extra: 1\nserver: {listen: [x, y], workers: no}\n"},
                   "4:9: settings.port must be an integer from 1 to 65535, not 0\n"
                   "5:13: settings.logLevel must be one of debug, info, warn, error, not 1\n"
                   "11:14: providers[0].timeout must be an integer of at least 1000 (ms), not 1\n"
                   "17:1: unknown key \"extra\"; the nearest known key is server\n"
                   "18:19: server.listen[0] must be a numeric address or localhost, with or "
                   "without :PORT, or unix:PATH, not \"x\"\n"
                   "18:22: server.listen[1] must be a numeric address or localhost, with or "
                   "without :PORT, or unix:PATH, not \"y\"\n"
                   "18:35: server.workers must be an integer from 1 to 256 or auto, not the "
                   "string \"no\"");
}
END_TEST

/* Suggestions are worth some time, not any time: the last of very many unknown names has none. */
START_TEST(suggestions_are_bounded)
{
    struct buf providers = BUF_INIT, entries = BUF_INIT;
    for (int i = 0; i < 999; i++)
        buf_printf(&providers, "  - {id: p%d, name: x, type: groq, apiKey: x}\n", i);
    for (int i = 0; i < 200; i++)
        buf_printf(&entries, "      - {provider: q%d, model: m}\n", i);
    char *text = fixture_text(
        (struct addition){.provider = buf_cstr(&providers), .rest = buf_cstr(&entries)});
    char *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_ptr_null(conf);
    ck_assert_ptr_nonnull(
        strstr(messages, "\"q0\" is the id of no provider; the nearest is \"p0\""));
    ck_assert_ptr_nonnull(strstr(messages, "\"q99\" is the id of no provider; the nearest is"));
    ck_assert_ptr_nonnull(strstr(messages, "\"q199\" is the id of no provider"));
    ck_assert_ptr_null(strstr(messages, "\"q199\" is the id of no provider;"));
    buf_free(&providers);
    buf_free(&entries);
    free(messages);
    free(text);
}
END_TEST

START_TEST(columns_count_characters)
{
    fixture_expect(
        (struct addition){.rest = "server: {user: \"\xc3\xa4\xe2\x82\xac\", workers: 0}\n"},
        "14:31: server.workers must be an integer from 1 to 256 or auto, not 0");
}
END_TEST

START_TEST(socket_paths_fit_into_their_address)
{
    char path[120] = "/";
    memset(path + 1, 's', CONF_SOCKET_MAX);
    char *rest = xasprintf("tracker: {socket: %s}\nserver: {listen: [\"unix:%s\"]}\n", path, path);
    fixture_expect((struct addition){.rest = rest},
                   "14:19: tracker.socket must be at most 107 bytes long\n"
                   "15:19: server.listen[0] must name a path of at most 107 bytes with its "
                   "folder");
    free(rest);
    path[CONF_SOCKET_MAX] = '\0';
    rest = xasprintf("tracker: {socket: %s}\nserver: {listen: [\"unix:%s\"]}\n", path, path);
    struct conf *conf = fixture_load((struct addition){.rest = rest});
    conf_free(&conf);
    /* Relative ones are measured with their folder. */
    free(rest);
    rest = xasprintf("tracker: {socket: %s}\n", path + 1);
    fixture_expect((struct addition){.rest = rest},
                   "14:19: tracker.socket must be at most 107 bytes long with its folder");
    free(rest);
}
END_TEST

START_TEST(long_values_are_cut_in_messages)
{
    char word[200] = {0};
    memset(word, 'w', sizeof(word) - 1);
    char *line = xasprintf("  logLevel: %s\n", word);
    char *text = fixture_text((struct addition){.settings = line}), *messages = NULL;
    struct conf *conf = fixture_parse_bytes(text, strlen(text), &messages);
    ck_assert_ptr_null(conf);
    ck_assert_uint_lt(strlen(messages), 180);
    ck_assert_ptr_nonnull(strstr(messages, "w\"..."));
    free(messages);
    free(text);
    free(line);
}
END_TEST

START_TEST(a_pair_named_twice_counts_once_against_the_room)
{
    struct conf *conf = fixture_load((struct addition){.rest = "      - {provider: one, model: m}\n"
                                                               "tracker: {capacity: 1}\n"});
    ck_assert_uint_eq(conf->n_pairs, 1);
    ck_assert_uint_eq(conf->chains[0].n_pairs, 2);
    conf_free(&conf);
}
END_TEST

UNIT_MAIN("conf_check", settings_are_checked, providers_are_checked,
          chains_server_and_tracker_are_checked, files_are_checked, the_default_chain_must_exist,
          the_table_must_have_room_for_the_pairs, the_default_room_may_be_too_little,
          all_faults_come_in_the_order_of_the_file, suggestions_are_bounded,
          columns_count_characters, socket_paths_fit_into_their_address,
          long_values_are_cut_in_messages, a_pair_named_twice_counts_once_against_the_room)
