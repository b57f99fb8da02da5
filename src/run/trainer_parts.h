// What the files of the trainer share: its state and the batch of one step. Private to run/.
#ifndef DSDR_RUN_TRAINER_PARTS_H
#define DSDR_RUN_TRAINER_PARTS_H

#include "learn/credit.h"
#include "learn/objective.h"
#include "model/packed.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"
#include "run/plan.h"
#include "run/prompts.h"
#include "run/scoring.h"
#include "run/trainer.h"
#include "run/training_parts.h"
#include "tasks/tasks.h"

// The groups of a step and what is known of them, rollouts numbered over all groups in order. Every group has the same size.
typedef struct step_batch {
    group_set set;     // its groups: the kept ones first
    size_t count;      // groups kept
    size_t size;       // G
    verdict *verdicts; // [rollouts]
    diversity *scores; // [rollouts]
    formula_set *formulas;
    credit *credits;
    double *penalties;          // overlong
    float *logp_ref;            // [rollouts][longest response]
    credit_summary *summaries;  // [groups]
    bool *masked;               // [rollouts] taken out of the loss (mask_truncated)
    bool *active;               // [rollouts] computed in the update at hand
    objective_metrics *metrics; // [rollouts] of that update
    size_t drawn;               // groups generated for this step, dropped ones included
    size_t batches;             // generation batches
    diversity_report diversity; // of the last generation batch with diversity
    size_t traced;              // rollouts, the first ones, whose tokens this step records; see trace.c
    float *gradients;           // [most of these][longest response]
} step_batch;

typedef struct trainer {
    training run;
    model reference; // only with a KL term
    bool has_reference;
    problem_set train, validation;
    prompt_set prompts, validation_prompts;
    prompt_order order; // of the training problems
    bool think_open;
    memory_plan plan;
    generator *generator;
    packed_pass pass;
    arena activations; // sampling and training take turns in it
    scorer scorer;
    bool with_diversity;
    step_batch batch;
} trainer;

static inline size_t batch_rollouts(const step_batch *b) { return b->count * b->size; }

// collect.c: fills t->batch with groups to learn from, and the metrics about them. STATUS_LIMIT when dynamic sampling gives up.
status trainer_collect(trainer *t);
status step_batch_create(step_batch *b, const trainer *t);
void step_batch_free(step_batch *b);

// validate.c: evaluates the model on data.val_files inside an open step of the record; *accuracy is the mean over sources.
status trainer_evaluate(training *run, double *accuracy);

// trace.c: tokens of the first trainer.record_tokens groups of every trainer.probe_freq-th step. trace_begin before a step learns
// (`step` counts it), trace_add for each token of rollout i that counts in the loss, trace_record behind record_rollout.
void trace_begin(trainer *t, int64_t step);
void trace_add(trainer *t, size_t i, size_t position, const objective_token *token, const objective_output *output);
status trace_record(trainer *t, size_t i);

// update.c: learns from t->batch: reference log-probs, mini-batches, optimizer steps; and the metrics about them.
status trainer_update(trainer *t);

#endif
