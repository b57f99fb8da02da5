// Runs of training, as their callers see them: run/trainer.h trains by reinforcement learning, run/sft.h on given responses. Both
// take these options and keep the same promises about the run's folder, its record and going on after an interruption.
#ifndef DSDR_RUN_TRAINING_H
#define DSDR_RUN_TRAINING_H

#include <signal.h>
#include <stdint.h>

#include "base/progress.h"
#include "run/logger.h"
#include "run/settings.h"

typedef struct training_options {
    bool resume;                       // continue the run in trainer.default_local_dir
    bool allow_change;                 // of settings that alter results, when resuming
    const char *folder;                // of the run: trainer.default_local_dir, or the default the caller chose
    const char *helper;                // executable of the verification workers (run/scoring.h); NULL: judge in this process
    const volatile sig_atomic_t *stop; // nonzero: finish the step, save, return STATUS_INTERRUPTED; NULL: never
    progress_sink progress;
    run_line line; // lines for a person; NULL: none
    void *line_context;
} training_options;

typedef struct training_result {
    int64_t steps;        // done in the whole run
    int64_t total_steps;  // planned
    double seconds;       // of this call
    double before, after; // on data.val_files: mean accuracy, of supervised training the loss; NAN where it was not measured
} training_result;

#endif
