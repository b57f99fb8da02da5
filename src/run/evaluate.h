// Evaluation of a model on a problem set: n responses a problem, verdicts, and estimates with intervals over problems.
//
// Draws are keyed by (trainer.seed, step, problem, sample, position), so results do not depend on rows, chunks or threads.
//   n, temperature, top_p, top_k, do_sample   actor_rollout_ref.rollout.val_kwargs; a greedy evaluation (do_sample false or
//                                             temperature 0) takes one sample a problem whatever n, since all would be equal
//   stop, max_response_length, prompts        as in training
// With a record of its own (`parts`) an evaluation can be killed and goes on where it was: a transaction holds the problems of a
// chunk, and what the record holds already is counted from there instead of being sampled again.
// Estimates: Avg@n (Pass@1 for n = 1) is the mean over problems of the share of correct samples; Pass@k the unbiased estimator
// 1 - C(n-c,k)/C(n,k); Maj@k the mean over all k-subsets of "the most frequent answer is accepted", answers being the same when
// their exact normal forms are. A verdict that is unknown (timeout, error) is not correct and stays in n. Intervals are 95%, over
// problems (or over responses, docs/method.md, section 7): Wilson's for n = 1, bootstrap otherwise. "pooled" takes all problems
// as one set; "overall" is the unweighted mean of the sources, its interval stratified by source.
#ifndef DSDR_RUN_EVALUATE_H
#define DSDR_RUN_EVALUATE_H

#include <signal.h>
#include <stdint.h>

#include "base/progress.h"
#include "model/language.h"
#include "rollout/generator.h"
#include "run/prompts.h"
#include "run/record.h"
#include "run/scoring.h"
#include "run/settings.h"
#include "stats/stats.h"
#include "tasks/tasks.h"

// What an interval speaks of: other problems of this kind, or other responses to these problems.
typedef enum evaluation_interval { EVALUATION_OVER_PROBLEMS, EVALUATION_OVER_RESPONSES } evaluation_interval;

// One judged response, handed out as soon as its chunk is done, problem by problem, sample by sample.
typedef struct evaluation_response {
    const problem *problem;
    size_t index, sample; // of the problem in its set, of the sample
    const rollout *rollout;
    const verdict *verdict;
} evaluation_response;

typedef struct evaluation_options {
    const settings *settings;
    language_model *lm;
    scorer *scorer; // with an encoder and n > 1, diversity is measured too
    const problem_set *problems;
    const prompt_set *prompts; // of these problems; NULL: made for this call
    generator *generator;      // planned for data.max_prompt_length and data.max_response_length; NULL: made for this call
    int64_t step;              // training steps done: key of the draws
    const char *pass;          // of the record's rows, and of progress; NULL without a record
    record *record; // receives the rows of `evaluations` and `evaluation_summary`, inside a step (record_begin_step); or NULL
    bool parts;     // outside of a step instead: a transaction for each chunk, and what the record holds is not sampled again
    size_t average; // samples of a problem, the first ones, of which Avg@ is the mean; 0: all
    size_t diversity_samples; // the first ones, whose diversity is measured; 0: all
    evaluation_interval interval;
    const volatile sig_atomic_t *stop; // nonzero: give up with STATUS_INTERRUPTED; NULL: never
    progress_sink progress;
    status (*response)(void *context, const evaluation_response *response); // NULL: nobody wants them
    void *response_context;
    size_t chunk_rollouts; // in memory at once, about; 0: 2048. Changes no result.
} evaluation_options;

typedef struct evaluation_estimate {
    size_t k;
    double value; // NAN where it was not computed
    stats_interval interval;
} evaluation_estimate;

// What is said of one source, or of all of them.
typedef struct evaluation_summary {
    const char *source; // its name, "overall" or "pooled"; owned by the evaluation
    size_t problems, samples;
    evaluation_estimate accuracy;          // Avg@ of the first samples; k is their number
    evaluation_estimate *pass, *majority;  // [k_count], k = 1, 2, 4, ... and n; k = 1 is the mean over all samples
    size_t verdicts[VERDICT_STATUS_COUNT]; // samples of each status ("overall" and "pooled": of all sources)
    double mean_length;                    // tokens of a response, its ending token included
    double cut_share;                      // of samples that reached the length limit
    bool has_diversity;                    // the rest is meaningful
    // docs/method.md, section 7: means over problems; for the latter two over those with formulas, NAN where there are none.
    double semantic_similarity, formula_similarity, distinct_share;
} evaluation_summary;

typedef struct evaluation_metric {
    char *name;
    double value;
} evaluation_metric;

typedef struct evaluation {
    size_t n, k_count;
    size_t average, diversity_samples; // of n: those of Avg@, those whose diversity is measured
    size_t problems, left_out;         // evaluated, left out for their length
    size_t restored;                   // of them, taken from the record
    evaluation_summary *sources;
    size_t source_count; // in order of first appearance
    evaluation_summary overall, pooled;
    // By problem evaluated, in order of the set.
    size_t *index;       // [problems] in the set
    uint32_t *source_of; // [problems] into sources
    uint32_t *correct;   // [problems] samples of n
    uint32_t *first;     // [problems] correct ones of the first `average` samples
    // The names under which a training step reports the evaluation:
    //   val-core/SOURCE/acc/mean@N, and for n > 1 val-core/SOURCE/acc/pass@N, val-core/SOURCE/acc/maj@N
    //   val-aux/SOURCE/acc/pass@K, val-aux/SOURCE/acc/maj@K for 1 < K < N
    //   val-aux/SOURCE/response_length/mean, .../response_length/clip_ratio, .../verify/STATUS (samples)
    //   val/overall/..., val/pooled/... (the latter with several sources): the same, all under one prefix
    // mean@N and maj@N are verl's; where verl has best@N/mean, a bootstrap, pass@N is the unbiased estimator.
    evaluation_metric *metrics;
    size_t metric_count;
    size_t response_tokens, sampled_tokens; // of all responses; of those sampled by this call
    double seconds, generation_seconds;
} evaluation;

// Evaluates. On failure *e is empty (evaluation_free is harmless), and rows may have been written to the record's open step: the
// caller abandons it. With `parts` what was written before stays, and STATUS_INVALID also says that it is of other problems or of
// another number of samples.
status evaluation_run(evaluation *e, const evaluation_options *options);
void evaluation_free(evaluation *e);

// The rows of `evaluation_summary`, in their order: estimates of each source, "overall", and with several sources "pooled".
// Strings are valid during the call; a failure of `read` ends it.
typedef struct evaluation_line {
    const char *source, *metric;
    double value; // NAN where it was not computed
    stats_interval interval;
    size_t problems;
} evaluation_line;
status evaluation_each_line(const evaluation *e, status (*read)(void *context, const evaluation_line *line), void *context);

// The samples of a problem that an evaluation with these settings takes: val_kwargs.n, or 1 where it is greedy.
size_t evaluation_samples(const settings *s);

// How many of `problems` are in memory at once, where chunks have about `rollouts` responses (0: the usual number).
size_t evaluation_chunk(const settings *s, size_t problems, size_t rollouts);

#endif
