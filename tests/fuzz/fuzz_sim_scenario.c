/* SPDX-License-Identifier: MIT */
/* sim_scenario: any list is a scenario within its bounds, or gets a message; and a good list
 * twice, joined by a comma, is good too. */
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim_scenario.h"

static struct scenario *parse(const char *list, size_t len)
{
    char error[SCENARIO_ERROR_MAX];
    memset(error, 'x', sizeof(error));
    struct scenario *s = scenario_parse(list, len, error);
    if (s == NULL)
        FUZZ_CHECK(memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0');
    return s;
}

static void check_bounds(struct scenario *s)
{
    FUZZ_CHECK(s->status >= 200 && s->status <= 599);
    FUZZ_CHECK(s->choices >= 1 && s->header_count <= SCENARIO_HEADERS_MAX);
    FUZZ_CHECK(scenario_content_events(s) >= s->tokens);
    FUZZ_CHECK(!s->is_lump || scenario_content_bytes(s) <= SCENARIO_WHOLE_BYTES_MAX);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        struct scenario *chosen = scenario_for_request(s, nth);
        FUZZ_CHECK(chosen == s || (chosen->header_count == 0 && chosen->status == 200));
    }
}

static void check_joined(const char *list, size_t len)
{
    char *joined = fuzz_alloc(2 * len + 1);
    memcpy(joined, list, len);
    joined[len] = ',';
    memcpy(joined + len + 1, list, len);
    struct scenario *s = parse(joined, 2 * len + 1);
    bool has_headers = memmem(list, len, "header", 6) != NULL || memmem(list, len, "retry", 5);
    FUZZ_CHECK(s != NULL || has_headers); /* of those there may now be too many */
    scenario_unref(s);
    free(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *list = fuzz_copy(data, size);
    struct scenario *s = parse(list, size);
    if (s != NULL) {
        check_bounds(s);
        check_joined(list, size);
    }
    scenario_unref(s);
    free(list);
    return 0;
}
