// Row commands: JSON lines in, one row out for each row in, in order, other keys copied. Used by verify, score, tokenize,
// logprobs.
//
// A row that cannot be worked on gives {"status":"error","error":MESSAGE} beside its own keys; the command goes on and exits 1.
#ifndef DSDR_CLI_ROWS_H
#define DSDR_CLI_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

typedef struct rows_command {
    const char *name; // of the subcommand
    const char *unit; // what a row is called in progress and summary: "pairs", "texts"
    int digits;       // significant digits of real numbers: 17 for double, 9 for float32
    size_t batch;     // rows handed over at once, at least 1; with 1 a row is answered before the next one is read
    // Works on `count` rows (JSON objects that it may change): adds its results to each. A row's own trouble goes to
    // rows_fail(row); a status other than OK ends the command.
    status (*work)(void *context, json_t **rows, size_t count);
    void *context;
} rows_command;

// Reads FILE (NULL or "-": standard input), writes to standard output, progress and a summary to stderr. Returns the exit code.
int rows_run(const rows_command *command, const char *file);

// *out = the text of a string, or of a number as it is written in JSON; *found is false, and *out empty, for anything else.
status rows_take_text(const json_t *value, buffer *out, bool *found);

// Marks one row as failed with this thread's status message (or `message` if not NULL).
void rows_fail(json_t *row, const char *message);

#endif
