/* SPDX-License-Identifier: MIT */
/* Hexadecimal digits. Used by the scanners of JSON and of chunks, to read the boot id,
 * and by what masks keys. Pure. */
#ifndef WEIR_COMMON_BASE_HEX_H
#define WEIR_COMMON_BASE_HEX_H

/* The value of a digit of either case; -1 for any other byte. */
static inline int hex_value(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

#endif
