// Credit assignment: shaped rewards, group-relative advantages and coupling weights. docs/method.md, sections 2 and 3; called by
// the trainer and by `dsdr score` once per group.
#include "learn/credit.h"

#include <math.h>

status credit_check_options(const credit_options *options) {
    if (!(options->lambda_d >= 0 && isfinite(options->lambda_d)))
        return status_set(STATUS_INVALID, "algorithm.dsdr.lambda_d is %g; it must be a finite number >= 0", options->lambda_d);
    if (!(options->tau >= 0 && isfinite(options->tau)))
        return status_set(STATUS_INVALID, "algorithm.dsdr.tau is %g; it must be a finite number >= 0", options->tau);
    if (!(options->adv_eps > 0 && isfinite(options->adv_eps)))
        return status_set(STATUS_INVALID, "algorithm.adv_eps is %g; it must be a finite number > 0", options->adv_eps);
    if (options->adv_std != CREDIT_STD_POPULATION && options->adv_std != CREDIT_STD_SAMPLE)
        return status_set(STATUS_INVALID, "algorithm.adv_std is %d; it must be population or sample", (int)options->adv_std);
    return STATUS_OK;
}

double credit_overlong_penalty(size_t length, size_t max_length, size_t buffer, double factor) {
    if (buffer == 0) return 0;
    double excess = (double)length - ((double)max_length - (double)buffer);
    return excess > 0 ? -excess / (double)buffer * factor : 0;
}

const char *credit_group_name(credit_group_kind kind) {
    switch (kind) {
#define X(code, name)                                                                                                            \
    case code:                                                                                                                   \
        return name;
        CREDIT_GROUP_TABLE(X)
#undef X
    case CREDIT_GROUP_KIND_COUNT:
        break;
    }
    return "";
}

typedef struct group_view {
    size_t size, known, correct;
    const verdict_status *verdicts;
    const diversity *diversities;
    const double *penalties;
    double smallest, largest; // dbar over P
    bool flat;                // the dbar of P count as equal
} group_view;

static bool is_correct(const group_view *g, size_t i) { return g->verdicts[i] == VERDICT_CORRECT; }

static double dbar_of(const group_view *g, size_t i) { return g->diversities ? g->diversities[i].dbar : 0; }

// The three terms of a reward, apart: their deviations from the group's mean are formed one by one.
enum { TERM_VERDICT, TERM_DIVERSITY, TERM_PENALTY, TERM_COUNT };

static double term_of(const group_view *g, int term, size_t i) {
    switch (term) {
    case TERM_VERDICT:
        return is_correct(g, i) ? 1 : 0;
    case TERM_DIVERSITY:
        return !is_correct(g, i) ? 0 : g->flat ? g->smallest : dbar_of(g, i);
    default:
        return g->penalties ? g->penalties[i] : 0;
    }
}

static status read_group(group_view *g) {
    for (size_t i = 0; i < g->size; i++) {
        verdict_status code = g->verdicts[i];
        if ((unsigned)code >= VERDICT_STATUS_COUNT)
            return status_set(STATUS_INVALID, "rollout %zu of %zu has verdict status %d, which does not exist", i, g->size,
                              (int)code);
        if (!verdict_known(code)) continue;
        g->known++;
        if (g->penalties && !isfinite(g->penalties[i]))
            return status_set(STATUS_INVALID, "rollout %zu of %zu has an overlong penalty that is not finite", i, g->size);
        if (code != VERDICT_CORRECT) continue;
        double dbar = dbar_of(g, i);
        if (!isfinite(dbar))
            return status_set(STATUS_INVALID, "rollout %zu of %zu has a diversity score that is not finite", i, g->size);
        if (g->correct == 0 || dbar < g->smallest) g->smallest = dbar;
        if (g->correct == 0 || dbar > g->largest) g->largest = dbar;
        g->correct++;
    }
    g->flat = g->largest - g->smallest < CREDIT_EQUAL_DIVERSITY;
    return STATUS_OK;
}

// The mean of a term over known rollouts as (first known value) + (returned value). Measured from the first value, equal terms
// have deviations of exactly 0 whatever their size.
static double mean_from_first(const group_view *g, int term, double *first) {
    double sum = 0;
    bool found = false;
    *first = 0;
    for (size_t i = 0; i < g->size; i++) {
        if (!verdict_known(g->verdicts[i])) continue;
        double value = term_of(g, term, i);
        if (!found) *first = value, found = true;
        sum += value - *first;
    }
    return found ? sum / (double)g->known : 0;
}

