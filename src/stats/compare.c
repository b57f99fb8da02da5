// Tests between two evaluations on the same problems: bootstrap of the mean difference, sign-flip permutation, exact McNemar.
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

#define ENUMERATED_DIFFERENCES 16 // up to so many differing problems every sign pattern is tried

static status differences(const double *a, const double *b, size_t count, double **out) {
    *out = malloc((count ? count : 1) * sizeof **out);
    if (!*out) return status_set(STATUS_NO_MEMORY, "cannot compare %zu problems", count);
    for (size_t i = 0; i < count; i++) (*out)[i] = b[i] - a[i];
    return STATUS_OK;
}

status stats_paired_bootstrap(const double *a, const double *b, const uint32_t *strata, size_t count,
                              const stats_options *options, double *difference, stats_interval *interval) {
    double *change;
    TRY(differences(a, b, count, &change));
    stats_options widened = *options;
    widened.high = options->high - options->low, widened.low = -widened.high;
    status code = stats_bootstrap(change, strata, count, &widened, difference, interval);
    free(change);
    return code;
}

status stats_paired_permutation(const double *a, const double *b, const uint32_t *strata, size_t count,
                                const stats_options *options, double *p_value) {
    *p_value = 1;
    double *change, mean;
    TRY(differences(a, b, count, &change));
    status code = stats_mean(change, strata, count, &mean);
    if (code == STATUS_OK && options->resamples < 1)
        code = status_set(STATUS_INVALID, "a permutation test needs at least one resample");
    if (code != STATUS_OK) {
        free(change);
        return code;
    }
    // Each difference weighs as in the mean: 1 / (strata * problems of its stratum). The constant factor is left out.
    if (strata) {
        uint32_t last = 0;
        for (size_t i = 0; i < count; i++)
            if (strata[i] > last) last = strata[i];
        size_t *sizes = calloc(last + 1u, sizeof *sizes);
        if (!sizes) {
            free(change);
            return status_set(STATUS_NO_MEMORY, "cannot compare %zu problems", count);
        }
        for (size_t i = 0; i < count; i++) sizes[strata[i]]++;
        for (size_t i = 0; i < count; i++) change[i] /= (double)sizes[strata[i]];
        free(sizes);
    }
    size_t kept = 0;
    double observed = 0, scale = 0;
    for (size_t i = 0; i < count; i++) {
        observed += change[i], scale += fabs(change[i]);
        if (change[i] != 0) change[kept++] = change[i]; // a zero has no sign to flip
    }
    double threshold = fabs(observed) - 1e-12 * scale; // equal sums in another order count as equal
    if (kept <= ENUMERATED_DIFFERENCES) {
        uint64_t hits = 0;
        for (uint64_t signs = 0; signs < 1ull << kept; signs++) {
            double sum = 0;
            for (size_t i = 0; i < kept; i++) sum += signs >> i & 1 ? -change[i] : change[i];
            hits += fabs(sum) >= threshold;
        }
        *p_value = (double)hits / (double)(1ull << kept);
    } else {
        uint64_t hits = 0;
        for (uint32_t r = 0; r < options->resamples; r++) {
            double sum = 0;
            for (size_t i = 0; i < kept; i += 128) { // 128 signs from one draw
                random_words w = random_draw(options->seed, RANDOM_BOOTSTRAP, ~options->statistic, r, (uint32_t)(i / 128));
                for (size_t j = 0; j < 128 && i + j < kept; j++)
                    sum += w.word[j / 32] >> (j % 32) & 1 ? -change[i + j] : change[i + j];
            }
            hits += fabs(sum) >= threshold;
        }
        *p_value = (1 + (double)hits) / (1 + (double)options->resamples);
    }
    free(change);
    return STATUS_OK;
}

double stats_mcnemar_exact(uint64_t only_a, uint64_t only_b) {
    uint64_t n = only_a + only_b, few = only_a < only_b ? only_a : only_b;
    double tail = 0;
    for (uint64_t i = 0; i <= few; i++)
        tail +=
            exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) - (double)n * 0.69314718055994530942);
    return fmin(1, 2 * tail);
}

// ---- several seeds ---------------------------------------------------------------------------------------------------------

// Probability that |T| <= t for Student's T with a whole number of degrees: the finite sums in powers of the cosine of
// atan(t / sqrt(degrees)) (Abramowitz and Stegun, 26.7.3 and 26.7.4).
static double t_within(double t, uint32_t degrees) {
    double angle = atan2(t, sqrt((double)degrees)), cosine = cos(angle), sine = sin(angle);
    bool odd = degrees % 2;
    double term = odd ? cosine : 1, sum = degrees > 1 ? term : 0;
    for (uint32_t i = odd ? 3 : 2; i < degrees; i += 2) {
        term *= cosine * cosine * ((double)(i - 1) / (double)i);
        sum += term;
    }
    return odd ? 0.63661977236758134308 * (angle + sine * sum) : sine * sum;
}

double stats_t_quantile(double p, uint32_t degrees) {
    if (!(p > 0 && p < 1) || degrees == 0) return NAN;
    if (p < 0.5) return -stats_t_quantile(1 - p, degrees);
    double within = 2 * p - 1, low = 0, high = 1;
    while (t_within(high, degrees) < within && high < 1e15) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-16 * high; i++) {
        double middle = 0.5 * (low + high);
        if (t_within(middle, degrees) < within)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

status stats_t_interval(const double *values, size_t count, double confidence, double *mean, stats_interval *interval) {
    *mean = NAN, *interval = (stats_interval){NAN, NAN};
    if (!(confidence > 0 && confidence < 1))
        return status_set(STATUS_INVALID, "a confidence of %g; it lies between 0 and 1", confidence);
    if (count == 0) return STATUS_OK;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    *mean = sum / (double)count;
    if (count == 1) return STATUS_OK;
    for (size_t i = 0; i < count; i++) squares += (values[i] - *mean) * (values[i] - *mean);
    double error = sqrt(squares / (double)(count - 1) / (double)count);
    double half = stats_t_quantile(0.5 + confidence / 2, (uint32_t)(count - 1)) * error;
    *interval = (stats_interval){*mean - half, *mean + half};
    return STATUS_OK;
}

void stats_holm(double *p_values, size_t count) {
    double least = 0; // an adjusted value is at least those of smaller ones
    for (size_t done = 0; done < count; done++) {
        size_t next = count;
        for (size_t i = 0; i < count; i++) // adjusted ones are marked by their sign
            if (!signbit(p_values[i]) && (next == count || p_values[i] < p_values[next])) next = i;
        least = fmax(least, fmin(1, p_values[next] * (double)(count - done)));
        p_values[next] = -least;
    }
    for (size_t i = 0; i < count; i++) p_values[i] = fabs(p_values[i]);
}
