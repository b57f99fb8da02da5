// Packed groups. See packed.h.
#include "model/packed.h"

#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// ---- memory --------------------------------------------------------------------------------------------------------------

static size_t leaf_capacity(const packed_options *o) { return attention_round(larger(o->leaf_rows, o->longest_response)); }

// Prompts are in memory until all their rollouts are done: they get half as much.
static size_t pack_rows(const packed_options *o) { return o->leaf_rows / 2; }
static size_t pack_capacity(const packed_options *o) { return attention_round(larger(pack_rows(o), o->longest_prompt)); }

static activations_kept kept(const packed_options *o, bool backward) {
    return !backward ? KEPT_NOTHING : o->recompute ? KEPT_INPUTS : KEPT_ALL;
}

static void place_leaf(packed_leaf *leaf, arena *memory, const model *m, const packed_options *o, size_t capacity, size_t targets,
                       bool backward) {
    size_t sequences = capacity / ATTENTION_LANES;
    activations_place(&leaf->activations, memory, m, capacity, o->longest_prompt + o->longest_response, kept(o, backward));
    leaf->kv_memory = arena_take(memory, kv_cache_bytes(m, capacity));
    leaf->caches = arena_take_array(memory, sequences, sizeof *leaf->caches);
    leaf->sequences = arena_take_array(memory, sequences, sizeof *leaf->sequences);
    leaf->token = arena_take_array(memory, capacity, 4);
    leaf->sequence_of = arena_take_array(memory, capacity, 4);
    leaf->index = arena_take_array(memory, capacity, 4);
    leaf->target_row = arena_take_array(memory, capacity, sizeof(size_t));
    leaf->target_first = arena_take_array(memory, capacity + 1, sizeof(size_t));
    leaf->target_token = arena_take_array(memory, targets, 4);
    leaf->targets = arena_take_array(memory, targets, sizeof *leaf->targets);
}

static void place(packed_pass *p, arena *memory, const model *m, const packed_options *o, bool backward) {
    size_t leaf = leaf_capacity(o), pack = pack_capacity(o);
    p->leaves = arena_take_array(memory, o->leaves_in_memory, sizeof *p->leaves);
    place_leaf(&p->prompts, memory, m, o, pack, pack / ATTENTION_LANES * o->largest_group, backward);
    for (size_t i = 0; i < o->leaves_in_memory; i++) {
        packed_leaf counted;
        place_leaf(p->leaves ? &p->leaves[i] : &counted, memory, m, o, leaf, leaf, backward);
    }
    head_place(&p->head, memory, m, HEAD_BLOCK_ROWS, backward);
    if (!backward) return;
    backward_place(&p->backward, memory, m, larger(leaf, pack), o->longest_prompt,
                   larger(o->longest_prompt, o->longest_response));
    p->prompt_gradients = arena_take_array(memory, pack / ATTENTION_LANES, sizeof *p->prompt_gradients);
    p->prompt_gradient_memory = arena_take_array(memory, kv_gradient_floats(&m->config, pack), 4);
}

size_t packed_bytes(const model *m, const packed_options *o) {
    packed_pass counted = {0};
    arena counter = {0};
    place(&counted, &counter, m, o, o->backward);
    return counter.used;
}

status packed_create(packed_pass *p, const model *m, const packed_options *o, arena *shared) {
    *p = (packed_pass){.options = *o, .model = m, .shared = shared};
    return shared ? STATUS_OK : arena_create(&p->own, packed_bytes(m, o), "the activations");
}

void packed_free(packed_pass *p) {
    arena_free(&p->own);
    *p = (packed_pass){0};
}

// ---- building leaves -----------------------------------------------------------------------------------------------------

static void leaf_clear(packed_leaf *leaf) {
    leaf->sequence_count = leaf->rows = leaf->target_rows = leaf->target_count = 0;
    leaf->target_first[0] = 0;
}

