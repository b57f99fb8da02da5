// run/: the promises about bits that only hold if sampling, training and the optimizer keep them together, on models whose shapes
// take every path of the kernels: after many updates sampled log-probs are training's; a step's weights do not depend on how its
// work is arranged; leaving out rollouts without gradient does not change it.
#include "model_fixture.h"

#include <math.h>

#include "learn/objective.h"
#include "learn/optimizer.h"
#include "model/packed.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"

enum { GROUPS = 7, SIZE = 4, LONGEST_PROMPT = 65, LONGEST = 67, LEAF_ROWS = 64 };

// Query heads for each key/value head: 1, 3, 4, 7 and 8, so tiles of four heads are full, part full and several; widths of heads
// that fill whole registers and that do not; a vocabulary of more than one chunk.
static const model_config shapes[] = {
    {.layers = 2, .hidden = 32, .heads = 2, .kv_heads = 2, .head_width = 16, .feed_forward = 48, .vocabulary = 97, .tied = true},
    {.layers = 1, .hidden = 40, .heads = 9, .kv_heads = 3, .head_width = 24, .feed_forward = 56, .vocabulary = 131, .tied = true},
    {.layers = 2,
     .hidden = 48,
     .heads = 8,
     .kv_heads = 2,
     .head_width = 8,
     .feed_forward = 40,
     .vocabulary = 1100,
     .qk_norm = true},
    {.layers = 1,
     .hidden = 32,
     .heads = 7,
     .kv_heads = 1,
     .head_width = 12,
     .feed_forward = 64,
     .vocabulary = 97,
     .qkv_bias = true},
    {.layers = 2, .hidden = 64, .heads = 8, .kv_heads = 1, .head_width = 32, .feed_forward = 96, .vocabulary = 97, .tied = true},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

// One token, and each side of the edges of attention's blocks of 16 keys and of its chunks of 64.
static const size_t prompt_lengths[] = {1, 15, 16, 17, 31, 32, 33, 63, 64, 65};
enum { PROMPT_LENGTHS = sizeof prompt_lengths / sizeof *prompt_lengths };
static const int32_t ends[] = {2, 5, 11};

// ---- one policy with everything that samples and trains it -----------------------------------------------------------------

typedef struct arrangement {
    int threads;
    size_t rows, prompt_room, leaves;
} arrangement;

typedef struct policy {
    matmul *products;
    model model;
    generator *generator;
    packed_pass pass;
    optimizer optimizer;
    float *m, *v, *gradients;
    group_set set;
} policy;

static void start_model(policy *p, const model_config *shape, precision precision, int threads, bool fixed_order) {
    model_config config = *shape;
    snprintf(config.architecture, sizeof config.architecture, "%s",
             config.qk_norm    ? "Qwen3ForCausalLM"
             : config.qkv_bias ? "Qwen2ForCausalLM"
                               : "LlamaForCausalLM");
    config.max_positions = 256, config.rope_theta = 10000, config.norm_eps = 1e-5, config.bos = 1, config.pad = -1;
    assert_ok(matmul_create(&p->products, precision, threads, fixed_order));
    assert_ok(model_init(&p->model, p->products, &config, 17, true));
    // Weights as large as those of trained models of this width, so that distributions are far from even.
    for (size_t i = 0; i < p->model.table.count; i++) {
        const parameter *one = &p->model.table.items[i];
        if (one->kind == PARAMETER_GAIN) continue;
        for (size_t k = 0; k < one->count; k++) {
            float *x = &p->model.parameters[one->offset + k];
            *x = one->kind == PARAMETER_BIAS ? 0.1f * (float)(k % 7) - 0.3f : 8 * *x;
        }
    }
    assert_ok(model_pack(&p->model));
}

static void policy_open(policy *p, const model_config *shape, precision precision, const arrangement *a) {
    *p = (policy){0};
    start_model(p, shape, precision, a->threads, false);
    bool invariant;
    assert_ok(model_self_test(&p->model, &invariant));
    if (!invariant) { // as the program does
        model_free(&p->model);
        matmul_free(p->products);
        start_model(p, shape, precision, a->threads, true);
    }
    generator_options generation = {
        .rows = a->rows, .longest_prompt = LONGEST_PROMPT, .longest_response = LONGEST, .prompt_tokens = a->prompt_room};
    assert_ok(generator_create(&p->generator, &p->model, NULL, &generation, NULL));
    packed_options packed = {.leaf_rows = LEAF_ROWS,
                             .leaves_in_memory = a->leaves,
                             .longest_prompt = LONGEST_PROMPT,
                             .longest_response = LONGEST,
                             .largest_group = SIZE,
                             .backward = true};
    assert_ok(packed_create(&p->pass, &p->model, &packed, NULL));
    size_t total = p->model.table.total;
    p->m = calloc(total, sizeof *p->m), p->v = calloc(total, sizeof *p->v), p->gradients = calloc(total, sizeof *p->gradients);
    optimizer_segment whole = {.name = "all", .count = total, .decays = true};
    optimizer_options options = optimizer_default_options();
    assert_ok(optimizer_create(&p->optimizer, &options, &whole, 1, p->m, p->v));
    assert_ok(group_set_create(&p->set, GROUPS, SIZE, LONGEST_PROMPT, LONGEST));
}

static void policy_close(policy *p) {
    group_set_free(&p->set);
    optimizer_free(&p->optimizer);
    free(p->m), free(p->v), free(p->gradients);
    packed_free(&p->pass);
    generator_free(p->generator);
    model_free(&p->model);
    matmul_free(p->products);
}

// Responses end by a token, or are cut on each side of such edges.
static void sample(policy *p, size_t update, float temperature) {
    static const size_t limits[] = {LONGEST, 34, 33, 32, 31, 18, 17, 16, 15, 66, 65, 2, 1};
    group_set_clear(&p->set);
    for (size_t g = 0; g < GROUPS; g++) {
        group *one = &p->set.groups[g];
        one->serial = update * GROUPS + g;
        one->prompt_length = prompt_lengths[(g + 3 * update) % PROMPT_LENGTHS];
        for (size_t t = 0; t < one->prompt_length; t++) one->prompt_tokens[t] = (int32_t)(3 + (7 * one->serial + 5 * t) % 90);
    }
    sampling how = {.seed = 9,
                    .purpose = update % 2 ? RANDOM_SAMPLE_EVAL : RANDOM_SAMPLE_TRAIN,
                    .temperature = temperature,
                    .top_p = 1,
                    .longest_response = limits[update % (sizeof limits / sizeof *limits)],
                    .end_tokens = ends,
                    .end_count = sizeof ends / sizeof *ends};
    assert_ok(generator_run(p->generator, p->set.groups, GROUPS, &how, NULL));
}

// ---- visits ----------------------------------------------------------------------------------------------------------------

typedef struct visitor {
    const group_set *set;
    size_t compared, differing;
    bool learns;
} visitor;

// Advantages of any kind: some are 0.
static double advantage_of(const group *g, size_t r) { return (double)((g->serial + 2 * r) % 5) - 2; }

static void visit(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                  double *d_entropy) {
    visitor *v = context;
    const group *of = &v->set->groups[g];
    const struct rollout *one = &of->rollouts[r];
    v->compared++;
    v->differing += memcmp(&logp, &one->logp[position], 4) != 0 || memcmp(&entropy, &one->entropy[position], 4) != 0;
    if (!v->learns) return;
    *d_logp = -advantage_of(of, r) / (double)(one->length * GROUPS * SIZE);
    *d_entropy = -0.01 / (double)(one->length * GROUPS * SIZE);
}

// Every token of the step has the log-prob and entropy that were recorded.
static size_t compare(policy *p, float temperature, float *gradients) {
    visitor v = {.set = &p->set, .learns = gradients != NULL};
    assert_ok(packed_visit(&p->pass, p->set.groups, GROUPS, NULL, temperature, visit, &v, gradients));
    size_t tokens = 0;
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t r = 0; r < SIZE; r++) tokens += p->set.groups[g].rollouts[r].length;
    assert_int_equal(v.compared, tokens);
    return v.differing;
}

