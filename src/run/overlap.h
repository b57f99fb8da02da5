// Sampling with the reward work on finished groups beside it.
//
// The calling thread samples. As soon as a group has finished, a second thread makes its texts and takes it through the caller's
// stages (verdicts, then embeddings); what is left when sampling ends is done by the calling thread, on all of its own. A stage
// computes something of each group that depends on this group alone, into places of its own, so results do not depend on when a
// group finished, nor on which thread looked at it. Sums over groups are the caller's, afterwards and in order.
#ifndef DSDR_RUN_OVERLAP_H
#define DSDR_RUN_OVERLAP_H

#include "rollout/generator.h"

// A stage of the reward. `run` gets numbers of groups, in any order; beside: it is called by the second thread, while others
// decode. Stages need not be safe for two threads: one of them is run at a time.
typedef struct overlap_stage {
    status (*run)(void *context, const size_t *groups, size_t count, bool beside);
    // Groups that it takes at once beside sampling: as many as have finished up to this number. 0: it waits for the end of
    // sampling, and so do the stages behind it.
    size_t at_once;
} overlap_stage;

enum { OVERLAP_STAGES = 2 };

typedef struct overlap_work {
    generator *generator;
    group *groups;
    size_t count;
    const sampling *how;
    generator_watch watch; // may be NULL
    overlap_stage stages[OVERLAP_STAGES];
    size_t stage_count;
    void *context; // of watch and stages
} overlap_work;

typedef struct overlap_report {
    double generation_seconds;    // of sampling
    double beside_seconds;        // of it, during which the second thread was at work
    double rest_seconds;          // from the end of sampling to that of the last stage
    size_t early[OVERLAP_STAGES]; // groups that a stage was done with before sampling ended
} overlap_report;

// Samples all groups, makes their texts and runs all stages on them. A failure (of generator_run, or the first one of a stage)
// leaves groups and results unusable; both threads have ended their work then too. Where the system gives no second thread, all
// stages wait for the end of sampling.
status overlap_run(const overlap_work *work, overlap_report *report);

#endif
