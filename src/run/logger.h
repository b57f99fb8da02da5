// Where a training step's metrics go beside run.db: lines for a person, and in the run's folder metrics.jsonl and
// TensorBoard's event files.
#ifndef DSDR_RUN_LOGGER_H
#define DSDR_RUN_LOGGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "run/settings.h"

typedef struct run_metric {
    const char *name; // verl's names, e.g. "actor/grad_norm"; a string that lives as long as the run
    double value;
} run_metric;

// A step's metrics in the order in which they were added; the same name added again replaces the value.
typedef struct run_metrics {
    run_metric *items;
    size_t count, capacity;
} run_metrics;

status run_metrics_add(run_metrics *metrics, const char *name, double value);
double run_metrics_get(const run_metrics *metrics, const char *name); // NAN where it is not there
void run_metrics_clear(run_metrics *metrics);
void run_metrics_free(run_metrics *metrics);

// Receives one line without a newline; library code never prints.
typedef void (*run_line)(void *context, const char *line);

typedef struct run_logger run_logger;

// Opens the loggers that `loggers` names (console: through `line`; file: FOLDER/metrics.jsonl; tensorboard: an event file, see
// run/tensorboard.h). What the files hold of steps greater than `step` is dropped first; -1 for a new run. Names of loggers that
// this program lacks are skipped: settings_load has noted them.
status run_logger_open(run_logger **logger, const text_list *loggers, const char *folder, int64_t step, run_line line,
                       void *context);
status run_logger_step(run_logger *logger, int64_t step, int64_t total_steps, const run_metrics *metrics);
void run_logger_close(run_logger *logger);

#endif
