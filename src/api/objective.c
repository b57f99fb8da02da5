// The objective: learn/objective.h as dsdr.h offers it.
#include "learn/objective.h"

#include "api/api.h"

API_SAME(DSDR_TOKEN_MEAN, LOSS_TOKEN_MEAN);
API_SAME(DSDR_SEQ_MEAN_TOKEN_SUM, LOSS_SEQ_MEAN_TOKEN_SUM);
API_SAME(DSDR_SEQ_MEAN_TOKEN_MEAN, LOSS_SEQ_MEAN_TOKEN_MEAN);
API_SAME(DSDR_SEQ_MEAN_TOKEN_SUM_NORM, LOSS_SEQ_MEAN_TOKEN_SUM_NORM);
API_SAME(DSDR_SEQ_MEAN_TOKEN_SUM_NORM + 1, LOSS_AGG_MODE_COUNT);
API_SAME(DSDR_KL_K1, KL_K1);
API_SAME(DSDR_KL_ABS, KL_ABS);
API_SAME(DSDR_KL_K2, KL_K2);
API_SAME(DSDR_KL_K3, KL_K3);
API_SAME(DSDR_KL_K1_PLUS, KL_K1_PLUS);
API_SAME(DSDR_KL_ABS_PLUS, KL_ABS_PLUS);
API_SAME(DSDR_KL_K3_PLUS, KL_K3_PLUS);
API_SAME(DSDR_KL_K3_PLUS + 1, KL_TYPE_COUNT);
API_SAME(DSDR_LOCAL_SAMPLED, LOCAL_SAMPLED);
API_SAME(DSDR_LOCAL_EXACT, LOCAL_EXACT);

dsdr_objective_options dsdr_objective_defaults(void) {
    const objective_options o = objective_default_options();
    return (dsdr_objective_options){.clip_low = o.clip_low,
                                    .clip_high = o.clip_high,
                                    .clip_c = o.clip_c,
                                    .aggregation = (dsdr_loss_agg)o.aggregation,
                                    .loss_scale_factor = o.loss_scale_factor,
                                    .kl = (dsdr_kl)o.kl,
                                    .kl_coef = o.kl_coef,
                                    .entropy_coeff = o.entropy_coeff,
                                    .lambda_l = o.lambda_l,
                                    .local = (dsdr_local)o.local};
}

static objective_options options_of(const dsdr_objective_options *given) {
    if (!given) return objective_default_options();
    return (objective_options){.clip_low = given->clip_low,
                               .clip_high = given->clip_high,
                               .clip_c = given->clip_c,
                               .aggregation = (loss_agg_mode)given->aggregation,
                               .loss_scale_factor = given->loss_scale_factor,
                               .kl = (kl_type)given->kl,
                               .kl_coef = given->kl_coef,
                               .entropy_coeff = given->entropy_coeff,
                               .lambda_l = given->lambda_l,
                               .local = (local_entropy)given->local};
}

static objective_scope scope_of(const dsdr_objective_scope *given) {
    return (objective_scope){
        .prompts = given->prompts, .rollouts = given->rollouts, .tokens = given->tokens, .max_length = given->max_length};
}

static objective_metrics metrics_of(const dsdr_objective_sums *s) {
    return (objective_metrics){.loss = s->loss,
                               .pg_loss = s->pg_loss,
                               .kl_loss = s->kl_loss,
                               .entropy_bonus = s->entropy_bonus,
                               .local_loss = s->local_loss,
                               .ppo_kl = s->ppo_kl,
                               .entropy = s->entropy,
                               .ratio = s->ratio,
                               .ratio_min = s->ratio_min,
                               .ratio_max = s->ratio_max,
                               .tokens = s->tokens,
                               .clipped = s->clipped,
                               .clipped_high = s->clipped_high,
                               .clipped_low = s->clipped_low,
                               .clipped_lower = s->clipped_lower};
}

static dsdr_objective_sums sums_of(const objective_metrics *m) {
    return (dsdr_objective_sums){.loss = m->loss,
                                 .pg_loss = m->pg_loss,
                                 .kl_loss = m->kl_loss,
                                 .entropy_bonus = m->entropy_bonus,
                                 .local_loss = m->local_loss,
                                 .ppo_kl = m->ppo_kl,
                                 .entropy = m->entropy,
                                 .ratio = m->ratio,
                                 .ratio_min = m->ratio_min,
                                 .ratio_max = m->ratio_max,
                                 .tokens = m->tokens,
                                 .clipped = m->clipped,
                                 .clipped_high = m->clipped_high,
                                 .clipped_low = m->clipped_low,
                                 .clipped_lower = m->clipped_lower};
}

