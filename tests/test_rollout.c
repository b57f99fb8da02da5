// rollout/: what is sampled is what training sees, bit for bit, however the work is arranged; draws follow the distribution.
#include "model_fixture.h"

#include <math.h>

#include "model/packed.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"

enum { GROUPS = 7, SIZE = 5, LONGEST = 40 };

static void open_model(model *m, matmul **products, precision p, int threads) {
    char path[512];
    snprintf(path, sizeof path, "%s/golden/model/tiny_llama", TEST_SOURCE_DIR);
    fixture_model(m, products, path, p, threads, false);
}

static void fill_prompts(group_set *set) {
    for (size_t g = 0; g < GROUPS; g++) {
        group *one = &set->groups[g];
        one->serial = 100 + g;
        one->prompt_length = g == 0 ? 1 : g == 1 ? 16 : g == 2 ? 17 : 3 * g;
        for (size_t t = 0; t < one->prompt_length; t++) one->prompt_tokens[t] = (int32_t)(3 + (7 * g + 5 * t) % 90);
    }
}

static const int32_t ends[] = {2, 5, 11, 23};
static const sampling how = {.seed = 9,
                             .purpose = RANDOM_SAMPLE_TRAIN,
                             .temperature = 0.9f,
                             .top_p = 1,
                             .longest_response = LONGEST,
                             .end_tokens = ends,
                             .end_count = 4};

static void generate(group_set *set, const model *m, size_t rows, size_t prompt_room) {
    generator *g;
    generator_options options = {.rows = rows, .longest_prompt = 32, .longest_response = LONGEST, .prompt_tokens = prompt_room};
    assert_ok(group_set_create(set, GROUPS, SIZE, 32, LONGEST));
    fill_prompts(set);
    assert_ok(generator_create(&g, m, NULL, &options, NULL));
    assert_ok(generator_run(g, set->groups, GROUPS, &how, NULL));
    generator_free(g);
}

static void assert_same_rollouts(const group_set *a, const group_set *b) {
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t r = 0; r < SIZE; r++) {
            const struct rollout *x = &a->groups[g].rollouts[r], *y = &b->groups[g].rollouts[r];
            assert_int_equal(x->length, y->length);
            assert_int_equal(x->finish, y->finish);
            assert_memory_equal(x->tokens, y->tokens, x->length * 4);
            assert_memory_equal(x->logp, y->logp, x->length * 4);
            assert_memory_equal(x->entropy, y->entropy, x->length * 4);
        }
}

static size_t differing;

static void compare(void *context, size_t g, size_t r, size_t position, float logp, float entropy, double *d_logp,
                    double *d_entropy) {
    const group_set *set = context;
    (void)d_logp, (void)d_entropy;
    const struct rollout *one = &set->groups[g].rollouts[r];
    differing += memcmp(&logp, &one->logp[position], 4) != 0 || memcmp(&entropy, &one->entropy[position], 4) != 0;
}

static void sampled_log_probabilities_are_training_s_bit_for_bit(void **state) {
    (void)state;
    for (int p = 0; p < 2; p++) {
        model m;
        matmul *products;
        open_model(&m, &products, p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, 2);
        group_set set;
        generate(&set, &m, 4, 0);
        bool mixed_lengths = false, cut = false;
        for (size_t r = 1; r < SIZE; r++) mixed_lengths |= set.groups[3].rollouts[r].length != set.groups[3].rollouts[0].length;
        for (size_t g = 0; g < GROUPS; g++)
            for (size_t r = 0; r < SIZE; r++) cut |= set.groups[g].rollouts[r].finish == FINISH_LENGTH;
        assert_true(mixed_lengths && cut);
        packed_options options = {
            .leaf_rows = 64, .leaves_in_memory = 1, .longest_prompt = 32, .longest_response = LONGEST, .largest_group = SIZE};
        packed_pass pass;
        assert_ok(packed_create(&pass, &m, &options, NULL));
        differing = 0;
        assert_ok(packed_visit(&pass, set.groups, GROUPS, NULL, how.temperature, compare, &set, NULL));
        assert_int_equal(differing, 0);
        packed_free(&pass);
        group_set_free(&set);
        model_free(&m);
        matmul_free(products);
    }
}

