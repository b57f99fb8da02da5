// The objective: what one token adds to the loss of its mini-batch, and the derivatives by its log-prob and its entropy
// (eqs 3 and 13-16 of docs/method.md). docs/numerics.md derives them.
//
// The loss is what an optimizer lowers:
//   L = pg_loss + kl_coef * kl_loss - entropy_coeff * entropy_bonus + lambda_l * local_loss,        local_loss = -J_local
// pg_loss, kl_loss and entropy_bonus are aggregated over the mini-batch by loss_agg_mode; J_local is the mean over the
// mini-batch's prompts whatever the aggregation (its 1/T is part of eq 15). Every denominator comes from objective_scope, counted
// before the mini-batch's first forward, so each token's share stands alone: tokens may be computed in any order and on any
// machine, and sums over them are the loss and its gradient.
#ifndef DSDR_LEARN_OBJECTIVE_H
#define DSDR_LEARN_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

// verl's loss_agg_mode. T is a rollout's length, N the rollouts of the mini-batch. X(code, name, weight of a token)
#define LOSS_AGG_TABLE(X)                                                                                                        \
    X(LOSS_TOKEN_MEAN, "token-mean")                           /* 1 / tokens of the mini-batch */                                \
    X(LOSS_SEQ_MEAN_TOKEN_SUM, "seq-mean-token-sum")           /* 1 / N */                                                       \
    X(LOSS_SEQ_MEAN_TOKEN_MEAN, "seq-mean-token-mean")         /* 1 / (N T) */                                                   \
    X(LOSS_SEQ_MEAN_TOKEN_SUM_NORM, "seq-mean-token-sum-norm") /* 1 / (N loss_scale_factor), Dr.GRPO's constant length */

typedef enum loss_agg_mode {
#define X(code, name) code,
    LOSS_AGG_TABLE(X)
#undef X
        LOSS_AGG_MODE_COUNT
} loss_agg_mode;

// Estimators of KL(pi || pi_ref) from one sampled token, d = logp - logp_ref. A "+" means: value as named, gradient of k2.
// verl's names for the first four are kl, abs, mse, low_var_kl. X(code, name)
#define KL_TYPE_TABLE(X)                                                                                                         \
    X(KL_K1, "k1")   /* d */                                                                                                     \
    X(KL_ABS, "abs") /* |d| */                                                                                                   \
    X(KL_K2, "k2")   /* d^2 / 2 */                                                                                               \
    X(KL_K3, "k3")   /* exp(-d) + d - 1, with d clamped to +-20 and the value to +-10 */                                         \
    X(KL_K1_PLUS, "k1+")                                                                                                         \
    X(KL_ABS_PLUS, "abs+")                                                                                                       \
    X(KL_K3_PLUS, "k3+")

typedef enum kl_type {
#define X(code, name) code,
    KL_TYPE_TABLE(X)
#undef X
        KL_TYPE_COUNT
} kl_type;

typedef enum local_entropy {
    LOCAL_SAMPLED, // eq 15: rho * log pi of the sampled token
    LOCAL_EXACT,   // the entropy of the whole distribution at the position
} local_entropy;

// Log-ratios are clamped to this size before they are exponentiated, as in verl.
#define OBJECTIVE_LOG_RATIO_LIMIT 20.0

typedef struct objective_options {
    double clip_low, clip_high; // the ratio is clipped to [1 - clip_low, 1 + clip_high]
    double clip_c;              // dual clip: -A * clip_c caps the loss where A < 0; above 1; 0 is off
    loss_agg_mode aggregation;
    double loss_scale_factor; // for seq-mean-token-sum-norm; 0 takes objective_scope.max_length
    kl_type kl;
    double kl_coef;       // beta; 0: logp_ref is not read
    double entropy_coeff; // verl's entropy bonus over all rollouts; 0 is off
    double lambda_l;      // weight of the local term; 0 is off
    local_entropy local;
} objective_options;

// The defaults of method dsdr (docs/method.md, section 5): clip 0.2 / 0.28, no dual clip, seq-mean-token-mean, no KL (k3 when its
// coefficient is set), no entropy bonus, lambda_l 0.001 sampled.
static inline objective_options objective_default_options(void) {
    return (objective_options){.clip_low = 0.2,
                               .clip_high = 0.28,
                               .aggregation = LOSS_SEQ_MEAN_TOKEN_MEAN,
                               .kl = KL_K3,
                               .lambda_l = 0.001,
                               .local = LOCAL_SAMPLED};
}

// The counts of one mini-batch (one optimizer step), rollouts that are skipped for having no gradient included, rollouts that
// are masked out of the loss (mask_truncated) not: those are in `prompts` alone.
typedef struct objective_scope {
    size_t prompts;    // groups, those without a correct rollout included
    size_t rollouts;   // N
    size_t tokens;     // response tokens of those rollouts
    size_t max_length; // the configured limit of response tokens; read only by seq-mean-token-sum-norm
} objective_scope;

typedef struct objective_rollout {
    size_t length;    // T, at least 1
    double advantage; // A
    double coupling;  // w
} objective_rollout;

