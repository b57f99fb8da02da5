// model/: forward passes against PyTorch, and the promise that a row's bits do not depend on its company.
#include "model_fixture.h"

#include <math.h>

#include "model/packed.h"

static const char *const families[] = {"tiny_llama", "tiny_qwen2", "tiny_qwen3"};
static const packed_options common = {
    .leaf_rows = 64, .leaves_in_memory = 1, .longest_prompt = 64, .longest_response = 64, .largest_group = 8};

static void load(model *m, matmul **products, const char *family, precision p, int threads, bool trainable) {
    char path[512];
    snprintf(path, sizeof path, "%s/golden/model/%s", TEST_SOURCE_DIR, family);
    fixture_model(m, products, path, p, threads, trainable);
}

typedef struct recorder {
    const group *groups;
    size_t offset[16][8]; // of a rollout's first token
    float *logp, *entropy;
    size_t count;
} recorder;

static void record(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                   double *d_entropy) {
    recorder *c = context;
    (void)d_logp, (void)d_entropy;
    size_t at = c->offset[g][r] + position;
    c->logp[at] = logp, c->entropy[at] = entropy;
    c->count++;
}

static size_t recorder_start(recorder *c, const group *groups, size_t count) {
    size_t tokens = 0;
    c->groups = groups;
    for (size_t g = 0; g < count; g++)
        for (size_t r = 0; r < groups[g].size; r++) c->offset[g][r] = tokens, tokens += groups[g].rollouts[r].length;
    c->logp = calloc(tokens, sizeof(float));
    c->entropy = calloc(tokens, sizeof(float));
    c->count = 0;
    return tokens;
}

static void recorder_stop(recorder *c) { free(c->logp), free(c->entropy); }

static void log_probabilities_and_entropies_equal_pytorch(void **state) {
    (void)state;
    for (size_t f = 0; f < 3; f++) {
        model m;
        matmul *products;
        load(&m, &products, families[f], PRECISION_FLOAT32, 2, false);
        json_t *golden = fixture_json(families[f], "golden.json");
        size_t count;
        group *groups = fixture_groups(json_object_get(golden, "groups"), "rollouts", &count);
        packed_pass pass;
        assert_ok(packed_create(&pass, &m, &common, NULL));
        for (int cold = 0; cold < 2; cold++) {
            recorder c;
            size_t tokens = recorder_start(&c, groups, count);
            assert_ok(packed_visit(&pass, groups, count, NULL, cold ? 0.7f : 1.0f, record, &c, NULL));
            assert_int_equal(c.count, tokens);
            for (size_t g = 0; g < count; g++)
                for (size_t r = 0; r < groups[g].size; r++) {
                    const json_t *row =
                        json_array_get(json_object_get(json_array_get(json_object_get(golden, "groups"), g), "rollouts"), r);
                    const json_t *logp = json_object_get(row, cold ? "logp_0.7" : "logp_1.0");
                    const json_t *entropy = json_object_get(row, cold ? "entropy_0.7" : "entropy_1.0");
                    for (size_t t = 0; t < groups[g].rollouts[r].length; t++) {
                        double a = c.logp[c.offset[g][r] + t], b = json_number_value(json_array_get(logp, t));
                        double h = c.entropy[c.offset[g][r] + t], k = json_number_value(json_array_get(entropy, t));
                        if (!(fabs(a - b) <= 2e-5) || !(fabs(h - k) <= 2e-5))
                            fail_msg("%s group %zu rollout %zu token %zu: logp %.9g, not %.9g; entropy %.9g, not %.9g",
                                     families[f], g, r, t, a, b, h, k);
                    }
                }
            recorder_stop(&c);
        }
        packed_free(&pass);
        fixture_groups_free(groups, count);
        json_decref(golden);
        model_free(&m);
        matmul_free(products);
    }
}

