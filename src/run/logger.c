// Loggers of a training step: console lines, metrics.jsonl, and TensorBoard's event files (tensorboard.c). See logger.h.
#include "run/logger.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "run/tensorboard.h"

status run_metrics_add(run_metrics *metrics, const char *name, double value) {
    for (size_t i = 0; i < metrics->count; i++)
        if (!strcmp(metrics->items[i].name, name)) {
            metrics->items[i].value = value;
            return STATUS_OK;
        }
    if (metrics->count == metrics->capacity) {
        size_t capacity = metrics->capacity ? 2 * metrics->capacity : 64;
        run_metric *items = realloc(metrics->items, capacity * sizeof *items);
        if (!items) return status_set(STATUS_NO_MEMORY, "out of memory while collecting metrics");
        metrics->items = items, metrics->capacity = capacity;
    }
    metrics->items[metrics->count++] = (run_metric){name, value};
    return STATUS_OK;
}

double run_metrics_get(const run_metrics *metrics, const char *name) {
    for (size_t i = 0; i < metrics->count; i++)
        if (!strcmp(metrics->items[i].name, name)) return metrics->items[i].value;
    return NAN;
}

void run_metrics_clear(run_metrics *metrics) { metrics->count = 0; }

void run_metrics_free(run_metrics *metrics) {
    free(metrics->items);
    *metrics = (run_metrics){0};
}

struct run_logger {
    run_line line; // NULL: no console logger
    void *context;
    FILE *file; // NULL: no file logger
    char *path;
    tensorboard *events; // NULL: no TensorBoard logger
    buffer text;
};

// What a person follows from step to step: name, label, printf format.
static const struct {
    const char *name, *label, *format;
} console_columns[] = {
    {"critic/rewards/mean", "reward", "%.4f"},
    {"critic/score/mean", "acc", "%.3f"},
    {"dsdr/dbar_correct/mean", "dbar", "%.3f"},
    {"rollout/entropy", "entropy", "%.3f"},
    {"actor/loss", "loss", "%.3g"},
    {"actor/grad_norm", "grad", "%.3g"},
    {"actor/lr", "lr", "%.3g"},
    {"train/loss", "loss", "%.4f"},
    {"train/grad_norm", "grad", "%.3g"},
    {"train/lr", "lr", "%.3g"},
    {"response_length/mean", "len", "%.1f"},
    {"response_length/clip_ratio", "cut", "%.2f"},
    {"timing_s/step", "s", "%.1f"},
    {"perf/throughput", "tok/s", "%.0f"},
};

// Copies the rows of steps up to `step` of an existing file into its replacement: a resumed run repeats what came after.
static status keep_rows(const char *path, int64_t step) {
    if (!file_exists(path)) return STATUS_OK;
    file_map map;
    TRY(file_map_open(&map, path));
    buffer kept = {0};
    status code = STATUS_OK;
    for (size_t at = 0; at < map.size && code == STATUS_OK;) {
        const unsigned char *end = memchr(map.bytes + at, '\n', map.size - at);
        if (!end) break; // a row cut off by an interruption
        size_t length = (size_t)(end - map.bytes) + 1 - at;
        json_t *row = NULL;
        bool keep = json_parse((const char *)map.bytes + at, length - 1, path, &row) == STATUS_OK && json_is_object(row) &&
                    json_is_integer(json_object_get(row, "step")) && json_integer_value(json_object_get(row, "step")) <= step;
        json_decref(row);
        if (keep) code = buffer_append(&kept, map.bytes + at, length);
        at += length;
    }
    file_map_close(&map);
    if (code == STATUS_OK) code = file_replace(path, buffer_text(&kept), kept.length);
    buffer_free(&kept);
    return code;
}

status run_logger_open(run_logger **result, const text_list *loggers, const char *folder, int64_t step, run_line line,
                       void *context) {
    *result = NULL;
    run_logger *logger = calloc(1, sizeof *logger);
    if (!logger) return status_set(STATUS_NO_MEMORY, "out of memory while opening loggers");
    status code = STATUS_OK;
    for (size_t i = 0; i < loggers->count && code == STATUS_OK; i++) {
        if (!strcmp(loggers->items[i], "console")) logger->line = line, logger->context = context;
        if (!strcmp(loggers->items[i], "tensorboard") && !logger->events) code = tensorboard_open(&logger->events, folder, step);
        if (strcmp(loggers->items[i], "file") || logger->file || code != STATUS_OK) continue;
        logger->path = path_join(folder, "metrics.jsonl");
        if (!logger->path) code = status_set(STATUS_NO_MEMORY, "out of memory while opening loggers");
        if (code == STATUS_OK) code = keep_rows(logger->path, step);
        if (code == STATUS_OK && !(logger->file = fopen(logger->path, "ae")))
            code = status_set(STATUS_IO, "cannot open %s: %s", logger->path, strerror(errno));
    }
    if (code != STATUS_OK)
        run_logger_close(logger);
    else
        *result = logger;
    return code;
}

void run_logger_close(run_logger *logger) {
    if (!logger) return;
    if (logger->file) fclose(logger->file);
    tensorboard_close(logger->events);
    free(logger->path);
    buffer_free(&logger->text);
    free(logger);
}

static status log_to_console(run_logger *logger, int64_t step, int64_t total_steps, const run_metrics *metrics) {
    buffer_clear(&logger->text);
    TRY(buffer_printf(&logger->text, "step %lld", (long long)step));
    if (total_steps > 0) TRY(buffer_printf(&logger->text, "/%lld", (long long)total_steps));
    for (size_t i = 0; i < sizeof console_columns / sizeof *console_columns; i++) {
        double value = run_metrics_get(metrics, console_columns[i].name);
        if (isnan(value)) continue;
        char number[48];
        snprintf(number, sizeof number, console_columns[i].format, value);
        TRY(buffer_printf(&logger->text, "  %s %s", console_columns[i].label, number));
    }
    double each = run_metrics_get(metrics, "timing_s/step");
    char left[24];
    if (total_steps > step && each > 0)
        TRY(buffer_printf(&logger->text, "  left %s", progress_duration(left, each * (double)(total_steps - step))));
    logger->line(logger->context, buffer_text(&logger->text));
    return STATUS_OK;
}

static status log_to_file(run_logger *logger, int64_t step, const run_metrics *metrics) {
    json_t *row = json_object(), *data = json_object();
    bool good = row && data && json_object_set_new(row, "step", json_integer(step)) == 0;
    for (size_t i = 0; good && i < metrics->count; i++)
        good = json_object_set_new(data, metrics->items[i].name, json_number(metrics->items[i].value)) == 0;
    good = good && json_object_set(row, "data", data) == 0;
    buffer_clear(&logger->text);
    status code = good ? json_write(&logger->text, row, 17) : status_set(STATUS_NO_MEMORY, "out of memory while logging");
    if (code == STATUS_OK) code = buffer_append_byte(&logger->text, '\n');
    if (code == STATUS_OK &&
        (fwrite(logger->text.data, 1, logger->text.length, logger->file) != logger->text.length || fflush(logger->file) != 0))
        code = status_set(STATUS_IO, "cannot write %s: %s", logger->path, strerror(errno));
    json_decref(row);
    json_decref(data);
    return code;
}

status run_logger_step(run_logger *logger, int64_t step, int64_t total_steps, const run_metrics *metrics) {
    if (logger->line) TRY(log_to_console(logger, step, total_steps, metrics));
    if (logger->file) TRY(log_to_file(logger, step, metrics));
    if (logger->events) TRY(tensorboard_step(logger->events, step, metrics));
    return STATUS_OK;
}
