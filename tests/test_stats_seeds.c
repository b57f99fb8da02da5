// Several seeds: Student's t against SciPy (scripts/fixtures/stats_seeds.py), Holm against closed testing, the sign-flip test
// against all patterns.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "stats/stats.h"

#define NEAR(value, expected, tolerance)                                                                                         \
    do {                                                                                                                         \
        double near_value = (value), near_expected = (expected);                                                                 \
        if (!(fabs(near_value - near_expected) <= (tolerance)))                                                                  \
            fail_msg("%s is %.17g, not %.17g", #value, near_value, near_expected);                                               \
    } while (0)

static void quantiles_of_t_are_those_of_scipy(void **state) {
    (void)state;
    static const struct {
        uint32_t degrees;
        double at[3];
    } expected[] = {
        {1, {0.32491969623290634, 12.706204736174694, 636.6192487687897}},
        {2, {0.2886751345948128, 4.302652729749462, 31.599054576445365}},
        {3, {0.2766706623326898, 3.1824463052837078, 12.923978636687961}},
        {5, {0.2671808657041451, 2.5705818356363146, 6.868826625881276}},
        {6, {0.2648345329335734, 2.4469118511449786, 5.95881617881889}},
        {7, {0.2631668613520229, 2.364624251592784, 5.407882520861828}},
        {30, {0.2556053649519128, 2.0422724563012378, 3.6459586350420627}},
        {101, {0.25401548821219094, 1.983731002955606, 3.3894748840473063}},
    };
    static const double p[] = {0.6, 0.975, 0.9995};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        for (size_t j = 0; j < 3; j++) {
            NEAR(stats_t_quantile(p[j], expected[i].degrees) / expected[i].at[j], 1, 1e-12);
            NEAR(stats_t_quantile(1 - p[j], expected[i].degrees), -stats_t_quantile(p[j], expected[i].degrees), 1e-9);
        }
    NEAR(stats_t_quantile(0.5, 4), 0, 1e-15);
    assert_true(isnan(stats_t_quantile(0, 4)) && isnan(stats_t_quantile(1, 4)) && isnan(stats_t_quantile(0.9, 0)));
}

static void intervals_of_a_mean(void **state) {
    (void)state;
    static const double x[] = {0.021, -0.004, 0.013, 0.030, 0.008, 0.017};
    double mean;
    stats_interval interval;
    assert_int_equal(stats_t_interval(x, 6, 0.95, &mean, &interval), STATUS_OK);
    NEAR(mean, 0.014166666666666668, 1e-16);
    NEAR(interval.low, 0.0019748318415504645, 1e-14);
    NEAR(interval.high, 0.02635850149178287, 1e-14);
    assert_int_equal(stats_t_interval(x, 1, 0.95, &mean, &interval), STATUS_OK);
    assert_true(mean == x[0] && isnan(interval.low) && isnan(interval.high));
    assert_int_equal(stats_t_interval(x, 0, 0.95, &mean, &interval), STATUS_OK);
    assert_true(isnan(mean) && isnan(interval.low));
    assert_int_equal(stats_t_interval(x, 6, 1, &mean, &interval), STATUS_INVALID);
}

// Closed testing: a hypothesis is rejected when every set of hypotheses that holds it is, each by Bonferroni.
static double by_closed_testing(const double *p, size_t count, size_t which) {
    double worst = 0;
    for (unsigned set = 1; set < 1u << count; set++) {
        if (!(set >> which & 1)) continue;
        double least = 1;
        for (size_t i = 0; i < count; i++)
            if (set >> i & 1) least = fmin(least, p[i]);
        worst = fmax(worst, fmin(1, least * __builtin_popcount(set)));
    }
    return worst;
}

static void holm_is_closed_testing_by_bonferroni(void **state) {
    (void)state;
    double known[] = {0.01, 0.04, 0.03, 0.005}; // from the script
    static const double adjusted[] = {0.03, 0.06, 0.06, 0.02};
    stats_holm(known, 4);
    for (size_t i = 0; i < 4; i++) NEAR(known[i], adjusted[i], 1e-15);
    stats_holm(known, 0);
    for (uint32_t trial = 0; trial < 300; trial++) {
        double p[6], given[6];
        size_t count = 1 + trial % 6;
        for (size_t i = 0; i < count; i++) {
            p[i] = random_uniform(1, RANDOM_TEST, trial, (uint32_t)i, 0);
            p[i] = trial % 3 == 0 ? floor(8 * p[i]) / 8 : p[i] * p[i]; // ties and zeros, or small ones
            given[i] = p[i];
        }
        stats_holm(p, count);
        for (size_t i = 0; i < count; i++) NEAR(p[i], by_closed_testing(given, count, i), 1e-14);
    }
}

static void the_test_over_seeds_tries_all_signs(void **state) {
    (void)state;
    static const double zeros[10];
    for (uint32_t trial = 0; trial < 60; trial++) {
        size_t count = 1 + trial % 10, hits = 0;
        double x[10], observed = 0, p;
        for (size_t i = 0; i < count; i++) observed += x[i] = random_uniform(2, RANDOM_TEST, trial, (uint32_t)i, 0) - 0.3;
        for (unsigned signs = 0; signs < 1u << count; signs++) {
            double sum = 0;
            for (size_t i = 0; i < count; i++) sum += signs >> i & 1 ? -x[i] : x[i];
            hits += fabs(sum) >= fabs(observed) - 1e-12;
        }
        stats_options options = STATS_OPTIONS_DEFAULT;
        assert_int_equal(stats_paired_permutation(zeros, x, NULL, count, &options, &p), STATUS_OK);
        NEAR(p, (double)hits / (double)(1u << count), 1e-15);
    }
    static const double six[] = {0.021, -0.004, 0.013, 0.030, 0.008, 0.017};
    double p;
    stats_options options = STATS_OPTIONS_DEFAULT;
    assert_int_equal(stats_paired_permutation(zeros, six, NULL, 6, &options, &p), STATUS_OK);
    NEAR(p, 0.0625, 1e-15); // from the script
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_t_are_those_of_scipy),
        cmocka_unit_test(intervals_of_a_mean),
        cmocka_unit_test(holm_is_closed_testing_by_bonferroni),
        cmocka_unit_test(the_test_over_seeds_tries_all_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