static void leaf_add_tokens(packed_leaf *leaf, const model *m, size_t *tokens_used, const int32_t *token, size_t count,
                            const kv_cache *prefix, kv_gradient *prefix_gradient, kv_gradient *own_gradient) {
    size_t capacity = attention_round(count), s = leaf->sequence_count++;
    leaf->caches[s] = (kv_cache){.memory = leaf->kv_memory + kv_cache_bytes(m, *tokens_used), .capacity = capacity};
    *tokens_used += capacity;
    leaf->sequences[s] =
        (sequence){.prefix = prefix, .own = &leaf->caches[s], .prefix_gradient = prefix_gradient, .own_gradient = own_gradient};
    for (size_t t = 0; t < count; t++) {
        leaf->token[leaf->rows] = token[t];
        leaf->sequence_of[leaf->rows] = (int32_t)s;
        leaf->index[leaf->rows] = (int32_t)t;
        leaf->rows++;
    }
}

static void leaf_add_target(packed_leaf *leaf, size_t row, size_t group_index, size_t rollout_index, size_t position,
                            int32_t token) {
    if (leaf->target_rows == 0 || leaf->target_row[leaf->target_rows - 1] != row) leaf->target_row[leaf->target_rows++] = row;
    leaf->targets[leaf->target_count] =
        (struct packed_target){(uint32_t)group_index, (uint32_t)rollout_index, (uint32_t)position};
    leaf->target_token[leaf->target_count++] = token;
    leaf->target_first[leaf->target_rows] = leaf->target_count;
}

static status leaf_forward(packed_pass *p, packed_leaf *leaf) {
    row_batch batch = {.rows = leaf->rows,
                       .token = leaf->token,
                       .sequence = leaf->sequence_of,
                       .index = leaf->index,
                       .sequences = leaf->sequences};
    return transformer_forward(p->model, &leaf->activations, &batch);
}

typedef struct visit {
    packed_objective objective;
    void *context;
    const packed_leaf *leaf;
    float temperature;
} visit;

static void call_objective(void *context, size_t target, float logp, float entropy, double *d_logp, double *d_entropy) {
    const visit *v = context;
    const struct packed_target *t = &v->leaf->targets[target];
    v->objective(v->context, t->group, t->rollout, t->position, logp, entropy, d_logp, d_entropy);
}

// The head's visit of a leaf whose forward is done, and with gradients the leaf's whole backward.
static status leaf_finish(packed_pass *p, packed_leaf *leaf, visit *v, float *gradients) {
    const model *m = p->model;
    head_targets targets = {
        .rows = leaf->target_rows, .row = leaf->target_row, .first = leaf->target_first, .token = leaf->target_token};
    v->leaf = leaf;
    if (gradients) memset(p->backward.d_stream, 0, leaf->rows * m->config.hidden * sizeof(float));
    TRY(head_visit(m, &p->head, leaf->activations.output, &targets, v->temperature, call_objective, v,
                   gradients ? p->backward.d_stream : NULL, gradients));
    if (!gradients) return STATUS_OK;
    row_batch batch = {.rows = leaf->rows,
                       .token = leaf->token,
                       .sequence = leaf->sequence_of,
                       .index = leaf->index,
                       .sequences = leaf->sequences};
    return transformer_backward(m, &leaf->activations, &p->backward, &batch, gradients);
}

// ---- a pass --------------------------------------------------------------------------------------------------------------

typedef struct walk {
    const group *groups;
    size_t count;
    const bool *active;
    size_t first_rollout; // number of rollouts in groups before the pack
} walk;

static bool is_active(const walk *w, size_t number) { return !w->active || w->active[number]; }

static bool group_is_active(const walk *w, const group *g, size_t first) {
    for (size_t r = 0; r < g->size; r++)
        if (is_active(w, first + r)) return true;
    return false;
}

static status check_group(const packed_pass *p, const group *g) {
    const packed_options *o = &p->options;
    if (g->prompt_length == 0 || g->prompt_length > o->longest_prompt || g->size > o->largest_group)
        return status_set(STATUS_FAILED, "a group of %zu rollouts with a prompt of %zu tokens in a pass planned for %zu and %zu",
                          g->size, g->prompt_length, o->largest_group, o->longest_prompt);
    for (size_t r = 0; r < g->size; r++)
        if (g->rollouts[r].length == 0 || g->rollouts[r].length > o->longest_response)
            return status_set(STATUS_FAILED, "a response of %zu tokens in a pass planned for %zu", g->rollouts[r].length,
                              o->longest_response);
    return STATUS_OK;
}

