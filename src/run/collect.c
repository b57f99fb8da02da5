// The groups of a training step: problems drawn in order, rollouts, verdicts, diversity, credit, dynamic sampling.
// Called by run/trainer.c; the formulas are in docs/method.md, sections 1 to 3 and 5.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/options.h"
#include "run/overlap.h"
#include "run/trainer_parts.h"

// ---- memory --------------------------------------------------------------------------------------------------------------

static size_t batch_capacity(const settings *s) {
    size_t train = (size_t)s->data.train_batch_size, each = (size_t)s->data.gen_batch_size;
    return s->filter.enable ? train + each : train;
}

status step_batch_create(step_batch *b, const trainer *t) {
    const settings *s = t->run.s;
    size_t groups = batch_capacity(s), size = (size_t)s->rollout.n, rollouts = groups * size;
    size_t longest = (size_t)s->data.max_response_length;
    *b = (step_batch){.size = size};
    TRY(group_set_create(&b->set, groups, size, (size_t)s->data.max_prompt_length, longest));
    b->verdicts = calloc(rollouts, sizeof *b->verdicts);
    b->scores = calloc(rollouts, sizeof *b->scores);
    b->formulas = calloc(rollouts, sizeof *b->formulas);
    b->credits = calloc(rollouts, sizeof *b->credits);
    b->penalties = calloc(rollouts, sizeof *b->penalties);
    b->masked = calloc(rollouts, sizeof *b->masked);
    b->summaries = calloc(groups, sizeof *b->summaries);
    b->active = calloc(rollouts, sizeof *b->active);
    b->metrics = calloc(rollouts, sizeof *b->metrics);
    bool complete = b->verdicts && b->scores && b->formulas && b->credits && b->penalties && b->masked && b->summaries &&
                    b->active && b->metrics;
    size_t traced = options_traced_groups(s) * size;
    if (traced) complete = complete && (b->gradients = calloc(traced * longest, sizeof *b->gradients));
    if (s->actor.use_kl_loss) complete = complete && (b->logp_ref = calloc(rollouts * longest, sizeof *b->logp_ref));
    return complete ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory for a step of %zu rollouts", rollouts);
}

static void clear_results(step_batch *b) {
    for (size_t i = 0; b->verdicts && i < b->set.capacity * b->size; i++) verdict_clear(&b->verdicts[i]);
}

void step_batch_free(step_batch *b) {
    clear_results(b);
    for (size_t i = 0; b->formulas && i < b->set.capacity * b->size; i++) formula_set_free(&b->formulas[i]);
    free(b->verdicts), free(b->scores), free(b->formulas), free(b->credits), free(b->penalties), free(b->masked),
        free(b->summaries), free(b->active), free(b->metrics);
    free(b->logp_ref), free(b->gradients);
    group_set_free(&b->set);
    *b = (step_batch){0};
}

// ---- drawing ---------------------------------------------------------------------------------------------------------

static void draw_problems(trainer *t, size_t first, size_t count) {
    step_batch *b = &t->batch;
    for (size_t g = first; g < first + count; g++) {
        group *one = &b->set.groups[g];
        size_t index = prompt_order_at(&t->order, t->run.s, t->run.state.position);
        const token_list *prompt = &t->prompts.tokens[index];
        one->problem = &t->train.problems[index];
        one->serial = t->run.state.position++;
        one->prompt_length = prompt->count;
        memcpy(one->prompt_tokens, prompt->ids, prompt->count * sizeof *prompt->ids);
    }
}

// ---- generating, and judging beside it ---------------------------------------------------------------------------------

// One generation batch: groups first, first + 1, ... of the step. The stages number them from 0.
typedef struct generation {
    trainer *t;
    size_t first;
} generation;

static status judge_groups(void *context, const size_t *which, size_t count, bool beside) {
    const generation *n = context;
    trainer *t = n->t;
    step_batch *b = &t->batch;
    const group *groups = b->set.groups + n->first;
    verdict *verdicts = b->verdicts + n->first * b->size;
    if (!beside)
        progress_report(&t->run.options->progress, "reward", (double)b->count, (double)t->run.s->data.train_batch_size, "groups",
                        NULL);
    for (size_t i = 0; i < count * b->size; i++) verdict_clear(&verdicts[which[i / b->size] * b->size + i % b->size]);
    TRY(scorer_judge(&t->scorer, groups, which, count, t->think_open, verdicts));
    return t->with_diversity ? scorer_scan(&t->scorer, groups, which, count, b->formulas + n->first * b->size) : STATUS_OK;
}

