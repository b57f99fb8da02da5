// Between the files that compare runs.
#ifndef DSDR_STUDY_COMPARE_PARTS_H
#define DSDR_STUDY_COMPARE_PARTS_H

#include "study/compare.h"

// What the evaluation of one run says, problem by problem.
typedef struct study_measured {
    const char *folder; // of the evaluation; NULL: the run was not evaluated
    int64_t step;       // key of the rows in its record
    int64_t trained;    // steps of the evaluated model; -1 where its path does not say
    char *pass;         // of `many`
    study_scores one;   // one sample a problem, where the protocol took it apart
    study_scores many;  // all samples
    study_scores few;   // the first of them, for avg@N
} study_measured;

// `first` samples are those of avg@N; 0: 16, or all where there are fewer. `validation`: the run's own last one, where `dsdr
// eval` was never used.
status study_measure(study_measured *m, const study_run *run, uint32_t first, bool validation);
void study_measured_free(study_measured *m);

// STATUS_INVALID unless both are of the same problems.
status study_check_problems(const study_measured *a, const study_measured *b);

// Scores of each problem for an outcome: `scores` and `strata` have room for all problems. *there is false where the evaluation
// does not have it.
status study_score_problems(const study_measured *m, const char *outcome, double *scores, uint32_t *strata, bool *there);

// Fills claims; rows and cells are complete.
status study_make_claims(study_table *t);
// Fills duels from two evaluations.
status study_make_duels(study_table *t, const study_measured *a, const study_measured *b);

// Index of the column, t->column_count where there is none.
size_t study_find_column(const study_table *t, const char *source, const char *outcome);

#endif
