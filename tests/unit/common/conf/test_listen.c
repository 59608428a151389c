/* SPDX-License-Identifier: MIT */
/* conf_listen: the forms an entry of server.listen may have. */
#include "common/conf/listen.h"

#include <string.h>

#include "tests/unit/unit.h"

#define PORT 3429

static const struct {
    const char *text, *address, *unix_path;
    uint16_t port;
} good[] = {
    {"127.0.0.1", "127.0.0.1", NULL, PORT},
    {"0.0.0.0:80", "0.0.0.0", NULL, 80},
    {"localhost", "127.0.0.1", NULL, PORT},
    {"localhost:65535", "127.0.0.1", NULL, 65535},
    {"::1", "::1", NULL, PORT},
    {"[::1]", "::1", NULL, PORT},
    {"[::]:1", "::", NULL, 1},
    {"2001:db8::80", "2001:db8::80", NULL, PORT},
    {"unix:/run/weir.sock", NULL, "/run/weir.sock", 0},
    {"unix:weir.sock", NULL, "weir.sock", 0},
};

#define ADDRESS_FAULT "be a numeric address or localhost, with or without :PORT, or unix:PATH"
#define PORT_FAULT    "have a port from 1 to 65535 after the colon"

static const struct {
    const char *text, *fault;
} bad[] = {
    {"", ADDRESS_FAULT},
    {"*", ADDRESS_FAULT},
    {"*:80", ADDRESS_FAULT},
    {"example.com", ADDRESS_FAULT},
    {"127.0.0.256", ADDRESS_FAULT},
    {"127.1", ADDRESS_FAULT},
    {":80", ADDRESS_FAULT},
    {"[localhost]:80", ADDRESS_FAULT},
    {"[127.0.0.1]:80", ADDRESS_FAULT},
    {"fe80::1%eth0", ADDRESS_FAULT},
    {"::1:99999", ADDRESS_FAULT},
    {"127.0.0.1:", PORT_FAULT},
    {"127.0.0.1:0", PORT_FAULT},
    {"127.0.0.1:65536", PORT_FAULT},
    {"127.0.0.1:080", PORT_FAULT},
    {"127.0.0.1:8o", PORT_FAULT},
    {"[::1]:", PORT_FAULT},
    {"[::1", "be [ADDRESS]:PORT when it begins with ["},
    {"[::1]80", "be [ADDRESS]:PORT when it begins with ["},
    {"unix:", "name a path after unix:"},
};

static void free_listen(struct conf_listen *l)
{
    free(l->text);
    free(l->address);
    free(l->unix_path);
}

static void assert_same_text(const char *a, const char *b, const char *text)
{
    ck_assert_msg(a == b || (a != NULL && b != NULL && strcmp(a, b) == 0), "%s", text);
}

START_TEST(good_entries_are_taken_apart)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++) {
        struct conf_listen got;
        const char *fault = conf_listen_parse(good[i].text, PORT, &got);
        ck_assert_msg(fault == NULL, "%s: %s", good[i].text, fault);
        assert_same_text(got.text, good[i].text, good[i].text);
        assert_same_text(got.address, good[i].address, good[i].text);
        assert_same_text(got.unix_path, good[i].unix_path, good[i].text);
        ck_assert_uint_eq(got.port, good[i].port);
        free_listen(&got);
    }
}
END_TEST

START_TEST(bad_entries_are_explained)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        struct conf_listen got;
        const char *fault = conf_listen_parse(bad[i].text, PORT, &got);
        ck_assert_msg(fault != NULL, "%s was accepted", bad[i].text);
        ck_assert_msg(strcmp(fault, bad[i].fault) == 0, "%s: %s", bad[i].text, fault);
    }
}
END_TEST

static bool is_same(const char *a, const char *b)
{
    struct conf_listen x, y;
    ck_assert_ptr_null(conf_listen_parse(a, PORT, &x));
    ck_assert_ptr_null(conf_listen_parse(b, PORT, &y));
    bool same = conf_listen_is_same(&x, &y);
    ck_assert(same == conf_listen_is_same(&y, &x));
    free_listen(&x);
    free_listen(&y);
    return same;
}

START_TEST(twins_are_recognised)
{
    ck_assert(is_same("127.0.0.1", "localhost:3429"));
    ck_assert(is_same("::1", "[::1]:3429"));
    ck_assert(is_same("unix:/a", "unix:/a"));
    ck_assert(!is_same("unix:/a", "unix:/b"));
    ck_assert(!is_same("unix:/a", "127.0.0.1"));
    ck_assert(!is_same("127.0.0.1", "127.0.0.1:80"));
    ck_assert(!is_same("127.0.0.1", "127.0.0.2"));
}
END_TEST

UNIT_MAIN("conf_listen", good_entries_are_taken_apart, bad_entries_are_explained,
          twins_are_recognised)