static void rows_threads_and_prompt_room_do_not_change_what_is_sampled(void **state) {
    (void)state;
    group_set reference;
    bool have = false;
    static const struct {
        size_t rows, prompt_room;
        int threads;
    } arrangements[] = {{64, 0, 2}, {1, 0, 1}, {3, 32, 3}, {8, 96, 5}, {35, 0, 16}};
    for (size_t i = 0; i < sizeof arrangements / sizeof *arrangements; i++) {
        model m;
        matmul *products;
        open_model(&m, &products, PRECISION_FLOAT32, arrangements[i].threads);
        group_set set;
        generate(&set, &m, arrangements[i].rows, arrangements[i].prompt_room);
        if (have) {
            assert_same_rollouts(&set, &reference);
            group_set_free(&set);
        } else {
            reference = set, have = true;
        }
        model_free(&m);
        matmul_free(products);
    }
    group_set_free(&reference);
}

static void draws_follow_the_distribution(void **state) {
    (void)state;
    enum { V = 1500, N = 200000 };
    float *z = malloc(V * sizeof *z);
    int32_t *order = malloc(V * sizeof *order);
    for (size_t v = 0; v < V; v++) z[v] = (float)(3.0 * random_uniform(1, RANDOM_TEST, v, 0, 0) + (v % 500 == 3 ? 5.0 : 0.0));
    for (int filtered = 0; filtered < 2; filtered++) {
        double p[V], total = 0, counts[V] = {0};
        size_t top_k = filtered ? 40 : 0;
        for (size_t v = 0; v < V; v++) {
            size_t above = 0;
            for (size_t o = 0; o < V; o++) above += z[o] > z[v] || (z[o] == z[v] && o < v);
            p[v] = top_k && above >= top_k ? 0 : exp((double)z[v] / 0.7);
            total += p[v];
        }
        logits_statistics s;
        logits_measure(&s, z, V, 0.7f);
        for (uint32_t i = 0; i < N; i++)
            counts[logits_sample_filtered(&s, z, V, 0.7f, top_k, 1.0, random_uniform(2, RANDOM_TEST, i, 0, 0), order)] += 1;
        double chi = 0, rest = 0, rest_expected = 0;
        size_t cells = 0;
        for (size_t v = 0; v < V; v++) {
            double expected = p[v] / total * N;
            if (p[v] == 0) assert_true(counts[v] == 0);
            if (expected < 20) {
                rest += counts[v], rest_expected += expected;
            } else {
                chi += (counts[v] - expected) * (counts[v] - expected) / expected;
                cells++;
            }
        }
        if (rest_expected > 0) chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        // five standard deviations of a chi-square with that many degrees of freedom
        if (!(chi <= (double)cells + 5 * sqrt(2 * (double)cells))) fail_msg("chi-square %.1f over %zu cells", chi, cells);
    }
    free(z), free(order);
}

static void top_p_keeps_the_smallest_sufficient_set(void **state) {
    (void)state;
    const float z[] = {logf(0.5f), logf(0.05f), logf(0.3f), logf(0.15f)};
    int32_t order[4];
    logits_statistics s;
    logits_measure(&s, z, 4, 1.0f);
    assert_true(fabs(s.entropy - 1.1421) < 1e-3);
    int seen = 0;
    for (uint32_t i = 0; i < 2000; i++)
        seen |= 1 << logits_sample_filtered(&s, z, 4, 1.0f, 0, 0.79, random_uniform(3, RANDOM_TEST, i, 0, 0), order);
    assert_int_equal(seen, 1 << 0 | 1 << 2);
    seen = 0;
    for (uint32_t i = 0; i < 2000; i++)
        seen |= 1 << logits_sample_filtered(&s, z, 4, 1.0f, 3, 0.9, random_uniform(4, RANDOM_TEST, i, 0, 0), order);
    assert_int_equal(seen, 1 << 0 | 1 << 2 | 1 << 3); // 0.9 of the mass that top-k keeps needs all three
    assert_int_equal(logits_argmax(z, 4), 0);
}

static bool stop_at_once(void *context, size_t finished, size_t tokens) {
    (void)context, (void)finished, (void)tokens;
    return true;
}

static void a_watch_can_interrupt(void **state) {
    (void)state;
    model m;
    matmul *products;
    open_model(&m, &products, PRECISION_FLOAT32, 1);
    group_set set;
    generator *g;
    generator_options options = {.rows = 4, .longest_prompt = 32, .longest_response = LONGEST};
    assert_ok(group_set_create(&set, GROUPS, SIZE, 32, LONGEST));
    fill_prompts(&set);
    assert_ok(generator_create(&g, &m, NULL, &options, NULL));
    assert_int_equal(generator_run(g, set.groups, GROUPS, &how, &(generator_observer){.watch = stop_at_once}),
                     STATUS_INTERRUPTED);
    group_set_clear(&set);
    assert_ok(generator_run(g, set.groups, GROUPS, &how, NULL)); // the generator is as good as new
    generator_free(g);
    group_set_free(&set);
    model_free(&m);
    matmul_free(products);
}

