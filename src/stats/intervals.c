// Confidence intervals of a mean over problems: Wilson, Clopper-Pearson, and the BCa bootstrap with its exact fallback.
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static double normal_cdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }

// Bisection on the distribution function, then two Newton steps: slow, exact to a few units of the last place, and obvious.
double stats_normal_quantile(double p) {
    if (!(p > 0)) return p == 0 ? -INFINITY : NAN;
    if (!(p < 1)) return p == 1 ? INFINITY : NAN;
    if (p > 0.5) return -stats_normal_quantile(1 - p);
    double low = -40, high = 0;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (normal_cdf(middle) < p)
            low = middle;
        else
            high = middle;
    }
    double x = 0.5 * (low + high);
    for (int i = 0; i < 2; i++) {
        double density = exp(-0.5 * x * x) * 0.39894228040143267794;
        if (density > 0) x -= (normal_cdf(x) - p) / density;
    }
    return x;
}

static status check_proportion(uint64_t successes, uint64_t trials, double confidence) {
    if (trials == 0 || successes > trials)
        return status_set(STATUS_INVALID, "%llu successes in %llu trials", (unsigned long long)successes,
                          (unsigned long long)trials);
    if (!(confidence > 0 && confidence < 1))
        return status_set(STATUS_INVALID, "a confidence of %g; it lies between 0 and 1", confidence);
    return STATUS_OK;
}

status stats_wilson(uint64_t successes, uint64_t trials, double confidence, stats_interval *interval) {
    *interval = (stats_interval){0, 1};
    TRY(check_proportion(successes, trials, confidence));
    double n = (double)trials, p = (double)successes / n, z = -stats_normal_quantile((1 - confidence) / 2);
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    interval->low = successes == 0 ? 0 : fmax(0, middle - half);
    interval->high = successes == trials ? 1 : fmin(1, middle + half);
    return STATUS_OK;
}

// Regularized incomplete beta function by Lentz's continued fraction.
static double beta_cdf(double x, double a, double b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta_cdf(1 - x, b, a);
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a;
    double c = 1, d = 1 - (a + b) * x / (a + 1), tiny = 1e-300;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + even * d, c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        fraction *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + odd * d, c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        fraction *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return front * fraction;
}

