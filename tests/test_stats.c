// stats/: estimators against enumeration of every subset, intervals and tests against SciPy
// (scripts/fixtures/stats_reference.py). How often intervals cover is simulated by
// tests/check_stats_coverage.c.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "stats/stats.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static void pass_at_k_equals_the_mean_over_all_subsets(void **state) {
    (void)state;
    for (uint32_t n = 1; n <= 10; n++)
        for (uint32_t c = 0; c <= n; c++)
            for (uint32_t k = 1; k <= n; k++) {
                unsigned subsets = 0, hits = 0;
                for (unsigned mask = 0; mask < 1u << n; mask++) {
                    if ((uint32_t)__builtin_popcount(mask) != k) continue;
                    subsets++, hits += (mask & ((1u << c) - 1)) != 0; // the first c samples are correct
                }
                double value;
                assert_int_equal(stats_pass_at_k(n, c, k, &value), STATUS_OK);
                NEAR(value, hits / (double)subsets, 1e-14);
            }
}

static void pass_at_k_in_closed_forms(void **state) {
    (void)state;
    double value;
    assert_int_equal(stats_pass_at_k(16, 1, 8, &value), STATUS_OK);
    NEAR(value, 0.5, 1e-15);
    assert_int_equal(stats_pass_at_k(1000000, 3, 1, &value), STATUS_OK);
    NEAR(value, 3e-6, 1e-15);
    assert_int_equal(stats_pass_at_k(100000, 1, 40000, &value), STATUS_OK);
    NEAR(value, 0.4, 1e-15);
    assert_int_equal(stats_pass_at_k(64, 0, 64, &value), STATUS_OK);
    assert_true(value == 0);
    assert_int_equal(stats_pass_at_k(64, 33, 32, &value), STATUS_OK);
    assert_true(value == 1);
    assert_int_equal(stats_pass_at_k(4, 1, 5, &value), STATUS_INVALID);
    assert_string_equal(status_message(), "pass@5 needs 1 <= k <= samples per problem, which are 4");
    assert_int_equal(stats_pass_at_k(4, 1, 0, &value), STATUS_INVALID);
    assert_int_equal(stats_pass_at_k(4, 5, 2, &value), STATUS_INVALID);
}

// The definition, subset by subset. Samples are laid out class by class, unanswered ones last.
static double majority_by_enumeration(const uint32_t *size, const bool *accepted, size_t classes, uint32_t unanswered,
                                      uint32_t k) {
    int owner[16];
    unsigned n = 0;
    for (size_t i = 0; i < classes; i++)
        for (uint32_t j = 0; j < size[i]; j++) owner[n++] = (int)i;
    for (uint32_t j = 0; j < unanswered; j++) owner[n++] = -1;
    double sum = 0, subsets = 0;
    for (unsigned mask = 0; mask < 1u << n; mask++) {
        if ((uint32_t)__builtin_popcount(mask) != k) continue;
        int counts[16] = {0}, top = 0, tied = 0, good = 0;
        for (unsigned j = 0; j < n; j++)
            if (mask >> j & 1 && owner[j] >= 0) counts[owner[j]]++;
        for (size_t i = 0; i < classes; i++)
            if (counts[i] > top) top = counts[i];
        for (size_t i = 0; top > 0 && i < classes; i++)
            if (counts[i] == top) tied++, good += accepted[i];
        subsets++;
        if (tied) sum += good / (double)tied;
    }
    return sum / subsets;
}

static void majority_at_k_equals_the_mean_over_all_subsets(void **state) {
    (void)state;
    for (uint32_t trial = 0; trial < 400; trial++) {
        uint32_t size[6], n = 0, classes = (uint32_t)random_below(5, RANDOM_TEST, trial, 0, 0, 6);
        bool accepted[6];
        for (uint32_t i = 0; i < classes; i++) {
            size[i] = 1 + (uint32_t)random_below(5, RANDOM_TEST, trial, 1, i, 3);
            accepted[i] = random_below(5, RANDOM_TEST, trial, 2, i, 3) == 0;
            n += size[i];
        }
        uint32_t unanswered = (uint32_t)random_below(5, RANDOM_TEST, trial, 3, 0, 4);
        if (n + unanswered > 13) unanswered = 0;
        if (n + unanswered == 0 || n > 13) continue;
        for (uint32_t k = 1; k <= n + unanswered; k++) {
            double value;
            assert_int_equal(stats_majority_at_k(size, accepted, classes, unanswered, k, &value), STATUS_OK);
            NEAR(value, majority_by_enumeration(size, accepted, classes, unanswered, k), 1e-13);
        }
    }
}

