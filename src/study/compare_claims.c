// What is claimed from a table: differences of arms over seeds, and of two checkpoints over problems. See compare.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/evaluate.h"
#include "study/compare_parts.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while comparing runs"); }

// ---- one claim --------------------------------------------------------------------------------------------------------------

static study_claim *add_claim(study_table *t, size_t a, size_t b, study_meeting meeting, const char *outcome, bool declared) {
    study_claim *claims = realloc(t->claims, (t->claim_count + 1) * sizeof *claims);
    char *name = claims ? strdup(outcome) : NULL;
    if (claims) t->claims = claims;
    if (!name) return NULL;
    study_claim *claim = &claims[t->claim_count++];
    *claim = (study_claim){.a = a,
                           .b = b,
                           .meeting = meeting,
                           .outcome = name,
                           .declared = declared,
                           .p = NAN,
                           .adjusted = NAN,
                           .tokens = NAN,
                           .least_step = {-1, -1},
                           .most_step = {-1, -1}};
    return claim;
}

// `a` and `b` are numbers by seed, NAN where there is none. A seed that either arm has a run of was meant to have both.
static status settle(const study_table *t, study_claim *claim, const double *a, const double *b) {
    double *difference = calloc(2 * t->seed_count + 1, sizeof *difference),
           *zero = difference ? difference + t->seed_count : NULL;
    if (!difference) return no_memory();
    for (size_t s = 0; s < t->seed_count; s++) {
        if (!isnan(a[s]) && !isnan(b[s]))
            difference[claim->seeds++] = a[s] - b[s];
        else
            claim->missing += t->rows[claim->a].runs[s] || t->rows[claim->b].runs[s];
    }
    status code = stats_t_interval(difference, claim->seeds, 0.95, &claim->difference, &claim->interval);
    stats_options options = STATS_OPTIONS_DEFAULT;
    if (code == STATUS_OK && claim->seeds >= STUDY_SEEDS_TO_DECIDE && claim->missing == 0)
        code = stats_paired_permutation(zero, difference, NULL, claim->seeds, &options, &claim->p);
    free(difference);
    return code;
}

static void note_step(study_claim *claim, int side, int64_t step) {
    if (claim->least_step[side] < 0 || step < claim->least_step[side]) claim->least_step[side] = step;
    if (step > claim->most_step[side]) claim->most_step[side] = step;
}

// Of the evaluated checkpoints.
static status claim_outcome(study_table *t, size_t a, size_t b, size_t column, bool declared) {
    study_claim *claim = add_claim(t, a, b, STUDY_AT_CHECKPOINT, t->columns[column].outcome, declared);
    if (!claim) return no_memory();
    for (int side = 0; side < 2; side++)
        for (size_t s = 0; s < t->seed_count; s++) {
            const study_row *row = &t->rows[side ? b : a];
            if (row->runs[s] && !isnan(row->cells[column].values[s]) && row->runs[s]->steps >= 0)
                note_step(claim, side, row->runs[s]->steps);
        }
    return settle(t, claim, t->rows[a].cells[column].values, t->rows[b].cells[column].values);
}

// ---- validations along the way ----------------------------------------------------------------------------------------------

// A run's validations, and the tokens that it generated before each.
typedef struct path {
    study_curve curve;
    double *tokens; // [curve.count]
    double total;   // generated in the whole run; NAN where the record does not say
    bool exact;
} path;

static void path_free(path *p) {
    study_curve_free(&p->curve);
    free(p->tokens);
    *p = (path){0};
}

static status path_read(path *p, const study_run *run, char *outcome, size_t size) {
    *p = (path){.total = NAN, .exact = true};
    bool ended = run && (run->state == STUDY_FINISHED || run->state == STUDY_DIVERGED);
    if (!ended || !run->settings || run->steps < 0) return STATUS_OK;
    char metric[48];
    size_t n = evaluation_samples(run->settings);
    study_curve generated = {0};
    snprintf(metric, sizeof metric, "acc/mean@%zu", n);
    snprintf(outcome, size, n == 1 ? "validation pass@%zu" : "validation avg@%zu", n);
    TRY(study_read_summary(&p->curve, run->folder, "validation", "overall", metric));
    TRY(study_read_tokens(&generated, run->folder, &p->exact));
    if (generated.count) p->total = generated.values[generated.count - 1];
    if (p->curve.count && !(p->tokens = calloc(p->curve.count, sizeof *p->tokens))) {
        study_curve_free(&generated);
        return no_memory();
    }
    for (size_t i = 0, g = 0; i < p->curve.count; i++) {
        while (g < generated.count && generated.steps[g] <= p->curve.steps[i]) g++;
        p->tokens[i] = g ? generated.values[g - 1] : 0;
    }
    study_curve_free(&generated);
    return STATUS_OK;
}

