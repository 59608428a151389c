/* SPDX-License-Identifier: MIT */
/* See bootid.h. */
#include "common/shm/bootid.h"

#include <fcntl.h>
#include <unistd.h>

#define BOOTID_PATH "/proc/sys/kernel/random/boot_id"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void bootid_read(uint64_t out[BOOTID_WORDS])
{
    out[0] = out[1] = 0;
    char text[64];
    int fd = open(BOOTID_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    unsigned digits = 0;
    for (ssize_t i = 0; i < len && digits < 32; i++) {
        int value = hex_value(text[i]);
        if (value < 0)
            continue; /* the dashes of a UUID */
        out[digits / 16] = out[digits / 16] << 4 | (unsigned)value;
        digits++;
    }
}
