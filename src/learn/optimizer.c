// AdamW over flat arrays, gradient norm in fixed blocks, learning-rate schedules. Called by the trainer and by supervised
// fine-tuning once per mini-batch.
#include "learn/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static status check_options(const optimizer_options *o) {
    if (!(o->beta1 >= 0 && o->beta1 < 1))
        return status_set(STATUS_INVALID, "optim.betas[0] is %g; it must be in [0, 1)", o->beta1);
    if (!(o->beta2 >= 0 && o->beta2 < 1))
        return status_set(STATUS_INVALID, "optim.betas[1] is %g; it must be in [0, 1)", o->beta2);
    if (!(o->eps >= 0 && isfinite(o->eps)))
        return status_set(STATUS_INVALID, "optim.eps is %g; it must be a finite number >= 0", o->eps);
    if (!(o->weight_decay >= 0 && isfinite(o->weight_decay)))
        return status_set(STATUS_INVALID, "optim.weight_decay is %g; it must be a finite number >= 0", o->weight_decay);
    if (!(o->clip_grad >= 0 && isfinite(o->clip_grad)))
        return status_set(STATUS_INVALID, "actor.grad_clip is %g; it must be a finite number >= 0", o->clip_grad);
    return STATUS_OK;
}

static int by_offset(const void *a, const void *b) {
    const optimizer_segment *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

static status check_overlap(const optimizer_segment *segments, size_t count) {
    const optimizer_segment **sorted = malloc((count ? count : 1) * sizeof *sorted);
    if (!sorted) return status_set(STATUS_NO_MEMORY, "no memory to order %zu parameter segments", count);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (segments[i].count) sorted[used++] = &segments[i];
    qsort(sorted, used, sizeof *sorted, by_offset);
    status result = STATUS_OK;
    for (size_t i = 1; i < used && result == STATUS_OK; i++)
        if (sorted[i]->offset - sorted[i - 1]->offset < sorted[i - 1]->count)
            result = status_set(STATUS_INVALID, "parameter segments %s and %s overlap at offset %zu", sorted[i - 1]->name,
                                sorted[i]->name, sorted[i]->offset);
    free(sorted);
    return result;
}

status optimizer_create(optimizer *o, const optimizer_options *options, const optimizer_segment *segments, size_t segment_count,
                        float *m, float *v) {
    *o = (optimizer){.options = *options, .m = m, .v = v};
    TRY(check_options(options));
    TRY(check_overlap(segments, segment_count));
    size_t blocks = 0;
    for (size_t i = 0; i < segment_count; i++)
        blocks += segments[i].count / OPTIMIZER_BLOCK + (segments[i].count % OPTIMIZER_BLOCK != 0);
    o->blocks = malloc((blocks ? blocks : 1) * sizeof *o->blocks);
    o->sums = malloc((blocks ? blocks : 1) * sizeof *o->sums);
    if (!o->blocks || !o->sums) {
        optimizer_free(o);
        return status_set(STATUS_NO_MEMORY, "no memory for an optimizer of %zu blocks", blocks);
    }
    for (size_t i = 0; i < segment_count; i++)
        for (size_t done = 0; done < segments[i].count; done += OPTIMIZER_BLOCK) {
            size_t left = segments[i].count - done;
            o->blocks[o->block_count++] = (optimizer_block){.offset = segments[i].offset + done,
                                                            .count = left < OPTIMIZER_BLOCK ? left : OPTIMIZER_BLOCK,
                                                            .decays = segments[i].decays};
        }
    return STATUS_OK;
}

void optimizer_free(optimizer *o) {
    free(o->blocks);
    free(o->sums);
    *o = (optimizer){0};
}

// Sums of squares in double over 16 interleaved lanes, the lanes added in order: one fixed order that vectorizes.
#define LANES 16

static double sum_of_squares(const float *restrict x, size_t count) {
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t k = 0; i + k < count; k++) lane[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

double optimizer_gradient_norm(optimizer *o, const float *gradient) {
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < o->block_count; b++) o->sums[b] = sum_of_squares(gradient + o->blocks[b].offset, o->blocks[b].count);
    double sum = 0;
    for (size_t b = 0; b < o->block_count; b++) sum += o->sums[b];
    return sqrt(sum);
}

// The constants of one update, rounded to float32 where torch's scalar arithmetic on float32 tensors does.
typedef struct update_constants {
    float scale;      // clip factor of the gradient
    float keep;       // 1 - lr * weight_decay
    float beta2;      //
    float one_beta1;  // 1 - beta1
    float one_beta2;  // 1 - beta2
    float step_size;  // lr / (1 - beta1^step)
    float correction; // sqrt(1 - beta2^step)
    float eps;
} update_constants;

static void update_block(const update_constants *c, float keep, size_t count, float *restrict p, float *restrict m,
                         float *restrict v, const float *restrict gradient) {
    const float scale = c->scale, beta2 = c->beta2, one_beta1 = c->one_beta1, one_beta2 = c->one_beta2, step_size = c->step_size,
                correction = c->correction, eps = c->eps;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * scale;
        float mi = m[i] + one_beta1 * (g - m[i]);
        float vi = v[i] * beta2 + one_beta2 * (g * g);
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * keep - step_size * (mi / (sqrtf(vi) / correction + eps));
    }
}

