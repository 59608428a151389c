/* SPDX-License-Identifier: MIT */
/* See chunked.h. One function a state, a byte at a time outside the data. */
#include "common/http/chunked.h"

#include "common/base/hex.h"

#define LINE_MAX_BYTES     256 /* a chunk's size line, with extensions */
#define SIZE_MAX_DIGITS    8
#define TRAILERS_MAX_BYTES (8u << 10)

enum state {
    SIZE,          /* digits of a chunk's size */
    SIZE_BLANK,    /* blanks behind them */
    EXTENSION,     /* after the size's `;` */
    SIZE_LF,       /* the LF of that line */
    DATA,          /* `left` bytes */
    DATA_CR,       /* the CR behind them */
    DATA_LF,       /* and its LF */
    TRAILER_START, /* of a trailer line, or of the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF, /* the empty line's LF */
    END,
    BAD,
};

/* Takes one byte and names the next state. */
typedef enum state (*step_fn)(struct http_chunked *c, unsigned char byte);

void http_chunked_init(struct http_chunked *c, bool forgives)
{
    *c = (struct http_chunked){.state = SIZE, .forgives = forgives};
}

static bool is_text(unsigned char byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

static enum state in_size(struct http_chunked *c, unsigned char byte)
{
    int digit = hex_value(byte);
    if (digit >= 0) {
        bool is_leading_zero = c->digits == 1 && c->left == 0;
        if (c->forgives && is_leading_zero)
            c->digits = 0;
        if (c->digits == SIZE_MAX_DIGITS)
            return BAD;
        c->digits++;
        c->left = c->left << 4 | (uint32_t)digit;
        return SIZE;
    }
    if (c->digits == 0)
        return BAD;
    if (c->forgives && (byte == ' ' || byte == '\t'))
        return SIZE_BLANK;
    return byte == '\r' ? SIZE_LF : byte == ';' ? EXTENSION : BAD;
}

static enum state in_size_blank(struct http_chunked *c, unsigned char byte)
{
    if (byte == ' ' || byte == '\t')
        return SIZE_BLANK;
    return byte == '\r' ? SIZE_LF : byte == ';' ? EXTENSION : BAD;
}

static enum state in_extension(struct http_chunked *c, unsigned char byte)
{
    if (byte == '\r')
        return SIZE_LF;
    return is_text(byte) ? EXTENSION : BAD;
}

static enum state in_size_lf(struct http_chunked *c, unsigned char byte)
{
    c->overhead = 0;
    c->digits = 0;
    if (byte != '\n')
        return BAD;
    return c->left > 0 ? DATA : TRAILER_START;
}

static enum state in_data_cr(struct http_chunked *c, unsigned char byte)
{
    return byte == '\r' ? DATA_LF : BAD;
}

static enum state in_data_lf(struct http_chunked *c, unsigned char byte)
{
    c->overhead = 0;
    return byte == '\n' ? SIZE : BAD;
}

static bool is_name(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && byte != ':';
}

static enum state in_trailer_start(struct http_chunked *c, unsigned char byte)
{
    if (byte == '\r')
        return LAST_LF;
    return is_name(byte) ? TRAILER_NAME : BAD;
}

static enum state in_trailer_name(struct http_chunked *c, unsigned char byte)
{
    if (byte == ':')
        return TRAILER_VALUE;
    return is_name(byte) ? TRAILER_NAME : BAD;
}

static enum state in_trailer_value(struct http_chunked *c, unsigned char byte)
{
    if (byte == '\r')
        return TRAILER_LF;
    return is_text(byte) ? TRAILER_VALUE : BAD;
}

static enum state in_trailer_lf(struct http_chunked *c, unsigned char byte)
{
    return byte == '\n' ? TRAILER_START : BAD;
}

static enum state in_last_lf(struct http_chunked *c, unsigned char byte)
{
    return byte == '\n' ? END : BAD;
}

static const step_fn steps[] = {
    [SIZE] = in_size,
    [SIZE_BLANK] = in_size_blank,
    [EXTENSION] = in_extension,
    [SIZE_LF] = in_size_lf,
    [DATA_CR] = in_data_cr,
    [DATA_LF] = in_data_lf,
    [TRAILER_START] = in_trailer_start,
    [TRAILER_NAME] = in_trailer_name,
    [TRAILER_VALUE] = in_trailer_value,
    [TRAILER_LF] = in_trailer_lf,
    [LAST_LF] = in_last_lf,
};

static enum http_chunked_result take_data(struct http_chunked *c, const char *data, size_t len,
                                          struct http_text *piece)
{
    *piece = (struct http_text){data, len < c->left ? len : c->left};
    c->left -= (uint32_t)piece->len;
    if (c->left == 0)
        c->state = DATA_CR;
    return HTTP_CHUNKED_DATA;
}

enum http_chunked_result http_chunked_feed(struct http_chunked *c, const char *data, size_t len,
                                           size_t *used, struct http_text *piece)
{
    enum http_chunked_result result = HTTP_CHUNKED_MORE;
    size_t at = 0;
    *piece = (struct http_text){data, 0};
    while (at < len && c->state != DATA && c->state != END && c->state != BAD) {
        uint32_t bound = c->state < TRAILER_START ? LINE_MAX_BYTES : TRAILERS_MAX_BYTES;
        enum state next = steps[c->state](c, (unsigned char)data[at++]);
        c->state = (uint8_t)(c->overhead++ < bound ? next : BAD);
    }
    if (c->state == END)
        result = HTTP_CHUNKED_END;
    else if (c->state == BAD)
        result = HTTP_CHUNKED_BAD;
    else if (at < len) {
        result = take_data(c, data + at, len - at, piece);
        at += piece->len;
    }
    *used = at;
    return result;
}
