// What a judge answered: the scores in a chat completion.
#ifndef DSDR_STUDY_JUDGE_REPLY_H
#define DSDR_STUDY_JUDGE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// X(constant, name as printed and stored). Only a scored judgement has scores; the others are missing, never 0.
#define JUDGE_STATUS_TABLE(X)                                                                                                    \
    X(JUDGE_SCORED, "scored")                                                                                                    \
    X(JUDGE_UNPARSED, "unparsed")         /* no JSON object with the three numbers */                                            \
    X(JUDGE_OUT_OF_RANGE, "out_of_range") /* a number outside [0, 10] */                                                         \
    X(JUDGE_CUT, "cut")                   /* no scores before the limit of tokens */                                             \
    X(JUDGE_REFUSED, "refused")           /* the endpoint refuses this request */                                                \
    X(JUDGE_UNANSWERED, "unanswered")     /* no reply, however often it was asked */

typedef enum judge_status {
#define X(constant, name) constant,
    JUDGE_STATUS_TABLE(X)
#undef X
        JUDGE_STATUS_COUNT
} judge_status;

const char *judge_status_name(judge_status which);

// The three scores that a judge gives, and their mean.
enum { JUDGE_LOGIC, JUDGE_FORMULA, JUDGE_SEMANTIC, JUDGE_OVERALL, JUDGE_SCORES };
extern const char *const judge_score_names[JUDGE_SCORES]; // "logic", "formula", "semantic", "overall"

typedef struct judge_reply {
    judge_status status;
    double scores[JUDGE_SCORES];         // NAN where not scored
    int64_t input_tokens, output_tokens; // as the endpoint counts them; -1 where it does not say
    char model[128];                     // as the endpoint names it, cut to fit; "" where it does not say
} judge_reply;

// A judgement without scores.
judge_reply judge_no_reply(judge_status why);

// Whether a body is a chat completion: a JSON object with choices[0].message.
bool judge_is_completion(const char *body, size_t length);

// Reads a completion. Scores are taken from the last JSON object in choices[0].message.content that has the numbers "logic",
// "formula" and "semantic"; text may stand around it. Looks at the last JUDGE_CONTENT_LIMIT bytes of the content, and there at
// the last JUDGE_OBJECT_LIMIT opening braces. A body that is no completion is unparsed. Fails only for want of memory.
enum { JUDGE_CONTENT_LIMIT = 16384, JUDGE_OBJECT_LIMIT = 64 };
status judge_read_reply(const char *body, size_t length, judge_reply *out);

#endif