static void majority_at_k_of_many_samples(void **state) {
    (void)state;
    double value;
    uint32_t size[64];
    bool accepted[64] = {true};
    // k = 1 is the share of accepted samples; k = n looks at the largest class alone.
    for (int i = 0; i < 64; i++) size[i] = 1;
    assert_int_equal(stats_majority_at_k(size, accepted, 64, 0, 1, &value), STATUS_OK);
    NEAR(value, 1.0 / 64, 1e-15);
    // All answers different: every drawn one ties, so again the share.
    assert_int_equal(stats_majority_at_k(size, accepted, 64, 0, 32, &value), STATUS_OK);
    NEAR(value, 1.0 / 64, 1e-14);
    size[0] = 200, size[1] = 199;
    assert_int_equal(stats_majority_at_k(size, accepted, 2, 0, 399, &value), STATUS_OK);
    NEAR(value, 1, 1e-12);
    // k = 3 of two classes: C(200,2) C(199,1) + C(200,3) over C(399,3).
    assert_int_equal(stats_majority_at_k(size, accepted, 2, 0, 3, &value), STATUS_OK);
    NEAR(value, (200.0 * 199 / 2 * 199 + 200.0 * 199 * 198 / 6) / (399.0 * 398 * 397 / 6), 1e-12);
    assert_int_equal(stats_majority_at_k(size, accepted, 0, 7, 3, &value), STATUS_OK);
    assert_true(value == 0);
    assert_int_equal(stats_majority_at_k(size, accepted, 0, 7, 8, &value), STATUS_INVALID);
    size[1] = 0;
    assert_int_equal(stats_majority_at_k(size, accepted, 2, 0, 3, &value), STATUS_INVALID);
}

static void means_are_unweighted_over_strata(void **state) {
    (void)state;
    double scores[] = {1, 0, 0, 0, 1}, mean;
    uint32_t strata[] = {0, 1, 1, 1, 0}, gap[] = {0, 2, 2, 2, 0};
    assert_int_equal(stats_mean(scores, NULL, 5, &mean), STATUS_OK);
    NEAR(mean, 0.4, 1e-15);
    assert_int_equal(stats_mean(scores, strata, 5, &mean), STATUS_OK);
    NEAR(mean, 0.5, 1e-15);
    assert_int_equal(stats_mean(scores, gap, 5, &mean), STATUS_INVALID);
    assert_int_equal(stats_mean(scores, NULL, 0, &mean), STATUS_INVALID);
    scores[2] = NAN;
    assert_int_equal(stats_mean(scores, NULL, 5, &mean), STATUS_INVALID);
}

static void proportions_equal_scipy(void **state) {
    (void)state;
    NEAR(stats_normal_quantile(0.975), 1.959963984540054, 1e-14);
    NEAR(stats_normal_quantile(1e-10), -6.361340902404056, 1e-13);
    assert_true(stats_normal_quantile(0.5) == 0 || fabs(stats_normal_quantile(0.5)) < 1e-15);
    const struct {
        uint64_t x, n;
        double wilson[2], exact[2];
    } rows[] = {
        {0, 10, {0, 0.27753279986288926}, {0, 0.30849710781876294}},
        {7, 20, {0.1811918241010821, 0.5671457233147637}, {0.1539092047845412, 0.5921885345328283}},
        {81, 263, {0.2552885198782742, 0.36620957698280004}, {0.25273674558504267, 0.36762192260134746}},
        {15, 15, {0.7961166989641515, 1}, {0.7819806390891612, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stats_interval w, e;
        assert_int_equal(stats_wilson(rows[i].x, rows[i].n, 0.95, &w), STATUS_OK);
        assert_int_equal(stats_binomial_exact(rows[i].x, rows[i].n, 0.95, &e), STATUS_OK);
        NEAR(w.low, rows[i].wilson[0], 1e-12), NEAR(w.high, rows[i].wilson[1], 1e-12);
        NEAR(e.low, rows[i].exact[0], 1e-12), NEAR(e.high, rows[i].exact[1], 1e-12);
    }
    stats_interval none;
    assert_int_equal(stats_wilson(0, 0, 0.95, &none), STATUS_INVALID);
    assert_int_equal(stats_wilson(3, 2, 0.95, &none), STATUS_INVALID);
    assert_int_equal(stats_wilson(1, 2, NAN, &none), STATUS_INVALID);
}

// The share of outcomes whose interval covers, added up over the binomial distribution.
static void wilson_covers_as_often_as_it_says(void **state) {
    (void)state;
    static const unsigned trials[] = {30, 100, 500};
    static const double accuracies[] = {0.02, 0.1, 0.5, 0.9};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 4; j++) {
            double n = trials[i], p = accuracies[j], covered = 0;
            for (unsigned x = 0; x <= trials[i]; x++) {
                stats_interval w;
                assert_int_equal(stats_wilson(x, trials[i], 0.95, &w), STATUS_OK);
                if (w.low <= p && p <= w.high)
                    covered += exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) + x * log(p) + (n - x) * log1p(-p));
            }
            if (!(covered >= 0.92 && covered <= 1 + 1e-9))
                fail_msg("%u problems, accuracy %g: covered %g", trials[i], p, covered);
        }
}

