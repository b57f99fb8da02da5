// AdamW against torch.optim.AdamW, schedules against transformers, and the promises about threads, blocks and bad gradients.
#include "learn_golden.h"

#include <omp.h>

#include "base/random.h"
#include "learn/optimizer.h"

static float *floats(size_t count) {
    float *memory = calloc(count ? count : 1, sizeof *memory);
    assert_non_null(memory);
    return memory;
}

static void read_floats(const json_t *array, float *out, size_t count) {
    assert_int_equal(json_array_size(array), count);
    for (size_t i = 0; i < count; i++) out[i] = (float)golden_at(array, i);
}

// Relative to the value or, where given, to the size of what was summed up into it: a moment may cancel to nearly nothing.
static void check_floats(const float *actual, const json_t *expected, size_t count, double smallest, const json_t *squares,
                         const char *what, size_t run) {
    assert_int_equal(json_array_size(expected), count);
    for (size_t i = 0; i < count; i++)
        ASSERT_CLOSE(actual[i], golden_at(expected, i), 1e-6, squares ? sqrt(golden_at(squares, i)) : smallest,
                     "run %zu: %s of parameter %zu", run, what, i);
}

static void twenty_updates_equal_torch(void **state) {
    (void)state;
    json_t *golden = golden_load("optimizer.json"), *entry;
    enum { FIRST = 37, SECOND = 11, GAP = 5, COUNT = FIRST + SECOND };
    assert_true(golden_at(golden_get(golden, "counts"), 0) == FIRST && golden_at(golden_get(golden, "counts"), 1) == SECOND);
    size_t run;
    json_array_foreach(golden_get(golden, "runs"), run, entry) {
        json_t *s = golden_get(entry, "settings"), *gradients = golden_get(golden, "gradients");
        optimizer_options options = {golden_at(golden_get(s, "betas"), 0), golden_at(golden_get(s, "betas"), 1),
                                     golden_number(s, "eps"), golden_number(s, "weight_decay"), golden_number(s, "clip_grad")};
        // The second tensor lies behind a gap; what is in the gap must not matter.
        const optimizer_segment segments[] = {{"first", 0, FIRST, true},
                                              {"second", FIRST + GAP, SECOND, golden_number(s, "second_decays") != 0}};
        float packed[COUNT], p[COUNT + GAP] = {0}, g[COUNT + GAP], m[COUNT + GAP] = {0}, v[COUNT + GAP] = {0};
        optimizer o;
        assert_int_equal(optimizer_create(&o, &options, segments, 2, m, v), STATUS_OK);
        read_floats(golden_get(golden, "start"), packed, COUNT);
        memcpy(p, packed, FIRST * sizeof *p), memcpy(p + FIRST + GAP, packed + FIRST, SECOND * sizeof *p);
        for (size_t step = 0; step < json_array_size(gradients); step++) {
            for (size_t i = 0; i < COUNT + GAP; i++) g[i] = NAN;
            read_floats(json_array_get(gradients, step), packed, COUNT);
            memcpy(g, packed, FIRST * sizeof *g), memcpy(g + FIRST + GAP, packed + FIRST, SECOND * sizeof *g);
            optimizer_report report;
            optimizer_update(&o, golden_at(golden_get(entry, "rates"), step), p, g, &report);
            assert_false(report.skipped);
            ASSERT_CLOSE(report.grad_norm, golden_at(golden_get(entry, "norms"), step), 1e-12, 0, "run %zu: norm of update %zu",
                         run, step);
            char key[32];
            snprintf(key, sizeof key, "%zu", step + 1);
            json_t *after = json_object_get(golden_get(entry, "after"), key);
            memcpy(packed, p, FIRST * sizeof *p), memcpy(packed + FIRST, p + FIRST + GAP, SECOND * sizeof *p);
            if (after) check_floats(packed, after, COUNT, 0.01, NULL, "value", run);
        }
        memcpy(packed, m, FIRST * sizeof *m), memcpy(packed + FIRST, m + FIRST + GAP, SECOND * sizeof *m);
        check_floats(packed, golden_get(entry, "m"), COUNT, 0, golden_get(entry, "v"), "first moment", run);
        memcpy(packed, v, FIRST * sizeof *v), memcpy(packed + FIRST, v + FIRST + GAP, SECOND * sizeof *v);
        check_floats(packed, golden_get(entry, "v"), COUNT, 1e-12, NULL, "second moment", run);
        for (size_t i = FIRST; i < FIRST + GAP; i++) assert_true(p[i] == 0 && m[i] == 0 && v[i] == 0);
        assert_int_equal(o.step, 20);
        optimizer_free(&o);
    }
    assert_int_equal(run, 4);
    json_decref(golden);
}

