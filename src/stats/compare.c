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