static status embed_groups(void *context, const size_t *which, size_t count, bool beside) {
    const generation *n = context;
    return scorer_embed(&n->t->scorer, n->t->batch.set.groups + n->first, which, count, beside);
}

static status generate_and_judge(trainer *t, size_t first, size_t count, overlap_report *report) {
    const settings *s = t->run.s;
    step_batch *b = &t->batch;
    draw_problems(t, first, count);
    sampling how = {.seed = (uint64_t)s->trainer.seed,
                    .purpose = RANDOM_SAMPLE_TRAIN,
                    .temperature = (float)s->rollout.temperature,
                    .top_p = 1,
                    .longest_response = (size_t)s->data.max_response_length,
                    .end_tokens = t->run.lm.stop_tokens,
                    .end_count = s->rollout.ignore_eos ? 0 : t->run.lm.stop_count,
                    .stop_strings = (const char *const *)s->rollout.stop.items,
                    .stop_count = s->rollout.stop.count};
    setting_overlap beside = options_overlap(s);
    generation n = {.t = t, .first = first};
    overlap_work work = {.generator = t->generator,
                         .groups = b->set.groups + first,
                         .count = count,
                         .how = &how,
                         // A group at a time is embedded, so that little is under way on one thread when sampling ends.
                         .stages = {{judge_groups, beside == SETTING_OVERLAP_NONE ? 0 : count},
                                    {embed_groups, beside == SETTING_OVERLAP_ALL ? 1 : 0}},
                         .stage_count = t->with_diversity ? 2 : 1,
                         .context = &n};
    if (t->with_diversity) TRY(scorer_reserve(&t->scorer, count * b->size));
    return overlap_run(&work, report);
}

// ---- credit ------------------------------------------------------------------------------------------------------------

// What takes all groups of the generation batch, in their order.
static status score(trainer *t, size_t first, size_t count) {
    const settings *s = t->run.s;
    step_batch *b = &t->batch;
    group *groups = b->set.groups + first;
    size_t base = first * b->size;
    scorer_randomize(&t->scorer, groups, count, b->verdicts + base);
    if (t->with_diversity) TRY(scorer_compare(&t->scorer, groups, count, b->formulas + base, b->scores + base, &b->diversity));
    credit_options options = options_credit(s);
    verdict_status statuses[4096];
    for (size_t g = 0; g < count; g++) {
        size_t at = base + g * b->size;
        for (size_t r = 0; r < b->size; r++) {
            const rollout *one = &groups[g].rollouts[r];
            statuses[r] = b->verdicts[at + r].status;
            b->penalties[at + r] = s->overlong.enable
                                       ? credit_overlong_penalty(one->length, (size_t)s->data.max_response_length,
                                                                 (size_t)s->overlong.len, s->overlong.penalty_factor)
                                       : 0;
            b->masked[at + r] = s->algorithm.mask_truncated && one->finish == FINISH_LENGTH;
        }
        TRY(credit_assign(&options, b->size, statuses, t->with_diversity ? b->scores + at : NULL,
                          s->overlong.enable ? b->penalties + at : NULL, b->credits + at, &b->summaries[first + g]));
    }
    return STATUS_OK;
}

// ---- dynamic sampling ----------------------------------------------------------------------------------------------------

static bool group_is_kept(const settings *s, const credit_summary *summary) {
    if (s->filter.metric == SETTING_FILTER_ACC) return summary->kind == CREDIT_GROUP_MIXED;
    return summary->signal && summary->kind != CREDIT_GROUP_SOLVE_NONE;
}

#define SWAP(type, a, b)                                                                                                         \
    do {                                                                                                                         \
        type swap_ = (a);                                                                                                        \
        (a) = (b), (b) = swap_;                                                                                                  \
    } while (0)

// Moves group `from` to place `to`; the one there takes its place, so that no memory is lost.
static void swap_groups(step_batch *b, size_t to, size_t from) {
    if (to == from) return;
    SWAP(group, b->set.groups[to], b->set.groups[from]);
    SWAP(credit_summary, b->summaries[to], b->summaries[from]);
    for (size_t r = 0; r < b->size; r++) {
        size_t x = to * b->size + r, y = from * b->size + r;
        SWAP(verdict, b->verdicts[x], b->verdicts[y]);
        SWAP(diversity, b->scores[x], b->scores[y]);
        SWAP(formula_set, b->formulas[x], b->formulas[y]);
        SWAP(credit, b->credits[x], b->credits[y]);
        SWAP(double, b->penalties[x], b->penalties[y]);
        SWAP(bool, b->masked[x], b->masked[y]);
    }
}