// Stores the deviation of each known rollout's reward from the mean in credits[i].advantage (0 for unknown ones) and returns
// the sum of their squares.
static double form_deviations(const credit_options *options, const group_view *g, credit *credits) {
    const double weight[TERM_COUNT] = {1, options->lambda_d, 1};
    double first[TERM_COUNT], rest[TERM_COUNT], squares = 0;
    for (int term = 0; term < TERM_COUNT; term++) rest[term] = mean_from_first(g, term, &first[term]);
    for (size_t i = 0; i < g->size; i++) {
        double deviation = 0;
        if (verdict_known(g->verdicts[i]))
            for (int term = 0; term < TERM_COUNT; term++)
                deviation += weight[term] * (term_of(g, term, i) - first[term] - rest[term]);
        credits[i].advantage = deviation;
        squares += deviation * deviation;
    }
    return squares;
}

// Returns the mean over known rollouts, NaN when there is none.
static double assign_rewards(const credit_options *options, const group_view *g, credit *credits) {
    double sum = 0;
    for (size_t i = 0; i < g->size; i++) {
        credits[i].reward = NAN;
        if (!verdict_known(g->verdicts[i])) continue;
        double shaped = is_correct(g, i) ? 1 + options->lambda_d * dbar_of(g, i) : 0;
        sum += credits[i].reward = shaped + (g->penalties ? g->penalties[i] : 0);
    }
    return g->known ? sum / (double)g->known : NAN;
}

// Eq 11 over P, the largest score subtracted first; returns -sum w log w.
static double assign_couplings(const credit_options *options, const group_view *g, credit *credits) {
    double sum = 0, entropy = 0;
    for (size_t i = 0; i < g->size; i++) {
        credits[i].coupling = is_correct(g, i) ? exp(options->tau * (dbar_of(g, i) - g->largest)) : 0;
        sum += credits[i].coupling;
    }
    for (size_t i = 0; i < g->size && sum > 0; i++) {
        double w = credits[i].coupling /= sum;
        if (w > 0) entropy -= w * log(w);
    }
    return entropy > 0 ? entropy : 0;
}

status credit_assign(const credit_options *options, size_t size, const verdict_status *verdicts, const diversity *diversities,
                     const double *penalties, credit *credits, credit_summary *summary) {
    group_view g = {.size = size, .verdicts = verdicts, .diversities = diversities, .penalties = penalties};
    TRY(credit_check_options(options));
    TRY(read_group(&g));

    double squares = form_deviations(options, &g, credits), std = 0, total = 0;
    if (g.known >= 2) std = sqrt(squares / (double)(options->adv_std == CREDIT_STD_SAMPLE ? g.known - 1 : g.known));
    double scale = options->norm_adv_by_std ? 1 / (std + options->adv_eps) : 1; // With fewer than 2 known, every deviation is 0.
    for (size_t i = 0; i < size; i++) total += fabs(credits[i].advantage *= scale);
    double mean = assign_rewards(options, &g, credits);
    double entropy = assign_couplings(options, &g, credits);

    if (summary) {
        credit_group_kind kind = g.known == 0           ? CREDIT_GROUP_UNKNOWN
                                 : g.correct == 0       ? CREDIT_GROUP_SOLVE_NONE
                                 : g.correct == g.known ? CREDIT_GROUP_SOLVE_ALL
                                                        : CREDIT_GROUP_MIXED;
        *summary = (credit_summary){
            .kind = kind,
            .known = g.known,
            .correct = g.correct,
            .reward_mean = mean,
            .reward_std = std,
            .advantage_abs = g.known ? total / (double)g.known : 0,
            .coupling_entropy = entropy,
            .diversity_spread = g.correct >= 2 ? g.largest - g.smallest : 0,
            .signal = kind == CREDIT_GROUP_MIXED ||
                      (kind == CREDIT_GROUP_SOLVE_ALL && g.correct >= 2 && options->lambda_d > 0 && !g.flat),
        };
    }
    return STATUS_OK;
}