static void mcnemar_equals_scipy(void **state) {
    (void)state;
    NEAR(stats_mcnemar_exact(9, 1), 0.021484375, 1e-14);
    NEAR(stats_mcnemar_exact(10, 20), 0.09873714670538905, 1e-13);
    NEAR(stats_mcnemar_exact(121, 59), 4.4344492637551645e-06, 1e-16);
    NEAR(stats_mcnemar_exact(5, 5), 1, 0);
    NEAR(stats_mcnemar_exact(0, 0), 1, 0);
}

static void bootstrap_is_near_its_definition_in_numpy_and_repeats(void **state) {
    (void)state;
    double scores[60], mean;
    for (int i = 0; i < 60; i++) scores[i] = (i * 7919 % 17) * (i * 7919 % 17) / 256.0;
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.resamples = 100000;
    stats_interval interval, again;
    assert_int_equal(stats_bootstrap(scores, NULL, 60, &options, &mean, &interval), STATUS_OK);
    NEAR(mean, 0.35305989583333336, 1e-14);
    NEAR(interval.low, 0.2705248154943609, 1e-3); // 100,000 resamples leave a noise of 0.0004
    NEAR(interval.high, 0.4481678060652131, 1e-3);
    assert_int_equal(stats_bootstrap(scores, NULL, 60, &options, &mean, &again), STATUS_OK);
    assert_memory_equal(&interval, &again, sizeof interval);
    options.seed = 9;
    assert_int_equal(stats_bootstrap(scores, NULL, 60, &options, NULL, &again), STATUS_OK);
    assert_true(interval.low != again.low || interval.high != again.high);
    scores[3] = 1.5;
    assert_int_equal(stats_bootstrap(scores, NULL, 60, &options, NULL, &again), STATUS_INVALID);
}

// The bootstrap of scores 0 and 1 against SciPy's exact interval.
static void bootstrap_of_proportions_is_the_exact_interval(void **state) {
    (void)state;
    const struct {
        int x, n;
        double low, high;
    } rows[] = {{7, 20, 0.1539092047845412, 0.5921885345328283}, {81, 263, 0.25273674558504267, 0.36762192260134746}};
    for (size_t i = 0; i < 2; i++) {
        double scores[263];
        for (int j = 0; j < rows[i].n; j++) scores[j] = j < rows[i].x;
        stats_options options = STATS_OPTIONS_DEFAULT;
        options.resamples = 100000;
        stats_interval interval;
        assert_int_equal(stats_bootstrap(scores, NULL, (size_t)rows[i].n, &options, NULL, &interval), STATUS_OK);
        NEAR(interval.low, rows[i].low, 2e-3), NEAR(interval.high, rows[i].high, 2e-3);
    }
}

