// Row commands: the loop that verify, score, tokenize and logprobs share. See rows.h.
#include "cli/rows.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/jsonl.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/signals.h"

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

status rows_take_text(const json_t *value, buffer *out, bool *found) {
    buffer_clear(out);
    *found = json_is_string(value) || json_is_number(value);
    if (json_is_string(value)) return buffer_append(out, json_string_value(value), json_string_length(value));
    return *found ? json_write(out, value, 17) : STATUS_OK;
}

void rows_fail(json_t *row, const char *message) {
    json_object_set_new(row, "status", json_string("error"));
    json_object_set_new(row, "error", json_string(message ? message : status_message()));
}

typedef struct batch {
    json_t **rows; // every row read, malformed ones included, in order
    json_t **good; // those handed to the command
    size_t count, good_count;
    size_t failed, written;
    buffer line;
} batch;

static bool failed_row(const json_t *row) {
    const char *word = json_string_value(json_object_get(row, "status"));
    return word && !strcmp(word, "error") && json_object_get(row, "error");
}

// Writes the batch in order and empties it.
static status write_batch(batch *b, int digits) {
    status code = STATUS_OK;
    for (size_t i = 0; i < b->count; i++) {
        b->failed += failed_row(b->rows[i]);
        buffer_clear(&b->line);
        if (code == STATUS_OK) code = json_write(&b->line, b->rows[i], digits);
        if (code == STATUS_OK) code = buffer_append_byte(&b->line, '\n');
        if (code == STATUS_OK && fwrite(b->line.data, 1, b->line.length, stdout) != b->line.length)
            code = status_set(STATUS_IO, "cannot write to standard output: %s", strerror(errno));
        json_decref(b->rows[i]);
    }
    b->written += b->count;
    b->count = b->good_count = 0;
    if (code == STATUS_OK && fflush(stdout) != 0)
        code = status_set(STATUS_IO, "cannot write to standard output: %s", strerror(errno));
    return code;
}

// Whether more input is at hand, or its end. A program that writes a row and waits for the answer must not wait for a full batch;
// rows that stdio has read ahead are not seen here, which only makes a batch smaller.
static bool input_waits(const jsonl_reader *reader) {
    struct stat information;
    int descriptor = fileno(reader->stream);
    if (fstat(descriptor, &information) == 0 && S_ISREG(information.st_mode)) return true;
    struct pollfd input = {.fd = descriptor, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

// Reads rows until the batch is full, the input pauses, or it ends (*end). A malformed line becomes a row that has failed
// already.
static status fill_batch(batch *b, size_t size, jsonl_reader *reader, bool *end) {
    while (b->count < size && (!b->count || input_waits(reader))) {
        json_t *row = NULL;
        status code = jsonl_next(reader, &row);
        if (code == STATUS_OK && !row) {
            *end = true;
            return STATUS_OK;
        }
        if (code != STATUS_OK && code != STATUS_INVALID) return code;
        if (code == STATUS_OK) {
            b->good[b->good_count++] = row;
        } else {
            row = json_object();
            if (!row) return status_set(STATUS_NO_MEMORY, "out of memory while reading rows");
            rows_fail(row, NULL);
        }
        b->rows[b->count++] = row;
    }
    return STATUS_OK;
}

int rows_run(const rows_command *command, const char *file) {
    jsonl_reader reader;
    status code = jsonl_open(&reader, file);
    if (code != STATUS_OK) return cli_finish(command->name, code);
    size_t size = command->batch ? command->batch : 1;
    batch b = {.rows = calloc(size, sizeof *b.rows), .good = calloc(size, sizeof *b.good)};
    progress_view view;
    progress_view_open(&view, stderr);
    double start = now_seconds();
    bool end = false;
    if (!b.rows || !b.good) code = status_set(STATUS_NO_MEMORY, "out of memory while reading rows");
    while (code == STATUS_OK && !end && !signals_stop) {
        code = fill_batch(&b, size, &reader, &end);
        if (code == STATUS_OK && b.good_count) code = command->work(command->context, b.good, b.good_count);
        if (code == STATUS_OK) code = write_batch(&b, command->digits);
        // On a terminal the rows themselves show the progress.
        if (!isatty(STDOUT_FILENO))
            progress_view_report(&view, &(progress_event){command->name, (double)b.written, 0, command->unit, NULL});
    }
    progress_view_clear(&view);
    for (size_t i = 0; b.rows && i < b.count; i++) json_decref(b.rows[i]);
    int exit_code = cli_finish(command->name, code);
    double seconds = now_seconds() - start;
    if (code == STATUS_OK) {
        fprintf(stderr, "%zu %s in %.2f s", b.written, command->unit, seconds);
        if (b.failed) fprintf(stderr, ", %zu of them with an error", b.failed);
        fprintf(stderr, "\n");
        if (signals_stop)
            exit_code = status_exit_code(STATUS_INTERRUPTED);
        else if (b.failed)
            exit_code = 1;
    }
    buffer_free(&b.line);
    free(b.rows);
    free(b.good);
    jsonl_close(&reader);
    return exit_code;
}
