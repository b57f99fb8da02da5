// Scoring of groups: run/scoring.h and learn/credit.h together, as training and `dsdr score` use them.
#include "run/scoring.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/credit.h"
#include "api/formulas.h"
#include "api/threads.h"
#include "run/options.h"

struct dsdr_scorer {
    settings settings;
    scorer scorer;
};

dsdr_status dsdr_scorer_open(dsdr_scorer **out, const char *const *settings, size_t count, const char *program) {
    API_NEED(out);
    *out = NULL;
    if (count > 0) API_NEED(settings);
    for (size_t i = 0; i < count; i++)
        if (!settings[i]) return api_status(status_set(STATUS_INVALID, "setting %zu is NULL", i));
    dsdr_scorer *s = calloc(1, sizeof *s);
    if (!s) return api_no_memory();
    int before = omp_get_max_threads();
    status code = settings_load(&s->settings, NULL, settings, count);
    if (code == STATUS_OK) code = scorer_open(&s->scorer, &s->settings, options_threads(&s->settings), true, program);
    api_threads_give(before);
    if (code == STATUS_OK)
        *out = s;
    else
        dsdr_scorer_close(s);
    return api_status(code);
}

void dsdr_scorer_close(dsdr_scorer *scorer) {
    if (!scorer) return;
    scorer_close(&scorer->scorer);
    settings_free(&scorer->settings);
    free(scorer);
}

// What one group passes through.
typedef struct scoring {
    group group;
    verdict *verdicts;
    verdict_status *statuses;
    diversity *scores;
    formula_set *sets;
    credit *credits;
    credit_summary summary;
} scoring;

static status score(dsdr_scorer *s, scoring *w) {
    const credit_options how = options_credit(&s->settings);
    diversity_report report;
    TRY(scorer_judge(&s->scorer, &w->group, NULL, 1, false, w->verdicts));
    TRY(scorer_diversity(&s->scorer, &w->group, 1, w->scores, w->sets, &report));
    for (size_t i = 0; i < w->group.size; i++) w->statuses[i] = w->verdicts[i].status;
    return credit_assign(&how, w->group.size, w->statuses, w->scores, NULL, w->credits, &w->summary);
}

static status hand_over(scoring *w, dsdr_scored *scored) {
    for (size_t i = 0; i < w->group.size; i++) {
        if (dsdr_formulas_create(&scored[i].formulas) != DSDR_OK) return STATUS_NO_MEMORY;
        scored[i].formulas->set = w->sets[i];
        scored[i].verdict = api_verdict(&w->verdicts[i]);
        w->sets[i] = (formula_set){0}, w->verdicts[i].extracted = NULL;
        scored[i].diversity = api_diversity(&w->scores[i]);
        scored[i].credit = api_credit(&w->credits[i]);
    }
    return STATUS_OK;
}

dsdr_status dsdr_scorer_score(dsdr_scorer *scorer, const char *gold, const char *const *responses, const size_t *lengths,
                              size_t G, dsdr_scored *scored, dsdr_credit_summary *summary) {
    API_NEED(scorer);
    API_NEED(gold);
    API_NEED(responses);
    API_NEED(scored);
    if (G == 0) return api_status(status_set(STATUS_INVALID, "a group has at least one response"));
    memset(scored, 0, G * sizeof *scored);
    size_t *own;
    API_TRY(api_lengths(responses, lengths, G, &own));
    const problem asked = {.id = "", .source = "", .text = "", .answer = gold};
    scoring w = {.group = {.problem = &asked, .size = G, .rollouts = calloc(G, sizeof(rollout))},
                 .verdicts = calloc(G, sizeof(verdict)),
                 .statuses = calloc(G, sizeof(verdict_status)),
                 .scores = calloc(G, sizeof(diversity)),
                 .sets = calloc(G, sizeof(formula_set)),
                 .credits = calloc(G, sizeof(credit))};
    bool room = w.group.rollouts && w.verdicts && w.statuses && w.scores && w.sets && w.credits;
    status code = room ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (room) {
        for (size_t i = 0; i < G; i++) w.group.rollouts[i] = (rollout){.text = (char *)responses[i], .text_length = own[i]};
        int before = api_threads_take(scorer->scorer.products);
        code = score(scorer, &w);
        api_threads_give(before);
        if (code == STATUS_OK) code = hand_over(&w, scored);
        for (size_t i = 0; i < G; i++) verdict_clear(&w.verdicts[i]), formula_set_free(&w.sets[i]);
    }
    if (code == STATUS_OK && summary) *summary = api_credit_summary(&w.summary);
    if (code != STATUS_OK) dsdr_scored_clear(scored, G);
    free(w.group.rollouts), free(w.verdicts), free(w.statuses), free(w.scores), free(w.sets), free(w.credits), free(own);
    return api_status(code);
}

void dsdr_scored_clear(dsdr_scored *scored, size_t G) {
    for (size_t i = 0; scored && i < G; i++) {
        dsdr_verdict_clear(&scored[i].verdict);
        dsdr_formulas_free(scored[i].formulas);
        scored[i].formulas = NULL;
    }
}
