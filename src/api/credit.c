// Credit: learn/credit.h as dsdr.h offers it.
#include <stdlib.h>

#include "api/api.h"
#include "api/credit.h"

API_SAME(DSDR_STD_POPULATION, CREDIT_STD_POPULATION);
API_SAME(DSDR_STD_SAMPLE, CREDIT_STD_SAMPLE);
API_SAME(DSDR_GROUP_UNKNOWN, CREDIT_GROUP_UNKNOWN);
API_SAME(DSDR_GROUP_SOLVE_NONE, CREDIT_GROUP_SOLVE_NONE);
API_SAME(DSDR_GROUP_MIXED, CREDIT_GROUP_MIXED);
API_SAME(DSDR_GROUP_SOLVE_ALL, CREDIT_GROUP_SOLVE_ALL);

dsdr_credit_options dsdr_credit_defaults(void) {
    const credit_options c = credit_default_options();
    return (dsdr_credit_options){.lambda_d = c.lambda_d,
                                 .tau = c.tau,
                                 .adv_eps = c.adv_eps,
                                 .adv_std = (dsdr_std)c.adv_std,
                                 .norm_adv_by_std = c.norm_adv_by_std};
}

static credit_options options_of(const dsdr_credit_options *given) {
    if (!given) return credit_default_options();
    return (credit_options){.lambda_d = given->lambda_d,
                            .tau = given->tau,
                            .adv_eps = given->adv_eps,
                            .adv_std = (credit_std)given->adv_std,
                            .norm_adv_by_std = given->norm_adv_by_std};
}

dsdr_credit_summary api_credit_summary(const credit_summary *s) {
    return (dsdr_credit_summary){.kind = (dsdr_group_kind)s->kind,
                                 .known = s->known,
                                 .correct = s->correct,
                                 .reward_mean = s->reward_mean,
                                 .reward_std = s->reward_std,
                                 .advantage_abs = s->advantage_abs,
                                 .coupling_entropy = s->coupling_entropy,
                                 .diversity_spread = s->diversity_spread,
                                 .signal = s->signal};
}

dsdr_status dsdr_credit_assign(const dsdr_credit_options *options, size_t G, const dsdr_verdict_status *verdicts,
                               const dsdr_diversity *diversities, const double *penalties, dsdr_credit *credits,
                               dsdr_credit_summary *summary) {
    if (G == 0) return api_status(status_set(STATUS_INVALID, "a group has at least one rollout"));
    API_NEED(verdicts);
    API_NEED(credits);
    const credit_options how = options_of(options);
    credit_summary figures;
    verdict_status *statuses = calloc(G, sizeof *statuses);
    diversity *scores = calloc(G, sizeof *scores);
    credit *earned = calloc(G, sizeof *earned);
    status code = statuses && scores && earned ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < G && code == STATUS_OK; i++) {
        statuses[i] = (verdict_status)verdicts[i];
        if (diversities) scores[i].dbar = diversities[i].dbar;
    }
    if (code == STATUS_OK) code = credit_assign(&how, G, statuses, diversities ? scores : NULL, penalties, earned, &figures);
    for (size_t i = 0; i < G && code == STATUS_OK; i++) credits[i] = api_credit(&earned[i]);
    if (code == STATUS_OK && summary) *summary = api_credit_summary(&figures);
    free(statuses), free(scores), free(earned);
    return api_status(code);
}

double dsdr_overlong_penalty(size_t length, size_t max_length, size_t buffer, double factor) {
    return credit_overlong_penalty(length, max_length, buffer, factor);
}
