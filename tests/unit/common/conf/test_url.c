/* SPDX-License-Identifier: MIT */
/* conf_url: which base URLs a provider may have. */
#include "common/conf/url.h"

#include <string.h>

#include "tests/unit/unit.h"

static const char *const good[] = {
    "http://localhost",     "https://api.groq.com/openai/v1",
    "HTTPS://EXAMPLE.COM/", "http://127.0.0.1:18080/v1",
    "http://[::1]",         "http://[2001:db8::1]:65535/v1",
    "http://a_b-c.d.:1",    "https://x/v1/a%20b;c=d,e",
};

static const struct {
    const char *url, *fault;
} bad[] = {
    {"", "begin with http:// or https://"},
    {"x", "begin with http:// or https://"},
    {"ftp://x", "begin with http:// or https://"},
    {"http:/x", "begin with http:// or https://"},
    {" http://x", "begin with http:// or https://"},
    {"http://", "have a host"},
    {"http:///v1", "have a host"},
    {"http://:80", "have a valid host name or address"},
    {"http://u@x", "carry no user name or password"},
    {"http://u:p@x/v1", "carry no user name or password"},
    {"http://x?k=v", "carry no query and no fragment"},
    {"http://x/v1?", "carry no query and no fragment"},
    {"http://x/v1#a", "carry no query and no fragment"},
    {"http://x y", "have no spaces, control characters or letters beyond ASCII"},
    {"http://x/\\y", "have no spaces, control characters or letters beyond ASCII"},
    {"http://x/\ny", "have no spaces, control characters or letters beyond ASCII"},
    {"http://\xc3\xa4.de", "have no spaces, control characters or letters beyond ASCII"},
    {"http://.x", "have a valid host name or address"},
    {"http://-x", "have a valid host name or address"},
    {"http://x..y", "have a valid host name or address"},
    {"http://x*y", "have a valid host name or address"},
    {"http://[::1", "have a valid host name or address"},
    {"http://[]", "have a valid host name or address"},
    {"http://[1.2.3.4]", "have a valid host name or address"},
    {"http://[fe80::1%25eth0]", "have a valid host name or address"},
    {"http://::1", "have a valid host name or address"},
    {"http://x:", "have a port from 1 to 65535 after the host"},
    {"http://x:0", "have a port from 1 to 65535 after the host"},
    {"http://x:65536", "have a port from 1 to 65535 after the host"},
    {"http://x:99999999999999999999", "have a port from 1 to 65535 after the host"},
    {"http://x:80a", "have a port from 1 to 65535 after the host"},
    {"http://x:80:80", "have a port from 1 to 65535 after the host"},
    {"http://[::1]80", "have a port from 1 to 65535 after the host"},
};

START_TEST(good_urls_are_accepted)
{
    for (size_t i = 0; i < UNIT_ROWS(good); i++)
        ck_assert_msg(conf_url_fault(good[i]) == NULL, "%s: %s", good[i], conf_url_fault(good[i]));
}
END_TEST

START_TEST(bad_urls_are_explained)
{
    for (size_t i = 0; i < UNIT_ROWS(bad); i++) {
        const char *fault = conf_url_fault(bad[i].url);
        ck_assert_msg(fault != NULL, "%s was accepted", bad[i].url);
        ck_assert_msg(strcmp(fault, bad[i].fault) == 0, "%s: %s", bad[i].url, fault);
    }
}
END_TEST

UNIT_MAIN("conf_url", good_urls_are_accepted, bad_urls_are_explained)
