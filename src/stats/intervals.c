// Confidence intervals of a mean over problems: Wilson, Clopper-Pearson, and the bootstrap that extends the latter to scores in a
// range. Called by run/ and study/.
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

static status check_bootstrap(const double *scores, size_t count, const stats_options *options) {
    if (!(options->confidence > 0 && options->confidence < 1))
        return status_set(STATUS_INVALID, "a confidence of %g; it lies between 0 and 1", options->confidence);
    if (options->resamples < 1) return status_set(STATUS_INVALID, "a bootstrap needs at least one resample");
    for (size_t i = 0; i < count; i++)
        if (!(scores[i] >= options->low && scores[i] <= options->high))
            return status_set(STATUS_INVALID, "the score %g of problem %zu is not in [%g, %g]", scores[i], i, options->low,
                              options->high);
    return STATUS_OK;
}

// One stratum whose scores are all alike: a share of q = 1 - tail^(1/count) of problems may score otherwise.
static bool bound_alike(const strata_layout *layout, size_t count, const stats_options *options, stats_interval *interval) {
    double v = layout->values[0], q = -expm1(log((1 - options->confidence) / 2) / (double)count);
    for (size_t i = 0; i < count; i++)
        if (layout->count > 1 || layout->values[i] != v) return false;
    *interval = (stats_interval){v - q * (v - options->low), v + q * (options->high - v)};
    return true;
}

// The four exponentials of a draw.
static void exponentials(random_words w, double out[4]) {
    for (int j = 0; j < 4; j++) out[j] = -log(((double)w.word[j] + 0.5) * 0x1p-32);
}

// The mean of one resample, with the unseen problem of each stratum at the low and at the high end of the range.
static void resample(const strata_layout *layout, const stats_options *options, uint32_t r, double *low, double *high) {
    uint32_t draw = 0;
    *low = *high = 0;
    for (uint32_t h = 0; h < layout->count; h++) {
        const double *values = layout->values + layout->start[h];
        size_t size = layout->start[h + 1] - layout->start[h];
        double sum = 0, total = 0, weight[4] = {0};
        for (size_t i = 0; i <= size; i++) {
            if (i % 4 == 0) exponentials(random_draw(options->seed, RANDOM_BOOTSTRAP, options->statistic, r, draw++), weight);
            total += weight[i % 4];
            if (i < size) sum += weight[i % 4] * values[i];
        }
        double unseen = weight[size % 4];
        *low += (sum + unseen * options->low) / total / layout->count;
        *high += (sum + unseen * options->high) / total / layout->count;
    }
}

status stats_bootstrap(const double *scores, const uint32_t *strata, size_t count, const stats_options *options, double *mean,
                       stats_interval *interval) {
    *interval = (stats_interval){options->low, options->high};
    double estimate;
    TRY(stats_mean(scores, strata, count, &estimate));
    if (mean) *mean = estimate;
    TRY(check_bootstrap(scores, count, options));
    strata_layout layout;
    TRY(layout_build(&layout, scores, strata, count));
    status code = STATUS_OK;
    double *lows = malloc(2 * sizeof *lows * options->resamples), *highs = lows ? lows + options->resamples : NULL;
    if (!lows) {
        code = status_set(STATUS_NO_MEMORY, "cannot keep %u resamples", options->resamples);
    } else if (!bound_alike(&layout, count, options, interval)) {
        for (uint32_t r = 0; r < options->resamples; r++) resample(&layout, options, r, &lows[r], &highs[r]);
        qsort(lows, options->resamples, sizeof *lows, compare_doubles);
        qsort(highs, options->resamples, sizeof *highs, compare_doubles);
        interval->low = fmax(options->low, quantile_of_sorted(lows, options->resamples, (1 - options->confidence) / 2));
        interval->high = fmin(options->high, quantile_of_sorted(highs, options->resamples, (1 + options->confidence) / 2));
    }
    free(lows);
    layout_free(&layout);
    return code;
}