typedef struct objective_token {
    double logp;     // under the policy being trained, of softmax(logits / temperature)
    double logp_old; // under the policy that sampled
    double logp_ref; // under the reference; read only when kl_coef != 0
    double entropy;  // of the policy being trained; only d_entropy and the value depend on it
} objective_token;

// What one token adds. The first three are final: weighted by the aggregation and every coefficient, to be summed up.
typedef struct objective_output {
    double loss;      // share of L
    double d_logp;    // dL / d logp
    double d_entropy; // dL / d entropy
    // Shares of the terms of L without their coefficients: sums over the mini-batch are pg_loss, kl_loss, ...
    double pg_loss, kl_loss, entropy_bonus, local_loss;
    double ratio;                            // rho
    double ppo_kl;                           // logp_old - logp, clamped
    bool clipped_high, clipped_low, clipped; // the clip decided the value: A > 0 above, A < 0 below, either
    bool clipped_lower;                      // the dual clip decided the value
} objective_output;

// STATUS_INVALID with the key in the message when an option is out of its range.
status objective_check_options(const objective_options *options);

// Names as a configuration gives them. STATUS_INVALID for an unknown one (the message lists the known ones); kl type `full` is
// STATUS_UNSUPPORTED. *value is untouched on failure. kl, mse and low_var_kl (also with "+") are taken for k1, k2 and k3.
status objective_parse_aggregation(const char *name, loss_agg_mode *value);
status objective_parse_kl(const char *name, kl_type *value);
status objective_parse_local(const char *name, local_entropy *value);
const char *objective_aggregation_name(loss_agg_mode mode);
const char *objective_kl_name(kl_type type);
const char *objective_local_name(local_entropy local);

// True when a rollout can move the parameters: false exactly when A = 0, lambda_l * w = 0, kl_coef = 0 and entropy_coeff = 0.
// Such a rollout adds exactly 0 to loss and gradient and may be skipped; it still counts in the scope.
bool objective_needs_gradient(const objective_options *options, double advantage, double coupling);

// The factor with which a token of a rollout of `length` tokens enters pg_loss, kl_loss and entropy_bonus.
double objective_token_weight(const objective_options *options, const objective_scope *scope, size_t length);

// *output = what the token adds. Options are taken as checked. At ties the derivative is the one PyTorch takes: a ratio exactly
// on an edge of the clip range, or equal to clip_c, passes half of the gradient; a ratio of 1 (every ratio of the first update)
// lies inside the range and passes all of it. A NaN among the inputs that are read gives NaN, never a silent number.
void objective_token_loss(const objective_options *options, const objective_scope *scope, const objective_rollout *rollout,
                          const objective_token *token, objective_output *output);

// Sums over the tokens of one rollout, or of many; all zero (or objective_metrics_clear) is the empty sum.
// The bits of a merge depend on its order: keep one per rollout and merge them in (group, rollout) order.
typedef struct objective_metrics {
    double loss, pg_loss, kl_loss, entropy_bonus, local_loss;
    double ppo_kl, entropy, ratio; // plain sums over tokens
    double ratio_min, ratio_max;   // meaningful when tokens > 0
    size_t tokens, clipped, clipped_high, clipped_low, clipped_lower;
} objective_metrics;

void objective_metrics_clear(objective_metrics *metrics);
void objective_metrics_add(objective_metrics *metrics, const objective_token *token, const objective_output *output);
void objective_metrics_merge(objective_metrics *into, const objective_metrics *from);

// The metrics of one mini-batch. Loss terms are sums of shares; clip fractions divide by all tokens of the scope (a skipped
// token is never clipped); ppo_kl, entropy and ratio are means over the tokens that were added, NaN when there was none.
// X(field, name)
#define OBJECTIVE_REPORT_TABLE(X)                                                                                                \
    X(loss, "actor/loss")                                                                                                        \
    X(pg_loss, "actor/pg_loss")                                                                                                  \
    X(kl_loss, "actor/kl_loss")                                                                                                  \
    X(entropy_bonus, "actor/entropy_bonus")                                                                                      \
    X(local_loss, "dsdr/local_loss")                                                                                             \
    X(pg_clipfrac, "actor/pg_clipfrac")                                                                                          \
    X(pg_clipfrac_lower, "actor/pg_clipfrac_lower")                                                                              \
    X(clipfrac_high, "clip_ratio/high_mean")                                                                                     \
    X(clipfrac_low, "clip_ratio/low_mean")                                                                                       \
    X(ppo_kl, "actor/ppo_kl")                                                                                                    \
    X(entropy, "actor/entropy")                                                                                                  \
    X(ratio_mean, "actor/ratio_mean")                                                                                            \
    X(ratio_min, "actor/ratio_min")                                                                                              \
    X(ratio_max, "actor/ratio_max")

typedef struct objective_report {
#define X(field, name) double field;
    OBJECTIVE_REPORT_TABLE(X)
#undef X
} objective_report;

objective_report objective_metrics_report(const objective_metrics *metrics, const objective_scope *scope);

#endif
