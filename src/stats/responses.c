// Interval of pass@k over responses: the problems are kept, their responses are resampled by halves.
//
// The spread between halves of a sample is that of the whole sample around its expectation, exactly for a mean, and at least it
// for a statistic of k-subsets (Hoeffding, "A class of statistics with asymptotically normal distribution", 1948: m times the
// variance over m samples does not grow with m). Pass@k of a half, averaged over halves, is pass@k of the whole, so nothing is to
// be centred.
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

// cdf[j] = chance that a draw of m from n, c of them correct, holds at most j correct ones; j = 0 .. m.
static void hypergeometric_cdf(uint32_t n, uint32_t c, uint32_t m, double *cdf) {
    uint32_t least = m > n - c ? m - (n - c) : 0, most = c < m ? c : m;
    uint32_t mode = (uint32_t)(((double)m + 1) * ((double)c + 1) / ((double)n + 2));
    if (mode < least) mode = least;
    if (mode > most) mode = most;
    for (uint32_t j = 0; j <= m; j++) cdf[j] = 0;
    cdf[mode] = 1;
    // P(j+1) / P(j) = (c - j)(m - j) / ((j + 1)(n - c - m + j + 1)), away from the largest on both sides.
    for (uint32_t j = mode; j < most; j++)
        cdf[j + 1] = cdf[j] * ((double)(c - j) * (double)(m - j)) / ((double)(j + 1) * (double)(n - c + j + 1 - m));
    for (uint32_t j = mode; j > least; j--)
        cdf[j - 1] = cdf[j] * ((double)j * (double)(n - c + j - m)) / ((double)(c - j + 1) * (double)(m - j + 1));
    double total = 0, sum = 0;
    for (uint32_t j = 0; j <= m; j++) total += cdf[j];
    for (uint32_t j = 0; j <= m; j++) sum += cdf[j], cdf[j] = sum / total;
}

static uint32_t invert(const double *cdf, uint32_t m, double u) {
    uint32_t low = 0, high = m; // cdf[high] is 1, but for rounding
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (u < cdf[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The weight of each problem in the mean over strata, and the largest of them.
static status weigh(double *weights, const uint32_t *strata, size_t count, double *largest) {
    double *ones = malloc(count * sizeof *ones), sum;
    if (!ones) return status_set(STATUS_NO_MEMORY, "cannot resample %zu problems", count);
    for (size_t i = 0; i < count; i++) ones[i] = 1;
    status code = stats_mean(ones, strata, count, &sum); // checks the strata
    free(ones);
    TRY(code);
    uint32_t last = 0;
    for (size_t i = 0; strata && i < count; i++)
        if (strata[i] > last) last = strata[i];
    size_t *sizes = calloc(last + 1u, sizeof *sizes);
    if (!sizes) return status_set(STATUS_NO_MEMORY, "cannot resample %zu problems", count);
    for (size_t i = 0; i < count; i++) sizes[strata ? strata[i] : 0]++;
    *largest = 0;
    for (size_t i = 0; i < count; i++) {
        weights[i] = 1 / ((double)sizes[strata ? strata[i] : 0] * (last + 1.0));
        *largest = fmax(*largest, weights[i]);
    }
    free(sizes);
    return STATUS_OK;
}

// Adds each problem's pass@k in each resample to means[r]; `scratch` has room for n/2 + 1 numbers twice. *step = what one correct
// response more does to a problem without any.
static status resample(double *means, const double *weights, const uint32_t *correct, size_t count, uint32_t n, uint32_t k,
                       const stats_options *options, double *scratch, double *step) {
    uint32_t half = n / 2;
    double *score = scratch, *cdf = scratch + half + 1;
    for (uint32_t j = 0; j <= half; j++) TRY(stats_pass_at_k(half, j, k, &score[j]));
    *step = score[1];
    for (uint32_t r = 0; r < options->resamples; r++) means[r] = 0;
    for (size_t i = 0; i < count; i++) {
        hypergeometric_cdf(n, correct[i], half, cdf);
        for (uint32_t r = 0; r < options->resamples; r++) {
            double u = random_uniform(options->seed, RANDOM_BOOTSTRAP, options->statistic, r, (uint32_t)i);
            means[r] += weights[i] * score[invert(cdf, half, u)];
        }
    }
    return STATUS_OK;
}

// The quantile that leaves a share `tail` of the resamples beyond it: the one nearest to the end, so that steps of a discrete
// distribution are not cut in two.
static double quantile_towards(const double *sorted, uint32_t count, double tail, bool high) {
    uint32_t beyond = (uint32_t)floor(tail * count);
    if (beyond >= count) beyond = count - 1;
    return high ? sorted[count - 1 - beyond] : sorted[beyond];
}

status stats_response_interval(const uint32_t *correct, const uint32_t *strata, size_t count, uint32_t n, uint32_t k,
                               const stats_options *options, stats_interval *interval) {
    *interval = (stats_interval){NAN, NAN};
    if (k < 1 || k > n) return status_set(STATUS_INVALID, "pass@%u needs 1 <= k <= samples per problem, which are %u", k, n);
    for (size_t i = 0; i < count; i++)
        if (correct[i] > n) return status_set(STATUS_INVALID, "%u correct of %u samples", correct[i], n);
    if (!(options->confidence > 0 && options->confidence < 1) || options->resamples < 1)
        return status_set(STATUS_INVALID, "an interval needs a confidence between 0 and 1 and at least one resample");
    if (k > n / 2) return STATUS_OK;
    double *weights = malloc((count + 1) * sizeof *weights), *means = malloc(2 * sizeof *means * options->resamples);
    double *scratch = malloc(2 * ((size_t)n / 2 + 1) * sizeof *scratch), largest, step;
    status code =
        weights && means && scratch ? STATUS_OK : status_set(STATUS_NO_MEMORY, "cannot keep %u resamples", options->resamples);
    if (code == STATUS_OK) code = weigh(weights, strata, count, &largest);
    if (code == STATUS_OK) code = resample(means, weights, correct, count, n, k, options, scratch, &step);
    if (code == STATUS_OK) {
        double *lows = means, *highs = means + options->resamples;
        for (uint32_t r = 0; r < options->resamples; r++) {
            random_words coins = random_draw(options->seed, RANDOM_BOOTSTRAP, options->statistic, r, (uint32_t)count);
            double unseen = ((coins.word[0] & 1) + (coins.word[0] >> 1 & 1)) * step * largest;
            highs[r] = means[r] + unseen, lows[r] = means[r] - unseen;
        }
        qsort(lows, options->resamples, sizeof *lows, compare_doubles);
        qsort(highs, options->resamples, sizeof *highs, compare_doubles);
        double tail = (1 - options->confidence) / 2;
        *interval = (stats_interval){fmax(0, quantile_towards(lows, options->resamples, tail, false)),
                                     fmin(1, quantile_towards(highs, options->resamples, tail, true))};
    }
    free(weights), free(means), free(scratch);
    return code;
}
