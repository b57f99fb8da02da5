// Credit: what each rollout of a group earns. Shaped reward (eq 10 of docs/method.md), group-relative advantage (eqs 2, 23, 24)
// and the coupling weight that says where the local entropy term acts (eq 11).
//
// Pure functions of scalars; G is the group size, r_i = 1 for VERDICT_CORRECT and 0 for every other known verdict, P the set of
// correct rollouts. Rollouts whose verdict is unknown (timeout, error) have A = w = 0 and are left out of mean, std and P.
#ifndef DSDR_LEARN_CREDIT_H
#define DSDR_LEARN_CREDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "records/records.h"

// Diversity scores of correct rollouts that all lie within this distance count as equal in the reward: the encoder's rounding
// must not become an advantage of order 1 in a group that is solved by all.
#define CREDIT_EQUAL_DIVERSITY 1e-6

typedef enum credit_std {
    CREDIT_STD_POPULATION, // divide by n, the paper's
    CREDIT_STD_SAMPLE,     // divide by n - 1, as verl and TRL do
} credit_std;

typedef struct credit_options {
    double lambda_d;      // weight of the diversity reward; >= 0; 0 for GRPO and DAPO
    double tau;           // temperature of the coupling softmax; >= 0; 0 spreads the local term evenly over P
    double adv_eps;       // added to the standard deviation; > 0
    credit_std adv_std;   //
    bool norm_adv_by_std; // false: A = r - mean (Dr.GRPO); verl's norm_adv_by_std_in_grpo
} credit_options;

// The paper's values: lambda_d 0.001, tau 5, adv_eps 1e-6, population, divided by std.
static inline credit_options credit_default_options(void) {
    return (credit_options){
        .lambda_d = 0.001, .tau = 5, .adv_eps = 1e-6, .adv_std = CREDIT_STD_POPULATION, .norm_adv_by_std = true};
}

// What the known verdicts of a group say together. X(code, name as printed)
#define CREDIT_GROUP_TABLE(X)                                                                                                    \
    X(CREDIT_GROUP_UNKNOWN, "unknown")       /* no verdict is known */                                                           \
    X(CREDIT_GROUP_SOLVE_NONE, "solve_none") /* no known verdict is correct */                                                   \
    X(CREDIT_GROUP_MIXED, "mixed")                                                                                               \
    X(CREDIT_GROUP_SOLVE_ALL, "solve_all") /* every known verdict is correct */

typedef enum credit_group_kind {
#define X(code, name) code,
    CREDIT_GROUP_TABLE(X)
#undef X
        CREDIT_GROUP_KIND_COUNT
} credit_group_kind;

typedef struct credit_summary {
    credit_group_kind kind;
    size_t known, correct;   // rollouts with a known verdict, and with a correct one
    double reward_mean;      // mean of the shaped rewards over known rollouts; NaN when none is known
    double reward_std;       // their standard deviation as it was used, before adv_eps; 0 when fewer than 2 are known
    double advantage_abs;    // mean |A| over known rollouts; 0 when none is known
    double coupling_entropy; // -sum w log w, natural logarithm; between 0 and log |P|; 0 when P is empty
    double diversity_spread; // largest minus smallest dbar over P; 0 when P has fewer than 2
    bool signal;             // a correctness or diversity term of the reward differs (the overlong penalty does not count)
} credit_summary;

// STATUS_INVALID with the key in the message when an option is out of its range.
status credit_check_options(const credit_options *options);

// Assigns credit to one group.
//   verdicts   [G] status of each rollout's verdict
//   diversities[G] only dbar of correct rollouts is read; NULL counts every dbar as 0
//   penalties  [G] overlong penalty, <= 0, added after the diversity reward; NULL for none
//   credits    [G] = shaped reward (NaN where the verdict is unknown), advantage, coupling
//   summary    = the group's figures; NULL if not wanted
// reward = r + lambda_d dbar 1[correct] + penalty. Advantages are computed in double from the deviations of r, dbar and penalty
// separately, never from their sum: in a group solved by all the differences are 1e-5 on top of 1. They are exactly 0 when the
// rewards are equal or fewer than 2 verdicts are known. Couplings sum to 1 over P, and are 0 outside P.
// Failure: STATUS_INVALID (an option out of range, a dbar or penalty that is not finite, a status that is none); credits and
// summary are then untouched.
status credit_assign(const credit_options *options, size_t size, const verdict_status *verdicts, const diversity *diversities,
                     const double *penalties, credit *credits, credit_summary *summary);

// The overlong penalty of DAPO (verl's overlong_buffer): min(0, -(length - (max_length - buffer)) / buffer * factor), so 0 up to
// max_length - buffer tokens, falling to -factor at max_length. 0 when buffer is 0.
double credit_overlong_penalty(size_t length, size_t max_length, size_t buffer, double factor);

const char *credit_group_name(credit_group_kind kind);

#endif
