// How a run of a study ended where its own record cannot say it: RUN/outcome.json, written by `dsdr study` when the run fails.
#ifndef DSDR_STUDY_OUTCOME_H
#define DSDR_STUDY_OUTCOME_H

#include <stdbool.h>

#include "base/status.h"

typedef struct study_outcome {
    bool failed; // false: there is no such file
    char *stage; // "train" or "eval"
    char *reason;
} study_outcome;

// Writes the outcome in one step, or takes it away.
status study_outcome_write(const char *folder, const char *stage, const char *reason);
status study_outcome_clear(const char *folder);

// STATUS_INVALID for a file that is not such an outcome. study_outcome_free is harmless after a failure.
status study_outcome_read(study_outcome *outcome, const char *folder);
void study_outcome_free(study_outcome *outcome);

#endif
