// Responses to compare: those of several evaluations (`dsdr eval`) to the same problems. Private to the analysis of diversity.
#ifndef DSDR_STUDY_JUDGE_SAMPLES_H
#define DSDR_STUDY_JUDGE_SAMPLES_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "run/settings.h"
#include "study/collection_parts.h"

typedef struct judge_evaluation {
    const char *folder; // borrowed
    char *label;        // the part of the folder's path that tells it from the others
    char *pass;         // "pass@k", or "custom" where there is no such pass
    int64_t step;       // the last one with this pass
    study_record record;
    sqlite3_stmt *response;
} judge_evaluation;

typedef struct judge_problem {
    char *source, *id;
    char *text; // NULL: not known
} judge_problem;

typedef struct judge_samples {
    judge_evaluation *evaluations; // [count], in the order given
    size_t count;
    judge_problem *problems; // [problem_count] with enough responses in every evaluation, by source and id
    size_t problem_count, n; // n responses each
    size_t source_count;
    size_t left_out; // problems of some evaluation that are not among these
    int64_t *rows;   // [count][problem_count][n]
} judge_samples;

// Finds the first `n` responses (by number of the sample; 0: as many as every problem has) of each problem that all evaluations
// have. STATUS_INVALID where a folder holds no evaluation of several samples, is given twice, or no problem is left.
// judge_samples_close is harmless after a failure.
status judge_samples_open(judge_samples *s, const char *const *folders, size_t count, size_t n);
void judge_samples_close(judge_samples *s);

// *out = response i of a problem in an evaluation.
status judge_samples_read(judge_samples *s, size_t evaluation, size_t problem, size_t i, buffer *out);

// Looks up the texts of the problems in files (data.val_files). *found = how many are known.
status judge_samples_find_texts(judge_samples *s, const settings *with_files, size_t *found);

#endif
