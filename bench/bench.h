// What the benchmark programs share. Each is started with settings of dsdr (key=value), opens its model, prints one line of JSON,
// then reads requests from standard input, one a line, and answers each with one line of JSON: so one process measures again and
// again, in turn with others, without loading anew. See bench/run.py, which drives them.
#ifndef DSDR_BENCH_H
#define DSDR_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "model/language.h"
#include "run/settings.h"

typedef struct bench {
    settings settings;
    matmul *products;
    language_model lm;
    kernel_clock clock; // of the opened model
} bench;

double bench_now(void); // seconds, monotonic

// Reads the settings and starts the products; bench_open_model opens the model as well, as dsdr does.
status bench_open(bench *b, int argc, char **argv);
status bench_open_model(bench *b, int argc, char **argv, bool trainable);
void bench_close(bench *b);

// Prints the first line: precision, threads and products.
void bench_ready(const bench *b);

// Prints "kernels": {NAME: SECONDS, ...} of what the clock holds, which then starts anew; what passes before it belongs to no
// measurement is dropped by bench_clock_start.
void bench_clock_start(bench *b);
void bench_print_kernels(bench *b);

// The next request as a number, 0 for a line without one; false at the end of the input.
bool bench_next(size_t *number);

// The exit code; prints the message of a failure to standard error.
int bench_finish(const char *program, status code);

// Token ids of no meaning, without the special ones at the start of the vocabulary; a function of place alone.
int32_t bench_token(const bench *b, size_t sequence, size_t position);

#endif