// Visits the rollouts of the pack's groups [from, to) leaf by leaf; prompt s of the pack belongs to the s-th active group.
static status visit_rollouts(packed_pass *p, const walk *w, size_t from, size_t to, visit *v, float *gradients) {
    size_t g = from, r = 0, number = w->first_rollout, prompt = 0;
    while (g < to) {
        size_t held = 0;
        for (; held < p->options.leaves_in_memory && g < to; held++) {
            packed_leaf *leaf = &p->leaves[held];
            size_t used = 0;
            leaf_clear(leaf);
            while (g < to) {
                const group *group_now = &w->groups[g];
                if (r == group_now->size) {
                    prompt += group_is_active(w, group_now, number - r);
                    g++, r = 0;
                    continue;
                }
                const struct rollout *response = &group_now->rollouts[r];
                size_t rows = response->length - 1, cost = attention_round(rows);
                if (is_active(w, number) && rows > 0) {
                    if (leaf->rows > 0 && used + cost > p->options.leaf_rows) break;
                    size_t first_row = leaf->rows;
                    leaf_add_tokens(leaf, p->model, &used, response->tokens, rows, &p->prompts.caches[prompt],
                                    gradients ? &p->prompt_gradients[prompt] : NULL, NULL);
                    for (size_t t = 0; t < rows; t++) leaf_add_target(leaf, first_row + t, g, r, t + 1, response->tokens[t + 1]);
                }
                r++, number++;
            }
            if (leaf->rows > 0) TRY(leaf_forward(p, leaf));
        }
        for (size_t i = 0; i < held; i++)
            if (p->leaves[i].rows > 0) TRY(leaf_finish(p, &p->leaves[i], v, gradients));
    }
    return STATUS_OK;
}

static status visit_groups(packed_pass *p, walk *w, visit *v, float *gradients) {
    const model_config *c = &p->model->config;
    const group *groups = w->groups;
    size_t count = w->count;
    for (size_t from = 0; from < count;) {
        packed_leaf *prompts = &p->prompts;
        size_t used = 0, gradient_tokens = 0, to = from, number = w->first_rollout;
        leaf_clear(prompts);
        for (; to < count; to++) {
            const group *g = &groups[to];
            if (group_is_active(w, g, number)) {
                if (prompts->rows > 0 && used + attention_round(g->prompt_length) > pack_rows(&p->options)) break;
                kv_gradient *gradient = NULL;
                if (gradients) {
                    gradient = &p->prompt_gradients[prompts->sequence_count];
                    *gradient = (kv_gradient){.memory = p->prompt_gradient_memory + kv_gradient_floats(c, gradient_tokens),
                                              .tokens = g->prompt_length};
                    memset(gradient->memory, 0, kv_gradient_floats(c, g->prompt_length) * sizeof(float));
                    gradient_tokens += g->prompt_length;
                }
                leaf_add_tokens(prompts, p->model, &used, g->prompt_tokens, g->prompt_length, NULL, NULL, gradient);
                for (size_t r = 0; r < g->size; r++)
                    if (is_active(w, number + r)) leaf_add_target(prompts, prompts->rows - 1, to, r, 0, g->rollouts[r].tokens[0]);
            }
            number += g->size;
        }
        if (prompts->rows > 0) {
            TRY(leaf_forward(p, prompts));
            TRY(visit_rollouts(p, w, from, to, v, gradients));
            TRY(leaf_finish(p, prompts, v, gradients));
        }
        w->first_rollout = number;
        from = to;
    }
    return STATUS_OK;
}

status packed_visit(packed_pass *p, const group *groups, size_t count, const bool *active, float temperature,
                    packed_objective objective, void *context, float *gradients) {
    walk w = {.groups = groups, .count = count, .active = active};
    visit v = {.objective = objective, .context = context, .temperature = temperature};
    kernel_mark(p->model->clock);
    for (size_t g = 0; g < count; g++) TRY(check_group(p, &groups[g]));
    arena *memory = p->shared ? p->shared : &p->own;
    size_t mark = memory->used, needed = packed_bytes(p->model, &p->options);
    if (needed > memory->capacity - mark)
        return status_set(STATUS_FAILED, "packed groups need %zu bytes, and %zu are left of what was planned", needed,
                          memory->capacity - mark);
    if (gradients && !p->options.backward) return status_set(STATUS_FAILED, "gradients in a pass planned without");
    place(p, memory, p->model, &p->options, gradients != NULL);
    status code = visit_groups(p, &w, &v, gradients);
    arena_reset(memory, mark);
    return code;
}
