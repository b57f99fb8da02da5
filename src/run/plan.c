// The memory of a training run before it begins. See plan.h; plan_time.c has the time.
#include "run/plan.h"

#include "base/machine.h"
#include "rollout/group_set.h"
#include "run/evaluate.h"
#include "run/options.h"
#include "run/scoring.h"

// Rows of a decoding step: enough for products to run at full speed. Fewer where their caches would take more than both this and
// what learning takes anyway. The number changes no result.
enum { SAMPLING_ROWS = 128 };
static const size_t sampling_budget = (size_t)2 << 30;

// What comes with a run beside the arenas: what the self-test leaves behind, the record's cache, stacks of threads.
static const size_t run_bytes = (size_t)10 << 20;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// ---- sizes ---------------------------------------------------------------------------------------------------------------

static packed_options learning_options(const plan_subject *subject) {
    const settings *s = subject->settings;
    packed_options o = {.leaf_rows = (size_t)s->trainer.leaf_rows,
                        .leaves_in_memory = 1,
                        .longest_prompt = subject->longest_prompt,
                        .longest_response = (size_t)s->data.max_response_length,
                        .largest_group = subject->supervised ? 1 : (size_t)s->rollout.n,
                        .backward = true,
                        .recompute = s->model.enable_gradient_checkpointing};
    if (s->actor.ppo_micro_batch_size > 0) // responses in memory at once, in whole leaves
        o.leaves_in_memory = 1 + (size_t)(s->actor.ppo_micro_batch_size - 1) * o.longest_response / o.leaf_rows;
    return o;
}

// Prompts are in memory until the last of their rollouts ends: room for twice as many as the rows are rollouts of, and a few.
static generator_options sampling_options(const plan_subject *subject, size_t rows) {
    const settings *s = subject->settings;
    size_t longest = larger(subject->longest_prompt, subject->longest_held_out), each = (size_t)s->rollout.n;
    size_t prompts = smaller(2 * ((rows + each - 1) / each) + 4, rows);
    return (generator_options){.rows = rows,
                               .longest_prompt = longest,
                               .longest_response = (size_t)s->data.max_response_length,
                               .prompt_tokens = prompts * attention_round(longest)};
}

// ---- bytes ---------------------------------------------------------------------------------------------------------------

// A text is about four bytes a token.
static size_t rollout_bytes(size_t groups, size_t size, size_t longest_prompt, size_t longest_response) {
    return group_set_bytes(groups, size, longest_prompt, longest_response) + groups * size * longest_response * 4;
}

static size_t rollouts_of_step(const settings *s) {
    size_t groups = (size_t)s->data.train_batch_size + (s->filter.enable ? (size_t)s->data.gen_batch_size : 0);
    size_t size = (size_t)s->rollout.n, longest = (size_t)s->data.max_response_length;
    return rollout_bytes(groups, size, (size_t)s->data.max_prompt_length, longest) +
           (s->actor.use_kl_loss ? groups * size * longest * sizeof(float) : 0) +
           options_traced_groups(s) * size * longest * sizeof(float);
}

size_t memory_plan_peak(const memory_plan *p) {
    return p->weights + p->packed + p->optimizer + p->reference + p->rollouts + memory_plan_activations(p) + p->encoder +
           p->products + p->process;
}

status memory_plan_make(memory_plan *p, const plan_subject *subject) {
    const settings *s = subject->settings;
    const model *m = &subject->lm->model;
    size_t rows = smaller((size_t)s->data.train_batch_size * (size_t)s->rollout.n, SAMPLING_ROWS);
    *p = (memory_plan){.learning = learning_options(subject), .process = machine_resident() + run_bytes};
    p->products = model_prepared_bytes(&m->config, m->products, true);
    p->learning_bytes = packed_bytes(m, &p->learning);
    p->weights = m->table.total * sizeof(float);
    p->packed = model_bytes(&m->config, &m->table, m->products, true) - p->weights;
    p->optimizer = 3 * arena_size(p->weights);
    if (subject->supervised) {
        p->rollouts =
            rollout_bytes((size_t)s->data.train_batch_size, 1, subject->longest_prompt, (size_t)s->data.max_response_length);
        return STATUS_OK;
    }
    for (;; rows = (rows + 1) / 2) {
        p->sampling = sampling_options(subject, rows);
        p->sampling_bytes = generator_bytes(m, subject->lm->tokenizer, &p->sampling);
        if (rows == 1 || p->sampling_bytes <= larger(p->learning_bytes, sampling_budget)) break;
    }
    if (options_need_reference(s)) p->reference = model_bytes(&m->config, &m->table, m->products, false);
    p->rollouts = rollouts_of_step(s);
    if (subject->held_out > 0) {
        size_t size = evaluation_samples(s), groups = evaluation_chunk(s, subject->held_out, 0);
        p->rollouts += rollout_bytes(groups, size, subject->longest_held_out, (size_t)s->data.max_response_length);
    }
    return options_need_diversity(s) ? scorer_measure(&p->encoder, s, options_threads(s)) : STATUS_OK;
}

// ---- what fits ---------------------------------------------------------------------------------------------------------

typedef struct remedy {
    const char *text;
    bool recompute;
    long long micro_batch, leaf_rows; // 0: as it is
} remedy;

// The first change of settings with which the plan fits; changes that alter no result come first.
static const char *find_remedy(const plan_subject *subject, size_t machine) {
    static const remedy remedies[] = {
        {"actor_rollout_ref.actor.ppo_micro_batch_size=1", .micro_batch = 1},
        {"actor_rollout_ref.model.enable_gradient_checkpointing=true", .recompute = true},
        {"actor_rollout_ref.model.enable_gradient_checkpointing=true and actor_rollout_ref.actor.ppo_micro_batch_size=1",
         .recompute = true, .micro_batch = 1},
        {"trainer.leaf_rows=256, actor_rollout_ref.model.enable_gradient_checkpointing=true and "
         "actor_rollout_ref.actor.ppo_micro_batch_size=1",
         .recompute = true, .micro_batch = 1, .leaf_rows = 256},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        const remedy *r = &remedies[i];
        settings changed = *subject->settings;
        plan_subject other = *subject;
        memory_plan plan;
        changed.model.enable_gradient_checkpointing |= r->recompute;
        if (r->micro_batch && changed.actor.ppo_micro_batch_size > r->micro_batch)
            changed.actor.ppo_micro_batch_size = r->micro_batch;
        if (r->leaf_rows && changed.trainer.leaf_rows > r->leaf_rows) changed.trainer.leaf_rows = r->leaf_rows;
        other.settings = &changed;
        if (memory_plan_make(&plan, &other) == STATUS_OK && memory_plan_peak(&plan) <= machine) return r->text;
    }
    return NULL;
}

status memory_plan_check(const memory_plan *p, const plan_subject *subject) {
    size_t machine = machine_memory(), peak = memory_plan_peak(p);
    if (peak <= machine) return STATUS_OK;
    const char *remedy = find_remedy(subject, machine);
    const double gb = 1e9;
    return status_set(
        STATUS_INVALID,
        "training needs %.1f GB at its peak and there are %.1f GB here: parameters, their copies and the optimizer "
        "%.1f, sampling %.1f or learning %.1f, rollouts %.1f; %s%s",
        (double)peak / gb, (double)machine / gb, (double)(p->weights + p->packed + p->optimizer + p->reference) / gb,
        (double)p->sampling_bytes / gb, (double)p->learning_bytes / gb, (double)p->rollouts / gb,
        remedy ? "it fits with " : "shorter responses (data.max_response_length), fewer of them, or a smaller model",
        remedy ? remedy : "");
}
