// What the stages of a training step hand to each other. Data only; no behaviour.
//
//   tasks -> problem -> rollout -> group -> reward -> verdict, diversity -> learn -> credit
//
// Sizes: G rollouts a group, P prompt tokens, T tokens of a response (its ending token included).
#ifndef DSDR_RECORDS_H
#define DSDR_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A question with a checkable answer. The strings are owned by the problem set that holds it.
typedef struct problem {
    const char *id, *source;
    const char *text;     // the question alone, without template
    const char *answer;   // the gold answer
    const char *response; // a response to learn from (`dsdr sft`); NULL: none is given
} problem;

typedef enum finish_reason {
    FINISH_STOP,   // an end token or a stop string
    FINISH_LENGTH, // cut at the token limit
    FINISH_NONE,   // it is being sampled
} finish_reason;

// One sampled response.
typedef struct rollout {
    size_t length;   // T, at least 1 once sampled
    int32_t *tokens; // [T]
    float *logp;     // [T] log-probability of each token under softmax(logits / temperature), recorded when sampled
    float *entropy;  // [T] entropy of that distribution, natural logarithm
    finish_reason finish;
    size_t shown; // bytes of its tokens that are its text: without special tokens, up to a stop string
    char *text;   // [text_length] these, made valid UTF-8; NUL-terminated
    size_t text_length;
} rollout;

// One prompt and its G rollouts.
typedef struct group {
    const problem *problem;
    uint64_t serial;      // of this group in the run: key of its random draws
    size_t prompt_length; // P, at least 1
    int32_t *prompt_tokens;
    size_t size; // G
    rollout *rollouts;
} group;

// docs/method.md, section 1: what the response caused is a reward of 0, each under its own name; `timeout` and `error`, which
// are not its doing, leave the reward unknown.
// X(code, name as printed and stored)
#define VERDICT_TABLE(X)                                                                                                         \
    X(VERDICT_CORRECT, "correct")                                                                                                \
    X(VERDICT_WRONG, "wrong")                                                                                                    \
    X(VERDICT_NO_ANSWER, "no_answer")   /* nothing to judge was found in the response */                                         \
    X(VERDICT_UNPARSED, "unparsed")     /* the answer is not understood */                                                       \
    X(VERDICT_OVER_LIMIT, "over_limit") /* the answer exceeds a deterministic budget */                                          \
    X(VERDICT_UNDECIDED, "undecided")   /* understood, but equality could not be decided within budget */                        \
    X(VERDICT_TIMEOUT, "timeout")       /* the wall clock backstop: unknown */                                                   \
    X(VERDICT_ERROR, "error")           /* worker crash or unreadable gold: unknown */

typedef enum verdict_status {
#define X(code, name) code,
    VERDICT_TABLE(X)
#undef X
        VERDICT_STATUS_COUNT
} verdict_status;

// The name of a verdict as printed and stored, and of a finish reason.
static inline const char *verdict_name(verdict_status which) {
    static const char *const names[] = {
#define X(code, name) [code] = name,
        VERDICT_TABLE(X)
#undef X
    };
    return names[which];
}
static inline const char *finish_name(finish_reason finish) { return finish == FINISH_STOP ? "stop" : "length"; }

typedef struct verdict {
    verdict_status status;
    const char *tier; // which rule decided ("text", "rational", ...); a static string, "" if none
    char *extracted;  // the answer found in the response; NULL if none; owned
    // Only where an explanation was asked for, NULL else; owned: both sides in normal form (NULL too where not understood), and a
    // sentence why.
    char *gold_form, *answer_form, *reason;
    double microseconds; // time spent
} verdict;

static inline bool verdict_known(verdict_status code) { return code != VERDICT_TIMEOUT && code != VERDICT_ERROR; }

// How different one rollout is from the rest of its group (docs/method.md, eqs 4-10).
typedef struct diversity {
    double d_emb; // eq 6, in [0, 1]
    double d_eq;  // eq 8, in [0, 1]
    double d;     // eq 9
    double dbar;  // eq 10, clipped to [0, sigma_d]
} diversity;

// What one rollout earns (docs/method.md, eqs 2, 10, 11).
typedef struct credit {
    double reward;    // shaped reward
    double advantage; // A
    double coupling;  // w
} credit;

#endif