// The room takes options and counts as checked; here they come from outside.
static status check(const objective_options *o, const objective_scope *scope, size_t length) {
    TRY(objective_check_options(o));
    if (scope->prompts == 0 || scope->rollouts == 0 || scope->tokens == 0)
        return status_set(STATUS_INVALID, "the scope counts %zu prompts, %zu rollouts and %zu tokens; each is at least 1",
                          scope->prompts, scope->rollouts, scope->tokens);
    if (o->aggregation == LOSS_SEQ_MEAN_TOKEN_SUM_NORM && o->loss_scale_factor == 0 && scope->max_length == 0)
        return status_set(STATUS_INVALID, "seq-mean-token-sum-norm needs loss_scale_factor or the scope's max_length");
    if (length == 0) return status_set(STATUS_INVALID, "a rollout has at least one token");
    return STATUS_OK;
}

dsdr_status dsdr_objective_check(const dsdr_objective_options *options) {
    API_NEED(options);
    const objective_options o = options_of(options);
    return api_status(objective_check_options(&o));
}

bool dsdr_objective_needs_gradient(const dsdr_objective_options *options, double advantage, double coupling) {
    const objective_options o = options_of(options);
    return objective_needs_gradient(&o, advantage, coupling);
}

dsdr_status dsdr_objective_token_loss(const dsdr_objective_options *options, const dsdr_objective_scope *scope, size_t length,
                                      double advantage, double coupling, const dsdr_objective_token *token,
                                      dsdr_objective_output *output) {
    API_NEED(scope);
    API_NEED(token);
    API_NEED(output);
    const objective_options o = options_of(options);
    const objective_scope counts = scope_of(scope);
    API_TRY(check(&o, &counts, length));
    const objective_rollout rollout = {.length = length, .advantage = advantage, .coupling = coupling};
    const objective_token t = {
        .logp = token->logp, .logp_old = token->logp_old, .logp_ref = token->logp_ref, .entropy = token->entropy};
    objective_output out;
    objective_token_loss(&o, &counts, &rollout, &t, &out);
    *output = (dsdr_objective_output){.loss = out.loss,
                                      .d_logp = out.d_logp,
                                      .d_entropy = out.d_entropy,
                                      .pg_loss = out.pg_loss,
                                      .kl_loss = out.kl_loss,
                                      .entropy_bonus = out.entropy_bonus,
                                      .local_loss = out.local_loss,
                                      .ratio = out.ratio,
                                      .ppo_kl = out.ppo_kl,
                                      .clipped_high = out.clipped_high,
                                      .clipped_low = out.clipped_low,
                                      .clipped = out.clipped,
                                      .clipped_lower = out.clipped_lower};
    return DSDR_OK;
}

dsdr_status dsdr_objective_rollout(const dsdr_objective_options *options, const dsdr_objective_scope *scope, size_t length,
                                   double advantage, double coupling, const float *logp, const float *logp_old,
                                   const float *logp_ref, const float *entropy, double *d_logp, double *d_entropy,
                                   dsdr_objective_sums *sums) {
    API_NEED(scope);
    API_NEED(logp);
    API_NEED(logp_old);
    const objective_options o = options_of(options);
    const objective_scope counts = scope_of(scope);
    API_TRY(check(&o, &counts, length));
    if (o.kl_coef != 0) API_NEED(logp_ref);
    if (o.entropy_coeff != 0 || (o.lambda_l != 0 && o.local == LOCAL_EXACT)) API_NEED(entropy);
    const objective_rollout rollout = {.length = length, .advantage = advantage, .coupling = coupling};
    objective_metrics own, total;
    objective_metrics_clear(&own);
    for (size_t t = 0; t < length; t++) {
        const objective_token token = {.logp = logp[t],
                                       .logp_old = logp_old[t],
                                       .logp_ref = logp_ref ? logp_ref[t] : 0,
                                       .entropy = entropy ? entropy[t] : 0};
        objective_output out;
        objective_token_loss(&o, &counts, &rollout, &token, &out);
        objective_metrics_add(&own, &token, &out);
        if (d_logp) d_logp[t] = out.d_logp;
        if (d_entropy) d_entropy[t] = out.d_entropy;
    }
    if (!sums) return DSDR_OK;
    total = metrics_of(sums);
    objective_metrics_merge(&total, &own);
    *sums = sums_of(&total);
    return DSDR_OK;
}

dsdr_status dsdr_objective_report(const dsdr_objective_sums *sums, const dsdr_objective_scope *scope,
                                  dsdr_objective_figures *out) {
    API_NEED(sums);
    API_NEED(scope);
    API_NEED(out);
    const objective_metrics m = metrics_of(sums);
    const objective_scope counts = scope_of(scope);
    const objective_report r = objective_metrics_report(&m, &counts);
    *out = (dsdr_objective_figures){
#define X(field, name) .field = r.field,
        OBJECTIVE_REPORT_TABLE(X)
#undef X
    };
    return DSDR_OK;
}
