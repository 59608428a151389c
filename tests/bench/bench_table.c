/* SPDX-License-Identifier: MIT */
/* What a look at the shared table costs a worker, while trackerd writes 10000 events a second: 1, 2
 * and 8 reading processes, median and 99th percentile of single looks. Run by `make bench`; needs a
 * running trackerd and the names of its socket and table:
 *
 *   bench_table SHM SOCKET PROVIDER MODEL */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/unixsock.h"
#include "common/shm/table.h"
#include "common/terms/pair_key.h"
#include "common/wire/evwire.h"

#define LOOKS    200000u /* measured looks of each reader */
#define BATCH    16u /* looks between two readings of the clock: a reading costs ten times one */
#define EVENTS_S 10000u
#define WRITE_MS 20u /* events go out in bursts this far apart */
#define READERS  8

static const char *shm, *socket_path, *provider, *model;
static uint64_t key;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Looks BATCH times between two readings of the clock; out[0] median, out[1] 99th, in ns a look. */
static void read_table(double *out)
{
    struct shm_table *tab = NULL;
    struct shm_table_hot hot;
    if (shm_table_open_reader(shm, &tab) != SHM_TABLE_OK)
        _exit(EX_UNAVAILABLE);
    int row = shm_table_find(tab, provider, model);
    size_t n = LOOKS / BATCH;
    double *ns = xcalloc(n, sizeof(*ns));
    for (size_t i = 0; i < n; i++) {
        uint64_t began_at = clock_boot_ns();
        for (unsigned k = 0; k < BATCH; k++)
            if (!shm_table_read_hot(tab, row, key, &hot))
                _exit(EX_DATAERR);
        ns[i] = (double)(clock_boot_ns() - began_at) / BATCH;
        if (i % 64 == 0)
            usleep(200); /* spread over enough time to meet writers */
    }
    qsort(ns, n, sizeof(*ns), by_value);
    out[0] = ns[n / 2];
    out[1] = ns[n * 99 / 100];
    _exit(0);
}

static void send_or_die(int fd, enum evwire_kind kind, const void *payload, size_t size,
                        uint32_t count)
{
    char packet[EVWIRE_PACKET_MAX];
    size_t len = evwire_pack(packet, sizeof(packet), kind, payload, size, count);
    while (send(fd, packet, len, MSG_NOSIGNAL) < 0)
        usleep(1000); /* trackerd's queue is full: it is the one that is measured */
}

/* A worker of nobody's: failures and successes in turn, so that every event changes the row. */
static void write_events(void)
{
    static uint64_t seq;
    struct evwire_event events[EVWIRE_EVENTS_MAX];
    struct evwire_hello hello = {.slot = 999, .incarnation = clock_boot_ns(), .next_seq = 1};
    int fd = unixsock_connect(socket_path);
    if (fd < 0)
        _exit(EX_UNAVAILABLE);
    send_or_die(fd, EVWIRE_HELLO, &hello, sizeof(hello), 1);
    for (;;) {
        char acks[EVWIRE_PACKET_MAX];
        for (unsigned sent = 0; sent < EVENTS_S * WRITE_MS / 1000; sent += 20) {
            for (unsigned i = 0; i < 20; i++) {
                uint64_t now_at = clock_boot_ns();
                events[i] =
                    (struct evwire_event){.seq = ++seq,
                                          .key_hash = key,
                                          .row = UINT32_MAX,
                                          .kind = seq % 2 ? EV_MID_FAILURE : EV_STREAM_SUCCESS,
                                          .count = 1,
                                          .started_at = now_at,
                                          .ended_at = now_at};
            }
            send_or_die(fd, EVWIRE_EVENTS, events, sizeof(events[0]), 20);
        }
        while (recv(fd, acks, sizeof(acks), MSG_DONTWAIT) > 0)
            continue;
        usleep(WRITE_MS * 1000);
    }
}

static void measure(int readers, bool with_writer, double (*shared)[2])
{
    pid_t writer = with_writer ? fork() : -1, all[READERS];
    if (writer == 0)
        write_events();
    for (int i = 0; i < readers; i++)
        if ((all[i] = fork()) == 0)
            read_table(shared[i]);
    bool is_good = true;
    for (int i = 0; i < readers; i++) {
        int status;
        waitpid(all[i], &status, 0);
        is_good = is_good && status == 0;
    }
    if (writer > 0) {
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
    }
    double median = 0, worst = 0;
    for (int i = 0; i < readers; i++) {
        median += shared[i][0] / readers;
        worst = shared[i][1] > worst ? shared[i][1] : worst;
    }
    printf("  %d reader%s, %s  median %6.1f ns   99th %7.1f ns%s\n", readers,
           readers == 1 ? " " : "s", with_writer ? "10000 events/s" : "nobody writes ", median,
           worst, is_good ? "" : "   FAILED");
}

int main(int argc, char **argv)
{
    static const int counts[] = {1, 2, 8};
    if (argc != 5) {
        fprintf(stderr, "usage: bench_table SHM SOCKET PROVIDER MODEL\n");
        return EX_USAGE;
    }
    shm = argv[1];
    socket_path = argv[2];
    provider = argv[3];
    model = argv[4];
    key = pair_key_hash(provider, model);
    double(*shared)[2] = mmap(NULL, READERS * sizeof(*shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure(1, false, shared);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        measure(counts[i], true, shared);
    return EX_OK;
}
