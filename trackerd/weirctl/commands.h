/* SPDX-License-Identifier: MIT */
/* weirctl's grammar, as a table: commands, their arguments and help. Read by main.c. */
#ifndef WEIR_TRACKERD_WEIRCTL_COMMANDS_H
#define WEIR_TRACKERD_WEIRCTL_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

#include "trackerd/weirctl/weirctl.h"

struct command {
    const char *name, *usage, *help;
    int min_args, max_args; /* -1: any number */
    bool needs_conf;
    bool takes_all, takes_effective;
    int (*run)(const struct weirctl *ctl); /* returns an exit code; failures have been told */
    bool takes_chain;
};

/* Ends with an entry without a name. */
extern const struct command commands[];

void commands_print_usage(FILE *to);

#endif
