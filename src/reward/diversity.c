// Semantic and formula diversity within a group. See diversity.h.
#include "reward/diversity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- semantic --------------------------------------------------------------------------------------------------------------

// unit[i] = z_i / |z_i| (eq 4); all zero for a zero row. Free with free().
static status unit_rows(const float *embeddings, size_t G, size_t width, double **unit) {
    *unit = malloc((G * width + 1) * sizeof **unit);
    if (!*unit) return status_set(STATUS_NO_MEMORY, "cannot compare %zu embeddings", G);
    for (size_t i = 0; i < G; i++) {
        const float *row = embeddings + i * width;
        double *out = *unit + i * width, square = 0;
        for (size_t c = 0; c < width; c++) square += (double)row[c] * row[c];
        if (!isfinite(square)) {
            free(*unit);
            *unit = NULL;
            return status_set(STATUS_FAILED, "the embedding of response %zu is not finite", i);
        }
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (size_t c = 0; c < width; c++) out[c] = row[c] * scale;
    }
    return STATUS_OK;
}

// Eq 5 for two unit rows; 0 where one is zero.
static double distance(const double *a, const double *b, size_t width) {
    double product = 0, present_a = 0, present_b = 0;
    for (size_t c = 0; c < width; c++) product += a[c] * b[c], present_a += fabs(a[c]), present_b += fabs(b[c]);
    if (present_a == 0 || present_b == 0) return 0;
    return fmin(fmax((1 - product) / 2, 0), 1);
}

status diversity_semantic(const float *embeddings, size_t G, size_t width, double *d_emb) {
    double *unit;
    TRY(unit_rows(embeddings, G, width, &unit));
    for (size_t i = 0; i < G; i++) {
        double sum = 0;
        for (size_t j = 0; j < G; j++)
            if (j != i) sum += distance(unit + i * width, unit + j * width, width);
        d_emb[i] = G > 1 ? sum / (double)(G - 1) : 0;
    }
    free(unit);
    return STATUS_OK;
}

status diversity_similarity(const float *embeddings, size_t G, size_t width, diversity_pairs *out) {
    *out = (diversity_pairs){0};
    double *unit, sum = 0;
    TRY(unit_rows(embeddings, G, width, &unit));
    for (size_t i = 0; i < G; i++)
        for (size_t j = i + 1; j < G; j++) sum += 1 - 2 * distance(unit + i * width, unit + j * width, width), out->pairs++;
    out->mean = out->pairs ? sum / (double)out->pairs : 0;
    free(unit);
    return STATUS_OK;
}

// ---- formulas --------------------------------------------------------------------------------------------------------------

// One formula of one response.
typedef struct occurrence {
    uint64_t hash[2];
    size_t response;
} occurrence;

static int compare_occurrences(const void *a, const void *b) {
    const occurrence *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->hash[i] != y->hash[i]) return x->hash[i] < y->hash[i] ? -1 : 1;
    return (x->response > y->response) - (x->response < y->response);
}

static bool same_formula(const occurrence *a, const occurrence *b) {
    return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

// All formulas of all responses, equal ones beside each other. Sets hold no duplicates, so a run of equal formulas names each
// response once. Free with free().
static status gather(const formula_set *sets, size_t G, occurrence **out, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < G; i++) *count += sets[i].count;
    *out = malloc((*count ? *count : 1) * sizeof **out);
    if (!*out) return status_set(STATUS_NO_MEMORY, "cannot compare %zu formulas", *count);
    size_t at = 0;
    for (size_t i = 0; i < G; i++)
        for (size_t f = 0; f < sets[i].count; f++)
            (*out)[at++] = (occurrence){.hash = {sets[i].formulas[f].hash[0], sets[i].formulas[f].hash[1]}, .response = i};
    qsort(*out, *count, sizeof **out, compare_occurrences);
    return STATUS_OK;
}

static size_t run_end(const occurrence *all, size_t count, size_t from) {
    size_t to = from + 1;
    while (to < count && same_formula(&all[from], &all[to])) to++;
    return to;
}

status diversity_formula(const formula_set *sets, size_t G, double *d_eq) {
    occurrence *all;
    size_t count;
    TRY(gather(sets, G, &all, &count));
    for (size_t i = 0; i < G; i++) d_eq[i] = 0;
    for (size_t from = 0, to; from < count; from = to) { // d_eq counts the unique ones first
        to = run_end(all, count, from);
        if (to - from == 1) d_eq[all[from].response] += 1;
    }
    for (size_t i = 0; i < G; i++) d_eq[i] = G > 1 && sets[i].count ? d_eq[i] / (double)sets[i].count : 0;
    free(all);
    return STATUS_OK;
}

void diversity_combine(double d_emb, double d_eq, double sigma_d, diversity *out) {
    double d = (d_emb + d_eq) / 2;
    *out = (diversity){.d_emb = d_emb, .d_eq = d_eq, .d = d, .dbar = fmin(fmax(d, 0), sigma_d)};
}

status diversity_jaccard(const formula_set *sets, size_t G, diversity_pairs *out) {
    *out = (diversity_pairs){0};
    occurrence *all;
    size_t count, *common = calloc(G * G + 1, sizeof *common);
    if (!common) return status_set(STATUS_NO_MEMORY, "cannot compare %zu responses", G);
    status code = gather(sets, G, &all, &count);
    if (code != STATUS_OK) {
        free(common);
        return code;
    }
    for (size_t from = 0, to; from < count; from = to) {
        to = run_end(all, count, from);
        for (size_t a = from; a < to; a++)
            for (size_t b = a + 1; b < to; b++) common[all[a].response * G + all[b].response]++;
    }
    double sum = 0;
    for (size_t i = 0; i < G; i++)
        for (size_t j = i + 1; j < G; j++) {
            size_t either = sets[i].count + sets[j].count - common[i * G + j];
            if (either == 0) {
                out->left_out++;
                continue;
            }
            sum += (double)common[i * G + j] / (double)either, out->pairs++;
        }
    out->mean = out->pairs ? sum / (double)out->pairs : 0;
    free(common), free(all);
    return STATUS_OK;
}

status diversity_distinct_share(const formula_set *sets, size_t G, double *share) {
    *share = 0;
    occurrence *all;
    size_t count, distinct = 0, occurrences = 0;
    TRY(gather(sets, G, &all, &count));
    for (size_t from = 0; from < count; from = run_end(all, count, from)) distinct++;
    for (size_t i = 0; i < G; i++) occurrences += sets[i].occurrences;
    *share = occurrences ? (double)distinct / (double)occurrences : 0;
    free(all);
    return STATUS_OK;
}
