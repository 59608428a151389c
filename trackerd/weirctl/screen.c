/* SPDX-License-Identifier: MIT */
/* See screen.h. */
#include "trackerd/weirctl/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

struct screen screen_look(void)
{
    struct screen screen = {0};
    struct winsize size;
    const char *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return screen;
    screen.is_live = is_set(term) && strcmp(term, "dumb") != 0;
    screen.has_colors = screen.is_live && !is_set(getenv("NO_COLOR"));
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        screen.width = size.ws_col;
        screen.height = size.ws_row;
    }
    return screen;
}

const char *screen_color(const struct screen *screen, enum color color)
{
    static const char *const codes[] = {
        [COLOR_PLAIN] = "\033[0m",    [COLOR_HEADING] = "\033[1m", [COLOR_GOOD] = "\033[32m",
        [COLOR_WARNING] = "\033[33m", [COLOR_BAD] = "\033[31m",
    };
    return screen->has_colors ? codes[color] : "";
}
