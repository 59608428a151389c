/* SPDX-License-Identifier: MIT */
/* See body.h. */
#include "server/attempt/body.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "server/provider/provider.h"
#include "server/provider/rewrite.h"

struct attempt_body attempt_body_for(const struct conf_pair *pair, const struct dialect *dialect,
                                     const struct dialect_request *request, const char *body,
                                     size_t len)
{
    const struct rewrite_rules *rules = provider_rules(pair->provider->type, pair->model);
    const struct jsonscan_span model = {pair->model_json, strlen(pair->model_json)};
    struct splices edits = SPLICES_INIT;
    struct attempt_body out = {0};
    dialect->edit_request(request, model, &edits);
    if (rules != NULL)
        rewrite_request(rules, body, len, &edits);
    if (edits.n <= ATTEMPT_BODY_EDITS_MAX) {
        out.pieces = xcalloc(SPLICES_PIECES_MAX(&edits), sizeof(*out.pieces));
        out.n = splices_pieces(&edits, body, len, out.pieces);
    } else {
        out.pieces = xcalloc(1, sizeof(*out.pieces));
        out.copy = splices_apply(&edits, body, len, &out.pieces[0].iov_len);
        out.pieces[0].iov_base = out.copy;
        out.n = 1;
    }
    splices_free(&edits);
    return out;
}

void attempt_body_free(struct attempt_body *body)
{
    free(body->pieces);
    free(body->copy);
    *body = (struct attempt_body){0};
}
