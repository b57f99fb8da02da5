// Learning from the groups of a step: reference log-probs, mini-batches, optimizer steps. Called by run/trainer.c.
//
// A mini-batch is one optimizer step. Its counts are taken before its first forward, rollouts that are skipped for having no
// gradient included (docs/method.md, section 5). Log-probs recorded while sampling are the old log-probs; over the first
// mini-batch they are compared, bit for bit, with those that training computes.
#include <math.h>
#include <string.h>

#include "run/options.h"
#include "run/trainer_parts.h"

// How far log-probs computed anew are from those recorded while sampling.
typedef struct agreement {
    double largest, sum;
    size_t tokens;
} agreement;

typedef struct pass_context {
    trainer *t;
    size_t first; // group of the batch that the pass's group 0 is
    const objective_options *objective;
    objective_scope scope;
    objective_metrics *metrics; // [rollouts of the batch]; NULL: only compare
    agreement *agreement;       // NULL: the weights are no longer those that sampled
    float *logp_ref;            // destination of a reference pass; NULL otherwise
} pass_context;

static size_t longest_response(const trainer *t) { return (size_t)t->run.s->data.max_response_length; }

static void compare(agreement *a, const rollout *r, size_t position, float logp) {
    double difference = fabs((double)logp - (double)r->logp[position]);
    if (!(difference <= a->largest)) a->largest = difference; // NaN stays visible
    a->sum += difference;
    a->tokens++;
}

// One token of rollout i under the weights at hand: counted in the rollout's metrics.
static objective_output count_token(const pass_context *c, size_t i, const rollout *one, size_t position, float logp,
                                    float entropy) {
    const step_batch *b = &c->t->batch;
    objective_rollout rollout_scalars = {
        .length = one->length, .advantage = b->credits[i].advantage, .coupling = b->credits[i].coupling};
    objective_token token = {.logp = (double)logp,
                             .logp_old = (double)one->logp[position],
                             .logp_ref = b->logp_ref ? (double)b->logp_ref[i * longest_response(c->t) + position] : 0,
                             .entropy = (double)entropy};
    objective_output output;
    objective_token_loss(c->objective, &c->scope, &rollout_scalars, &token, &output);
    objective_metrics_add(&c->metrics[i], &token, &output);
    trace_add(c->t, i, position, &token, &output);
    return output;
}

static void visit_token(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                        double *d_entropy) {
    pass_context *c = context;
    const step_batch *b = &c->t->batch;
    const rollout *one = &b->set.groups[c->first + g].rollouts[r];
    size_t i = (c->first + g) * b->size + r;
    if (c->logp_ref) {
        c->logp_ref[i * longest_response(c->t) + position] = logp;
        return;
    }
    if (c->agreement) compare(c->agreement, one, position, logp);
    if (!c->metrics) return;
    objective_output output = count_token(c, i, one, position, logp, entropy);
    *d_logp = output.d_logp, *d_entropy = output.d_entropy;
}

// ---- mini-batches --------------------------------------------------------------------------------------------------------

typedef struct totals {
    objective_report report;                                    // sums over updates
    double reported[sizeof(objective_report) / sizeof(double)]; // updates in which a figure was a number
    double grad_norm, clip_scale;
    size_t updates, skipped, tokens, skipped_rollouts;
    agreement agreement;
} totals;

static void add_report(totals *sum, const objective_report *one) {
    size_t k = 0;
#define X(field, name)                                                                                                           \
    if (!isnan(one->field)) sum->report.field += one->field, sum->reported[k] += 1;                                              \
    k++;
    OBJECTIVE_REPORT_TABLE(X)
#undef X
}

static objective_scope count_scope(const trainer *t, size_t first, size_t count) {
    const step_batch *b = &t->batch;
    objective_scope scope = {.prompts = count, .max_length = longest_response(t)};
    for (size_t g = first; g < first + count; g++)
        for (size_t r = 0; r < b->size; r++) {
            if (b->masked[g * b->size + r]) continue;
            scope.rollouts++;
            scope.tokens += b->set.groups[g].rollouts[r].length;
        }
    return scope;
}

static status update_minibatch(trainer *t, size_t first, size_t count, bool weights_sampled, double learning_rate, totals *sum) {
    step_batch *b = &t->batch;
    objective_metrics *metrics = b->metrics;
    objective_options objective = options_objective(t->run.s);
    pass_context context = {.t = t,
                            .first = first,
                            .objective = &objective,
                            .scope = count_scope(t, first, count),
                            .metrics = metrics,
                            .agreement = weights_sampled ? &sum->agreement : NULL};
    objective_metrics all;
    objective_metrics_clear(&all);
    training_clear_gradients(&t->run);
    for (size_t i = first * b->size; i < (first + count) * b->size; i++) {
        const rollout *one = &b->set.groups[i / b->size].rollouts[i % b->size];
        b->active[i] = !b->masked[i] && objective_needs_gradient(&objective, b->credits[i].advantage, b->credits[i].coupling);
        sum->skipped_rollouts += !b->active[i];
        sum->tokens += b->active[i] ? one->length : 0;
        objective_metrics_clear(&metrics[i]);
        // What is not computed counts as what it would come out as: under the weights that sampled it, as recorded.
        for (size_t k = 0; weights_sampled && !b->active[i] && !b->masked[i] && k < one->length; k++)
            count_token(&context, i, one, k, one->logp[k], one->entropy[k]);
    }
    TRY(packed_visit(&t->pass, b->set.groups + first, count, b->active + first * b->size, (float)t->run.s->rollout.temperature,
                     visit_token, &context, t->run.gradients));
    for (size_t i = first * b->size; i < (first + count) * b->size; i++) objective_metrics_merge(&all, &metrics[i]);
    objective_report report = objective_metrics_report(&all, &context.scope);
    add_report(sum, &report);

    optimizer_report done;
    TRY(training_update(&t->run, learning_rate, &done));
    sum->skipped += done.skipped;
    sum->grad_norm += done.grad_norm, sum->clip_scale += done.clip_scale;
    sum->updates++;
    return STATUS_OK;
}

