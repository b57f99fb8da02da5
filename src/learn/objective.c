// The objective of one token and its derivatives (docs/method.md, sections 4 and 5). docs/numerics.md derives each formula; the
// model's head calls it for every trained row.
#include "learn/objective.h"

#include <math.h>
#include <string.h>

static status check_coefficient(const char *key, double value) {
    if (value >= 0 && isfinite(value)) return STATUS_OK;
    return status_set(STATUS_INVALID, "%s is %g; it must be a finite number >= 0", key, value);
}

status objective_check_options(const objective_options *o) {
    if (!(o->clip_low >= 0 && o->clip_low <= 1))
        return status_set(STATUS_INVALID, "actor.clip_ratio_low is %g; it must be in [0, 1]", o->clip_low);
    TRY(check_coefficient("actor.clip_ratio_high", o->clip_high));
    if (o->clip_c != 0 && !(o->clip_c > 1 && isfinite(o->clip_c)))
        return status_set(STATUS_INVALID, "actor.clip_ratio_c is %g; it must be above 1, or 0 to turn the dual clip off",
                          o->clip_c);
    if ((unsigned)o->aggregation >= LOSS_AGG_MODE_COUNT)
        return status_set(STATUS_INVALID, "actor.loss_agg_mode %d does not exist", (int)o->aggregation);
    TRY(check_coefficient("actor.loss_scale_factor", o->loss_scale_factor));
    if ((unsigned)o->kl >= KL_TYPE_COUNT) return status_set(STATUS_INVALID, "actor.kl_loss_type %d does not exist", (int)o->kl);
    TRY(check_coefficient("actor.kl_loss_coef", o->kl_coef));
    if (!isfinite(o->entropy_coeff))
        return status_set(STATUS_INVALID, "actor.entropy_coeff is %g; it must be a finite number", o->entropy_coeff);
    TRY(check_coefficient("algorithm.dsdr.lambda_l", o->lambda_l));
    if (o->local != LOCAL_SAMPLED && o->local != LOCAL_EXACT)
        return status_set(STATUS_INVALID, "algorithm.dsdr.entropy %d does not exist", (int)o->local);
    return STATUS_OK;
}

static const char *const aggregation_names[] = {
#define X(code, name) [code] = name,
    LOSS_AGG_TABLE(X)
#undef X
};

static const char *const kl_names[] = {
#define X(code, name) [code] = name,
    KL_TYPE_TABLE(X)
#undef X
};

static const char *const local_names[] = {[LOCAL_SAMPLED] = "sampled", [LOCAL_EXACT] = "exact"};

// verl's other spellings; k2 is its own gradient, so its "+" changes nothing.
static const struct {
    const char *name;
    kl_type type;
} kl_aliases[] = {{"kl", KL_K1},   {"mse", KL_K2}, {"low_var_kl", KL_K3},      {"kl+", KL_K1_PLUS},
                  {"mse+", KL_K2}, {"k2+", KL_K2}, {"low_var_kl+", KL_K3_PLUS}};

static bool find_name(const char *const *names, int count, const char *name, int *index) {
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name)) return *index = i, true;
    return false;
}

status objective_parse_aggregation(const char *name, loss_agg_mode *value) {
    int index;
    if (!find_name(aggregation_names, LOSS_AGG_MODE_COUNT, name, &index))
        return status_set(STATUS_INVALID,
                          "loss_agg_mode \"%s\" is unknown; it must be token-mean, seq-mean-token-sum, seq-mean-token-mean or "
                          "seq-mean-token-sum-norm",
                          name);
    *value = (loss_agg_mode)index;
    return STATUS_OK;
}

status objective_parse_kl(const char *name, kl_type *value) {
    int index;
    if (find_name(kl_names, KL_TYPE_COUNT, name, &index)) return *value = (kl_type)index, STATUS_OK;
    for (size_t i = 0; i < sizeof kl_aliases / sizeof *kl_aliases; i++)
        if (!strcmp(kl_aliases[i].name, name)) return *value = kl_aliases[i].type, STATUS_OK;
    if (!strcmp(name, "full"))
        return status_set(STATUS_UNSUPPORTED, "kl_loss_type \"full\" is not implemented; take k1, k2 or k3 (low_var_kl)");
    return status_set(STATUS_INVALID,
                      "kl_loss_type \"%s\" is unknown; it must be k1 (kl), abs, k2 (mse) or k3 (low_var_kl), with + for the "
                      "gradient of k2",
                      name);
}

status objective_parse_local(const char *name, local_entropy *value) {
    int index;
    if (!find_name(local_names, 2, name, &index))
        return status_set(STATUS_INVALID, "algorithm.dsdr.entropy \"%s\" is unknown; it must be sampled or exact", name);
    *value = (local_entropy)index;
    return STATUS_OK;
}

