// Training: the loop that everything else is for. run/trainer.c reads as a step does; run/collect.c makes the groups of a step,
// run/update.c learns from them.
#ifndef DSDR_RUN_TRAINER_H
#define DSDR_RUN_TRAINER_H

#include <signal.h>

#include "base/progress.h"
#include "run/logger.h"
#include "run/settings.h"

typedef struct trainer_options {
    bool resume;                       // continue the run in trainer.default_local_dir
    bool allow_change;                 // of settings that alter results, when resuming
    const char *folder;                // of the run: trainer.default_local_dir, or the default the caller chose
    const char *helper;                // executable of the verification workers (run/scoring.h); NULL: judge in this process
    const volatile sig_atomic_t *stop; // nonzero: finish the step, save, return STATUS_INTERRUPTED; NULL: never
    progress_sink progress;
    run_line line; // lines for a person; NULL: none
    void *line_context;
} trainer_options;

typedef struct trainer_result {
    int64_t steps;                          // done in the whole run
    int64_t total_steps;                    // planned
    double seconds;                         // of this call
    double accuracy_before, accuracy_after; // mean accuracy on data.val_files, NAN where it was not measured
} trainer_result;

// Trains as the settings say, from the start or from the last complete checkpoint. On failure the run's folder holds what was
// complete; bad input is found before there is one. STATUS_INTERRUPTED after saving, when asked to stop.
status trainer_run(settings *s, const trainer_options *options, trainer_result *result);

#endif
