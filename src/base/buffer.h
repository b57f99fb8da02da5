// A growable run of bytes that is always followed by a NUL, for building text.
#ifndef DSDR_BASE_BUFFER_H
#define DSDR_BASE_BUFFER_H

#include <stddef.h>

#include "base/status.h"

typedef struct buffer {
    char *data; // NULL until the first append; data[length] == 0 afterwards
    size_t length, capacity;
} buffer;

// All appends leave the buffer unchanged on failure (STATUS_NO_MEMORY).
status buffer_append(buffer *b, const void *bytes, size_t count);
status buffer_append_text(buffer *b, const char *text);
status buffer_append_byte(buffer *b, char byte);
status buffer_printf(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
status buffer_reserve(buffer *b, size_t capacity);

static inline void buffer_clear(buffer *b) {
    b->length = 0;
    if (b->data) b->data[0] = 0;
}
void buffer_free(buffer *b);

// The text, "" for an untouched buffer.
static inline const char *buffer_text(const buffer *b) { return b->data ? b->data : ""; }

// A copy of `length` bytes with a NUL behind it, or NULL when memory is out. Free with free().
char *text_copy(const char *text, size_t length);

// The Levenshtein distance of two short texts (at most 255 bytes each are looked at): for "did you mean ...".
size_t text_distance(const char *a, const char *b);
// Keeps the candidate that is nearest to `given` in *best, if it is nearer than *distance.
void text_consider(const char *given, const char *candidate, const char **best, size_t *distance);

// How many bytes at the end of a text begin a character of UTF-8 without completing it: 0 to 3.
size_t text_open_bytes(const char *text, size_t length);

// Copies `length` bytes into `out` with every NUL and every byte that is not part of valid UTF-8 replaced by U+FFFD.
status text_make_valid(buffer *out, const char *bytes, size_t length);

#endif
