/* SPDX-License-Identifier: MIT */
/* See orphans.h. Weak: without pages it finds nobody. */
#include "server/master/orphans.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/log.h"
#include "common/shm/pages.h"

#define STUCK_MS 1000
#define TOLERANCE_MS \
    500            /* between the start that the page tells and the one that the kernel tells */
#define STARTED 20 /* words of /proc/PID/stat from the state to the start, both included */

/* When the kernel started it, in ms of the boot clock; 0 = there is none. */
static uint64_t started_at_ms(int32_t pid)
{
    char path[32], text[1024] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    fd_close(&fd);
    char *at = strrchr(text, ')'); /* a name may hold anything */
    for (int i = 0; at != NULL && i < STARTED; i++)
        at = strchr(at + 1, ' ');
    uint64_t ticks = 0;
    if (at == NULL || sscanf(at, "%" SCNu64, &ticks) != 1)
        return 0;
    return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Numbers are used again: is the process that the page names the one that it meant? */
static bool is_the_worker(int32_t pid, const struct pages_slot *page)
{
    uint64_t is_ms = started_at_ms(pid);
    uint64_t said_ms = pages_counter_get(&page->incarnation) / CLOCK_NS_PER_MS;
    return is_ms != 0 && is_ms + TOLERANCE_MS > said_ms && said_ms + TOLERANCE_MS > is_ms;
}

static void kill_if_stuck(const struct pages_slot *page)
{
    int32_t pid = atomic_load(&page->pid);
    uint64_t stuck_at = pages_counter_get(&page->heartbeat_at) + STUCK_MS * CLOCK_NS_PER_MS;
    if (pid <= 0 || clock_boot_ns() < stuck_at)
        return;
    int process = pidfd_open(pid, 0);
    if (process >= 0 && is_the_worker(pid, page)) {
        log_warn("pid %d, a worker of a weir that was killed, does not turn: killing it", (int)pid);
        pidfd_send_signal(process, SIGKILL, NULL, 0);
    }
    fd_close(&process);
}

void master_orphans_kill_stuck(const char *table_name)
{
    struct pages *pages = pages_open_reader(table_name);
    if (pages != NULL && pages_live_master(pages) == 0)
        for (uint32_t i = 0; i < pages_slots(pages); i++)
            kill_if_stuck(pages_slot(pages, i));
    pages_close(&pages);
}
