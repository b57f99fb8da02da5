// model/: gradients against PyTorch's, and the promise that their bits depend on the batch alone.
#include "model_fixture.h"

#include <math.h>

#include "model/packed.h"

typedef struct fixture {
    model m;
    matmul *products;
    json_t *objective;
    group *groups;
    size_t count, offset[16][8];
    weights_file *gradients;
} fixture;

static void fixture_open(fixture *f, const char *family, precision p, int threads) {
    char path[512];
    snprintf(path, sizeof path, "%s/golden/model/%s", TEST_SOURCE_DIR, family);
    fixture_model(&f->m, &f->products, path, p, threads, true);
    snprintf(path, sizeof path, "%s/golden/model/%s/objective.safetensors", TEST_SOURCE_DIR, family);
    assert_ok(weights_open(&f->gradients, path));
    f->objective = fixture_json(family, "objective.json");
    f->groups = fixture_groups(json_object_get(f->objective, "batch"), "responses", &f->count);
    size_t tokens = 0;
    for (size_t g = 0; g < f->count; g++)
        for (size_t r = 0; r < f->groups[g].size; r++) f->offset[g][r] = tokens, tokens += f->groups[g].rollouts[r].length;
}

static void fixture_close(fixture *f) {
    fixture_groups_free(f->groups, f->count);
    json_decref(f->objective);
    weights_close(f->gradients);
    model_free(&f->m);
    matmul_free(f->products);
}

typedef struct given {
    const fixture *f;
    const json_t *d_logp, *d_entropy;
} given;

// The derivatives that PyTorch found, handed back token by token.
static void give(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                 double *d_entropy) {
    const given *c = context;
    (void)logp, (void)entropy;
    size_t at = c->f->offset[g][r] + position;
    *d_logp = json_number_value(json_array_get(c->d_logp, at));
    *d_entropy = json_number_value(json_array_get(c->d_entropy, at));
}

static float *gradients_of(fixture *f, const json_t *given_case, const packed_options *options, const bool *active) {
    float *gradients = calloc(f->m.table.total, sizeof *gradients);
    given c = {f, json_object_get(given_case, "d_logp"), json_object_get(given_case, "d_entropy")};
    double temperature = json_number_value(json_object_get(json_object_get(given_case, "settings"), "temperature"));
    packed_pass pass;
    assert_ok(packed_create(&pass, &f->m, options, NULL));
    assert_ok(packed_visit(&pass, f->groups, f->count, active, (float)temperature, give, &c, gradients));
    packed_free(&pass);
    return gradients;
}

static const packed_options common = {
    .leaf_rows = 64, .leaves_in_memory = 1, .longest_prompt = 64, .longest_response = 64, .largest_group = 8, .backward = true};

static void every_parameter_has_pytorch_s_gradient(void **state) {
    (void)state;
    static const char *const families[] = {"tiny_llama", "tiny_qwen2", "tiny_qwen3"};
    for (size_t k = 0; k < 3; k++) {
        fixture f;
        fixture_open(&f, families[k], PRECISION_FLOAT32, 2);
        const json_t *cases = json_object_get(f.objective, "cases"), *one;
        size_t i;
        assert_true(json_array_size(cases) > 0);
        json_array_foreach(cases, i, one) {
            float *gradients = gradients_of(&f, one, &common, NULL);
            for (size_t t = 0; t < f.m.table.count; t++) {
                const parameter *p = &f.m.table.items[t];
                char name[192];
                snprintf(name, sizeof name, "%s/%s", json_string_value(json_object_get(one, "name")), p->name);
                const weights_tensor *golden = weights_find(f.gradients, name);
                assert_non_null(golden);
                float *expected = malloc(p->count * sizeof *expected);
                assert_ok(weights_read_f32(golden, 0, p->count, expected));
                double error = 0, norm = 0;
                for (size_t n = 0; n < p->count; n++) {
                    double difference = (double)gradients[p->offset + n] - (double)expected[n];
                    error += difference * difference, norm += (double)expected[n] * (double)expected[n];
                }
                if (!(sqrt(error) <= 1e-5 * sqrt(norm) + 1e-12))
                    fail_msg("%s %s: error %.3g of norm %.3g", families[k], name, sqrt(error), sqrt(norm));
                free(expected);
            }
            free(gradients);
        }
        fixture_close(&f);
    }
}

