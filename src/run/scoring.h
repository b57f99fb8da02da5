// The reward stage: verdicts and diversity of finished groups.
//
// Verdicts come from worker processes where the caller names an executable for them; diversity from the sentence encoder and
// the formula scanner. Used by the trainer, by evaluation and by `dsdr score`. One call at a time, of any thread.
#ifndef DSDR_RUN_SCORING_H
#define DSDR_RUN_SCORING_H

#include "learn/credit.h"
#include "model/encoder.h"
#include "records/records.h"
#include "reward/diversity.h"
#include "reward/formula.h"
#include "reward/verify.h"
#include "reward/worker.h"
#include "run/settings.h"

typedef struct scorer {
    const settings *settings;
    verify_options verify;
    verify_pool *pool; // NULL: in this process
    matmul *products;  // the encoder's own: float32 whatever the model's precision
    matmul *single;    // the same on one thread; NULL: scorer_open_beside was not called
    encoder *encoder;  // NULL: no diversity
    float *embeddings; // [capacity][width] of the groups at hand
    bool *cut;         // [capacity] responses longer than the encoder's limit
    size_t capacity;   // rollouts
} scorer;

// `helper` is the path of an executable that runs worker_main when called with the one argument "verify-worker"; NULL judges in
// this process, where only deterministic budgets bound the work. `with_diversity` loads the encoder. On failure scorer_close is
// harmless.
status scorer_open(scorer *s, const settings *given, int threads, bool with_diversity, const char *helper);
void scorer_close(scorer *s);

// For scorer_embed beside other work: an engine of one thread for the encoder. A scorer without encoder needs none.
status scorer_open_beside(scorer *s);

// That the folder of the encoder exists: to be known before a large model is loaded.
status scorer_check_encoder(const settings *settings);

// Bytes of the encoder that training would load; reads its configuration only.
status scorer_measure(size_t *bytes, const settings *given, int threads);

// Below, groups have one size G, and outputs [groups][G]; what is filled of them are the rows of the `count` groups that `which`
// names (NULL: the first ones).

// The verdicts; free `extracted` with verdict_clear. Problems of the countdown task are judged by evaluating their answers.
// think_open: prompts end inside an opened <think>.
status scorer_judge(scorer *s, const group *groups, const size_t *which, size_t count, bool think_open, verdict *verdicts);

// What diversity says of a batch beside the scores.
typedef struct diversity_report {
    double semantic_similarity; // mean over groups of the mean pairwise cosine
    double formula_similarity;  // mean over groups of the mean pairwise Jaccard index; NAN where no pair holds a formula
    double distinct_share;      // mean over groups; NAN where there is no formula
    size_t formula_groups, distinct_groups; // that these two are means over
    double encoder_cut_share;               // responses longer than the encoder's limit
} diversity_report;

// The first `count` groups: scores (docs/method.md, eqs 4-10) and sets, the formulas of D_eq (zero-initialized or former
// results).
status scorer_diversity(scorer *s, const group *groups, size_t count, diversity *scores, formula_set *sets,
                        diversity_report *report);

// The same in parts. Room for the embeddings of so many rollouts comes first; then formulas and embeddings, group by group, in
// any order; then what follows from them for the first `count` groups. beside: on one thread, while others work; needs
// scorer_open_beside.
status scorer_reserve(scorer *s, size_t rollouts);
status scorer_scan(const scorer *s, const group *groups, const size_t *which, size_t count, formula_set *sets);
status scorer_embed(scorer *s, const group *groups, const size_t *which, size_t count, bool beside);
status scorer_compare(const scorer *s, const group *groups, size_t count, const formula_set *sets, diversity *scores,
                      diversity_report *report);

// Whether an answer profile's control experiment replaces the verdict: with probability reward_model.random a rollout counts as
// correct, drawn by (seed, serial, rollout). Leaves unknown verdicts alone; does nothing where the key is 0.
void scorer_randomize(const scorer *s, const group *groups, size_t count, verdict *verdicts);

#endif
