// The optimizer: AdamW with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), with
// the arithmetic of torch.optim.AdamW in float32; gradient clipping by global norm; learning-rate schedules with verl's keys.
//
// Parameters, gradient and both moments are flat float32 arrays of the same layout, described by segments (one a tensor).
// Everything is computed over fixed blocks, so the bits do not depend on the number of threads.
#ifndef DSDR_LEARN_OPTIMIZER_H
#define DSDR_LEARN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define OPTIMIZER_BLOCK 65536 // floats; sums of squares are formed per block and added in block order

typedef struct optimizer_options {
    double beta1, beta2; // in [0, 1)
    double eps;          // >= 0, added to the root of the second moment
    double weight_decay; // >= 0
    double clip_grad;    // largest global norm (verl's actor.grad_clip); 0: no clipping (the norm is still computed and checked)
} optimizer_options;

// verl's defaults: betas 0.9 and 0.999, eps 1e-8, weight decay 0.01, clip at 1.
static inline optimizer_options optimizer_default_options(void) {
    return (optimizer_options){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01, .clip_grad = 1};
}

// One tensor in the flat arrays. Segments must not overlap; gaps between them are never read or written.
typedef struct optimizer_segment {
    const char *name; // for messages; borrowed during optimizer_create
    size_t offset, count;
    bool decays; // weight decay applies; true for every tensor in torch and verl
} optimizer_segment;

typedef struct optimizer_block {
    size_t offset, count; // count at most OPTIMIZER_BLOCK
    bool decays;
} optimizer_block;

typedef struct optimizer {
    optimizer_options options;
    uint64_t step; // updates applied so far; with m and v the whole state: a checkpoint stores and restores these three
    float *m, *v;  // first and second moment, flat; borrowed
    optimizer_block *blocks;
    double *sums; // [blocks] sum of squares of each block
    size_t block_count;
} optimizer;

// Prepares an optimizer over the given segments. m and v are the caller's arrays of the flat layout (zero for a new run, or read
// from a checkpoint, with *step* then set by the caller); they are not touched here. All memory is allocated here, none later.
// Failure: STATUS_INVALID (option out of range, overlapping segments), STATUS_NO_MEMORY; optimizer_free is then harmless.
status optimizer_create(optimizer *o, const optimizer_options *options, const optimizer_segment *segments, size_t segment_count,
                        float *m, float *v);
void optimizer_free(optimizer *o);

typedef struct optimizer_report {
    double grad_norm;  // global norm before clipping
    double clip_scale; // factor applied to the gradient, at most 1; 0 when skipped
    bool skipped;      // the norm was not finite: nothing was changed, the step was not counted
} optimizer_report;

// The global norm of a gradient: square root of the sum of squares over all segments, in double, blocks added in order.
double optimizer_gradient_norm(optimizer *o, const float *gradient);

// One update: parameters, m and v change in one pass over memory, the clip factor min(1, clip_grad / (norm + 1e-6)) is applied
// on the way and the gradient stays as it is. A norm that is not finite skips the update and says so in the report.
void optimizer_update(optimizer *o, double learning_rate, float *parameters, const float *gradient, optimizer_report *report);

typedef enum schedule_type { SCHEDULE_CONSTANT, SCHEDULE_COSINE } schedule_type;

// verl's actor.optim keys. The warm-up is lr_warmup_steps when positive, else lr_warmup_steps_ratio * total_training_steps,
// rounded down.
typedef struct schedule_options {
    double lr;                    // peak, >= 0
    schedule_type type;           // lr_scheduler_type
    int64_t lr_warmup_steps;      // -1 or 0: by ratio
    double lr_warmup_steps_ratio; // in [0, 1]
    double min_lr_ratio;          // cosine: floor as a share of lr, in [0, 1]
    double num_cycles;            // cosine: 0.5 is one fall from lr to the floor
    int64_t total_training_steps; // needed by cosine and by a warm-up ratio; else may be 0 or less (unknown)
} schedule_options;

// Constant 1e-6 without warm-up.
static inline schedule_options schedule_default_options(void) {
    return (schedule_options){.lr = 1e-6, .lr_warmup_steps = -1, .num_cycles = 0.5};
}

status schedule_check_options(const schedule_options *options);
status schedule_parse_type(const char *name, schedule_type *type);
const char *schedule_type_name(schedule_type type);

// The learning rate of training step `step`, counted from 0 (one step is one batch of rollouts, all its updates share the rate,
// as in verl). A warm-up of n steps rises linearly as step / n: the very first step then has rate 0, again as in verl.
double schedule_learning_rate(const schedule_options *options, uint64_t step);

#endif
