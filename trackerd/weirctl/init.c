/* SPDX-License-Identifier: MIT */
/* See init.h. */
#include "trackerd/weirctl/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/terms/provider_type.h"
#include "trackerd/weirctl/print.h"

#define KEY_BYTES 32

/* Whose keys are looked for, in the order of the chain; the models are what `./quickstart --live`
 * asks for, too. */
static const struct known {
    const char *variable;
    enum provider_type type;
    const char *model;
} known[] = {
    {"GROQ_API_KEY", PROVIDER_GROQ, "llama-3.3-70b-versatile"},
    {"CEREBRAS_API_KEY", PROVIDER_CEREBRAS, "llama-3.3-70b"},
    {"GEMINI_API_KEY", PROVIDER_GOOGLE_AI, "gemini-2.5-flash"},
    {"OPENROUTER_API_KEY", PROVIDER_OPENROUTER, "meta-llama/llama-3.3-70b-instruct:free"},
    {"OPENAI_API_KEY", PROVIDER_OPENAI, "gpt-4o-mini"},
};
#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static bool is_set(const struct known *provider)
{
    const char *key = getenv(provider->variable);
    return key != NULL && key[0] != '\0';
}

/* `separator` stands between two. Returns how many keys there are. */
static unsigned put_names(struct buf *out, bool only_set, bool as_variables, const char *separator)
{
    unsigned n = 0;
    for (const struct known *k = known; k < known + N_KNOWN; k++) {
        if (only_set && !is_set(k))
            continue;
        if (n++ > 0)
            buf_puts(out, separator);
        buf_puts(out, as_variables ? k->variable : provider_type_name(k->type));
    }
    return n;
}

static bool put_client_key(struct buf *out)
{
    unsigned char bytes[KEY_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    buf_puts(out, "weir_");
    for (size_t i = 0; i < sizeof(bytes); i++)
        buf_printf(out, "%02x", bytes[i]);
    return true;
}

static bool put_conf(struct buf *out)
{
    buf_puts(out, "# Written by weirctl init. weir.yaml(5) explains each key, and has many more.\n"
                  "version: 1\nsettings:\n  # What clients send as their key.\n  apiKeys: [\"");
    if (!put_client_key(out))
        return false;
    buf_puts(out, "\"]\n  defaultChain: chat\nproviders:\n");
    for (const struct known *k = known; k < known + N_KNOWN; k++)
        if (is_set(k))
            buf_printf(out, "  - { id: %s, name: %s, type: %s, apiKey: \"${%s}\" }\n",
                       provider_type_name(k->type), provider_type_name(k->type),
                       provider_type_name(k->type), k->variable);
    buf_puts(out, "chains:\n  # The first entry that is well serves; the others stand in for it.\n"
                  "  - name: chat\n    entries:\n");
    for (const struct known *k = known; k < known + N_KNOWN; k++)
        if (is_set(k))
            buf_printf(out, "      - { provider: %s, model: \"%s\" }\n",
                       provider_type_name(k->type), k->model);
    return true;
}

/* A new file that only its owner may read: it holds a key. Leaves nothing behind when it fails. */
static bool write_new_file(const char *path, const struct buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool is_written = write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;
    int error = errno;
    is_written = close(fd) == 0 && is_written;
    if (!is_written) {
        unlink(path);
        errno = error;
    }
    return is_written;
}

static void say_what_is_next(const struct weirctl *ctl)
{
    struct buf text = BUF_INIT, variables = BUF_INIT;
    put_names(&variables, true, true, ", ");
    buf_printf(&text, "wrote %s: the chain chat with ", ctl->conf_path);
    put_names(&text, true, false, ", ");
    if (!ctl->as_json)
        buf_printf(
            &text,
            "\nNext:\n"
            "  1. Look at it; the key that clients send stands in settings.apiKeys.\n"
            "  2. It names %s: a daemon that init starts does not see your\n"
            "     shell's variables. Put them into the file environment beside it, as NAME=value.\n"
            "  3. weirctl -c %s check\n"
            "  4. Start weir-trackerd and weir, and ask one:\n"
            "     weirctl -c %s probe --chain chat",
            buf_cstr(&variables), ctl->conf_path, ctl->conf_path);
    print_result(ctl->as_json, true, 0, buf_cstr(&text));
    buf_free(&text);
    buf_free(&variables);
}

int init_run(const struct weirctl *ctl)
{
    struct buf text = BUF_INIT;
    int code = WEIRCTL_DONE;
    if (put_names(&text, true, false, "") == 0) {
        put_names(&text, false, true, ", ");
        code = weirctl_fail(WEIRCTL_REFUSED, "no provider's key is in the environment: none of %s",
                            buf_cstr(&text));
        buf_free(&text);
        return code;
    }
    buf_clear(&text);
    if (!put_conf(&text))
        code = weirctl_fail(EX_OSERR, "no random bytes for a key: %s", strerror(errno));
    else if (!write_new_file(ctl->conf_path, &text))
        code = errno == EEXIST
                   ? weirctl_fail(WEIRCTL_REFUSED, "%s is there already: it stays as it is",
                                  ctl->conf_path)
                   : weirctl_fail(EX_CANTCREAT, "cannot write %s: %s", ctl->conf_path,
                                  strerror(errno));
    else
        say_what_is_next(ctl);
    explicit_bzero(text.data, text.len);
    buf_free(&text);
    return code;
}
