/* SPDX-License-Identifier: MIT */
/* See sim_http.h. */
#include "tests/sim/sim_http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CHUNK_LINE_MAX 1024 /* of a chunk-size line with its extensions, and of a trailer line */
#define LENGTH_DIGITS  15

void sim_http_init(struct sim_http_request *r)
{
    *r = (struct sim_http_request){.state = SIM_HTTP_IN_HEAD, .chunked_body = BUF_INIT};
}

void sim_http_free(struct sim_http_request *r)
{
    buf_free(&r->chunked_body);
}

static enum sim_http_state bad(struct sim_http_request *r, int status, const char *why)
{
    r->error_status = status;
    r->error = why;
    return r->state = SIM_HTTP_BAD;
}

static bool is_same(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static void trim(const char **s, size_t *len)
{
    while (*len > 0 && ((*s)[0] == ' ' || (*s)[0] == '\t')) {
        (*s)++;
        (*len)--;
    }
    while (*len > 0 && strchr(" \t\r\n", (*s)[*len - 1]) != NULL)
        (*len)--;
}

bool sim_http_next_field(const char **fields, size_t *fields_len, const char **name,
                         size_t *name_len, const char **value, size_t *value_len)
{
    if (*fields_len == 0)
        return false;
    const char *line = *fields;
    const char *lf = memchr(line, '\n', *fields_len);
    size_t line_len = lf != NULL ? (size_t)(lf - line) + 1 : *fields_len;
    const char *colon = memchr(line, ':', line_len);
    *name = line;
    *name_len = colon != NULL ? (size_t)(colon - line) : 0;
    *value = colon != NULL ? colon + 1 : line;
    *value_len = line_len - (size_t)(*value - line);
    trim(value, value_len);
    *fields += line_len;
    *fields_len -= line_len;
    return true;
}

static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) &&
            (s[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s[i]) == NULL))
            return false;
    return len > 0;
}

static bool parse_length(const char *value, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    if (len == 0 || len > LENGTH_DIGITS)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)value[i]))
            return false;
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    *out = n;
    return true;
}

static bool read_content_length(struct sim_http_request *r, const char *value, size_t len)
{
    if (r->has_content_length || !parse_length(value, len, &r->content_length))
        return false;
    r->has_content_length = true;
    return true;
}

static bool read_transfer_encoding(struct sim_http_request *r, const char *value, size_t len)
{
    if (r->has_transfer_encoding || !is_same(value, len, "chunked"))
        return false;
    r->has_transfer_encoding = r->is_chunked = true;
    return true;
}

static bool read_connection(struct sim_http_request *r, const char *value, size_t len)
{
    const char *end = value + len;
    while (value < end) {
        const char *comma = memchr(value, ',', (size_t)(end - value));
        const char *word = value;
        size_t word_len = (size_t)((comma != NULL ? comma : end) - value);
        trim(&word, &word_len);
        if (is_same(word, word_len, "close"))
            r->is_close_asked = true;
        value = comma != NULL ? comma + 1 : end;
    }
    return true;
}

static bool read_expect(struct sim_http_request *r, const char *value, size_t len)
{
    r->is_expecting = is_same(value, len, "100-continue");
    return r->is_expecting;
}

static const struct {
    const char *name;
    bool (*read)(struct sim_http_request *r, const char *value, size_t len);
    const char *error;
} known_fields[] = {
    {"content-length", read_content_length, "bad or repeated Content-Length"},
    {"transfer-encoding", read_transfer_encoding, "Transfer-Encoding other than one chunked"},
    {"connection", read_connection, NULL},
    {"expect", read_expect, "unknown expectation"},
};

static bool read_field(struct sim_http_request *r, const char *name, size_t name_len,
                       const char *value, size_t value_len)
{
    if (!is_token(name, name_len)) {
        bad(r, 400, "malformed field line");
        return false;
    }
    for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
        if (!is_same(name, name_len, known_fields[i].name))
            continue;
        if (known_fields[i].read(r, value, value_len))
            return true;
        bad(r, 400, known_fields[i].error);
        return false;
    }
    return true;
}

static bool read_fields(struct sim_http_request *r, const char *data)
{
    const char *at = data + r->fields.at, *name, *value;
    size_t left = r->fields.len, name_len, value_len;
    while (sim_http_next_field(&at, &left, &name, &name_len, &value, &value_len))
        if (!read_field(r, name, name_len, value, value_len))
            return false;
    return true;
}