// ---- passes without gradient ---------------------------------------------------------------------------------------------

static status reference_pass(trainer *t) {
    pass_context context = {.t = t, .logp_ref = t->batch.logp_ref};
    t->pass.model = &t->reference;
    status code = packed_visit(&t->pass, t->batch.set.groups, t->batch.count, NULL, (float)t->run.s->rollout.temperature,
                               visit_token, &context, NULL);
    t->pass.model = &t->run.lm.model;
    return code;
}

// Compares the rollouts that the first mini-batch will not: those without gradient, and those of later mini-batches.
static status probe(trainer *t, size_t first_minibatch, agreement *found) {
    const step_batch *b = &t->batch;
    objective_options objective = options_objective(t->run.s);
    for (size_t i = 0; i < batch_rollouts(b); i++)
        b->active[i] = i >= first_minibatch * b->size || b->masked[i] ||
                       !objective_needs_gradient(&objective, b->credits[i].advantage, b->credits[i].coupling);
    pass_context context = {.t = t, .agreement = found};
    return packed_visit(&t->pass, b->set.groups, b->count, b->active, (float)t->run.s->rollout.temperature, visit_token, &context,
                        NULL);
}

// ---- a step --------------------------------------------------------------------------------------------------------------

static status add(trainer *t, const char *name, double value) { return training_add(&t->run, name, value); }

static status add_metrics(trainer *t, const totals *sum, double learning_rate) {
    size_t k = 0;
    const double updates = (double)sum->updates;
#define X(field, name)                                                                                                           \
    TRY(add(t, name, sum->reported[k] > 0 ? sum->report.field / sum->reported[k] : NAN));                                        \
    k++;
    OBJECTIVE_REPORT_TABLE(X)
#undef X
    TRY(add(t, "actor/grad_norm", sum->grad_norm / updates));
    TRY(add(t, "actor/grad_clip_scale", sum->clip_scale / updates));
    TRY(add(t, "actor/lr", learning_rate));
    TRY(add(t, "actor/updates", updates));
    TRY(add(t, "actor/updates_skipped", (double)sum->skipped));
    TRY(add(t, "actor/tokens_trained", (double)sum->tokens));
    TRY(add(t, "actor/rollouts_without_gradient", (double)sum->skipped_rollouts));
    TRY(add(t, "training/train_rollout_logprob_abs_diff_max", sum->agreement.tokens ? sum->agreement.largest : NAN));
    TRY(add(t, "training/train_rollout_logprob_abs_diff_mean",
            sum->agreement.tokens ? sum->agreement.sum / (double)sum->agreement.tokens : NAN));
    return add(t, "training/train_rollout_logprob_tokens", (double)sum->agreement.tokens);
}

status trainer_update(trainer *t) {
    const settings *s = t->run.s;
    step_batch *b = &t->batch;
    size_t each = (size_t)s->actor.ppo_mini_batch_size;
    double learning_rate = training_learning_rate(&t->run);
    totals sum = {0};
    double start = training_clock();
    trace_begin(t, t->run.state.step + 1);
    if (t->has_reference) TRY(reference_pass(t));
    double referred = training_clock();
    if (t->has_reference) TRY(training_add_kernels(&t->run, TRAINING_REF));
    if (s->trainer.probe_freq > 0 && (t->run.state.step + 1) % s->trainer.probe_freq == 0)
        TRY(probe(t, each < b->count ? each : b->count, &sum.agreement));
    double probed = training_clock();
    TRY(training_add_kernels(&t->run, TRAINING_PROBE));
    size_t parts = (b->count + each - 1) / each, done = 0;
    for (long long epoch = 0; epoch < s->actor.ppo_epochs; epoch++)
        for (size_t first = 0; first < b->count; first += each, done++) {
            size_t count = b->count - first < each ? b->count - first : each;
            progress_report(&t->run.options->progress, "train", (double)done, (double)(parts * (size_t)s->actor.ppo_epochs), NULL,
                            NULL);
            TRY(update_minibatch(t, first, count, done == 0, learning_rate, &sum));
        }
    if (t->has_reference) TRY(add(t, "timing_s/ref", referred - start));
    TRY(add(t, "timing_s/probe", probed - referred));
    TRY(add(t, "timing_s/update_actor", training_clock() - probed));
    TRY(training_add_kernels(&t->run, TRAINING_UPDATE));
    return add_metrics(t, &sum, learning_rate);
}