// It times the code of a run, and a run behind it samples what it samples without.
static void a_rehearsal_leaves_the_generator_as_it_was(void **state) {
    (void)state;
    model m;
    matmul *products;
    open_model(&m, &products, PRECISION_FLOAT32, 2);
    group_set reference, set;
    generate(&reference, &m, 10, 0);
    generator *g;
    generator_options options = {.rows = 10, .longest_prompt = 32, .longest_response = LONGEST};
    double prefill = -1, step = -1;
    assert_ok(group_set_create(&set, GROUPS, SIZE, 32, LONGEST));
    fill_prompts(&set);
    assert_ok(generator_create(&g, &m, NULL, &options, NULL));
    assert_ok(generator_rehearse(g, set.groups, 2, &how, LONGEST - 4, 4, &prefill, &step));
    assert_true(prefill > 0 && step > 0);
    for (size_t r = 0; r < 2 * SIZE; r++) // no end token stops it
        assert_int_equal(set.groups[r / SIZE].rollouts[r % SIZE].length, LONGEST);
    assert_ok(generator_rehearse(g, set.groups, 1, &how, 1, 0, &prefill, &step));
    assert_true(prefill > 0 && step == 0);
    assert_int_equal(generator_rehearse(g, set.groups, 3, &how, 1, 1, &prefill, &step), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "a rehearsal of 15 rollouts, and there is room for 10"));
    assert_ok(generator_run(g, set.groups, GROUPS, &how, NULL));
    assert_same_rollouts(&set, &reference);
    generator_free(g);
    group_set_free(&set), group_set_free(&reference);
    model_free(&m);
    matmul_free(products);
}

// Groups in the order in which they finished, and what they held then.
typedef struct finishes {
    const group_set *set;
    group_set then;
    size_t count, order[GROUPS];
} finishes;

static void note_finish(void *context, size_t group) {
    finishes *f = context;
    assert_true(f->count < GROUPS);
    f->order[f->count++] = group;
    for (size_t r = 0; r < SIZE; r++) {
        const struct rollout *from = &f->set->groups[group].rollouts[r];
        struct rollout *to = &f->then.groups[group].rollouts[r];
        assert_int_not_equal(from->finish, FINISH_NONE);
        to->length = from->length, to->finish = from->finish;
        memcpy(to->tokens, from->tokens, from->length * 4);
        memcpy(to->logp, from->logp, from->length * 4);
        memcpy(to->entropy, from->entropy, from->length * 4);
    }
}

static void a_group_is_called_finished_once_and_holds_all_that_it_will(void **state) {
    (void)state;
    model m;
    matmul *products;
    open_model(&m, &products, PRECISION_FLOAT32, 2);
    static const size_t rows[] = {1, 6, 64};
    size_t out_of_order = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        group_set set;
        finishes f = {.set = &set};
        generator *g;
        generator_options options = {.rows = rows[i], .longest_prompt = 32, .longest_response = LONGEST};
        assert_ok(group_set_create(&set, GROUPS, SIZE, 32, LONGEST));
        assert_ok(group_set_create(&f.then, GROUPS, SIZE, 32, LONGEST));
        fill_prompts(&set);
        assert_ok(generator_create(&g, &m, NULL, &options, NULL));
        assert_ok(generator_run(g, set.groups, GROUPS, &how, &(generator_observer){.finished = note_finish, .context = &f}));
        assert_int_equal(f.count, GROUPS);
        unsigned seen = 0;
        for (size_t k = 0; k < GROUPS; k++) seen |= 1u << f.order[k], out_of_order += f.order[k] != k;
        assert_int_equal(seen, (1u << GROUPS) - 1);
        assert_same_rollouts(&set, &f.then);
        generator_free(g);
        group_set_free(&set), group_set_free(&f.then);
    }
    assert_true(out_of_order > 0);
    model_free(&m);
    matmul_free(products);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampled_log_probabilities_are_training_s_bit_for_bit),
        cmocka_unit_test(rows_threads_and_prompt_room_do_not_change_what_is_sampled),
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(top_p_keeps_the_smallest_sufficient_set),
        cmocka_unit_test(a_watch_can_interrupt),
        cmocka_unit_test(a_group_is_called_finished_once_and_holds_all_that_it_will),
        cmocka_unit_test(a_rehearsal_leaves_the_generator_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