static void alike_scores_get_the_exact_bound(void **state) {
    (void)state;
    double scores[30] = {0}, ones[30], mean;
    for (int i = 0; i < 30; i++) ones[i] = 1;
    stats_options options = STATS_OPTIONS_DEFAULT;
    stats_interval interval, exact;
    assert_int_equal(stats_bootstrap(scores, NULL, 30, &options, &mean, &interval), STATUS_OK);
    assert_int_equal(stats_binomial_exact(0, 30, 0.95, &exact), STATUS_OK);
    NEAR(interval.low, 0, 0), NEAR(interval.high, exact.high, 1e-12);
    assert_int_equal(stats_bootstrap(ones, NULL, 30, &options, &mean, &interval), STATUS_OK);
    assert_int_equal(stats_binomial_exact(30, 30, 0.95, &exact), STATUS_OK);
    NEAR(interval.low, exact.low, 1e-12), NEAR(interval.high, 1, 0);
    // Two evaluations that agree on every problem are not known to be equal.
    assert_int_equal(stats_paired_bootstrap(ones, ones, NULL, 30, &options, &mean, &interval), STATUS_OK);
    NEAR(mean, 0, 0);
    NEAR(interval.high, -expm1(log(0.025) / 30), 1e-14), NEAR(interval.low, -interval.high, 1e-14);
    // Alike within each benchmark: each has its unseen problem (SciPy, NumPy: half the sum of two Beta(1, 15)).
    uint32_t strata[30];
    for (int i = 0; i < 30; i++) strata[i] = i % 2, ones[i] = 0;
    options.resamples = 100000;
    assert_int_equal(stats_bootstrap(ones, strata, 30, &options, &mean, &interval), STATUS_OK);
    NEAR(mean, 0, 0), NEAR(interval.low, 0, 0), NEAR(interval.high, 0.16465559450916745, 3e-3);
}

static void strata_are_resampled_apart(void **state) {
    (void)state;
    // Benchmark 0 always scores 1 and benchmark 1 varies: the interval is that of benchmark 1, halved and shifted.
    double both[80], alone[40];
    uint32_t strata[80];
    for (int i = 0; i < 40; i++)
        alone[i] = both[2 * i] = i % 3 == 0, both[2 * i + 1] = 1, strata[2 * i] = 1, strata[2 * i + 1] = 0;
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.resamples = 50000;
    stats_interval one, two;
    double mean;
    assert_int_equal(stats_bootstrap(alone, NULL, 40, &options, NULL, &one), STATUS_OK);
    assert_int_equal(stats_bootstrap(both, strata, 80, &options, &mean, &two), STATUS_OK);
    NEAR(mean, 0.5 + 14 / 80.0, 1e-14);
    // The upper end knows that benchmark 0 cannot score more; the lower that one problem of it may not have been seen.
    NEAR(two.high, 0.5 + one.high / 2, 2e-3);
    assert_true(two.low < 0.5 + one.low / 2 && two.low > 0.5 * pow(0.025, 1.0 / 40) + one.low / 2);
}

// Two problems with 4 responses: all 6 x 6 halves, and four falls of the coins.
static void response_intervals_are_those_of_all_halves(void **state) {
    (void)state;
    const uint32_t correct[] = {1, 3};
    for (uint32_t k = 1; k <= 2; k++) {
        double all[144], score[3];
        size_t count = 0;
        for (uint32_t j = 0; j < 3; j++) assert_int_equal(stats_pass_at_k(2, j, k, &score[j]), STATUS_OK);
        for (int a = 0; a < 16; a++)
            for (int b = 0; b < 16; b++)
                for (int coins = 0; coins < 4 && __builtin_popcount(a) == 2 && __builtin_popcount(b) == 2; coins++)
                    all[count++] = (score[__builtin_popcount(a & 1)] + score[__builtin_popcount(b & 7)]) / 2 +
                                   __builtin_popcount(coins) * score[1] / 2;
        assert_int_equal(count, 144);
        double top = 0; // the value that at most 3 of 144 (2.1%) exceed, and 4 (2.8%) or more reach
        for (size_t i = 0; i < count; i++) {
            size_t beyond = 0, reached = 0;
            for (size_t j = 0; j < count; j++) beyond += all[j] > all[i] + 1e-9, reached += all[j] > all[i] - 1e-9;
            if (beyond <= 3 && reached >= 4) top = all[i];
        }
        stats_options options = STATS_OPTIONS_DEFAULT;
        stats_interval interval;
        assert_int_equal(stats_response_interval(correct, NULL, 2, 4, k, &options, &interval), STATUS_OK);
        NEAR(interval.high, fmin(1, top), 1e-12);
        assert_true(interval.low >= 0 && interval.low <= 0.5);
    }
    // With many samples the interval is that of the binomial distribution; strata weigh alike.
    uint32_t many[200], strata[200];
    for (uint32_t i = 0; i < 200; i++) many[i] = 500, strata[i] = i % 2;
    stats_options options = STATS_OPTIONS_DEFAULT;
    stats_interval interval, two;
    double half = 1.959963984540054 * sqrt(0.25 / (200 * 1000.0));
    assert_int_equal(stats_response_interval(many, NULL, 200, 1000, 1, &options, &interval), STATUS_OK);
    NEAR(interval.high, 0.5 + half, 1e-4), NEAR(interval.low, 0.5 - half, 1e-4);
    assert_int_equal(stats_response_interval(many, strata, 200, 1000, 1, &options, &two), STATUS_OK);
    NEAR(two.high, interval.high, 1e-12), NEAR(two.low, interval.low, 1e-12);
    // What cannot be known is not said.
    assert_int_equal(stats_response_interval(many, NULL, 200, 1000, 501, &options, &interval), STATUS_OK);
    assert_true(isnan(interval.low) && isnan(interval.high));
    assert_int_equal(stats_response_interval(many, NULL, 200, 499, 1, &options, &interval), STATUS_INVALID);
    assert_int_equal(stats_response_interval(many, NULL, 200, 1000, 1001, &options, &interval), STATUS_INVALID);
}