// The last validation within a budget of steps and tokens; SIZE_MAX for none.
static size_t last_within(const path *p, int64_t steps, double tokens) {
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < p->curve.count; i++)
        if (p->curve.steps[i] <= steps && p->tokens[i] <= tokens && !isnan(p->curve.values[i])) found = i;
    return found;
}

static status claim_meeting(study_table *t, size_t a, size_t b, const path *paths, study_meeting meeting, const char *outcome,
                            int64_t steps, double tokens) {
    study_claim *claim = add_claim(t, a, b, meeting, outcome, false);
    double *values = calloc(2 * t->seed_count, sizeof *values);
    if (!claim || !values) {
        free(values);
        return no_memory();
    }
    if (meeting == STUDY_AT_TOKENS) claim->tokens = tokens;
    for (size_t i = 0; i < 2 * t->seed_count; i++) {
        size_t at = last_within(&paths[i], steps, tokens);
        values[i] = at == SIZE_MAX ? NAN : paths[i].curve.values[at];
        if (at != SIZE_MAX) note_step(claim, i >= t->seed_count, paths[i].curve.steps[at]);
    }
    status code = settle(t, claim, values, values + t->seed_count);
    free(values);
    return code;
}

// The last step that every run has validated, and the least that a run generated in all. Runs without validations do not count.
static bool find_meetings(const path *paths, size_t count, int64_t *steps, double *tokens, bool *exact) {
    size_t there = 0;
    *steps = INT64_MAX, *tokens = INFINITY, *exact = true;
    for (size_t i = 0; i < count; i++) {
        const path *p = &paths[i];
        if (p->curve.count == 0 || isnan(p->total)) continue;
        there++;
        *exact &= p->exact;
        if (p->curve.steps[p->curve.count - 1] < *steps) *steps = p->curve.steps[p->curve.count - 1];
        if (p->total < *tokens) *tokens = p->total;
    }
    return there > 1;
}

static status claim_along_the_way(study_table *t, size_t a, size_t b) {
    char outcome[64] = "";
    path *paths = calloc(2 * t->seed_count, sizeof *paths);
    if (!paths) return no_memory();
    status code = STATUS_OK;
    for (size_t i = 0; i < 2 * t->seed_count && code == STATUS_OK; i++)
        code = path_read(&paths[i], t->rows[i < t->seed_count ? a : b].runs[i % t->seed_count], outcome, sizeof outcome);
    int64_t steps;
    double tokens;
    bool exact;
    if (code == STATUS_OK && find_meetings(paths, 2 * t->seed_count, &steps, &tokens, &exact)) {
        code = claim_meeting(t, a, b, paths, STUDY_AT_STEPS, outcome, steps, INFINITY);
        if (code == STATUS_OK) code = claim_meeting(t, a, b, paths, STUDY_AT_TOKENS, outcome, INT64_MAX, tokens);
        if (code == STATUS_OK && !exact)
            code = text_list_printf(
                &t->notes,
                "%s vs %s: a record without the tokens of dropped groups; they were taken to be as long as the kept "
                "ones.",
                t->rows[a].arm, t->rows[b].arm);
    }
    for (size_t i = 0; i < 2 * t->seed_count; i++) path_free(&paths[i]);
    free(paths);
    return code;
}

// ---- all claims -------------------------------------------------------------------------------------------------------------

// Row of an arm of the definition; t->row_count where it has no runs yet.
static size_t row_of(const study_table *t, size_t arm) {
    size_t i = 0;
    while (i < t->row_count && strcmp(t->rows[i].arm, t->definition->arms[arm].name)) i++;
    return i;
}

static bool is_declared(const study_table *t, size_t a, size_t b) {
    for (size_t i = 0; i < t->claim_count; i++) {
        const study_claim *c = &t->claims[i];
        if (c->declared && ((c->a == a && c->b == b) || (c->a == b && c->b == a))) return true;
    }
    return false;
}

// Holm over the declared family. A member without a test counts as one with p = 1: what was declared is not forgotten.
static status adjust(study_table *t, size_t declared) {
    double *p = calloc(declared + 1, sizeof *p);
    if (!p) return no_memory();
    for (size_t i = 0; i < declared; i++) p[i] = isnan(t->claims[i].p) ? 1 : t->claims[i].p;
    stats_holm(p, declared);
    for (size_t i = 0; i < declared; i++)
        if (!isnan(t->claims[i].p)) t->claims[i].adjusted = p[i];
    free(p);
    return STATUS_OK;
}