const char *objective_aggregation_name(loss_agg_mode mode) {
    return (unsigned)mode < LOSS_AGG_MODE_COUNT ? aggregation_names[mode] : "";
}
const char *objective_kl_name(kl_type type) { return (unsigned)type < KL_TYPE_COUNT ? kl_names[type] : ""; }
const char *objective_local_name(local_entropy local) { return (unsigned)local <= LOCAL_EXACT ? local_names[local] : ""; }

bool objective_needs_gradient(const objective_options *o, double advantage, double coupling) {
    return advantage != 0 || o->lambda_l * coupling != 0 || o->kl_coef != 0 || o->entropy_coeff != 0;
}

double objective_token_weight(const objective_options *o, const objective_scope *scope, size_t length) {
    double rollouts = (double)scope->rollouts;
    switch (o->aggregation) {
    case LOSS_TOKEN_MEAN:
        return 1 / (double)scope->tokens;
    case LOSS_SEQ_MEAN_TOKEN_SUM:
        return 1 / rollouts;
    case LOSS_SEQ_MEAN_TOKEN_MEAN:
        return 1 / (rollouts * (double)length);
    default:
        return 1 / (rollouts * (o->loss_scale_factor > 0 ? o->loss_scale_factor : (double)scope->max_length));
    }
}

// Clamps x to [low, high] as torch.clamp does: NaN stays, and the derivative is 0 on both edges.
static double clamp(double x, double low, double high, double *derivative) {
    *derivative = x > low && x < high;
    return x < low ? low : x > high ? high : x;
}

// rho = exp(clamp(logp - logp_old)); *derivative = d rho / d logp.
static double ratio_of(double log_ratio, double *derivative) {
    double inside, ratio = exp(clamp(log_ratio, -OBJECTIVE_LOG_RATIO_LIMIT, OBJECTIVE_LOG_RATIO_LIMIT, &inside));
    *derivative = ratio * inside;
    return ratio;
}

// The derivative of max(a, b) by a: 1, 0, or 1/2 at a tie, where the other half goes to b. For min swap the arguments.
static double share_of_larger(double a, double b) { return a > b ? 1 : a < b ? 0 : 0.5; }

// The loss of the clipped surrogate, max(-A rho, -A clip(rho)), capped at -A c where A < 0. Sets flags; *derivative is by logp.
static double surrogate(const objective_options *o, double advantage, double ratio, double d_ratio, objective_output *output,
                        double *derivative) {
    double inside, clipped_ratio = clamp(ratio, 1 - o->clip_low, 1 + o->clip_high, &inside);
    double plain = -advantage * ratio, clipped = -advantage * clipped_ratio, share = share_of_larger(plain, clipped);
    double value = clipped > plain ? clipped : plain; // A NaN is in both, or in A.
    double gate = share + (1 - share) * inside;
    output->clipped = clipped > plain;
    output->clipped_high = output->clipped && advantage > 0;
    output->clipped_low = output->clipped && advantage < 0;
    output->clipped_lower = false;
    if (o->clip_c > 0 && advantage < 0) {
        double cap = -advantage * o->clip_c;
        gate *= share_of_larger(cap, value); // d min(cap, value) / d value
        output->clipped_lower = value > cap;
        if (output->clipped_lower) value = cap;
    }
    *derivative = -advantage * d_ratio * gate;
    return value;
}

// The KL estimator of d = logp - logp_ref; *derivative is by logp.
static double kl_estimate(kl_type type, double d, double *derivative) {
    double inner, outer, value;
    switch (type) {
    case KL_K1:
    case KL_K1_PLUS:
        value = d, *derivative = 1;
        break;
    case KL_ABS:
    case KL_ABS_PLUS:
        value = fabs(d), *derivative = d > 0 ? 1 : d < 0 ? -1 : d;
        break;
    case KL_K2:
        value = d * d / 2, *derivative = d;
        break;
    default: { // k3; expm1 keeps what exp(m) - 1 loses near 0
        double m = clamp(-d, -OBJECTIVE_LOG_RATIO_LIMIT, OBJECTIVE_LOG_RATIO_LIMIT, &inner), e = expm1(m);
        value = clamp(e - m, -10, 10, &outer);
        *derivative = -e * inner * outer;
    }
    }
    if (type == KL_K1_PLUS || type == KL_ABS_PLUS || type == KL_K3_PLUS) *derivative = d;
    return value;
}

