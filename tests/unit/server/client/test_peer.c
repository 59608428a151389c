/* SPDX-License-Identifier: MIT */
/* peer: which addresses are this machine. */
#include "server/client/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const struct {
    const char *text;
    bool is_loopback;
} rows[] = {
    {"127.0.0.1", true},   {"127.255.0.9", true},      {"128.0.0.1", false},
    {"10.127.0.1", false}, {"0.0.0.0", false},         {"::1", true},
    {"::", false},         {"::ffff:127.0.0.1", true}, {"::ffff:10.0.0.1", false},
    {"fe80::1", false},
};

START_TEST(loopback)
{
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is_v4 = inet_pton(AF_INET, rows[i].text, &v4.sin_addr) == 1;
        ck_assert(is_v4 || inet_pton(AF_INET6, rows[i].text, &v6.sin6_addr) == 1);
        const void *peer = is_v4 ? (const void *)&v4 : (const void *)&v6;
        ck_assert_msg(client_peer_is_loopback(peer) == rows[i].is_loopback, "%s", rows[i].text);
    }
    ck_assert(client_peer_is_loopback(
        (const struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}));
}
END_TEST

/* Both ends of a connection over the loopback interface have one address; a socket without a peer
 * and one of another family have none that could be compared. */
START_TEST(our_address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    ck_assert(!client_peer_has_our_address(client));
    ck_assert_int_eq(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
    int accepted = accept(listener, NULL, NULL);
    ck_assert(client_peer_has_our_address(accepted));
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert(!client_peer_has_our_address(pair[0]));
    close(pair[0]);
    close(pair[1]);
    close(accepted);
    close(client);
    close(listener);
}
END_TEST

UNIT_MAIN("peer", loopback, our_address)
