// What sampling (evaluate.c) and estimating (evaluate_summary.c) share about an evaluation. Private to run/.
#ifndef DSDR_RUN_EVALUATE_PARTS_H
#define DSDR_RUN_EVALUATE_PARTS_H

#include "run/evaluate.h"

// Sums over the samples of one source.
typedef struct source_tally {
    size_t verdicts[VERDICT_STATUS_COUNT];
    size_t samples, cut, problems;
    double length;
    double semantic, formula, distinct; // sums over problems
} source_tally;

// Everything counted so far. Scores are one number a problem, in order of e->index.
typedef struct tally {
    evaluation *e;
    bool diversity;
    double *pass, *majority; // [k_count][problems]
    source_tally *sources;   // [source_count]
} tally;

// k = 1, 2, 4, ... <= n, then n itself: fills ks (may be NULL) and returns their number.
size_t evaluation_ks(size_t n, size_t *ks);

// Fills e->sources, overall, pooled and metrics from what was counted.
status evaluation_summarize(const tally *t, uint64_t seed);

// Writes the rows of `evaluation_summary`.
status evaluation_write_summary(const evaluation *e, record *r, const char *pass);

#endif
