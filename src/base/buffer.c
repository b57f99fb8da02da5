// Growable text and small text helpers. See buffer.h.
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

status buffer_reserve(buffer *b, size_t capacity) {
    if (capacity < b->capacity) return STATUS_OK;
    size_t grown = b->capacity ? b->capacity : 64;
    while (grown <= capacity) grown *= 2;
    char *data = realloc(b->data, grown);
    if (!data) return status_set(STATUS_NO_MEMORY, "cannot grow a text to %zu bytes", grown);
    if (!b->data) data[0] = 0;
    b->data = data, b->capacity = grown;
    return STATUS_OK;
}

status buffer_append(buffer *b, const void *bytes, size_t count) {
    TRY(buffer_reserve(b, b->length + count));
    if (count) memcpy(b->data + b->length, bytes, count);
    b->length += count;
    b->data[b->length] = 0;
    return STATUS_OK;
}

status buffer_append_text(buffer *b, const char *text) { return buffer_append(b, text, strlen(text)); }
status buffer_append_byte(buffer *b, char byte) { return buffer_append(b, &byte, 1); }

status buffer_printf(buffer *b, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    status code = needed < 0 ? status_set(STATUS_FAILED, "cannot format a text") : buffer_reserve(b, b->length + (size_t)needed);
    if (code == STATUS_OK) {
        vsnprintf(b->data + b->length, (size_t)needed + 1, format, again);
        b->length += (size_t)needed;
    }
    va_end(again);
    return code;
}

void buffer_free(buffer *b) {
    free(b->data);
    *b = (buffer){0};
}

char *text_copy(const char *text, size_t length) {
    char *copy = malloc(length + 1);
    if (!copy) return NULL;
    if (length) memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

size_t text_distance(const char *a, const char *b) {
    size_t na = strnlen(a, 255), nb = strnlen(b, 255), row[256];
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = above, row[j] = best;
        }
    }
    return row[nb];
}

void text_consider(const char *given, const char *candidate, const char **best, size_t *distance) {
    size_t d = text_distance(given, candidate);
    if (d < *distance) *distance = d, *best = candidate;
}

size_t text_open_bytes(const char *text, size_t length) {
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = (unsigned char)text[length - back];
        if ((c & 0xC0) == 0x80) continue;
        size_t needs = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        return needs > back ? back : 0;
    }
    return 0;
}

status text_make_valid(buffer *out, const char *bytes, size_t length) {
    size_t position = 0;
    while (position < length) {
        utf8proc_int32_t codepoint = -1;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)bytes + position, (utf8proc_ssize_t)(length - position), &codepoint);
        if (used <= 0 || codepoint == 0) {
            TRY(buffer_append(out, "\xEF\xBF\xBD", 3));
            position += 1;
        } else {
            TRY(buffer_append(out, bytes + position, (size_t)used));
            position += (size_t)used;
        }
    }
    return buffer_reserve(out, out->length + 1);
}
