// Does a gold answer accept an answer? Decided exactly where it can be, and called undecided where not. docs/verifier.md tells it
// at length.
//
// Acceptance is directional: gold `11` accepts `x = 11`, gold `90^\circ` accepts `pi/2`, not the other way round. The tiers, in
// order: text (same normalized text), choice (multiple choice, yes and no), normal (same tree in normal form), rational (exact
// rationals, the rule for rounded decimals), structure (which parts of lists, sets, intervals, units are compared with which),
// ball (Arb balls that prove a difference), polynomial (the same quotient of polynomials), algebraic (closer than two different
// algebraic numbers of that size can be), field (Calcium's exact fields), modular (rational functions at hashed points modulo a
// 62-bit prime), sampled (other functions at hashed points), induction (sums up to n). Only modular and sampled, and
// transcendental constants that agree far beyond what was written, can be called equal without proof; all of them report the tier
// `probabilistic`.
#ifndef DSDR_MATH_EQUAL_H
#define DSDR_MATH_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "math/expression.h"

typedef enum math_outcome {
    MATH_EQUAL,
    MATH_DIFFERENT,
    MATH_UNDECIDED,  // understood, not decided within the budget
    MATH_OVER_LIMIT, // the answer exceeds a budget
    MATH_UNPARSED,   // the answer is not understood
} math_outcome;

typedef struct math_options {
    int significant_digits; // a decimal literal with at least this many digits may be a rounding of the other side
    int decimals;           // >= 0: numbers are compared rounded to this many places; -1: off
    bool gold_rounded;      // a decimal gold accepts whatever rounds (or truncates) to it
    bool skip_text;         // the tier `text` is left out, so that the others are measured on every pair
    uint64_t seed;          // of points and primes
    math_limits limits;     // of one answer
} math_options;

#define MATH_OPTIONS_DEFAULT                                                                                                     \
    ((math_options){.significant_digits = 6, .decimals = -1, .gold_rounded = false, .seed = 0, .limits = MATH_LIMITS_DEFAULT})

// X(name): every tier of a verdict. The last three say why there is none: the gold or the answer is not understood, no memory.
#define MATH_TIER_TABLE(X)                                                                                                       \
    X("text")                                                                                                                    \
    X("choice")                                                                                                                  \
    X("words")                                                                                                                   \
    X("normal")                                                                                                                  \
    X("rational")                                                                                                                \
    X("structure")                                                                                                               \
    X("ball")                                                                                                                    \
    X("polynomial")                                                                                                              \
    X("algebraic") X("field") X("modular") X("sampled") X("induction") X("probabilistic") X("gold") X("parse") X("memory")

typedef struct math_verdict {
    math_outcome outcome;
    const char *tier; // the rule that decided, one of MATH_TIER_TABLE
    char reason[192]; // a sentence for a reader; may be empty when equal
} math_verdict;

// Judges `answer` against `gold`. options NULL: the defaults. Always fills *out; STATUS_NO_MEMORY is the only failure (then the
// outcome is MATH_UNDECIDED). A gold that does not parse is still matched as normalized text; where the texts differ the outcome
// is MATH_UNDECIDED with tier "gold".
status math_accepts(const char *gold, size_t gold_length, const char *answer, size_t answer_length, const math_options *options,
                    math_verdict *out);

// Whether a gold is understood; if not, the reason is in status_message() (statuses as math_parse).
status math_check_answer(const char *text, size_t length, const math_limits *limits);

// Appends what a gold or an answer is read as: the normal form of its tree, or its words. STATUS_UNSUPPORTED or STATUS_LIMIT
// where it is not understood.
status math_answer_form(const char *text, size_t length, const math_limits *limits, buffer *out);

// A key under which equal answers meet without a gold (majority voting): appends the exact normal form with rational arithmetic
// carried out where the text parses, else the normalized text; of a text longer than the limits the text itself.
status math_answer_key(const char *text, size_t length, const math_limits *limits, buffer *out);

const char *math_outcome_name(math_outcome outcome);

// Gives back what exact arithmetic keeps for this thread's next call: for a thread that used this room and is about to end.
void math_end_thread(void);

#endif
