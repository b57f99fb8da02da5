// The runs of a study, found in folders and read from their records (run/record.h).
//
// A run is a folder with a run.db that `dsdr train` or `dsdr sft` made; an evaluation is one that `dsdr eval` made, belongs to
// the run in whose folder it lies, or stands by itself. In a study's folder a run lies at ARM/seed-N. A run that ended before it
// had a record is there too, by the outcome that `dsdr study` left (study/outcome.h). Records are opened for reading only, so a
// run that goes on meanwhile is not disturbed. Called by compare.c and the report.
#ifndef DSDR_STUDY_COLLECTION_H
#define DSDR_STUDY_COLLECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "run/settings.h"

// X(constant, word for a reader)
#define STUDY_STATE_TABLE(X)                                                                                                     \
    X(STUDY_FINISHED, "finished")                                                                                                \
    X(STUDY_UNFINISHED, "unfinished") /* interrupted, or going on */                                                             \
    X(STUDY_FAILED, "failed")         /* `dsdr study` saw it end with an error */                                                \
    X(STUDY_DIVERGED, "diverged")     /* the gradients of its last step were not finite, so the step changed nothing */

typedef enum study_state {
#define X(constant, word) constant,
    STUDY_STATE_TABLE(X)
#undef X
} study_state;

const char *study_state_name(study_state state);

typedef struct study_run {
    char *folder;
    char *kind;         // "train", "sft", or "eval" for an evaluation that stands by itself
    char *label;        // the arm: ARM of ARM/seed-N, else the method and the settings that differ among runs of it
    char *method;       // grpo, dapo, dsdr, sft; "" where the record does not say
    int64_t seed;       // trainer.seed
    study_state state;  // of a diverged run that is also finished: diverged
    char *reason;       // of a failed or diverged run, one sentence; "" otherwise
    int64_t steps;      // with a record; -1 for none
    int64_t total;      // trainer.total_training_steps; 0 where another setting decides
    settings *settings; // of config.yaml; NULL where it is missing or no longer understood
    char **evaluations; // [evaluation_count] folders; of an evaluation that stands by itself, its own
    size_t evaluation_count;
} study_run;

typedef struct study_collection {
    study_run *runs; // in the order of the paths; those of a path by arm and seed
    size_t count;
} study_collection;

// Finds the runs in `paths`: runs, evaluations, studies, or folders that hold such, however deep. STATUS_INVALID for a path that
// holds none, for one that is given twice or lies in another. On failure *c is empty (study_collection_free is harmless).
status study_collect(study_collection *c, const char *const *paths, size_t count);
void study_collection_free(study_collection *c);

// Whether the record of a folder says that its run or evaluation came to its end. `folder` need not exist.
status study_is_finished(const char *folder, bool *finished);

// ---- queries on one record
// ----------------------------------------------------------------------------------------------------- `folder` is that of a run
// or an evaluation. Records of version 1 are read as well: their evaluations are "validation".

// A number at some of the steps, ascending; NAN where the record has no finite one.
typedef struct study_curve {
    int64_t *steps;
    double *values, *low, *high; // low and high: 95% interval where there is one, else NAN
    size_t count;
} study_curve;
void study_curve_free(study_curve *c);

// A metric of the training steps by its name; count 0 where the record has no such metric.
status study_read_metric(study_curve *c, const char *folder, const char *name);

// An estimate of evaluations: `pass` as in record.h, `source` or "overall", `metric` such as "acc/mean@16".
status study_read_summary(study_curve *c, const char *folder, const char *pass, const char *source, const char *metric);

// Tokens generated in training up to each step, those of dropped groups included. *exact is false where the record does not hold
// the tokens of dropped groups: then they count as many a response as the kept ones have.
status study_read_tokens(study_curve *c, const char *folder, bool *exact);

// What evaluations a record holds, by step and name.
typedef struct study_recorded_pass {
    int64_t step;
    char *pass;
} study_recorded_pass;
status study_read_passes(study_recorded_pass **passes, size_t *count, const char *folder);
void study_passes_free(study_recorded_pass *passes, size_t count);

// Judged samples of each problem, in order of source and problem as evaluated. `first` counts only samples of that many lowest
// numbers (0: all). A verdict that is unknown is not correct and stays in n.
typedef struct study_score {
    char *source, *id;
    uint32_t samples, correct;
} study_score;
typedef struct study_scores {
    study_score *items;
    size_t count;
} study_scores;
status study_read_scores(study_scores *scores, const char *folder, int64_t step, const char *pass, uint32_t first);
void study_scores_free(study_scores *scores);

#endif
