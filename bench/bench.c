// See bench.h.
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "run/open_model.h"
#include "run/options.h"

double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

status bench_open(bench *b, int argc, char **argv) {
    *b = (bench){0};
    TRY(settings_load(&b->settings, NULL, (const char *const *)argv + 1, (size_t)argc - 1));
    return matmul_create(&b->products, options_precision(&b->settings), options_threads(&b->settings), false);
}

status bench_open_model(bench *b, int argc, char **argv, bool trainable) {
    *b = (bench){0};
    TRY(settings_load(&b->settings, NULL, (const char *const *)argv + 1, (size_t)argc - 1));
    TRY(run_open_model(&b->products, &b->lm, &b->settings, b->settings.model.path, trainable));
    b->lm.model.clock = &b->clock;
    return STATUS_OK;
}

void bench_close(bench *b) {
    language_model_close(&b->lm);
    matmul_free(b->products);
    settings_free(&b->settings);
}

void bench_ready(const bench *b) {
    printf("{\"precision\": \"%s\", \"threads\": %d, \"products\": \"%s\"}\n", precision_name(matmul_precision(b->products)),
           matmul_threads(b->products), matmul_description(b->products));
    fflush(stdout);
}

void bench_clock_start(bench *b) {
    b->clock = (kernel_clock){0};
    kernel_mark(&b->clock);
}

void bench_print_kernels(bench *b) {
    static const char *const names[] = {
#define X(name, text) text,
        KERNEL_TABLE(X)
#undef X
    };
    const char *separator = "\"kernels\": {";
    for (size_t k = 0; k < KERNEL_COUNT; k++) {
        if (b->clock.nanoseconds[k] == 0) continue;
        printf("%s\"%s\": %.4g", separator, names[k], 1e-9 * (double)b->clock.nanoseconds[k]);
        separator = ", ";
    }
    printf("}");
}

bool bench_next(size_t *number) {
    char line[256];
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return false;
    *number = strtoull(line, NULL, 10);
    return true;
}

int bench_finish(const char *program, status code) {
    if (code != STATUS_OK) fprintf(stderr, "%s: %s\n", program, status_message());
    return status_exit_code(code);
}

int32_t bench_token(const bench *b, size_t sequence, size_t position) {
    enum { SPECIAL = 64 };
    uint64_t ordinary = b->lm.model.config.vocabulary - SPECIAL;
    return (int32_t)(SPECIAL + random_below(1, RANDOM_TEST, sequence, (uint32_t)position, 0, ordinary));
}