static void permutation_equals_scipy_and_enumeration(void **state) {
    (void)state;
    double a[] = {1, 0, .5, .25, 0, .75, .5, 1, 0, 0, .25, .5}, b[] = {1, .5, .75, .5, .25, .5, 1, 1, .5, 0, .5, .25};
    stats_options options = STATS_OPTIONS_DEFAULT;
    double p, q;
    assert_int_equal(stats_paired_permutation(a, b, NULL, 12, &options, &p), STATUS_OK);
    NEAR(p, 0.09765625, 1e-15);
    assert_int_equal(stats_paired_permutation(a, a, NULL, 12, &options, &p), STATUS_OK);
    NEAR(p, 1, 0);
    // 0/1 scores: sign flips are McNemar's test. 30 discordant pairs go through the sampled branch.
    double x[100] = {0}, y[100] = {0};
    for (int i = 0; i < 10; i++) x[i] = 1;
    for (int i = 10; i < 30; i++) y[i] = 1;
    options.resamples = 100000;
    assert_int_equal(stats_paired_permutation(x, y, NULL, 100, &options, &p), STATUS_OK);
    NEAR(p, stats_mcnemar_exact(10, 20), 4e-3);
    assert_int_equal(stats_paired_permutation(y, x, NULL, 100, &options, &q), STATUS_OK);
    NEAR(q, p, 0);
}

static void ten_thousand_resamples_of_500_problems_are_quick(void **state) {
    (void)state;
    double scores[500];
    for (uint32_t i = 0; i < 500; i++) scores[i] = random_below(3, RANDOM_TEST, i, 0, 0, 17) / 16.0;
    stats_options options = STATS_OPTIONS_DEFAULT;
    stats_interval interval;
    clock_t start = clock();
    assert_int_equal(stats_bootstrap(scores, NULL, 500, &options, NULL, &interval), STATUS_OK);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("bootstrap of 500 problems, 10,000 resamples: %.3f s\n", seconds);
    assert_true(seconds < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_at_k_equals_the_mean_over_all_subsets),
        cmocka_unit_test(pass_at_k_in_closed_forms),
        cmocka_unit_test(majority_at_k_equals_the_mean_over_all_subsets),
        cmocka_unit_test(majority_at_k_of_many_samples),
        cmocka_unit_test(means_are_unweighted_over_strata),
        cmocka_unit_test(proportions_equal_scipy),
        cmocka_unit_test(wilson_covers_as_often_as_it_says),
        cmocka_unit_test(mcnemar_equals_scipy),
        cmocka_unit_test(bootstrap_is_near_its_definition_in_numpy_and_repeats),
        cmocka_unit_test(bootstrap_of_proportions_is_the_exact_interval),
        cmocka_unit_test(alike_scores_get_the_exact_bound),
        cmocka_unit_test(strata_are_resampled_apart),
        cmocka_unit_test(response_intervals_are_those_of_all_halves),
        cmocka_unit_test(permutation_equals_scipy_and_enumeration),
        cmocka_unit_test(ten_thousand_resamples_of_500_problems_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
