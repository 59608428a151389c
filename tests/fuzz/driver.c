/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target without libFuzzer, in `make check`: over the files and folders given as
 * arguments, or the target's corpus (tests/fuzz/corpus/NAME for fuzz_NAME), and then over some
 * thousand mutations of them. They are the same in every run, so a failure can be had again; the
 * input that failed is left in NAME.crash. */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define MUTATIONS        4000
#define INPUTS_MAX       4096
#define INPUT_MAX_BYTES  (1u << 20)
#define MUTANT_MAX_BYTES 4096

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t n_inputs;

/* Under test now, for the crash file. */
static struct input current;
static char crash_path[256];

/* Sanitizers end by abort(), so that their findings leave a crash file, too. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void die(const char *what, const char *path)
{
    fprintf(stderr, "%s: %s\n", what, path);
    exit(EXIT_FAILURE);
}

static void write_crash(int signal_number)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0) {
        ssize_t written = write(fd, current.data, current.size);
        (void)written;
        close(fd);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run(const uint8_t *data, size_t size)
{
    current = (struct input){(uint8_t *)data, size};
    LLVMFuzzerTestOneInput(data, size);
}

static void read_file(const char *path, FILE *file)
{
    if (n_inputs == INPUTS_MAX)
        die("too many inputs", path);
    struct input *input = &inputs[n_inputs++];
    input->data = malloc(INPUT_MAX_BYTES);
    if (input->data == NULL)
        die("no memory", path);
    input->size = fread(input->data, 1, INPUT_MAX_BYTES, file);
    if (ferror(file))
        die("cannot read", path);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_path(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, compare_names);
    if (n < 0) {
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            die("cannot open", path);
        read_file(path, file);
        fclose(file);
        return;
    }
    for (int i = 0; i < n; i++) {
        char inside[4096];
        snprintf(inside, sizeof(inside), "%s/%s", path, entries[i]->d_name);
        read_path(inside);
        free(entries[i]);
    }
    free(entries);
}

/* xorshift64*: the same numbers in every run. */
static uint32_t next_random(void)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static size_t below(size_t bound)
{
    return bound != 0 ? next_random() % bound : 0;
}

/* Bytes that mean something to some parser here. */
static uint8_t interesting_byte(void)
{
    static const char bytes[] = "\r\n\t \"\\:;,.{}[]0919aAfFxu+-/?#*\x7f\x80\xc3\xef\xff";
    return below(4) == 0 ? (uint8_t)next_random() : (uint8_t)bytes[below(sizeof(bytes))];
}

static void overwrite(struct input *in)
{
    if (in->size > 0)
        in->data[below(in->size)] = interesting_byte();
}

static void insert(struct input *in)
{
    if (in->size == MUTANT_MAX_BYTES)
        return;
    size_t at = below(in->size + 1);
    memmove(in->data + at + 1, in->data + at, in->size - at);
    in->data[at] = interesting_byte();
    in->size++;
}

static void cut_out(struct input *in)
{
    size_t at = below(in->size + 1), n = below(in->size - at + 1);
    n = n < 8 ? n : 8;
    memmove(in->data + at, in->data + at + n, in->size - at - n);
    in->size -= n;
}

static void cut_short(struct input *in)
{
    in->size = below(in->size + 1);
}

/* A stretch of some input, put over what stands here. */
static void cross(struct input *in)
{
    const struct input *other = &inputs[below(n_inputs)];
    size_t from = below(other->size + 1), n = below(other->size - from + 1);
    size_t at = below(in->size + 1);
    n = n < MUTANT_MAX_BYTES - at ? n : MUTANT_MAX_BYTES - at;
    memcpy(in->data + at, other->data + from, n);
    in->size = at + n > in->size ? at + n : in->size;
}

static void mutate(struct input *in)
{
    static void (*const ways[])(struct input *) = {overwrite, overwrite, insert, insert,
                                                   cut_out,   cut_short, cross};
    for (size_t n = 1 + below(4); n > 0; n--)
        ways[below(sizeof(ways) / sizeof(ways[0]))](in);
}

static void run_mutations(void)
{
    for (int i = 0; i < MUTATIONS; i++) {
        const struct input *origin = &inputs[below(n_inputs)];
        struct input in = {malloc(MUTANT_MAX_BYTES), origin->size};
        if (in.data == NULL)
            die("no memory", "mutation");
        in.size = in.size < MUTANT_MAX_BYTES ? in.size : MUTANT_MAX_BYTES;
        memcpy(in.data, origin->data, in.size);
        mutate(&in);
        /* in memory of exactly its size, for the sanitizers */
        struct input exact = {(uint8_t *)fuzz_copy(in.data, in.size), in.size};
        run(exact.data, exact.size);
        free(exact.data);
        free(in.data);
    }
}

static void read_corpus(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[4096];
    if (strncmp(name, "fuzz_", 5) != 0)
        die("give inputs as arguments: no corpus is known for", name);
    snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".",
             name + 5);
    read_path(path);
}

int main(int argc, char **argv)
{
    const char *name = basename(argv[0]);
    snprintf(crash_path, sizeof(crash_path), "%s.crash", name);
    signal(SIGABRT, write_crash);
    signal(SIGSEGV, write_crash);
    for (int i = 1; i < argc; i++)
        read_path(argv[i]);
    if (argc == 1)
        read_corpus(name);
    if (n_inputs == 0)
        die("no inputs for", name);
    for (size_t i = 0; i < n_inputs; i++)
        run(inputs[i].data, inputs[i].size);
    run_mutations();
    printf("%s: %zu inputs and %d mutations of them\n", name, n_inputs, MUTATIONS);
    for (size_t i = 0; i < n_inputs; i++)
        free(inputs[i].data);
    return EXIT_SUCCESS;
}