static void learn(policy *p, float temperature) {
    memset(p->gradients, 0, p->model.table.total * sizeof *p->gradients);
    assert_int_equal(compare(p, temperature, p->gradients), 0);
    optimizer_report report;
    optimizer_update(&p->optimizer, 3e-3, p->model.parameters, p->gradients, &report);
    assert_true(!report.skipped && report.grad_norm > 0);
    assert_ok(model_pack(&p->model));
}

// ---- tests -----------------------------------------------------------------------------------------------------------------

static void sampled_log_probs_stay_training_s_over_many_updates(void **state) {
    (void)state;
    enum { UPDATES = 26 };
    for (int wide = 0; wide < 2; wide++)
        for (size_t s = 0; s < SHAPES; s++) {
            precision precision = wide ? PRECISION_FLOAT32 : PRECISION_BFLOAT16;
            const arrangement few_rows = {.threads = 1 + (s == 1), .rows = 5, .leaves = 1 + s % 2};
            policy p;
            policy_open(&p, &shapes[s], precision, &few_rows);
            size_t count = p.model.table.total;
            float *first = malloc(count * sizeof *first), furthest = 0;
            assert_non_null(first);
            memcpy(first, p.model.parameters, count * sizeof *first);
            size_t seen[LONGEST + 1] = {0};
            for (size_t update = 0; update < UPDATES; update++) {
                float temperature = update % 3 ? 1.0f : 0.8f;
                sample(&p, update, temperature);
                for (size_t g = 0; g < GROUPS; g++)
                    for (size_t r = 0; r < SIZE; r++) seen[p.set.groups[g].rollouts[r].length]++;
                size_t differing = compare(&p, temperature, NULL);
                if (differing)
                    fail_msg("%s, %zu heads for %zu: %zu tokens differ after %zu updates", precision_name(precision),
                             shapes[s].heads, shapes[s].kv_heads, differing, update);
                learn(&p, temperature);
            }
            for (size_t i = 0; i < count; i++) furthest = fmaxf(furthest, fabsf(p.model.parameters[i] - first[i]));
            free(first);
            assert_true(furthest > 1e-3f); // it is another model by now
            static const size_t edges[] = {1, 2, 15, 16, 17, 18, 31, 32, 33, 34, 65, 66, LONGEST};
            for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) assert_true(seen[edges[e]] > 0);
            // Five rows for 28 rollouts: the batch shrank, was refilled, and ran out.
            const generator_statistics *totals = generator_totals(p.generator);
            assert_true(totals->half_empty_steps > 0 && totals->half_empty_steps < totals->decode_steps / 2);
            policy_close(&p);
        }
}

