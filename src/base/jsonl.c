// JSON Lines over jansson. See jsonl.h.
#include "base/jsonl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

status jsonl_open(jsonl_reader *reader, const char *path) {
    *reader = (jsonl_reader){.name = path};
    if (!path || strcmp(path, "-") == 0) {
        reader->stream = stdin;
        reader->name = "standard input";
        return STATUS_OK;
    }
    reader->stream = fopen(path, "re");
    if (!reader->stream) return status_set(STATUS_INVALID, "cannot open %s: %s", path, strerror(errno));
    return STATUS_OK;
}

void jsonl_close(jsonl_reader *reader) {
    if (reader->stream && reader->stream != stdin) fclose(reader->stream);
    free(reader->line);
    buffer_free(&reader->clean);
    *reader = (jsonl_reader){0};
}

static int hex_value(const char *digits) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// jansson refuses escapes of NUL and of lone surrogates; both become the escape of U+FFFD, in place.
static void mend_escapes(char *text, size_t length) {
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] != '\\') continue;
        if (text[i + 1] != 'u' || i + 6 > length) {
            i += 1;
            continue;
        }
        int value = hex_value(text + i + 2);
        if (value >= 0xD800 && value <= 0xDBFF && i + 12 <= length && text[i + 6] == '\\' && text[i + 7] == 'u') {
            int low = hex_value(text + i + 8);
            if (low >= 0xDC00 && low <= 0xDFFF) {
                i += 11;
                continue;
            }
        }
        if (value == 0 || (value >= 0xD800 && value <= 0xDFFF)) memcpy(text + i + 2, "fffd", 4);
        i += 5;
    }
}

static status parse_clean(buffer *clean, const char *text, size_t length, json_t **value, json_error_t *error) {
    buffer_clear(clean);
    TRY(text_make_valid(clean, text, length));
    mend_escapes(clean->data, clean->length);
    *value = json_loadb(clean->data, clean->length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, error);
    if (!*value) // integers beyond 64 bits are kept as real numbers
        *value =
            json_loadb(clean->data, clean->length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, error);
    return STATUS_OK;
}

status json_parse(const char *text, size_t length, const char *name, json_t **value) {
    buffer clean = {0};
    json_error_t error;
    status code = parse_clean(&clean, text, length, value, &error);
    buffer_free(&clean);
    if (code == STATUS_OK && !*value)
        return status_set(STATUS_INVALID, "%s: line %d, column %d: not JSON: %s", name, error.line, error.column, error.text);
    return code;
}

status jsonl_next(jsonl_reader *reader, json_t **row) {
    *row = NULL;
    for (;;) {
        errno = 0;
        ssize_t got = getline(&reader->line, &reader->line_capacity, reader->stream);
        if (got < 0) {
            if (ferror(reader->stream)) return status_set(STATUS_IO, "cannot read %s: %s", reader->name, strerror(errno));
            return STATUS_OK;
        }
        reader->line_number++;
        size_t length = (size_t)got;
        while (length > 0 && (reader->line[length - 1] == '\n' || reader->line[length - 1] == '\r')) length--;
        if (reader->line_number == 1 && length >= 3 && memcmp(reader->line, "\xEF\xBB\xBF", 3) == 0) // a byte order mark
            memmove(reader->line, reader->line + 3, length -= 3);
        reader->line[length] = 0;
        reader->line_length = length;
        if (strspn(reader->line, " \t") == length) continue;
        json_error_t error;
        TRY(parse_clean(&reader->clean, reader->line, length, row, &error));
        if (!*row)
            return status_set(STATUS_INVALID, "%s line %zu: not JSON: %s (column %d)", reader->name, reader->line_number,
                              error.text, error.column);
        if (!json_is_object(*row)) {
            json_decref(*row);
            *row = NULL;
            return status_set(STATUS_INVALID, "%s line %zu: not a JSON object", reader->name, reader->line_number);
        }
        return STATUS_OK;
    }
}

status json_write(buffer *out, const json_t *value, int digits) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(digits));
    if (!text) return status_set(STATUS_FAILED, "cannot write a JSON value");
    status code = buffer_append_text(out, text);
    free(text);
    return code;
}

json_t *json_number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

json_t *json_valid_text(const char *text, size_t length) {
    buffer valid = {0};
    json_t *value = NULL;
    if (text_make_valid(&valid, text, length) == STATUS_OK) value = json_stringn(buffer_text(&valid), valid.length);
    buffer_free(&valid);
    return value ? value : json_null();
}
