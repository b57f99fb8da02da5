// What the parts of an evaluation share: sampling (evaluate.c), counting (evaluate_count.c), taking responses from the record
// (evaluate_restore.c) and estimating (evaluate_summary.c). Private to run/.
#ifndef DSDR_RUN_EVALUATE_PARTS_H
#define DSDR_RUN_EVALUATE_PARTS_H

#include "rollout/group_set.h"
#include "run/evaluate.h"

// Sums over the samples of one source.
typedef struct source_tally {
    size_t verdicts[VERDICT_STATUS_COUNT];
    size_t samples, cut, problems;
    double length;
    double semantic, formula, distinct; // sums over problems, for the latter two over those that have such a number:
    size_t formula_problems, distinct_problems;
} source_tally;

// Everything counted so far. Scores are one number a problem, in order of e->index.
typedef struct tally {
    evaluation *e;
    bool diversity;
    double *average;         // [problems] share of correct ones of the first e->average samples
    double *pass, *majority; // [k_count][problems]
    evaluation_interval interval;
    uint64_t seed;         // of resamples
    source_tally *sources; // [source_count]
} tally;

// One evaluation under way.
typedef struct evaluation_work {
    const evaluation_options *o;
    const prompt_set *prompts;
    generator *generator;
    group_set set;
    verdict *verdicts; // [chunk groups * n]
    size_t chunk;      // groups
    size_t first;      // the place of the problem of its first group
    size_t chunk_tokens;
    size_t done;    // rollouts of former chunks
    bool restoring; // rollouts come from the record
    double started;
    tally tally;
    // Scratch of one problem: the answers of its samples.
    buffer keys;
    struct answer_key {
        size_t offset, length;
        const char *text;
        bool accepted;
    } * answers;                   // [n]
    uint32_t *class_size;          // [n]
    bool *class_accepted;          // [n]
    formula_set *formulas;         // [n], with diversity
    struct diversity *diversities; // [n], with diversity
} evaluation_work;

// Counts the n judged responses of the problem at `place`; hands them out, and to the record unless they come from there.
status evaluation_count(evaluation_work *w, size_t place, const group *one, const verdict *verdicts);

// Frees texts and verdicts of the first `count` groups of the chunk.
void evaluation_forget(evaluation_work *w, size_t count);

// Counts the problems that the record holds of this pass; e->restored of them are done then.
status evaluation_restore(evaluation_work *w);

// k = 1, 2, 4, ... <= n, then n itself: fills ks (may be NULL) and returns their number.
size_t evaluation_ks(size_t n, size_t *ks);

// Fills e->sources, overall, pooled and metrics from what was counted.
status evaluation_summarize(const tally *t);

// Writes the rows of `evaluation_summary`.
status evaluation_write_summary(const evaluation *e, record *r, const char *pass);

#endif