// ---- metrics -------------------------------------------------------------------------------------------------------------

typedef struct extent {
    double sum, min, max;
    size_t count;
} extent;

static void extent_add(extent *e, double x) {
    if (e->count == 0 || x < e->min) e->min = x;
    if (e->count == 0 || x > e->max) e->max = x;
    e->sum += x;
    e->count++;
}

static double extent_mean(const extent *e) { return e->count ? e->sum / (double)e->count : NAN; }

// Names of the form base/mean, base/max, base/min as verl writes them; a fixed table, because names live as long as the run.
#define EXTENT_NAMES(X)                                                                                                          \
    X(score, "critic/score")                                                                                                     \
    X(rewards, "critic/rewards")                                                                                                 \
    X(advantages, "critic/advantages")                                                                                           \
    X(response_length, "response_length")                                                                                        \
    X(prompt_length, "prompt_length")

typedef struct batch_extents {
#define X(field, name) extent field;
    EXTENT_NAMES(X)
#undef X
} batch_extents;

static status add(trainer *t, const char *name, double value) { return training_add(&t->run, name, value); }

static status add_diversity_metrics(trainer *t) {
    const step_batch *b = &t->batch;
    extent dbar = {0}, d_emb = {0}, d_eq = {0}, formulas = {0};
    for (size_t i = 0; i < batch_rollouts(b); i++) {
        extent_add(&d_emb, b->scores[i].d_emb);
        extent_add(&d_eq, b->scores[i].d_eq);
        extent_add(&formulas, (double)b->formulas[i].count);
        if (b->verdicts[i].status == VERDICT_CORRECT) extent_add(&dbar, b->scores[i].dbar);
    }
    TRY(add(t, "dsdr/dbar_correct/mean", extent_mean(&dbar)));
    TRY(add(t, "dsdr/d_emb/mean", extent_mean(&d_emb)));
    TRY(add(t, "dsdr/d_eq/mean", extent_mean(&d_eq)));
    TRY(add(t, "dsdr/formulas/mean", extent_mean(&formulas)));
    TRY(add(t, "dsdr/semantic_similarity", b->diversity.semantic_similarity));
    TRY(add(t, "dsdr/formula_similarity", b->diversity.formula_similarity));
    TRY(add(t, "dsdr/distinct_equation_share", b->diversity.distinct_share));
    return add(t, "dsdr/encoder_cut_share", b->diversity.encoder_cut_share);
}

static status add_group_metrics(trainer *t) {
    const step_batch *b = &t->batch;
    size_t kinds[CREDIT_GROUP_KIND_COUNT] = {0}, coupled = 0, silent = 0;
    double coupling = 0, solve_all = 0;
    for (size_t g = 0; g < b->count; g++) {
        const credit_summary *one = &b->summaries[g];
        kinds[one->kind]++;
        silent += one->advantage_abs == 0;
        if (one->kind == CREDIT_GROUP_SOLVE_ALL) solve_all += one->advantage_abs;
        if (one->correct > 0) coupling += one->coupling_entropy, coupled++;
    }
    double groups = (double)b->count;
    TRY(add(t, "dsdr/group_share/solve_none", (double)kinds[CREDIT_GROUP_SOLVE_NONE] / groups));
    TRY(add(t, "dsdr/group_share/mixed", (double)kinds[CREDIT_GROUP_MIXED] / groups));
    TRY(add(t, "dsdr/group_share/solve_all", (double)kinds[CREDIT_GROUP_SOLVE_ALL] / groups));
    TRY(add(t, "dsdr/advantage_abs_solve_all",
            kinds[CREDIT_GROUP_SOLVE_ALL] ? solve_all / (double)kinds[CREDIT_GROUP_SOLVE_ALL] : NAN));
    TRY(add(t, "dsdr/coupling_entropy", coupled ? coupling / (double)coupled : NAN));
    TRY(add(t, "frac_reward_zero_std", (double)silent / groups));
    TRY(add(t, "dynamic_sampling/groups_generated", (double)b->drawn));
    TRY(add(t, "dynamic_sampling/groups_dropped", (double)(b->drawn - b->count)));
    return add(t, "dynamic_sampling/batches", (double)b->batches);
}

