/* SPDX-License-Identifier: MIT */
/* file: a whole file, up to a bound, behind what the buffer has already. */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A file of so many bytes, to be read from its beginning. */
static FILE *file_of(size_t n)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < n; i++)
        putc('a' + (int)(i % 26), file);
    ck_assert_int_eq(fflush(file), 0);
    rewind(file);
    return file;
}

START_TEST(files_up_to_the_bound_are_read)
{
    static const struct {
        size_t bytes, max;
        bool is_read;
    } rows[] = {{0, 0, true},         {1, 0, false},           {100, 100, true},
                {101, 100, false},    {200000, 200000, true},  {200001, 200000, false},
                {65536, 65536, true}, {300000, 100000, false}, {65537, 1000000, true}};
    for (size_t i = 0; i < UNIT_ROWS(rows); i++) {
        struct buf text = BUF_INIT;
        FILE *file = file_of(rows[i].bytes);
        buf_puts(&text, "before");
        errno = 0;
        ck_assert_msg(file_read(fileno(file), rows[i].max, &text) == rows[i].is_read, "row %zu", i);
        ck_assert_msg(rows[i].is_read || errno == EFBIG, "row %zu", i);
        ck_assert_int_eq(memcmp(text.data, "before", 6), 0);
        if (rows[i].is_read)
            ck_assert_uint_eq(text.len, 6 + rows[i].bytes);
        if (rows[i].is_read && rows[i].bytes > 0)
            ck_assert_int_eq(text.data[text.len - 1], 'a' + (int)((rows[i].bytes - 1) % 26));
        buf_free(&text);
        fclose(file);
    }
}
END_TEST

START_TEST(what_cannot_be_read_says_why)
{
    struct buf text = BUF_INIT;
    int fd = open("/", O_RDONLY);
    ck_assert(!file_read(fd, 100, &text));
    ck_assert_int_eq(errno, EISDIR);
    close(fd);
    buf_free(&text);
}
END_TEST

UNIT_MAIN("file", files_up_to_the_bound_are_read, what_cannot_be_read_says_why)
