/* SPDX-License-Identifier: MIT */
/* What standard output is for weirctl: a terminal or not, how large, whether it takes colours. */
#ifndef WEIR_TRACKERD_WEIRCTL_SCREEN_H
#define WEIR_TRACKERD_WEIRCTL_SCREEN_H

#include <stdbool.h>

struct screen {
    bool is_live; /* a terminal whose cursor can be moved */
    bool has_colors;
    int width, height; /* in characters; 0 = no limit */
};

/* A terminal gets colours unless $NO_COLOR is set and not empty (https://no-color.org); one that
 * $TERM calls dumb gets neither colours nor a moving cursor. Ask again when it may have changed. */
struct screen screen_look(void);

enum color {
    COLOR_PLAIN,
    COLOR_HEADING,
    COLOR_GOOD,
    COLOR_WARNING,
    COLOR_BAD
};
/* What begins it; "" without colours. COLOR_PLAIN ends any. */
const char *screen_color(const struct screen *screen, enum color color);

#endif
