// JSON Lines: one JSON object a line, read leniently about bytes and strictly about JSON; and JSON text out.
#ifndef DSDR_BASE_JSONL_H
#define DSDR_BASE_JSONL_H

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/status.h"

typedef struct jsonl_reader {
    FILE *stream;
    const char *name;   // for messages: a path or "standard input"; borrowed
    size_t line_number; // of the row read last, from 1
    char *line;         // the line read last, NUL-terminated, without its newline
    size_t line_length, line_capacity;
    buffer clean;
} jsonl_reader;

// Opens `path`, or standard input for NULL and "-".
status jsonl_open(jsonl_reader *reader, const char *path);
void jsonl_close(jsonl_reader *reader);

// Reads the next row that is not blank into *row (a JSON object, owned by the caller). At the end of the file *row is NULL and
// the status is STATUS_OK. A line that is not a JSON object gives STATUS_INVALID with file and line number in the message; the
// reader stands behind that line and may be asked for the next one. Invalid UTF-8, lone surrogates and NUL become U+FFFD.
status jsonl_next(jsonl_reader *reader, json_t **row);

// Parses one JSON text of `length` bytes under the same rules; `name` is for the message.
status json_parse(const char *text, size_t length, const char *name, json_t **value);

// Appends `value` as one line of JSON without a newline. Key order is kept. Finite real numbers have `digits` significant
// digits (17 restores a double exactly, 9 a float); NaN and infinities become null.
status json_write(buffer *out, const json_t *value, int digits);

// A JSON number, or null when x is not finite (json_real refuses such values).
json_t *json_number(double x);

// A text as a JSON string, made valid UTF-8; null when memory is out.
json_t *json_valid_text(const char *text, size_t length);

#endif
