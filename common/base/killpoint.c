/* SPDX-License-Identifier: MIT */
/* See killpoint.h. */
#include "common/base/killpoint.h"

#ifdef WEIR_KILL_POINTS

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "NAME" or "NAME:N": is this the passing that is meant? */
static bool is_meant(const char *wish, const char *name, unsigned *passed)
{
    size_t len = strlen(name);
    if (wish == NULL || strncmp(wish, name, len) != 0 || (wish[len] != '\0' && wish[len] != ':'))
        return false;
    unsigned long n = wish[len] == ':' ? strtoul(wish + len + 1, NULL, 10) : 1;
    return ++*passed == n;
}

void killpoint_pass(const char *name)
{
    static unsigned kill_passed, stop_passed;
    if (is_meant(getenv("WEIR_KILL_AT"), name, &kill_passed))
        raise(SIGKILL);
    if (is_meant(getenv("WEIR_STOP_AT"), name, &stop_passed))
        raise(SIGSTOP);
}

#else
typedef int killpoint_not_compiled_in; /* ISO C wants something here */
#endif