static void schedules_equal_transformers(void **state) {
    (void)state;
    json_t *golden = golden_load("optimizer.json"), *entry;
    size_t run, steps = 0;
    json_array_foreach(golden_get(golden, "schedules"), run, entry) {
        json_t *s = golden_get(entry, "settings"), *rates = golden_get(entry, "rates");
        schedule_options options = {
            .lr = 3e-4,
            .lr_warmup_steps = (int64_t)golden_number(s, "lr_warmup_steps"),
            .lr_warmup_steps_ratio = golden_number(s, "lr_warmup_steps_ratio"),
            .min_lr_ratio = golden_number(s, "min_lr_ratio"),
            .num_cycles = golden_number(s, "num_cycles"),
            .total_training_steps = (int64_t)golden_number(s, "total_training_steps"),
        };
        assert_int_equal(schedule_parse_type(golden_text(s, "lr_scheduler_type"), &options.type), STATUS_OK);
        assert_int_equal(schedule_check_options(&options), STATUS_OK);
        for (size_t step = 0; step < json_array_size(rates); step++, steps++)
            ASSERT_CLOSE(schedule_learning_rate(&options, step), 3e-4 * golden_at(rates, step), 1e-13, 1e-7,
                         "schedule %zu, step %zu", run, step);
    }
    assert_true(steps > 100);
    json_decref(golden);
}

typedef struct outcome {
    float *p, *m, *v;
    double norm[3];
    uint64_t step;
} outcome;

enum { LARGE = 5 * OPTIMIZER_BLOCK + 123, SMALL = 70001, TOTAL = LARGE + SMALL };

static void fill_gradient(float *g, uint32_t update) {
    for (size_t i = 0; i < TOTAL; i++)
        g[i] = (float)(random_uniform(3, RANDOM_TEST, i, update, 0) - 0.5) * (i % 7 == 0 ? 10.0f : 0.01f);
}

// Updates first..last-1 on arrays that may hold an earlier state.
static void run_updates(outcome *x, int threads, uint32_t first, uint32_t last) {
    const optimizer_segment segments[] = {{"large", 0, LARGE, true}, {"small", LARGE, SMALL, false}};
    optimizer_options options = optimizer_default_options();
    optimizer o;
    float *g = floats(TOTAL);
    assert_int_equal(optimizer_create(&o, &options, segments, 2, x->m, x->v), STATUS_OK);
    o.step = x->step;
    omp_set_num_threads(threads);
    for (uint32_t update = first; update < last; update++) {
        optimizer_report report;
        fill_gradient(g, update);
        optimizer_update(&o, 1e-3, x->p, g, &report);
        x->norm[update] = report.grad_norm;
        assert_true(report.clip_scale < 1);
    }
    x->step = o.step;
    optimizer_free(&o);
    free(g);
}

static outcome fresh(void) {
    outcome x = {.p = floats(TOTAL), .m = floats(TOTAL), .v = floats(TOTAL)};
    for (size_t i = 0; i < TOTAL; i++) x.p[i] = (float)random_uniform(4, RANDOM_TEST, i, 0, 0);
    return x;
}

static void release(outcome *x) { free(x->p), free(x->m), free(x->v); }

static void assert_same(const outcome *a, const outcome *b) {
    assert_memory_equal(a->p, b->p, TOTAL * sizeof(float));
    assert_memory_equal(a->m, b->m, TOTAL * sizeof(float));
    assert_memory_equal(a->v, b->v, TOTAL * sizeof(float));
    assert_memory_equal(a->norm, b->norm, sizeof a->norm);
}

static void bits_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    int before = omp_get_max_threads();
    outcome one = fresh();
    run_updates(&one, 1, 0, 3);
    for (int threads = 2; threads <= 16; threads = threads == 2 ? 3 : threads == 3 ? 5 : threads + 11) {
        outcome many = fresh();
        run_updates(&many, threads, 0, 3);
        assert_same(&one, &many);
        release(&many);
    }
    release(&one);
    omp_set_num_threads(before);
}

static void a_restored_state_goes_on_to_the_same_bits(void **state) {
    (void)state;
    int before = omp_get_max_threads();
    outcome whole = fresh(), half = fresh(), rest = fresh();
    run_updates(&whole, 2, 0, 3);
    run_updates(&half, 2, 0, 2);
    memcpy(rest.p, half.p, TOTAL * sizeof(float)), memcpy(rest.m, half.m, TOTAL * sizeof(float)),
        memcpy(rest.v, half.v, TOTAL * sizeof(float));
    memcpy(rest.norm, half.norm, sizeof rest.norm);
    rest.step = half.step;
    run_updates(&rest, 2, 2, 3);
    assert_same(&whole, &rest);
    assert_int_equal(rest.step, 3);
    release(&whole), release(&half), release(&rest);
    omp_set_num_threads(before);
}