// What a few steps of sampling and learning leave behind: the weights, and the lengths of all responses.
static void few_steps(const model_config *shape, precision precision, const arrangement *a, float **parameters,
                      int32_t (*lengths)[GROUPS * SIZE]) {
    policy p;
    policy_open(&p, shape, precision, a);
    for (size_t update = 0; update < 3; update++) {
        sample(&p, update, 1.0f);
        for (size_t i = 0; i < GROUPS * SIZE; i++) lengths[update][i] = (int32_t)p.set.groups[i / SIZE].rollouts[i % SIZE].length;
        learn(&p, 1.0f);
    }
    size_t bytes = p.model.table.total * sizeof **parameters;
    *parameters = malloc(bytes);
    memcpy(*parameters, p.model.parameters, bytes);
    policy_close(&p);
}

static void arrangement_changes_no_bit_of_sampling_and_learning(void **state) {
    (void)state;
    static const arrangement arrangements[] = {
        {.threads = 2, .rows = 64, .leaves = 1},
        {.threads = 1, .rows = 1, .leaves = 2},
        {.threads = 3, .rows = 3, .leaves = 4, .prompt_room = 48},
        {.threads = 5, .rows = 7, .leaves = 8},
        {.threads = 16, .rows = 28, .leaves = 3},
    };
    for (int wide = 0; wide < 2; wide++)
        for (size_t s = 1; s < SHAPES; s += 3) {
            precision precision = wide ? PRECISION_FLOAT32 : PRECISION_BFLOAT16;
            float *expected, *found;
            int32_t lengths[3][GROUPS * SIZE], other[3][GROUPS * SIZE];
            few_steps(&shapes[s], precision, &arrangements[0], &expected, lengths);
            parameter_table table;
            assert_ok(parameter_table_create(&table, &shapes[s]));
            for (size_t i = 1; i < sizeof arrangements / sizeof *arrangements; i++) {
                few_steps(&shapes[s], precision, &arrangements[i], &found, other);
                if (memcmp(lengths, other, sizeof lengths) || memcmp(expected, found, table.total * sizeof *found))
                    fail_msg("%s, %zu heads for %zu: other bits with arrangement %zu", precision_name(precision), shapes[s].heads,
                             shapes[s].kv_heads, i);
                free(found);
            }
            parameter_table_free(&table);
            free(expected);
        }
}

// ---- leaving out rollouts without gradient ---------------------------------------------------------------------------------

