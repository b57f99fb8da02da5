// Numbers that a user sees about accuracy, and how sure they are: estimators, intervals, and tests between two evaluations.
//
// Pure functions of counts and scores. Randomness is keyed (base/random.h, RANDOM_BOOTSTRAP), so equal input gives equal bits.
// estimators.c: pass@k, maj@k, avg@n. intervals.c: Wilson, Clopper-Pearson, bootstrap over problems.
// responses.c: resampled responses. compare.c: paired tests.
//
// "Scores" are one number a problem in [low, high] (usually [0, 1]): c/n, pass@k or maj@k of that problem. `strata` says which
// benchmark a problem belongs to (0, 1, ..., every number up to the largest used at least once); NULL means one benchmark. The
// mean over several strata is the unweighted mean of the means of each (docs/method.md, section 7, "Overall").
#ifndef DSDR_STATS_H
#define DSDR_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct stats_interval {
    double low, high;
} stats_interval;

typedef struct stats_options {
    double confidence;        // of an interval, in (0, 1)
    uint32_t resamples;       // of a bootstrap or permutation test, at least 1
    uint64_t seed, statistic; // keys of the draws; two statistics with the same keys use the same resamples
    double low, high;         // the range in which scores can lie
} stats_options;

#define STATS_OPTIONS_DEFAULT ((stats_options){.confidence = 0.95, .resamples = 10000, .low = 0, .high = 1})

// ---- estimators ------------------------------------------------------------------------------------------------------------

// Unbiased pass@k of one problem from n samples of which c are correct: 1 - C(n-c,k)/C(n,k), the share of k-subsets that hold a
// correct sample. STATUS_INVALID unless 1 <= k <= n and c <= n.
status stats_pass_at_k(uint32_t n, uint32_t c, uint32_t k, double *estimate);

// Exact maj@k of one problem: the mean over all k-subsets (without replacement) of "the most frequent answer is accepted", where
// answers that tie for most frequent share equally, and a subset without any answer counts 0. The n samples are: `class_size[i]`
// samples with answer i, accepted or not, for i < classes, and `unanswered` samples that form no class.
// Cost O(n k^2 log k). STATUS_INVALID unless 1 <= k <= n and every class has a sample.
status stats_majority_at_k(const uint32_t *class_size, const bool *accepted, size_t classes, uint32_t unanswered, uint32_t k,
                           double *estimate);

// Mean of the scores, over strata as above. STATUS_INVALID for none, for a value that is not finite or for a gap in the strata.
status stats_mean(const double *scores, const uint32_t *strata, size_t count, double *mean);

// ---- intervals -------------------------------------------------------------------------------------------------------------

// Wilson's score interval of a proportion: for one sample per problem.
status stats_wilson(uint64_t successes, uint64_t trials, double confidence, stats_interval *interval);

// The exact (Clopper-Pearson) interval of a proportion.
status stats_binomial_exact(uint64_t successes, uint64_t trials, double confidence, stats_interval *interval);

// Interval of the mean by bootstrap over problems (within strata). In each resample the problems of a stratum, and one more that
// was not seen, get random weights (Dirichlet, all parameters 1: exponentials over their sum). The unseen problem scores
// options->high for the upper end, of which the (1 + confidence)/2 quantile over resamples is taken, and options->low for the
// lower (Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable", 2005;
// Learned-Miller and Thomas, "A new confidence interval for the mean of a bounded random variable", 2019). Of scores 0 and 1 in
// one stratum this is the exact binomial (Clopper-Pearson) interval, and it keeps its promise where few problems score
// differently from the rest, which a resampling of the seen problems alone does not. Where all score v, in one stratum, no draws
// are needed: with q = 1 - (alpha/2)^(1/count) the interval is [v - q(v - low), v + q(high - v)]. *mean may be NULL.
status stats_bootstrap(const double *scores, const uint32_t *strata, size_t count, const stats_options *options, double *mean,
                       stats_interval *interval);

// Interval of the mean pass@k where the problems are given and only their responses are random: the mean over problems of pass@k,
// for `correct[i]` of n samples, would lie within it in another evaluation of the same problems. In each resample a random half
// of the responses of each problem is taken, without replacement (the number of correct ones is hypergeometric), and pass@k of
// the halves is averaged; and two responses that were not seen fall into the resample or not, by a coin each, and add (for the
// upper end) or take away (for the lower) what one correct response does to a problem that has none. So the interval keeps its
// promise where few responses are correct, or few wrong. *interval is NAN, NAN where k > n/2: fewer than 2k samples do not show
// how much pass@k varies.
status stats_response_interval(const uint32_t *correct, const uint32_t *strata, size_t count, uint32_t n, uint32_t k,
                               const stats_options *options, stats_interval *interval);

// Quantile of the standard normal distribution, p in (0, 1).
double stats_normal_quantile(double p);

// ---- two evaluations on the same problems ----------------------------------------------------------------------------------

// Mean of b - a and its bootstrap interval; scores of both lie in [options->low, options->high].
status stats_paired_bootstrap(const double *a, const double *b, const uint32_t *strata, size_t count,
                              const stats_options *options, double *difference, stats_interval *interval);

// Two-sided p-value that a and b are exchangeable problem by problem: signs of the differences are flipped, over all 2^m patterns
// where m <= 16 problems differ, else over options->resamples keyed patterns with (1 + hits) / (1 + resamples).
status stats_paired_permutation(const double *a, const double *b, const uint32_t *strata, size_t count,
                                const stats_options *options, double *p_value);

// Exact McNemar test (two-sided binomial) on the discordant counts of one sample per problem.
double stats_mcnemar_exact(uint64_t only_a, uint64_t only_b);

// ---- several seeds ---------------------------------------------------------------------------------------------------------
// Where the seed of a run is the unit, its exact sign-flip test is stats_paired_permutation on one number a seed: all 2^n
// patterns up to 16 seeds that differ. The smallest p-value of n seeds is 2 / 2^n.

// Quantile of Student's t distribution; NAN unless 0 < p < 1 and degrees >= 1.
double stats_t_quantile(double p, uint32_t degrees);

// Mean and its interval by Student's t: NAN bounds for one value, NAN throughout for none.
status stats_t_interval(const double *values, size_t count, double confidence, double *mean, stats_interval *interval);

// Replaces p-values of a family by those adjusted after Holm ("A simple sequentially rejective multiple test procedure", 1979).
void stats_holm(double *p_values, size_t count);

#endif
