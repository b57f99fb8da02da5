// What planning and asking (judge.c), prompts (judge_ask.c) and statistics (judge_report.c) share. Private to the analysis.
#ifndef DSDR_STUDY_JUDGE_PARTS_H
#define DSDR_STUDY_JUDGE_PARTS_H

#include "base/sha256.h"
#include "run/lock.h"
#include "study/judge.h"
#include "study/judge_samples.h"
#include "study/judge_store.h"

// A judgement that is wanted.
typedef struct judge_request {
    uint32_t evaluation, problem;
    int repeat; // 1: the second one
    bool known; // `reply` is what was answered, now or before
    bool equal; // to request `twin`, which is asked for both: two methods may have given the same responses
    size_t twin;
    char key[SHA256_TEXT]; // of what is asked
    judge_reply reply;
} judge_request;

struct judge {
    judge_options options;
    run_lock lock;
    judge_store *store;
    judge_samples samples;
    buffer prompt;
    char prompt_hash[SHA256_TEXT];
    // The first evaluations * problems are the first judgements, by evaluation and problem; the repeats follow.
    judge_request *requests; // [request_count]
    size_t request_count;
    size_t *order; // [order_count] requests to ask, as drawn
    size_t order_count, asked;
    double *measures;  // [evaluations][problems][JUDGE_MEASURES], NAN where there is none
    char trouble[256]; // of the request that ended last without an answer
    buffer text, filled;
    size_t *shuffled; // [n]
};

// *body = the JSON of a request, *key = its name in the cache; *shown and *cut count responses. *body is replaced.
status judge_write_request(judge *j, const judge_request *r, buffer *body, size_t *shown, size_t *cut);
status judge_name_request(judge *j, judge_request *r, const buffer *body);

// Fills `report` from j->measures and j->requests.
status judge_summarize(const judge *j, judge_report *report);

// Writes the analysis to the store.
status judge_record(judge *j, const judge_report *report);

#endif
