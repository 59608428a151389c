/* SPDX-License-Identifier: MIT */
/* See weirctl.h. */
#include "trackerd/weirctl/weirctl.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "common/base/nearest.h"
#include "trackerd/weirctl/text.h"

int weirctl_fail(int code, const char *fmt, ...)
{
    va_list ap;
    char *message = NULL;
    struct buf clean = BUF_INIT;
    va_start(ap, fmt);
    if (vasprintf(&message, fmt, ap) < 0)
        message = NULL;
    va_end(ap);
    text_put_clean(&clean, message != NULL ? message : strerror(ENOMEM));
    fflush(stdout);
    fprintf(stderr, "weirctl: %s\n", buf_cstr(&clean));
    buf_free(&clean);
    free(message);
    return code;
}

volatile sig_atomic_t weirctl_is_interrupted;

static void on_interrupt(int signal)
{
    weirctl_is_interrupted = 1;
}

void weirctl_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void weirctl_wait(double seconds)
{
    struct timespec ts = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&ts, NULL);
}

bool weirctl_parse_seconds(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out) && *out > 0;
}

const char *weirctl_hint(const char *name)
{
    static char hint[CONF_PROVIDER_ID_MAX + CONF_MODEL_MAX + sizeof("; did you mean /?")];
    hint[0] = '\0';
    if (name != NULL)
        snprintf(hint, sizeof(hint), "; did you mean %s?", name);
    return hint;
}

const char *weirctl_hint_pair(const struct conf *conf, const char *provider, const char *model)
{
    char *word = xasprintf("%s/%s", provider, model);
    struct nearest nearest = nearest_start(word, strlen(word));
    char **names = xcalloc(conf->n_pairs + 1, sizeof(*names));
    for (uint32_t i = 0; i < conf->n_pairs; i++) {
        names[i] = xasprintf("%s/%s", conf->pairs[i].provider->id, conf->pairs[i].model);
        nearest_offer(&nearest, names[i]);
    }
    const char *hint = weirctl_hint(nearest_if_close(&nearest));
    for (uint32_t i = 0; i < conf->n_pairs; i++)
        free(names[i]);
    free(names);
    free(word);
    return hint;
}