void optimizer_update(optimizer *o, double learning_rate, float *parameters, const float *gradient, optimizer_report *report) {
    const optimizer_options *opt = &o->options;
    double norm = optimizer_gradient_norm(o, gradient), scale = 1;
    *report = (optimizer_report){.grad_norm = norm, .skipped = true};
    if (!isfinite(norm)) return;
    if (opt->clip_grad > 0 && opt->clip_grad / (norm + 1e-6) < 1) scale = opt->clip_grad / (norm + 1e-6);
    report->clip_scale = scale;
    report->skipped = false;
    o->step++;

    double step = (double)o->step;
    const update_constants c = {
        .scale = (float)scale,
        .keep = (float)(1 - learning_rate * opt->weight_decay),
        .beta2 = (float)opt->beta2,
        .one_beta1 = (float)(1 - opt->beta1),
        .one_beta2 = (float)(1 - opt->beta2),
        .step_size = (float)(learning_rate / (1 - pow(opt->beta1, step))),
        .correction = (float)sqrt(1 - pow(opt->beta2, step)),
        .eps = (float)opt->eps,
    };
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < o->block_count; b++) {
        size_t at = o->blocks[b].offset;
        update_block(&c, o->blocks[b].decays ? c.keep : 1, o->blocks[b].count, parameters + at, o->m + at, o->v + at,
                     gradient + at);
    }
}

static int64_t warmup_steps(const schedule_options *o) {
    return o->lr_warmup_steps > 0 ? o->lr_warmup_steps : (int64_t)(o->lr_warmup_steps_ratio * (double)o->total_training_steps);
}

status schedule_check_options(const schedule_options *o) {
    if (!(o->lr >= 0 && isfinite(o->lr)))
        return status_set(STATUS_INVALID, "optim.lr is %g; it must be a finite number >= 0", o->lr);
    if (o->type != SCHEDULE_CONSTANT && o->type != SCHEDULE_COSINE)
        return status_set(STATUS_INVALID, "optim.lr_scheduler_type %d does not exist", (int)o->type);
    if (!(o->lr_warmup_steps_ratio >= 0 && o->lr_warmup_steps_ratio <= 1))
        return status_set(STATUS_INVALID, "optim.lr_warmup_steps_ratio is %g; it must be in [0, 1]", o->lr_warmup_steps_ratio);
    if (!(o->min_lr_ratio >= 0 && o->min_lr_ratio <= 1))
        return status_set(STATUS_INVALID, "optim.min_lr_ratio is %g; it must be in [0, 1]", o->min_lr_ratio);
    if (!(o->num_cycles >= 0 && isfinite(o->num_cycles)))
        return status_set(STATUS_INVALID, "optim.num_cycles is %g; it must be a finite number >= 0", o->num_cycles);
    if (o->total_training_steps <= 0 && o->type == SCHEDULE_COSINE)
        return status_set(STATUS_INVALID,
                          "optim.lr_scheduler_type cosine needs the number of training steps; set trainer.total_training_steps");
    if (o->total_training_steps <= 0 && o->lr_warmup_steps <= 0 && o->lr_warmup_steps_ratio > 0)
        return status_set(STATUS_INVALID,
                          "optim.lr_warmup_steps_ratio needs the number of training steps; set trainer.total_training_steps "
                          "or optim.lr_warmup_steps");
    return STATUS_OK;
}

static const char *const schedule_names[] = {[SCHEDULE_CONSTANT] = "constant", [SCHEDULE_COSINE] = "cosine"};

status schedule_parse_type(const char *name, schedule_type *type) {
    for (int i = SCHEDULE_CONSTANT; i <= SCHEDULE_COSINE; i++)
        if (!strcmp(schedule_names[i], name)) return *type = (schedule_type)i, STATUS_OK;
    return status_set(STATUS_INVALID, "optim.lr_scheduler_type \"%s\" is unknown; it must be constant or cosine", name);
}

const char *schedule_type_name(schedule_type type) { return (unsigned)type <= SCHEDULE_COSINE ? schedule_names[type] : ""; }

double schedule_learning_rate(const schedule_options *o, uint64_t step) {
    int64_t warmup = warmup_steps(o);
    double at = (double)step;
    if (at < (double)warmup) return o->lr * (at / (double)warmup);
    if (o->type == SCHEDULE_CONSTANT) return o->lr;
    double span = (double)(o->total_training_steps - warmup), progress = (at - (double)warmup) / (span > 1 ? span : 1);
    double wave = cos(M_PI * o->num_cycles * 2 * progress) * (1 - o->min_lr_ratio) * 0.5 + (1 + o->min_lr_ratio) * 0.5;
    return o->lr * (wave > o->min_lr_ratio ? wave : o->min_lr_ratio);
}