/* METHOD SP TARGET SP HTTP/1.x */
static bool read_request_line(struct sim_http_request *r, const char *data)
{
    const char *line = data + r->line.at;
    size_t at = r->line.at, len = r->line.len;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    const char *first = memchr(line, ' ', len);
    const char *last = memrchr(line, ' ', len);
    if (first == NULL || last == first || !is_token(line, (size_t)(first - line)))
        return false;
    r->method = (struct sim_http_span){at, (size_t)(first - line)};
    r->target = (struct sim_http_span){at + (size_t)(first + 1 - line), (size_t)(last - first - 1)};
    const char *version = last + 1;
    size_t version_len = len - (size_t)(version - line);
    r->is_http10 = is_same(version, version_len, "HTTP/1.0");
    return r->target.len > 0 && memchr(first + 1, ' ', r->target.len) == NULL &&
           (r->is_http10 || is_same(version, version_len, "HTTP/1.1"));
}

static enum sim_http_state read_head(struct sim_http_request *r, const char *data)
{
    if (!read_request_line(r, data))
        return bad(r, 400, "malformed request line");
    if (!read_fields(r, data))
        return r->state;
    if (r->is_chunked && (r->has_content_length || r->is_http10))
        return bad(r, 400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0");
    if (r->content_length > SIM_HTTP_BODY_MAX)
        return bad(r, 413, "body too large");
    r->is_keep_alive = !r->is_http10 && !r->is_close_asked;
    r->read_at = r->head_len;
    return r->state = SIM_HTTP_IN_BODY;
}

/* Length of a line's end at p: 1 for LF, 2 for CRLF, 0 for neither. */
static size_t eol_length(const char *p, size_t len)
{
    if (len >= 1 && p[0] == '\n')
        return 1;
    return len >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static void skip_blank_lines(struct sim_http_request *r, const char *data, size_t len)
{
    size_t eol;
    while ((eol = eol_length(data + r->read_at, len - r->read_at)) > 0)
        r->read_at += eol;
}

/* Goes on line by line from where the last call stopped, until the blank line. */
static enum sim_http_state find_head(struct sim_http_request *r, const char *data, size_t len)
{
    const char *lf;
    if (r->fields.at == 0)
        skip_blank_lines(r, data, len);
    while ((lf = memchr(data + r->read_at, '\n', len - r->read_at)) != NULL) {
        struct sim_http_span line = {r->read_at, (size_t)(lf - data) - r->read_at};
        r->read_at = (size_t)(lf - data) + 1;
        if (r->read_at > SIM_HTTP_HEAD_MAX)
            break;
        if (r->fields.at == 0) {
            r->line = line;
            r->fields.at = r->read_at;
        } else if (line.len == 0 || (line.len == 1 && data[line.at] == '\r')) {
            r->fields.len = line.at - r->fields.at;
            r->head_len = r->read_at;
            return read_head(r, data);
        }
    }
    return len > SIM_HTTP_HEAD_MAX ? bad(r, 431, "request head too large") : r->state;
}

/* 1-8 hex digits, then an optional extension. */
static bool parse_chunk_size(const char *line, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < len && i < 9 && isxdigit((unsigned char)line[i]); i++) {
        int digit = isdigit((unsigned char)line[i]) ? line[i] - '0'
                                                    : tolower((unsigned char)line[i]) - 'a' + 10;
        n = n * 16 + (uint64_t)digit;
    }
    *out = n;
    return i > 0 && i < 9 && (i == len || line[i] == ';' || line[i] == ' ');
}

/* The chunk steps: each reads what it can, and returns whether the next one may go on. */
static bool read_chunk_line(struct sim_http_request *r, const char *data, size_t len,
                            size_t *line_len)
{
    const char *lf = memchr(data + r->read_at, '\n', len - r->read_at);
    size_t seen = lf != NULL ? (size_t)(lf - data) - r->read_at : len - r->read_at;
    if (seen > CHUNK_LINE_MAX) {
        bad(r, 400, "chunk line too long");
        return false;
    }
    *line_len = seen > 0 && data[r->read_at + seen - 1] == '\r' ? seen - 1 : seen;
    return lf != NULL;
}

static void skip_line(struct sim_http_request *r, const char *data, size_t len)
{
    const char *lf = memchr(data + r->read_at, '\n', len - r->read_at);
    r->read_at = (size_t)(lf - data) + 1;
}

static bool read_chunk_size(struct sim_http_request *r, const char *data, size_t len)
{
    size_t line_len;
    if (!read_chunk_line(r, data, len, &line_len))
        return false;
    if (!parse_chunk_size(data + r->read_at, line_len, &r->chunk_left)) {
        bad(r, 400, "malformed chunk size");
        return false;
    }
    if (r->chunked_body.len + r->chunk_left > SIM_HTTP_BODY_MAX) {
        bad(r, 413, "body too large");
        return false;
    }
    skip_line(r, data, len);
    r->chunk_step = r->chunk_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return true;
}

static bool read_chunk_data(struct sim_http_request *r, const char *data, size_t len)
{
    size_t here = len - r->read_at;
    size_t n = here < r->chunk_left ? here : (size_t)r->chunk_left;
    buf_put(&r->chunked_body, data + r->read_at, n);
    r->read_at += n;
    r->chunk_left -= n;
    if (r->chunk_left > 0)
        return false;
    r->chunk_step = CHUNK_DATA_END;
    return true;
}

static bool read_chunk_data_end(struct sim_http_request *r, const char *data, size_t len)
{
    size_t eol = eol_length(data + r->read_at, len - r->read_at);
    if (eol == 0) {
        if (len - r->read_at >= 2 || (len > r->read_at && data[r->read_at] != '\r'))
            bad(r, 400, "chunk data runs on");
        return false;
    }
    r->read_at += eol;
    r->chunk_step = CHUNK_SIZE;
    return true;
}

static bool read_chunk_trailer(struct sim_http_request *r, const char *data, size_t len)
{
    size_t line_len;
    if (!read_chunk_line(r, data, len, &line_len))
        return false;
    skip_line(r, data, len);
    if (line_len == 0)
        r->state = SIM_HTTP_COMPLETE;
    return line_len > 0;
}

static void read_chunks(struct sim_http_request *r, const char *data, size_t len)
{
    static bool (*const steps[])(struct sim_http_request *, const char *, size_t) = {
        [CHUNK_SIZE] = read_chunk_size,
        [CHUNK_DATA] = read_chunk_data,
        [CHUNK_DATA_END] = read_chunk_data_end,
        [CHUNK_TRAILER] = read_chunk_trailer,
    };
    while (steps[r->chunk_step](r, data, len))
        continue;
}

static void read_length(struct sim_http_request *r, size_t len)
{
    size_t end = r->head_len + (size_t)r->content_length;
    r->read_at = len < end ? len : end;
    if (r->read_at == end)
        r->state = SIM_HTTP_COMPLETE;
}

const char *sim_http_body(const struct sim_http_request *r, const char *data, size_t len,
                          size_t *body_len)
{
    if (r->is_chunked) {
        *body_len = r->chunked_body.len;
        return r->chunked_body.data != NULL ? r->chunked_body.data : "";
    }
    *body_len = r->state == SIM_HTTP_IN_HEAD ? 0 : r->read_at - r->head_len;
    return data + (r->state == SIM_HTTP_IN_HEAD ? len : r->head_len);
}

static void hash_on(struct sim_http_request *r, const char *data, size_t len)
{
    size_t body_len;
    const char *body = sim_http_body(r, data, len, &body_len);
    if (body_len <= SIM_HTTP_HASH_FROM)
        return;
    if (r->hashed == 0)
        sha256_init(&r->hash);
    sha256_update(&r->hash, body + r->hashed, body_len - r->hashed);
    r->hashed = body_len;
}

void sim_http_body_digest(struct sim_http_request *r, char hex[SHA256_HEX_BYTES])
{
    sha256_final(&r->hash, hex);
}

enum sim_http_state sim_http_read(struct sim_http_request *r, const char *data, size_t len)
{
    if (r->state == SIM_HTTP_IN_HEAD)
        find_head(r, data, len);
    if (r->state == SIM_HTTP_IN_BODY) {
        if (r->is_chunked)
            read_chunks(r, data, len);
        else
            read_length(r, len);
    }
    if (r->state == SIM_HTTP_IN_BODY || r->state == SIM_HTTP_COMPLETE)
        hash_on(r, data, len);
    return r->state;
}
