/* SPDX-License-Identifier: MIT */
/* Whose fault a provider's error is, wherever it stands: in a response's status and body, in a 200
 * answer, in an event of a stream. Pure. attempt asks for each error, of every dialect; the answer
 * is a verdict, from one table whose rows name their source. What a verdict then does to the pair
 * and to the client is told elsewhere (common/terms/outcome.h, attempt, exchange).
 *
 * The rules, strongest first (doc/contract.md 5.1):
 * 1. a member (code, type, status, reason) or words that say: refused content, or the request's own
 * fault;
 * 2. a member, or a message that begins as a row of that provider type says: account, key, load;
 * 3. the status; inside a 2xx or 5xx a numeric `code` of 400 to 599 stands for it;
 * 4. a member that only says which side is at fault; else the provider's fault.
 * Words may take blame away from a pair and never put it there. Text between quotation marks may be
 * the client's own and is not looked at.
 *
 * Known weakness: a provider whose words are in no row, or not in English, is judged by its status
 * alone. */
#ifndef WEIR_SERVER_JUDGE_JUDGE_H
#define WEIR_SERVER_JUDGE_JUDGE_H

#include <stdbool.h>

#include "common/json/jsonscan.h"
#include "common/terms/provider_type.h"

enum judge_verdict {
    JUDGE_PROVIDER, /* the provider's fault, or nothing is known */
    JUDGE_REQUEST,  /* the request's own fault: too long, malformed, no such model */
    JUDGE_REFUSED,  /* the provider refuses the content */
    JUDGE_PAYMENT,  /* the account has no money or no quota left */
    JUDGE_KEY,      /* weir's key, or what it may do */
    JUDGE_LIMIT,    /* a rate limit */
    JUDGE_OVERLOAD,
    JUDGE_VERDICTS
};

/* An error as it was read. Spans are as in the JSON text, escapes and all; len 0 = not there. */
struct judge_error {
    int status; /* of the response; a 2xx when the error came inside an answer or a stream */
    enum provider_type provider;
    bool has_retry_after;
    struct jsonscan_span code, type, reason, message; /* `reason` also holds Google's `status` */
};

enum judge_verdict judge(const struct judge_error *error);

/* Would a client that reads this type of an error try again? */
bool judge_invites_retry(struct jsonscan_span type);

/* The status that a client is shown when the request is at fault or its content was refused: the
 * response's own when that is a 4xx, else 400. */
int judge_status_for_client(int status);

/* Where the request is at fault: may the response be relayed when every entry said the like? Not
 * one whose status speaks of how it was asked (405, 406, ...), which is between weir and the
 * provider. */
bool judge_is_relayable(int status);

#endif
