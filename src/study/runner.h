// Running a study: everything that its definition names, one process after the other, in an order in which arms stay level: the
// warm start, then for each seed each arm, trained and evaluated.
//
//   FOLDER/study.yaml           the definition, command line included
//   FOLDER/lock                 held while it runs
//   FOLDER/start/               the warm start: model.yaml, model/, sft/
//   FOLDER/eval-start/          evaluation of the model that runs start from
//   FOLDER/compare.json, .csv   the comparison of all runs (study/compare.h), written last
//   FOLDER/report.html          the page about them (study/report.h)
//   FOLDER/ARM/seed-N/          a run, with train.log, eval.log, eval/, and outcome.json where it failed
//
// What is finished is skipped and what was begun goes on, so a study that was killed at any instant and is started again ends
// with the records of an undisturbed one. Called by cli/command_study.c.
#ifndef DSDR_STUDY_RUNNER_H
#define DSDR_STUDY_RUNNER_H

#include <signal.h>
#include <stdbool.h>

#include "base/progress.h"
#include "run/logger.h"
#include "study/definition.h"

typedef struct study_options {
    const char *program;               // this program, for the children
    bool retry;                        // runs that failed are tried once more
    bool allow_change;                 // of what was declared, although runs have finished
    const volatile sig_atomic_t *stop; // nonzero: the child saves, then STATUS_INTERRUPTED; NULL: never
    progress_sink progress;            // of the command under way
    run_line line;                     // lines for a person; NULL: none
    void *line_context;
} study_options;

typedef struct study_result {
    size_t runs, failed, diverged; // of the study
    double seconds;                // of this call
} study_result;

// Runs what is missing. A run that fails leaves the others alone; a warm start that fails is STATUS_FAILED. STATUS_INVALID before
// anything runs where a finished run has other settings than the definition gives it, naming run and key, or where what was
// declared has changed since runs finished; or where another process holds the lock.
status study_run_all(const study_definition *d, const study_options *o, study_result *result);

// One line for each command of the study, with what there is of it already.
status study_tell_plan(const study_definition *d, run_line line, void *context);

#endif
