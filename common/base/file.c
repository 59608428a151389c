/* SPDX-License-Identifier: MIT */
/* See file.h. */
#include "common/base/file.h"

#include <errno.h>
#include <unistd.h>

#define PIECE_BYTES 65536

bool file_read(int fd, size_t max, struct buf *text)
{
    size_t start = text->len;
    while (text->len - start <= max) {
        ssize_t n = read(fd, buf_reserve(text, PIECE_BYTES), PIECE_BYTES);
        if (n == 0)
            return true;
        if (n > 0)
            text->len += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    errno = EFBIG;
    return false;
}