void objective_token_loss(const objective_options *o, const objective_scope *scope, const objective_rollout *rollout,
                          const objective_token *token, objective_output *output) {
    double weight = objective_token_weight(o, scope, rollout->length);
    double local_weight = rollout->coupling / ((double)rollout->length * (double)scope->prompts);
    double log_ratio = token->logp - token->logp_old, inside, d_ratio, d_surrogate, d_kl = 0, d_local = 0, kl = 0;
    double ratio = ratio_of(log_ratio, &d_ratio);

    double pg = surrogate(o, rollout->advantage, ratio, d_ratio, output, &d_surrogate);
    if (o->kl_coef != 0) kl = kl_estimate(o->kl, token->logp - token->logp_ref, &d_kl);

    // -J_local. A rollout outside P adds exactly 0, also where its log-ratio is extreme.
    double local = 0, d_local_entropy = 0;
    if (rollout->coupling != 0) {
        if (o->local == LOCAL_EXACT) {
            local = -local_weight * token->entropy;
            d_local_entropy = -local_weight;
        } else {
            local = local_weight * ratio * token->logp;
            d_local = local_weight * (d_ratio * token->logp + ratio);
        }
    }

    output->pg_loss = weight * pg;
    output->kl_loss = weight * kl;
    output->entropy_bonus = weight * token->entropy;
    output->local_loss = local;
    output->ratio = ratio;
    output->ppo_kl = -clamp(log_ratio, -OBJECTIVE_LOG_RATIO_LIMIT, OBJECTIVE_LOG_RATIO_LIMIT, &inside);

    // A term whose coefficient is 0 must not bring in its NaN or infinity: 0 * inf is NaN.
    output->loss = output->pg_loss;
    output->d_logp = weight * d_surrogate;
    output->d_entropy = 0;
    if (o->kl_coef != 0) {
        output->loss += o->kl_coef * output->kl_loss;
        output->d_logp += o->kl_coef * weight * d_kl;
    }
    if (o->entropy_coeff != 0) {
        output->loss -= o->entropy_coeff * output->entropy_bonus;
        output->d_entropy -= o->entropy_coeff * weight;
    }
    if (o->lambda_l != 0) {
        output->loss += o->lambda_l * local;
        output->d_logp += o->lambda_l * d_local;
        output->d_entropy += o->lambda_l * d_local_entropy;
    }
}

void objective_metrics_clear(objective_metrics *metrics) { *metrics = (objective_metrics){0}; }

static void widen(objective_metrics *m, double low, double high) {
    if (m->tokens == 0 || low < m->ratio_min || isnan(low)) m->ratio_min = low;
    if (m->tokens == 0 || high > m->ratio_max || isnan(high)) m->ratio_max = high;
}

void objective_metrics_add(objective_metrics *m, const objective_token *token, const objective_output *output) {
    widen(m, output->ratio, output->ratio);
    m->loss += output->loss;
    m->pg_loss += output->pg_loss;
    m->kl_loss += output->kl_loss;
    m->entropy_bonus += output->entropy_bonus;
    m->local_loss += output->local_loss;
    m->ppo_kl += output->ppo_kl;
    m->entropy += token->entropy;
    m->ratio += output->ratio;
    m->tokens++;
    m->clipped += output->clipped;
    m->clipped_high += output->clipped_high;
    m->clipped_low += output->clipped_low;
    m->clipped_lower += output->clipped_lower;
}

void objective_metrics_merge(objective_metrics *into, const objective_metrics *from) {
    if (from->tokens == 0) return;
    widen(into, from->ratio_min, from->ratio_max);
    into->loss += from->loss;
    into->pg_loss += from->pg_loss;
    into->kl_loss += from->kl_loss;
    into->entropy_bonus += from->entropy_bonus;
    into->local_loss += from->local_loss;
    into->ppo_kl += from->ppo_kl;
    into->entropy += from->entropy;
    into->ratio += from->ratio;
    into->tokens += from->tokens;
    into->clipped += from->clipped;
    into->clipped_high += from->clipped_high;
    into->clipped_low += from->clipped_low;
    into->clipped_lower += from->clipped_lower;
}

objective_report objective_metrics_report(const objective_metrics *m, const objective_scope *scope) {
    double all = (double)scope->tokens, seen = m->tokens ? (double)m->tokens : NAN;
    return (objective_report){
        .loss = m->loss,
        .pg_loss = m->pg_loss,
        .kl_loss = m->kl_loss,
        .entropy_bonus = m->entropy_bonus,
        .local_loss = m->local_loss,
        .pg_clipfrac = (double)m->clipped / all,
        .pg_clipfrac_lower = (double)m->clipped_lower / all,
        .clipfrac_high = (double)m->clipped_high / all,
        .clipfrac_low = (double)m->clipped_low / all,
        .ppo_kl = m->ppo_kl / seen,
        .entropy = m->entropy / seen,
        .ratio_mean = m->ratio / seen,
        .ratio_min = m->tokens ? m->ratio_min : NAN,
        .ratio_max = m->tokens ? m->ratio_max : NAN,
    };
}