// Outcomes beside the primary one that are compared, too: the first and the last of pass@k, avg@N, and the similarities.
static bool is_secondary(const study_table *t, size_t column) {
    const study_column *c = &t->columns[column];
    if (column == t->primary || strcmp(c->source, "overall")) return false;
    if (!c->share || !strncmp(c->outcome, "avg@", 4) || !strcmp(c->outcome, "pass@1")) return true;
    size_t last = column;
    for (size_t i = column; i < t->column_count; i++)
        if (!strcmp(t->columns[i].source, "overall") && !strncmp(t->columns[i].outcome, "pass@", 5)) last = i;
    return last == column;
}

static status claim_secondary(study_table *t, size_t a, size_t b) {
    for (size_t c = 0; c < t->column_count; c++)
        if (is_secondary(t, c)) TRY(claim_outcome(t, a, b, c, false));
    return STATUS_OK;
}

status study_make_claims(study_table *t) {
    const study_definition *d = t->definition;
    size_t pairs = d ? d->pair_count : 0;
    for (size_t i = 0; i < pairs; i++) {
        size_t a = row_of(t, d->pairs[i].a), b = row_of(t, d->pairs[i].b);
        if (a < t->row_count && b < t->row_count)
            TRY(claim_outcome(t, a, b, t->primary, true));
        else
            TRY(text_list_printf(&t->notes, "%s vs %s was declared, but an arm of it has no run yet.",
                                 d->arms[d->pairs[i].a].name, d->arms[d->pairs[i].b].name));
    }
    size_t declared = t->claim_count;
    TRY(adjust(t, declared));
    for (size_t i = 0; i < declared; i++) {
        size_t a = t->claims[i].a, b = t->claims[i].b;
        TRY(claim_along_the_way(t, a, b));
        TRY(claim_secondary(t, a, b));
    }
    for (size_t a = 0; a < t->row_count; a++)
        for (size_t b = a + 1; b < t->row_count; b++) {
            if (is_declared(t, a, b) || !strcmp(t->rows[a].arm, "start")) continue;
            TRY(claim_outcome(t, b, a, t->primary, false));
            TRY(claim_along_the_way(t, b, a));
        }
    return STATUS_OK;
}

// ---- two checkpoints --------------------------------------------------------------------------------------------------------

static status fight(study_duel *duel, const study_measured *a, const study_measured *b, double *scores, uint32_t *strata) {
    bool there[2];
    double *x = scores, *y = scores + duel->problems;
    TRY(study_score_problems(a, duel->outcome, x, strata, &there[0]));
    TRY(study_score_problems(b, duel->outcome, y, strata, &there[1]));
    if (!there[0] || !there[1]) {
        duel->problems = 0;
        return STATUS_OK;
    }
    stats_options options = STATS_OPTIONS_DEFAULT;
    TRY(stats_mean(x, strata, duel->problems, &duel->a));
    TRY(stats_mean(y, strata, duel->problems, &duel->b));
    TRY(stats_paired_bootstrap(x, y, strata, duel->problems, &options, &duel->difference, &duel->interval));
    duel->mcnemar = !strcmp(duel->outcome, "pass@1") && (a->one.count ? &a->one : &a->many)->items[0].samples == 1;
    if (!duel->mcnemar) return stats_paired_permutation(x, y, strata, duel->problems, &options, &duel->p);
    for (size_t i = 0; i < duel->problems; i++) duel->only_a += x[i] > y[i], duel->only_b += y[i] > x[i];
    duel->p = stats_mcnemar_exact(duel->only_a, duel->only_b);
    return STATUS_OK;
}

status study_make_duels(study_table *t, const study_measured *a, const study_measured *b) {
    size_t problems = a->many.count > a->one.count ? a->many.count : a->one.count;
    double *scores = calloc(2 * problems + 1, sizeof *scores);
    uint32_t *strata = calloc(problems + 1, sizeof *strata);
    status code = scores && strata && (t->duels = calloc(t->column_count + 1, sizeof *t->duels)) ? STATUS_OK : no_memory();
    for (size_t c = 0; c < t->column_count && code == STATUS_OK; c++) {
        if (strcmp(t->columns[c].source, "overall") || !t->columns[c].share) continue;
        study_duel *duel = &t->duels[t->duel_count];
        *duel = (study_duel){.outcome = strdup(t->columns[c].outcome), .problems = problems};
        if (!duel->outcome) code = no_memory();
        t->duel_count++;
        if (code == STATUS_OK) code = fight(duel, a, b, scores, strata);
    }
    free(scores), free(strata);
    return code;
}
