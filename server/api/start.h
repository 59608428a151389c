/* SPDX-License-Identifier: MIT */
/* Joins a client and an exchange, neither of which knows the other. Called by the endpoints that
 * ask a provider; holds nothing and decides nothing. */
#ifndef WEIR_SERVER_API_START_H
#define WEIR_SERVER_API_START_H

#include "server/client/answer.h"
#include "server/client/endpoint.h"
#include "server/exchange/exchange.h"

/* Gives the request to a new exchange, which takes its body. Its endpoint's row says what it asks a
 * provider for. The answer may be complete before this returns. */
void api_start(const struct exchange_env *env, struct client *client, struct client_call *call);

#endif