typedef struct lesson {
    const group_set *set;
    const objective_options *options;
    objective_scope scope;
} lesson;

// Groups take turns: nothing correct; everything correct and alike, so that only the coupling is not 0; and mixed ones.
static double lesson_advantage(size_t g, size_t r) { return g % 3 < 2 ? 0 : r % 2 ? 0.75 : -1.25; }
static double lesson_coupling(size_t g, size_t r) { return g % 3 == 0 ? 0 : g % 3 == 1 ? 1.0 / SIZE : r % 2 ? 0.5 : 0; }

static void teach(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                  double *d_entropy) {
    const lesson *l = context;
    const struct rollout *one = &l->set->groups[g].rollouts[r];
    objective_rollout scalars = {.length = one->length, .advantage = lesson_advantage(g, r), .coupling = lesson_coupling(g, r)};
    objective_token token = {.logp = (double)logp,
                             .logp_old = (double)one->logp[position],
                             .logp_ref = (double)one->logp[position] - 0.1 * (double)(position % 3),
                             .entropy = (double)entropy};
    objective_output output;
    objective_token_loss(l->options, &l->scope, &scalars, &token, &output);
    *d_logp = output.d_logp, *d_entropy = output.d_entropy;
}

static void leaving_out_rollouts_without_gradient_does_not_change_it(void **state) {
    (void)state;
    // 7 groups of 4: groups 0, 3 and 6 have nothing correct, 1 and 4 only a coupling, 2 and 5 are mixed.
    static const struct {
        loss_agg_mode aggregation;
        double lambda_l, kl_coef, entropy_coeff;
        size_t left_out;
    } cases[] = {
        {LOSS_TOKEN_MEAN, 0.5, 0, 0, 12}, {LOSS_TOKEN_MEAN, 0, 0, 0, 20},           {LOSS_TOKEN_MEAN, 0.5, 0.1, 0, 0},
        {LOSS_TOKEN_MEAN, 0, 0, 0.1, 0},  {LOSS_SEQ_MEAN_TOKEN_MEAN, 0, 0.1, 0, 0}, {LOSS_SEQ_MEAN_TOKEN_MEAN, 0.5, 0, 0, 12},
    };
    const arrangement plain = {.threads = 1, .rows = 8, .leaves = 1};
    policy p;
    policy_open(&p, &shapes[1], PRECISION_FLOAT32, &plain);
    sample(&p, 0, 1.0f);
    size_t total = p.model.table.total;
    float *all = malloc(total * sizeof *all);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        objective_options options = objective_default_options();
        options.aggregation = cases[i].aggregation, options.lambda_l = cases[i].lambda_l;
        options.kl_coef = cases[i].kl_coef, options.entropy_coeff = cases[i].entropy_coeff;
        lesson l = {
            .set = &p.set, .options = &options, .scope = {.prompts = GROUPS, .rollouts = GROUPS * SIZE, .max_length = LONGEST}};
        bool active[GROUPS * SIZE];
        size_t left_out = 0;
        for (size_t n = 0; n < GROUPS * SIZE; n++) {
            l.scope.tokens += p.set.groups[n / SIZE].rollouts[n % SIZE].length;
            active[n] =
                objective_needs_gradient(&options, lesson_advantage(n / SIZE, n % SIZE), lesson_coupling(n / SIZE, n % SIZE));
            left_out += !active[n];
        }
        assert_int_equal(left_out, cases[i].left_out);
        memset(all, 0, total * sizeof *all), memset(p.gradients, 0, total * sizeof *p.gradients);
        assert_ok(packed_visit(&p.pass, p.set.groups, GROUPS, NULL, 1.0f, teach, &l, all));
        assert_ok(packed_visit(&p.pass, p.set.groups, GROUPS, active, 1.0f, teach, &l, p.gradients));
        double error = 0, norm = 0;
        for (size_t k = 0; k < total; k++) {
            double difference = (double)p.gradients[k] - (double)all[k];
            error += difference * difference, norm += (double)all[k] * (double)all[k];
        }
        assert_true(norm > 0);
        if (!(sqrt(error) <= 1e-6 * sqrt(norm))) fail_msg("case %zu: relative difference %.3g", i, sqrt(error / norm));
    }
    free(all);
    policy_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampled_log_probs_stay_training_s_over_many_updates),
        cmocka_unit_test(arrangement_changes_no_bit_of_sampling_and_learning),
        cmocka_unit_test(leaving_out_rollouts_without_gradient_does_not_change_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