static void arrangement_does_not_change_a_bit(void **state) {
    (void)state;
    for (int p = 0; p < 2; p++) {
        float *reference = NULL;
        static const int threads[] = {1, 2, 3, 5, 16};
        for (size_t t = 0; t < 5; t++)
            for (size_t leaves = 1; leaves <= 8; leaves *= 2) {
                fixture f;
                fixture_open(&f, "tiny_llama", p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, threads[t]);
                packed_options options = common;
                options.leaf_rows = 32, options.leaves_in_memory = leaves;
                float *gradients = gradients_of(&f, json_array_get(json_object_get(f.objective, "cases"), 0), &options, NULL);
                if (!reference)
                    reference = gradients;
                else {
                    if (memcmp(gradients, reference, f.m.table.total * sizeof *gradients) != 0)
                        fail_msg("%s: %d threads, %zu leaves in memory: other bits", precision_name(matmul_precision(f.products)),
                                 threads[t], leaves);
                    free(gradients);
                }
                fixture_close(&f);
            }
        free(reference);
    }
}

static void recomputed_activations_give_the_same_bits(void **state) {
    (void)state;
    static const char *const families[] = {"tiny_llama", "tiny_qwen2", "tiny_qwen3"};
    for (size_t k = 0; k < 3; k++)
        for (int p = 0; p < 2; p++) {
            fixture f;
            fixture_open(&f, families[k], p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, 2);
            packed_options options = common;
            options.leaf_rows = 32, options.leaves_in_memory = 2;
            const json_t *one = json_array_get(json_object_get(f.objective, "cases"), 0);
            float *kept = gradients_of(&f, one, &options, NULL);
            size_t kept_bytes = packed_bytes(&f.m, &options);
            options.recompute = true;
            float *recomputed = gradients_of(&f, one, &options, NULL);
            assert_true(packed_bytes(&f.m, &options) < kept_bytes);
            if (memcmp(recomputed, kept, f.m.table.total * sizeof *kept) != 0)
                fail_msg("%s, %s: recomputation gives other bits", families[k], p ? "bfloat16" : "float32");
            free(kept), free(recomputed);
            fixture_close(&f);
        }
}

static double relative_difference(const float *a, const float *b, size_t count) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)a[i] - (double)b[i];
        error += difference * difference, norm += (double)b[i] * (double)b[i];
    }
    return sqrt(error / norm);
}

static void a_packed_group_equals_separate_sequences(void **state) {
    (void)state;
    fixture f;
    fixture_open(&f, "tiny_qwen3", PRECISION_FLOAT32, 2);
    const json_t *one = json_array_get(json_object_get(f.objective, "cases"), 5);
    float *together = gradients_of(&f, one, &common, NULL);
    float *apart = calloc(f.m.table.total, sizeof *apart);
    bool active[64];
    size_t rollouts = 0;
    for (size_t g = 0; g < f.count; g++) rollouts += f.groups[g].size;
    for (size_t r = 0; r < rollouts; r++) {
        for (size_t i = 0; i < rollouts; i++) active[i] = i == r;
        float *alone = gradients_of(&f, one, &common, active);
        for (size_t i = 0; i < f.m.table.total; i++) apart[i] += alone[i];
        free(alone);
    }
    double difference = relative_difference(together, apart, f.m.table.total);
    if (!(difference <= 1e-6)) fail_msg("relative difference %.3g", difference);
    free(together), free(apart);
    fixture_close(&f);
}

// Rollouts whose derivatives are all zero may be left out.
static void skipping_rollouts_without_gradient_changes_nothing(void **state) {
    (void)state;
    fixture f;
    fixture_open(&f, "tiny_qwen3", PRECISION_FLOAT32, 2);
    const json_t *one = NULL, *cases = json_object_get(f.objective, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(cases, i), "name")), "dsdr_special_groups"))
            one = json_array_get(cases, i);
    assert_non_null(one);
    bool active[64];
    size_t at = 0, skipped = 0, n = 0;
    for (size_t g = 0; g < f.count; g++)
        for (size_t r = 0; r < f.groups[g].size; r++, n++) {
            active[n] = false;
            for (size_t t = 0; t < f.groups[g].rollouts[r].length; t++, at++)
                active[n] |= json_number_value(json_array_get(json_object_get(one, "d_logp"), at)) != 0;
            skipped += !active[n];
        }
    assert_true(skipped > 0);
    float *all = gradients_of(&f, one, &common, NULL), *some = gradients_of(&f, one, &common, active);
    double difference = relative_difference(some, all, f.m.table.total);
    if (!(difference <= 1e-6)) fail_msg("relative difference %.3g", difference);
    free(all), free(some);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_has_pytorch_s_gradient),
        cmocka_unit_test(arrangement_does_not_change_a_bit),
        cmocka_unit_test(recomputed_activations_give_the_same_bits),
        cmocka_unit_test(a_packed_group_equals_separate_sequences),
        cmocka_unit_test(skipping_rollouts_without_gradient_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
