// How different the responses of several methods to the same problems are: measures computed here (semantic similarity, formula
// similarity, share of distinct equations), and scores from 0 to 10 by a language model that is asked over HTTP (logic, formula,
// semantic; overall is their mean). docs/method.md, section 7.
//
// One request shows the judge a problem and its responses by one method, in an order drawn for this problem (RANDOM_JUDGE, keyed
// by trainer.seed); nothing in it says which method or evaluation that is, or that there are others. Requests are made in an
// order drawn over all methods and problems, so that a judge that changes meanwhile treats all alike. judge.repeat_share of them
// are made twice, with the responses in another order. Temperature 0.
//
// What the endpoint answers is kept at once (judge_store.h) under a hash of everything it was asked, so an analysis that is
// killed, or repeated with another method beside, asks only what was never answered.
#ifndef DSDR_STUDY_JUDGE_H
#define DSDR_STUDY_JUDGE_H

#include <signal.h>
#include <stdint.h>

#include "base/progress.h"
#include "run/settings.h"
#include "stats/stats.h"
#include "study/judge_reply.h"

typedef struct judge_options {
    const settings *settings;
    const char *const *folders; // [count] of evaluations
    size_t count;
    const char *output;                // folder of judge.db; made where it does not exist
    const char *api_key;               // NULL: none
    const volatile sig_atomic_t *stop; // nonzero: ask nothing more, return STATUS_INTERRUPTED; NULL: never
    progress_sink progress;
} judge_options;

// What asking would take, known before the first request.
typedef struct judge_plan {
    size_t methods, problems, sources, left_out, n; // n responses a problem
    size_t texts;                                   // problems whose text is known
    size_t unfinished;                              // evaluations that did not come to their end
    size_t judgements, repeats;                     // repeats are among the judgements
    size_t cached, equal, requests;                 // answered before; the same as others; left to ask
    size_t shown, cut;                              // responses in all prompts, and those of them cut to judge.response_limit
    double input_tokens, output_tokens;             // of the requests: a token for every 4 bytes; judge.max_tokens each
    double cost;                                    // by judge.input_price and judge.output_price; NAN where neither is given
} judge_plan;

// The measures: the four scores, and three that are computed here.
enum { JUDGE_SIMILARITY = JUDGE_SCORES, JUDGE_MEASURES = JUDGE_SCORES + 3 };
extern const char *const judge_measure_names[JUDGE_MEASURES];

typedef struct judge_estimate {
    double value;            // mean over problems, NAN for none; over several sources the unweighted mean of their means
    stats_interval interval; // 95%, bootstrap over problems
    size_t problems;         // that have a value
    double p;                // of a difference: two-sided paired permutation over problems; NAN otherwise
} judge_estimate;

typedef struct judge_method {
    const char *label, *folder;                // owned by the analysis
    judge_estimate measures[JUDGE_MEASURES];   //
    judge_estimate difference[JUDGE_MEASURES]; // to the first method, over problems where both have a value
    size_t statuses[JUDGE_STATUS_COUNT];       // of first judgements
} judge_method;

typedef struct judge_report {
    judge_method *methods; // [count], in the order given
    size_t count;
    bool judged;                         // there was an endpoint: the scores mean something
    size_t statuses[JUDGE_STATUS_COUNT]; // of all judgements, repeats included
    // Judgements made twice and scored both times, and how well the two agree.
    size_t twice;
    double mean_difference[JUDGE_SCORES], equal_share[JUDGE_SCORES]; // mean absolute difference; NAN for none
    char prompt_hash[65];                                            // SHA-256 of the prompt, before anything is filled in
    char **models;                                                   // [model_count] names under which the endpoint answered
    size_t model_count;
    int64_t input_tokens, output_tokens; // of all replies that say so, those kept from before included
    char trouble[256];                   // of a request that ended without an answer; "" where all were answered
} judge_report;

typedef struct judge judge;

// The prompt that is used where judge.prompt is empty.
const char *judge_default_prompt(void);

// Reads evaluations and prompt, opens judge.db and plans; asks nothing. STATUS_INVALID for what is wrong with them, or with the
// settings. On failure *j is NULL.
status judge_open(judge **j, const judge_options *options, judge_plan *plan);

// Computes and asks, writes the analysis to judge.db, and reports. STATUS_INTERRUPTED after a stop; then, and after a failure of
// the endpoint, everything answered is kept, no analysis is written, and *report is empty. judge_report_free is harmless then.
status judge_run(judge *j, judge_report *report);
void judge_report_free(judge_report *report);
void judge_close(judge *j);

#endif
