/* SPDX-License-Identifier: MIT */
/* sim_body: any text gets a verdict, with a reason when it is bad; what is good stays good with
 * blanks around it, and is cut when its last byte is missing. */
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim_body.h"

static enum body_result read_copy(struct body *b, const void *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    enum body_result result = body_read(b, copy, size);
    free(copy);
    FUZZ_CHECK(memchr(b->model, '\0', sizeof(b->model)) != NULL);
    FUZZ_CHECK(result != BODY_BAD || b->error != NULL);
    return result;
}

static void check_good(const struct body *b, const uint8_t *data, size_t size)
{
    struct body again;
    char *spaced = fuzz_alloc(size + 2);
    spaced[0] = '\n';
    memcpy(spaced + 1, data, size);
    spaced[size + 1] = ' ';
    FUZZ_CHECK(read_copy(&again, spaced, size + 2) == BODY_GOOD);
    FUZZ_CHECK(again.has_model == b->has_model && strcmp(again.model, b->model) == 0);
    FUZZ_CHECK(again.is_stream == b->is_stream && again.is_usage_wanted == b->is_usage_wanted);
    if (data[size - 1] == '}')
        FUZZ_CHECK(read_copy(&again, data, size - 1) == BODY_CUT);
    free(spaced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body b;
    if (read_copy(&b, data, size) == BODY_GOOD)
        check_good(&b, data, size);
    return 0;
}