// The same tokens one row at a time over a growing cache, as sampling does, with rows of other sequences around it.
static void sampling_rows_have_the_bits_of_training_rows(void **state) {
    (void)state;
    for (int wide = 0; wide < 2; wide++)
        for (size_t f = 0; f < 3; f++) {
            model m;
            matmul *products;
            load(&m, &products, families[f], wide ? PRECISION_FLOAT32 : PRECISION_BFLOAT16, 1 + (int)f, false);
            json_t *golden = fixture_json(families[f], "golden.json");
            size_t count;
            group *groups = fixture_groups(json_object_get(golden, "groups"), "rollouts", &count);
            packed_pass pass;
            assert_ok(packed_create(&pass, &m, &common, NULL));
            recorder c;
            recorder_start(&c, groups, count);
            assert_ok(packed_visit(&pass, groups, count, NULL, 0.7f, record, &c, NULL));

            activations a;
            head_memory head;
            arena counter = {0}, memory;
            activations_place(&a, &counter, &m, 256, 256, KEPT_NOTHING);
            head_place(&head, &counter, &m, 64, false);
            assert_ok(arena_create(&memory, counter.used, "a forward"));
            activations_place(&a, &memory, &m, 256, 256, KEPT_NOTHING);
            head_place(&head, &memory, &m, 64, false);
            kv_cache prompt[16], own[64];
            sequence sequences[64 + 16];
            size_t group_of[64], rollout_of[64], rollouts = 0;
            int32_t token[256], sequence_of[256], index[256];
            for (size_t g = 0; g < count; g++) {
                prompt[g] = (kv_cache){.capacity = 64};
                prompt[g].memory = aligned_alloc(64, kv_cache_bytes(&m, 64));
                sequences[g] = (sequence){.own = &prompt[g]};
                for (size_t t = 0; t < groups[g].prompt_length; t++)
                    token[t] = groups[g].prompt_tokens[t], sequence_of[t] = (int32_t)g, index[t] = (int32_t)t;
                row_batch batch = {groups[g].prompt_length, token, sequence_of, index, sequences};
                assert_ok(transformer_forward(&m, &a, &batch));
                size_t last = groups[g].prompt_length - 1;
                assert_ok(head_logits(&m, &head, a.output, &last, 1));
                logits_statistics s;
                logits_measure(&s, head.logits, m.config.vocabulary, 0.7f);
                for (size_t r = 0; r < groups[g].size; r++) {
                    float logp = logits_logp(&s, head.logits, groups[g].rollouts[r].tokens[0], 0.7f);
                    assert_memory_equal(&logp, &c.logp[c.offset[g][r]], sizeof logp);
                    own[rollouts] = (kv_cache){.capacity = 64};
                    own[rollouts].memory = aligned_alloc(64, kv_cache_bytes(&m, 64));
                    sequences[16 + rollouts] = (sequence){.prefix = &prompt[g], .own = &own[rollouts]};
                    group_of[rollouts] = g, rollout_of[rollouts] = r;
                    rollouts++;
                }
            }
            for (size_t t = 0; t < 63; t++) { // one step of all rollouts that still run
                size_t rows = 0, target[64];
                for (size_t i = 0; i < rollouts; i++) {
                    const struct rollout *r = &groups[group_of[i]].rollouts[rollout_of[i]];
                    if (t + 1 >= r->length) continue;
                    token[rows] = r->tokens[t], sequence_of[rows] = (int32_t)(16 + i), index[rows] = (int32_t)t, target[rows] = i;
                    rows++;
                }
                if (rows == 0) break;
                row_batch batch = {rows, token, sequence_of, index, sequences};
                assert_ok(transformer_forward(&m, &a, &batch));
                assert_ok(head_logits(&m, &head, a.output, NULL, rows));
                for (size_t i = 0; i < rows; i++) {
                    size_t g = group_of[target[i]], r = rollout_of[target[i]];
                    logits_statistics s;
                    logits_measure(&s, head.logits + i * m.config.vocabulary, m.config.vocabulary, 0.7f);
                    float logp =
                        logits_logp(&s, head.logits + i * m.config.vocabulary, groups[g].rollouts[r].tokens[t + 1], 0.7f);
                    float entropy = (float)s.entropy;
                    if (memcmp(&logp, &c.logp[c.offset[g][r] + t + 1], 4) ||
                        memcmp(&entropy, &c.entropy[c.offset[g][r] + t + 1], 4))
                        fail_msg("%s %s group %zu rollout %zu token %zu: %.9g, not %.9g", families[f],
                                 precision_name(matmul_precision(products)), g, r, t + 1, (double)logp,
                                 (double)c.logp[c.offset[g][r] + t + 1]);
                }
            }
            for (size_t g = 0; g < count; g++) free(prompt[g].memory);
            for (size_t i = 0; i < rollouts; i++) free(own[i].memory);
            arena_free(&memory);
            recorder_stop(&c);
            packed_free(&pass);
            fixture_groups_free(groups, count);
            json_decref(golden);
            model_free(&m);
            matmul_free(products);
        }
}

static void products_pass_their_self_test(void **state) {
    (void)state;
    const char *limit = getenv("ONEDNN_MAX_CPU_ISA");
    if (limit && strcmp(limit, "ALL") != 0) return; // the claim is about the full instruction set; other ones fall back
    for (int p = 0; p < 2; p++)
        for (int threads = 1; threads <= 3; threads++) {
            matmul *products;
            assert_ok(matmul_create(&products, p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, threads, false));
            bool invariant;
            assert_ok(matmul_self_test(products, &(linear){.out = 192, .in = 96}, 256, MATMUL_DEPTH, &invariant));
            assert_true(invariant);
            assert_ok(matmul_self_test(products, &(linear){.out = 97, .in = 33}, 100, MATMUL_DEPTH, &invariant));
            assert_true(invariant);
            matmul_free(products);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_probabilities_and_entropies_equal_pytorch),
        cmocka_unit_test(sampling_rows_have_the_bits_of_training_rows),
        cmocka_unit_test(products_pass_their_self_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