static double beta_quantile(double p, double a, double b) {
    double low = 0, high = 1;
    for (int i = 0; i < 200 && high - low > 1e-17 * high; i++) {
        double middle = 0.5 * (low + high);
        if (beta_cdf(middle, a, b) < p)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

status stats_binomial_exact(uint64_t successes, uint64_t trials, double confidence, stats_interval *interval) {
    *interval = (stats_interval){0, 1};
    TRY(check_proportion(successes, trials, confidence));
    double x = (double)successes, n = (double)trials, tail = (1 - confidence) / 2;
    if (successes > 0) interval->low = beta_quantile(tail, x, n - x + 1);
    if (successes < trials) interval->high = beta_quantile(1 - tail, x + 1, n - x);
    return STATUS_OK;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Linear interpolation between order statistics, as NumPy's default.
static double quantile_of_sorted(const double *sorted, size_t count, double p) {
    double place = p * (double)(count - 1);
    if (!(place > 0)) return sorted[0];
    size_t below = (size_t)place;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

// Scores grouped by stratum: values of stratum h stand at start[h] .. start[h+1].
typedef struct strata_layout {
    double *values;
    size_t *start;
    uint32_t count;
} strata_layout;

static void layout_free(strata_layout *layout) {
    free(layout->values), free(layout->start);
    *layout = (strata_layout){0};
}

static status layout_build(strata_layout *layout, const double *scores, const uint32_t *strata, size_t count) {
    *layout = (strata_layout){0};
    uint32_t last = 0;
    for (size_t i = 0; strata && i < count; i++)
        if (strata[i] > last) last = strata[i];
    layout->count = last + 1;
    layout->values = malloc(count * sizeof *layout->values);
    layout->start = calloc(last + 2u, sizeof *layout->start);
    size_t *next = calloc(last + 1u, sizeof *next);
    if (!layout->values || !layout->start || !next) {
        free(next), layout_free(layout);
        return status_set(STATUS_NO_MEMORY, "cannot resample %zu problems", count);
    }
    for (size_t i = 0; i < count; i++) layout->start[(strata ? strata[i] : 0) + 1]++;
    for (uint32_t h = 0; h < layout->count; h++) layout->start[h + 1] += layout->start[h], next[h] = layout->start[h];
    for (size_t i = 0; i < count; i++) layout->values[next[strata ? strata[i] : 0]++] = scores[i];
    free(next);
    return STATUS_OK;
}

// The exact bound for scores that are all alike within each stratum. Several strata share the error equally.
static void bound_alike(const strata_layout *layout, const stats_options *options, stats_interval *interval) {
    double tail = (1 - options->confidence) / 2 / layout->count;
    *interval = (stats_interval){0, 0};
    for (uint32_t h = 0; h < layout->count; h++) {
        double n = (double)(layout->start[h + 1] - layout->start[h]), v = layout->values[layout->start[h]];
        double q = -expm1(log(tail) / n); // 1 - tail^(1/n)
        interval->low += (v - q * (v - options->low)) / layout->count;
        interval->high += (v + q * (options->high - v)) / layout->count;
    }
}

status stats_bootstrap(const double *scores, const uint32_t *strata, size_t count, const stats_options *options, double *mean,
                       stats_interval *interval) {
    *interval = (stats_interval){options->low, options->high};
    double estimate;
    TRY(stats_mean(scores, strata, count, &estimate));
    if (mean) *mean = estimate;
    if (!(options->confidence > 0 && options->confidence < 1))
        return status_set(STATUS_INVALID, "a confidence of %g; it lies between 0 and 1", options->confidence);
    if (options->resamples < 1) return status_set(STATUS_INVALID, "a bootstrap needs at least one resample");
    for (size_t i = 0; i < count; i++)
        if (!(scores[i] >= options->low && scores[i] <= options->high))
            return status_set(STATUS_INVALID, "the score %g of problem %zu is not in [%g, %g]", scores[i], i, options->low,
                              options->high);
    strata_layout layout;
    TRY(layout_build(&layout, scores, strata, count));

    // Moments of the influence of one problem on the mean: (x - mean of its stratum) / (strata * problems of its stratum).
    double square = 0, cube = 0;
    for (uint32_t h = 0; h < layout.count; h++) {
        size_t from = layout.start[h], to = layout.start[h + 1];
        double middle = 0, weight = 1.0 / ((double)layout.count * (double)(to - from));
        bool alike = true;
        for (size_t i = from; i < to; i++) {
            middle += layout.values[i] / (double)(to - from);
            alike = alike && layout.values[i] == layout.values[from];
        }
        for (size_t i = from; !alike && i < to; i++) {
            double influence = weight * (layout.values[i] - middle);
            square += influence * influence, cube += influence * influence * influence;
        }
    }
    if (square == 0) {
        bound_alike(&layout, options, interval);
        layout_free(&layout);
        return STATUS_OK;
    }

    double *means = malloc(options->resamples * sizeof *means);
    if (!means) {
        layout_free(&layout);
        return status_set(STATUS_NO_MEMORY, "cannot keep %u resamples", options->resamples);
    }
    // A resample that repeats the original in another order must count as equal to it, so sums are compared within rounding.
    double slack = 1e-12 * fmax(fabs(options->low), fabs(options->high)), below = 0;
    for (uint32_t r = 0; r < options->resamples; r++) {
        double sum = 0;
        uint32_t draw = 0;
        for (uint32_t h = 0; h < layout.count; h++) {
            const double *values = layout.values + layout.start[h];
            uint64_t size = layout.start[h + 1] - layout.start[h];
            double part = 0;
            for (uint64_t i = 0; i < size; i += 4) { // one index from each word of a draw
                random_words w = random_draw(options->seed, RANDOM_BOOTSTRAP, options->statistic, r, draw++);
                for (uint64_t j = 0; j < 4 && i + j < size; j++) part += values[(w.word[j] * size) >> 32];
            }
            sum += part / (double)size;
        }
        means[r] = sum / layout.count;
        double difference = means[r] - estimate;
        below += difference < -slack ? 1 : difference <= slack ? 0.5 : 0;
    }
    layout_free(&layout);
    qsort(means, options->resamples, sizeof *means, compare_doubles);

    // The share of resamples below the estimate is kept off 0 and 1, where its normal quantile would be infinite.
    double share = fmin(fmax(below / options->resamples, 0.5 / options->resamples), 1 - 0.5 / options->resamples);
    double bias = stats_normal_quantile(share), acceleration = cube / (6 * square * sqrt(square)), ends[2];
    for (int side = 0; side < 2; side++) {
        double z = bias + stats_normal_quantile(side ? (1 + options->confidence) / 2 : (1 - options->confidence) / 2);
        double stretch = 1 - acceleration * z;
        double level = stretch > 0 ? normal_cdf(bias + z / stretch) : side;
        ends[side] = quantile_of_sorted(means, options->resamples, level);
    }
    free(means);
    *interval = (stats_interval){ends[0], ends[1]};
    return STATUS_OK;
}
