// Unbiased pass@k (Chen et al., "Evaluating large language models trained on code", 2021), exact maj@k, and means over problems.
//
// maj@k draws k of n samples without replacement, so the counts per answer follow the multivariate hypergeometric distribution.
// That distribution is independent binomials conditioned on their total, for any success probability; with a probability near
// k/n every factor is of ordinary size, all terms are positive, and nothing overflows or cancels. Called by study/.
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

status stats_pass_at_k(uint32_t n, uint32_t c, uint32_t k, double *estimate) {
    *estimate = 0;
    if (k < 1 || k > n) return status_set(STATUS_INVALID, "pass@%u needs 1 <= k <= samples per problem, which are %u", k, n);
    if (c > n) return status_set(STATUS_INVALID, "%u correct of %u samples", c, n);
    if (n - c < k) {
        *estimate = 1;
        return STATUS_OK;
    }
    // C(n-c,k)/C(n,k) = prod over the c correct samples (or, in the other order, over the k draws) of the chance to miss.
    double miss = 1;
    if (c < k)
        for (uint32_t j = 0; j < c; j++) miss *= (double)(n - k - j) / (double)(n - j);
    else
        for (uint32_t j = 0; j < k; j++) miss *= (double)(n - c - j) / (double)(n - j);
    *estimate = c ? 1 - miss : 0;
    return STATUS_OK;
}

// out[j] = binomial probability of j of `size` for j <= limit, where odds = p / (1 - p).
static void binomial_row(uint32_t size, double odds, uint32_t limit, double *out) {
    double p = odds / (1 + odds), sum = 1;
    uint32_t mode = (uint32_t)((size + 1.0) * p);
    if (mode > size) mode = size;
    for (uint32_t j = 0; j <= limit; j++) out[j] = 0;
    if (mode <= limit) out[mode] = 1;
    double value = 1;
    for (uint32_t j = mode; j < size && value > 0; j++) {
        value *= (double)(size - j) / (double)(j + 1) * odds;
        sum += value;
        if (j + 1 <= limit) out[j + 1] = value;
    }
    value = 1;
    for (uint32_t j = mode; j > 0 && value > 0; j--) {
        value *= (double)j / ((double)(size - j + 1) * odds);
        sum += value;
        if (j - 1 <= limit) out[j - 1] = value;
    }
    for (uint32_t j = 0; j <= limit; j++) out[j] /= sum;
}

// table[u * (ties + 1) + t]: probability that u samples come from the classes added so far, none of them more than `top` times
// and t of them exactly `top` times. Adds one class whose counts have probabilities row[0 .. top].
static void add_class(double *table, double *fresh, uint32_t k, uint32_t ties, const double *row, uint32_t size, uint32_t top) {
    memset(fresh, 0, (size_t)(k + 1) * (ties + 1) * sizeof *fresh);
    for (uint32_t u = 0; u <= k; u++)
        for (uint32_t t = 0; t <= ties; t++) {
            double here = table[u * (ties + 1) + t];
            if (here == 0) continue;
            for (uint32_t j = 0; j <= top && j <= size && u + j <= k; j++) {
                uint32_t tied = t + (j == top);
                if (tied <= ties) fresh[(u + j) * (ties + 1) + tied] += here * row[j];
            }
        }
    memcpy(table, fresh, (size_t)(k + 1) * (ties + 1) * sizeof *fresh);
}

status stats_majority_at_k(const uint32_t *class_size, const bool *accepted, size_t classes, uint32_t unanswered, uint32_t k,
                           double *estimate) {
    *estimate = 0;
    uint64_t n = unanswered, largest = 0;
    for (size_t i = 0; i < classes; i++) {
        if (class_size[i] == 0) return status_set(STATUS_INVALID, "answer class %zu has no samples", i);
        n += class_size[i];
        if (class_size[i] > largest) largest = class_size[i];
    }
    if (k < 1 || k > n)
        return status_set(STATUS_INVALID, "maj@%u needs 1 <= k <= samples per problem, which are %llu", k, (unsigned long long)n);
    if (n > UINT32_MAX) return status_set(STATUS_INVALID, "maj@k of %llu samples", (unsigned long long)n);
    double odds = (k + 0.5) / ((double)n - k + 0.5);
    size_t width = (size_t)k + 1, cells = width * width; // ties are at most k
    double *rows = malloc((classes + 2) * width * sizeof *rows), *tables = malloc(3 * cells * sizeof *tables);
    if (!rows || !tables) {
        free(rows), free(tables);
        return status_set(STATUS_NO_MEMORY, "cannot compute maj@%u over %zu answers", k, classes);
    }
    double *none = rows + classes * width, *total = none + width;
    for (size_t i = 0; i < classes; i++) binomial_row(class_size[i], odds, k, rows + i * width);
    binomial_row(unanswered, odds, k, none);
    binomial_row((uint32_t)n, odds, k, total);

    double sum = 0;
    for (uint32_t top = 1; top <= k && top <= largest; top++) { // the most frequent answer occurs `top` times
        uint32_t ties = k / top;
        double *good = tables, *bad = tables + cells, *fresh = tables + 2 * cells;
        memset(tables, 0, 2 * cells * sizeof *tables);
        good[0] = bad[0] = 1;
        for (size_t i = 0; i < classes; i++)
            add_class(accepted[i] ? good : bad, fresh, k, ties, rows + i * width, class_size[i], top);
        // Samples without an answer join the refused classes.
        memset(fresh, 0, width * (ties + 1) * sizeof *fresh);
        for (uint32_t u = 0; u <= k; u++)
            for (uint32_t t = 0; t <= ties; t++) {
                double here = bad[u * (ties + 1) + t];
                if (here == 0) continue;
                for (uint32_t j = 0; u + j <= k && j <= unanswered; j++) fresh[(u + j) * (ties + 1) + t] += here * none[j];
            }
        for (uint32_t u = top; u <= k; u++)
            for (uint32_t p = 1; p <= ties; p++) {
                double here = good[u * (ties + 1) + p];
                if (here == 0) continue;
                for (uint32_t t = 0; t + p <= ties; t++) sum += here * fresh[(k - u) * (ties + 1) + t] * p / (double)(p + t);
            }
    }
    *estimate = fmin(1, sum / total[k]);
    free(rows), free(tables);
    return STATUS_OK;
}

status stats_mean(const double *scores, const uint32_t *strata, size_t count, double *mean) {
    *mean = 0;
    if (count == 0) return status_set(STATUS_INVALID, "no problems to average");
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(scores[i])) return status_set(STATUS_INVALID, "the score of problem %zu is not finite", i);
        if (strata && strata[i] > last) last = strata[i];
    }
    if (last >= count) return status_set(STATUS_INVALID, "benchmark number %u among %zu problems leaves a gap", last, count);
    double *sums = calloc(last + 1u, sizeof *sums);
    size_t *sizes = calloc(last + 1u, sizeof *sizes);
    status code = sums && sizes ? STATUS_OK : status_set(STATUS_NO_MEMORY, "cannot average %zu problems", count);
    for (size_t i = 0; code == STATUS_OK && i < count; i++) {
        uint32_t h = strata ? strata[i] : 0;
        sums[h] += scores[i], sizes[h]++;
    }
    for (uint32_t h = 0; code == STATUS_OK && h <= last; h++) {
        if (sizes[h] == 0)
            code = status_set(STATUS_INVALID, "benchmark number %u has no problems", h);
        else
            *mean += sums[h] / (double)sizes[h] / (last + 1.0);
    }
    free(sums), free(sizes);
    return code;
}
