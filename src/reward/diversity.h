// How different each response of a group is from the others: eqs 4 to 10 of docs/method.md, and the diversity metrics of its
// section 7.
//
// Takes embeddings and formula sets; knows no model. All sums are in double and in a fixed order. Called by run/ and `dsdr
// score`.
#ifndef DSDR_REWARD_DIVERSITY_H
#define DSDR_REWARD_DIVERSITY_H

#include <stddef.h>

#include "base/status.h"
#include "records/records.h"
#include "reward/formula.h"

// Eqs 4 to 6: d_emb[i] = mean over j != i of (1 - cos(z_i, z_j)) / 2, each distance clamped to [0, 1]. `embeddings` is
// [G][width], row by row. A zero row (which the caller also gives for an empty response) has distance 0 to every other. G = 1
// gives 0. STATUS_FAILED for an embedding that is not finite.
status diversity_semantic(const float *embeddings, size_t G, size_t width, double *d_emb);

// Eqs 7 and 8: d_eq[i] = share of the formulas of sets[i] that are in no other set of the group; 0 for an empty set. G = 1 gives
// 0.
status diversity_formula(const formula_set *sets, size_t G, double *d_eq);

// Eqs 9 and 10: d = (d_emb + d_eq) / 2 and dbar = min(d, sigma_d), for sigma_d >= 0.
void diversity_combine(double d_emb, double d_eq, double sigma_d, diversity *out);

// A mean over pairs of responses: `mean` is 0 when there was no pair to average.
typedef struct diversity_pairs {
    double mean;
    size_t pairs;    // averaged
    size_t left_out; // formulas only: pairs in which both sets are empty
} diversity_pairs;

// Semantic similarity: mean cosine over all pairs, where a zero row counts as in diversity_semantic (distance 0: cosine 1).
status diversity_similarity(const float *embeddings, size_t G, size_t width, diversity_pairs *out);

// Formula similarity: mean Jaccard index |A and B| / |A or B| over all pairs.
status diversity_jaccard(const formula_set *sets, size_t G, diversity_pairs *out);

// Distinct-equation share: different formulas over all occurrences in the G responses; 0 when there is none.
status diversity_distinct_share(const formula_set *sets, size_t G, double *share);

#endif