static void the_norm_is_exact_over_many_sizes(void **state) {
    (void)state;
    const optimizer_segment segments[] = {{"large", 0, LARGE, true}, {"small", LARGE, SMALL, false}};
    optimizer_options options = optimizer_default_options();
    optimizer o;
    float *g = floats(TOTAL);
    assert_int_equal(optimizer_create(&o, &options, segments, 2, NULL, NULL), STATUS_OK);
    assert_int_equal(o.block_count, 8);
    fill_gradient(g, 9);
    long double sum = 0;
    for (size_t i = 0; i < TOTAL; i++) sum += (long double)g[i] * g[i];
    ASSERT_CLOSE(optimizer_gradient_norm(&o, g), (double)sqrtl(sum), 1e-13, 0, "norm");
    for (size_t i = 0; i < TOTAL; i++) g[i] = 1e30f; // squares overflow float32, not double
    ASSERT_CLOSE(optimizer_gradient_norm(&o, g), (double)1e30f * sqrt((double)TOTAL), 1e-13, 0, "large norm");
    optimizer_free(&o);
    free(g);
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float p[4] = {1, 2, 3, 4}, m[4] = {0.1f, 0.2f, 0.3f, 0.4f}, v[4] = {1, 1, 1, 1}, g[4] = {0.5f, 0.5f, 0.5f, 0.5f};
        float p0[4], m0[4], v0[4];
        memcpy(p0, p, sizeof p), memcpy(m0, m, sizeof m), memcpy(v0, v, sizeof v);
        g[i] = bad[i];
        optimizer_options options = optimizer_default_options();
        options.clip_grad = i == 1 ? 0 : 1;
        optimizer o;
        optimizer_report report;
        assert_int_equal(optimizer_create(&o, &options, &(optimizer_segment){"all", 0, 4, true}, 1, m, v), STATUS_OK);
        o.step = 7;
        optimizer_update(&o, 0.1, p, g, &report);
        assert_true(report.skipped && !isfinite(report.grad_norm) && report.clip_scale == 0 && o.step == 7);
        assert_memory_equal(p, p0, sizeof p);
        assert_memory_equal(m, m0, sizeof m);
        assert_memory_equal(v, v0, sizeof v);
        g[i] = 0.5f;
        optimizer_update(&o, 0.1, p, g, &report);
        assert_true(!report.skipped && o.step == 8 && p[0] != p0[0]);
        assert_true(report.grad_norm == 1 && report.clip_scale == (i == 1 ? 1 : 1 / (1 + 1e-6)));
        optimizer_free(&o);
    }
}

static void bad_options_and_overlapping_segments_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t offset;
        double value;
        const char *key;
    } bad[] = {{offsetof(optimizer_options, beta1), 1, "betas[0]"},
               {offsetof(optimizer_options, beta2), NAN, "betas[1]"},
               {offsetof(optimizer_options, eps), -1, "eps"},
               {offsetof(optimizer_options, weight_decay), INFINITY, "weight_decay"},
               {offsetof(optimizer_options, clip_grad), NAN, "grad_clip"}};
    const optimizer_segment apart[] = {{"b", 10, 5, true}, {"a", 0, 10, true}, {"empty", 3, 0, true}},
                            overlap[] = {{"b", 9, 5, true}, {"a", 0, 10, true}};
    optimizer o;
    optimizer_options options = optimizer_default_options();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        optimizer_options wrong = options;
        *(double *)((char *)&wrong + bad[i].offset) = bad[i].value;
        assert_int_equal(optimizer_create(&o, &wrong, apart, 3, NULL, NULL), STATUS_INVALID);
        assert_non_null(strstr(status_message(), bad[i].key));
        optimizer_free(&o);
    }
    assert_int_equal(optimizer_create(&o, &options, overlap, 2, NULL, NULL), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "a and b"));
    optimizer_free(&o);
    assert_int_equal(optimizer_create(&o, &options, apart, 3, NULL, NULL), STATUS_OK);
    optimizer_free(&o);

    schedule_options s = schedule_default_options();
    assert_int_equal(schedule_check_options(&s), STATUS_OK);
    s.type = SCHEDULE_COSINE;
    assert_int_equal(schedule_check_options(&s), STATUS_INVALID);
    s = schedule_default_options(), s.lr_warmup_steps_ratio = 0.1;
    assert_int_equal(schedule_check_options(&s), STATUS_INVALID);
    s.total_training_steps = 100;
    assert_int_equal(schedule_check_options(&s), STATUS_OK);
    s.lr = NAN;
    assert_int_equal(schedule_check_options(&s), STATUS_INVALID);
    schedule_type type;
    assert_int_equal(schedule_parse_type("linear", &type), STATUS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_updates_equal_torch),
        cmocka_unit_test(schedules_equal_transformers),
        cmocka_unit_test(bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_restored_state_goes_on_to_the_same_bits),
        cmocka_unit_test(the_norm_is_exact_over_many_sizes),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
        cmocka_unit_test(bad_options_and_overlapping_segments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