static status add_metrics(trainer *t) {
    static const char *const status_metric[] = {
#define X(code, name) [code] = "verify/" name,
        VERDICT_TABLE(X)
#undef X
    };
    const step_batch *b = &t->batch;
    batch_extents e = {0};
    size_t counts[VERDICT_STATUS_COUNT] = {0}, cut = 0, known = 0, tokens = 0;
    double entropy = 0;
    for (size_t g = 0; g < b->count; g++) {
        extent_add(&e.prompt_length, (double)b->set.groups[g].prompt_length);
        for (size_t r = 0; r < b->size; r++) {
            size_t i = g * b->size + r;
            const rollout *one = &b->set.groups[g].rollouts[r];
            counts[b->verdicts[i].status]++;
            cut += one->finish == FINISH_LENGTH;
            extent_add(&e.response_length, (double)one->length);
            extent_add(&e.advantages, b->credits[i].advantage);
            for (size_t k = 0; k < one->length; k++) entropy += (double)one->entropy[k];
            tokens += one->length;
            if (!verdict_known(b->verdicts[i].status)) continue;
            known++;
            extent_add(&e.score, b->verdicts[i].status == VERDICT_CORRECT);
            extent_add(&e.rewards, b->credits[i].reward);
        }
    }
#define X(field, name)                                                                                                           \
    TRY(add(t, name "/mean", extent_mean(&e.field)));                                                                            \
    TRY(add(t, name "/max", e.field.count ? e.field.max : NAN));                                                                 \
    TRY(add(t, name "/min", e.field.count ? e.field.min : NAN));
    EXTENT_NAMES(X)
#undef X
    TRY(add(t, "response_length/clip_ratio", (double)cut / (double)batch_rollouts(b)));
    TRY(add(t, "rollout/entropy", entropy / (double)tokens));
    TRY(add(t, "rollout/known_verdicts", (double)known));
    for (size_t k = 0; k < VERDICT_STATUS_COUNT; k++) TRY(add(t, status_metric[k], (double)counts[k]));
    TRY(add_group_metrics(t));
    return t->with_diversity ? add_diversity_metrics(t) : STATUS_OK;
}

// ---- a step's groups -----------------------------------------------------------------------------------------------------

status trainer_collect(trainer *t) {
    const settings *s = t->run.s;
    step_batch *b = &t->batch;
    size_t wanted = (size_t)s->data.train_batch_size, each = s->filter.enable ? (size_t)s->data.gen_batch_size : wanted;
    double generating = 0, beside = 0, scoring = 0;
    size_t early[OVERLAP_STAGES] = {0};
    const generator_statistics before = *generator_totals(t->generator), *after = generator_totals(t->generator);
    b->count = b->drawn = b->batches = 0;
    while (b->count < wanted) {
        if (s->filter.enable && s->filter.max_num_gen_batches > 0 && b->batches >= (size_t)s->filter.max_num_gen_batches)
            return status_set(
                STATUS_LIMIT,
                "step %lld: only %zu of %zu groups had a signal after %zu generated batches "
                "(algorithm.filter_groups.max_num_gen_batches); raise it, choose easier problems or a larger rollout.n",
                (long long)t->run.state.step + 1, b->count, wanted, b->batches);
        overlap_report report;
        progress_report(&t->run.options->progress, "generate", (double)b->count, (double)wanted, "groups", NULL);
        TRY(generate_and_judge(t, b->count, each, &report));
        double judged = training_clock();
        TRY(score(t, b->count, each));
        generating += report.generation_seconds, beside += report.beside_seconds;
        scoring += report.rest_seconds + training_clock() - judged;
        for (size_t k = 0; k < OVERLAP_STAGES; k++) early[k] += report.early[k];
        size_t first = b->count;
        b->drawn += each;
        b->batches++;
        for (size_t g = first; g < first + each && b->count < wanted; g++)
            if (!s->filter.enable || group_is_kept(s, &b->summaries[g])) swap_groups(b, b->count++, g);
    }
    size_t decode_steps = after->decode_steps - before.decode_steps;
    TRY(add(t, "perf/half_empty_share/gen",
            decode_steps ? (double)(after->half_empty_steps - before.half_empty_steps) / (double)decode_steps : NAN));
    TRY(add(t, "rollout/tokens_generated", (double)(after->response_tokens - before.response_tokens)));
    TRY(add(t, "timing_s/gen", generating));
    TRY(training_add_kernels(&t->run, TRAINING_GEN));
    t->run.accounted += (int64_t)(1e9 * scoring);
    TRY(add(t, "timing_s/reward", scoring));
    TRY(add(t, "timing_s/reward_overlapped", beside));
    TRY(add(t, "perf/overlapped_share/verdicts", (double)early[0] / (double)b->drawn));
    if (t->with_diversity) TRY(add(t, "perf/overlapped_share/embeddings", (double)early[1] / (double)b->drawn));
    return add_metrics(t);
}
