/* SPDX-License-Identifier: MIT */
/* sim_http: a request cut into pieces and the same whole are read alike, byte for byte. The first
 * byte says how to cut. */
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim_http.h"

static bool is_open(const struct sim_http_request *r)
{
    return r->state == SIM_HTTP_IN_HEAD || r->state == SIM_HTTP_IN_BODY;
}

/* From memory of exactly the size seen so far, in another place each time. */
static void read_in_pieces(struct sim_http_request *r, const char *text, size_t size, uint8_t how)
{
    sim_http_init(r);
    for (size_t at = 0, nth = 0; at < size && is_open(r); nth++) {
        at += fuzz_piece(how, nth, size - at);
        char *copy = fuzz_copy(text, at);
        sim_http_read(r, copy, at);
        free(copy);
    }
}

static void check_same_body(struct sim_http_request *a, struct sim_http_request *b,
                            const char *text, size_t size)
{
    size_t a_len, b_len;
    const char *a_body = sim_http_body(a, text, size, &a_len);
    const char *b_body = sim_http_body(b, text, size, &b_len);
    FUZZ_CHECK(a_len == b_len && memcmp(a_body, b_body, a_len) == 0);
    FUZZ_CHECK(a->read_at == b->read_at && a->head_len == b->head_len);
    FUZZ_CHECK(a->method.at == b->method.at && a->method.len == b->method.len);
    FUZZ_CHECK(a->target.at == b->target.at && a->target.len == b->target.len);
    FUZZ_CHECK(a->is_keep_alive == b->is_keep_alive && a->hashed == b->hashed);
}

static void walk_fields(const struct sim_http_request *r, const char *text)
{
    const char *at = text + r->fields.at, *name, *value;
    size_t left = r->fields.len, name_len, value_len;
    while (sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len))
        FUZZ_CHECK(name_len > 0 && value + value_len <= text + r->head_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_http_request whole, cut;
    if (size < 2)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    read_in_pieces(&whole, text, size - 1, 3); /* 3: all at once */
    read_in_pieces(&cut, text, size - 1, data[0]);
    FUZZ_CHECK(whole.state == cut.state);
    FUZZ_CHECK(whole.error_status == cut.error_status);
    FUZZ_CHECK((whole.state == SIM_HTTP_BAD) == (whole.error != NULL));
    if (whole.state == SIM_HTTP_IN_BODY || whole.state == SIM_HTTP_COMPLETE) {
        check_same_body(&whole, &cut, text, size - 1);
        walk_fields(&whole, text);
    }
    sim_http_free(&whole);
    sim_http_free(&cut);
    free(text);
    return 0;
}
