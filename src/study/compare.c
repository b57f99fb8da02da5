// The table: arms by seeds by outcomes. See compare.h.
#include "study/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/compare_parts.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while comparing runs"); }

void study_table_free(study_table *t) {
    for (size_t i = 0; i < t->column_count; i++) free(t->columns[i].source), free(t->columns[i].outcome);
    for (size_t i = 0; i < t->row_count; i++) {
        for (size_t c = 0; t->rows[i].cells && c < t->column_count; c++) free(t->rows[i].cells[c].values);
        free(t->rows[i].arm), free(t->rows[i].runs), free(t->rows[i].cells);
    }
    for (size_t i = 0; i < t->claim_count; i++) free(t->claims[i].outcome);
    for (size_t i = 0; i < t->duel_count; i++) free(t->duels[i].outcome);
    free(t->seeds), free(t->columns), free(t->rows), free(t->claims), free(t->duels);
    text_list_free(&t->notes);
    *t = (study_table){0};
}

size_t study_find_column(const study_table *t, const char *source, const char *outcome) {
    size_t i = 0;
    while (i < t->column_count && (strcmp(t->columns[i].source, source) || strcmp(t->columns[i].outcome, outcome))) i++;
    return i;
}

// ---- rows and seeds ---------------------------------------------------------------------------------------------------------

static bool is_compared(const study_run *run) { return strcmp(run->kind, "sft") != 0; }

// An evaluation that stands by itself is called by its folder's name.
static const char *row_name(const study_run *run) {
    if (strcmp(run->kind, "eval")) return run->label;
    const char *slash = strrchr(run->folder, '/');
    return slash && !strcmp(slash + 1, "eval-start") ? "start" : run->folder;
}

static size_t find_row(const study_table *t, const char *arm) {
    size_t i = 0;
    while (i < t->row_count && strcmp(t->rows[i].arm, arm)) i++;
    return i;
}

static status add_row(study_table *t, const char *arm) {
    if (find_row(t, arm) < t->row_count) return STATUS_OK;
    study_row *rows = realloc(t->rows, (t->row_count + 1) * sizeof *rows);
    if (!rows) return no_memory();
    t->rows = rows;
    rows[t->row_count] = (study_row){.arm = strdup(arm)};
    return rows[t->row_count++].arm ? STATUS_OK : no_memory();
}

static bool has_run(const study_collection *found, const char *arm) {
    for (size_t i = 0; i < found->count; i++)
        if (!strcmp(row_name(&found->runs[i]), arm)) return true;
    return false;
}

// The start first, then the arms in the order of the definition, then the others.
static status list_rows(study_table *t) {
    const study_definition *d = t->definition;
    if (has_run(t->found, "start")) TRY(add_row(t, "start"));
    for (size_t i = 0; d && i < d->arm_count; i++)
        if (has_run(t->found, d->arms[i].name)) TRY(add_row(t, d->arms[i].name));
    for (size_t i = 0; i < t->found->count; i++)
        if (is_compared(&t->found->runs[i])) TRY(add_row(t, row_name(&t->found->runs[i])));
    return STATUS_OK;
}

static int compare_seeds(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t seed_index(const study_table *t, int64_t seed) {
    size_t i = 0;
    while (i < t->seed_count && t->seeds[i] != seed) i++;
    return i;
}

static status list_seeds(study_table *t) {
    if (!(t->seeds = calloc(t->found->count + 1, sizeof *t->seeds))) return no_memory();
    for (size_t i = 0; i < t->found->count; i++) {
        const study_run *run = &t->found->runs[i];
        if (strcmp(run->kind, "train") == 0 && seed_index(t, run->seed) == t->seed_count) t->seeds[t->seed_count++] = run->seed;
    }
    if (t->seed_count == 0) t->seed_count = 1; // evaluations alone
    qsort(t->seeds, t->seed_count, sizeof *t->seeds, compare_seeds);
    return STATUS_OK;
}

static status place_runs(study_table *t) {
    for (size_t i = 0; i < t->row_count; i++)
        if (!(t->rows[i].runs = calloc(t->seed_count, sizeof *t->rows[i].runs))) return no_memory();
    for (size_t i = 0; i < t->found->count; i++) {
        const study_run *run = &t->found->runs[i];
        if (!is_compared(run)) continue;
        study_row *row = &t->rows[find_row(t, row_name(run))];
        size_t seed = seed_index(t, run->seed);
        if (seed == t->seed_count) seed = 0; // an evaluation of what no seed has trained
        if (row->runs[seed])
            return status_set(STATUS_INVALID, "%s and %s are both %s with seed %lld; name one of them", row->runs[seed]->folder,
                              run->folder, row->arm, (long long)run->seed);
        row->runs[seed] = run;
        row->count[run->state]++;
    }
    return STATUS_OK;
}

// ---- columns ----------------------------------------------------------------------------------------------------------------

static status add_column(study_table *t, const char *source, const char *outcome, bool share) {
    if (study_find_column(t, source, outcome) < t->column_count) return STATUS_OK;
    study_column *columns = realloc(t->columns, (t->column_count + 1) * sizeof *columns);
    if (!columns) return no_memory();
    t->columns = columns;
    study_column *c = &columns[t->column_count++];
    *c = (study_column){strdup(source), strdup(outcome), share};
    return c->source && c->outcome ? STATUS_OK : no_memory();
}

// An outcome on every source and over all of them.
static status add_outcome(study_table *t, const study_measured *m, const char *outcome, bool share) {
    for (size_t i = 0; i < m->many.count; i++)
        if (i == 0 || strcmp(m->many.items[i].source, m->many.items[i - 1].source))
            TRY(add_column(t, m->many.items[i].source, outcome, share));
    return add_column(t, "overall", outcome, share);
}

static const char *const similarities[] = {"semantic_similarity", "formula_similarity", "distinct_equation_share"};

static status list_columns(study_table *t, const study_measured *m) {
    uint32_t n = m->many.items[0].samples;
    char name[32];
    if (m->one.count) TRY(add_outcome(t, m, "pass@1", true));
    snprintf(name, sizeof name, "avg@%u", m->few.items[0].samples);
    TRY(add_outcome(t, m, name, true));
    for (uint32_t k = 2; k <= n; k *= 2) {
        snprintf(name, sizeof name, "pass@%u", k);
        TRY(add_outcome(t, m, name, true));
    }
    if (n > 1) {
        snprintf(name, sizeof name, "pass@%u", n); // where n is no power of two
        TRY(add_outcome(t, m, name, true));
    }
    const char *primary = t->definition ? t->definition->primary : NULL;
    if (primary) TRY(add_outcome(t, m, primary, true));
    for (size_t i = 0; i < sizeof similarities / sizeof *similarities; i++) {
        study_curve curve;
        char metric[64];
        snprintf(metric, sizeof metric, "%s", similarities[i]);
        TRY(study_read_summary(&curve, m->folder, m->pass, "overall", metric));
        bool there = curve.count > 0;
        study_curve_free(&curve);
        if (there) TRY(add_outcome(t, m, metric, false));
    }
    snprintf(name, sizeof name, "avg@%u", m->few.items[0].samples);
    t->primary = study_find_column(t, "overall", primary ? primary : name);
    return STATUS_OK;
}

// ---- cells ------------------------------------------------------------------------------------------------------------------

static double mean_of_source(const study_scores *s, const double *scores, const char *source) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i].source, source)) sum += scores[i], count++;
    return count ? sum / (double)count : NAN;
}

static status accuracy(double *value, const study_measured *m, const study_column *c) {
    double *scores = calloc(m->many.count + m->one.count, sizeof *scores);
    uint32_t *strata = calloc(m->many.count + m->one.count, sizeof *strata);
    bool there = false;
    status code = scores && strata ? study_score_problems(m, c->outcome, scores, strata, &there) : no_memory();
    const study_scores *s = !strcmp(c->outcome, "pass@1") && m->one.count ? &m->one : &m->many;
    if (code == STATUS_OK && there) {
        if (!strcmp(c->source, "overall"))
            code = stats_mean(scores, strata, s->count, value);
        else
            *value = mean_of_source(s, scores, c->source);
    }
    free(scores), free(strata);
    return code;
}

static status similarity(double *value, const study_measured *m, const study_column *c) {
    study_curve curve;
    TRY(study_read_summary(&curve, m->folder, m->pass, c->source, c->outcome));
    for (size_t i = 0; i < curve.count; i++)
        if (curve.steps[i] == m->step) *value = curve.values[i];
    study_curve_free(&curve);
    return STATUS_OK;
}

static status fill_run(study_table *t, study_row *row, size_t seed, const study_measured *m) {
    for (size_t c = 0; c < t->column_count; c++) {
        const study_column *column = &t->columns[c];
        TRY(column->share ? accuracy(&row->cells[c].values[seed], m, column)
                          : similarity(&row->cells[c].values[seed], m, column));
    }
    return STATUS_OK;
}

static status make_cells(study_table *t) {
    for (size_t r = 0; r < t->row_count; r++) {
        study_row *row = &t->rows[r];
        if (!(row->cells = calloc(t->column_count, sizeof *row->cells))) return no_memory();
        for (size_t c = 0; c < t->column_count; c++) {
            if (!(row->cells[c].values = calloc(t->seed_count, sizeof *row->cells[c].values))) return no_memory();
            for (size_t s = 0; s < t->seed_count; s++) row->cells[c].values[s] = NAN;
        }
    }
    return STATUS_OK;
}

static status summarize(const study_table *t, study_cell *cell) {
    double *values = calloc(t->seed_count, sizeof *values);
    if (!values) return no_memory();
    cell->count = 0;
    for (size_t s = 0; s < t->seed_count; s++)
        if (!isnan(cell->values[s])) values[cell->count++] = cell->values[s];
    status code = stats_t_interval(values, cell->count, 0.95, &cell->mean, &cell->interval);
    free(values);
    return code;
}

// ---- all of it --------------------------------------------------------------------------------------------------------------

typedef struct measurement {
    size_t row, seed;
    study_measured m;
} measurement;

static status measure_all(study_table *t, measurement *all, size_t *count, bool validation) {
    study_outcome_name primary = {0};
    if (t->definition) TRY(study_read_outcome_name(&primary, t->definition->primary));
    *count = 0;
    for (size_t r = 0; r < t->row_count; r++)
        for (size_t s = 0; s < t->seed_count; s++) {
            const study_run *run = t->rows[r].runs[s];
            // What a run has before its end is not its number, whether it goes on or has failed.
            if (!run || run->state == STUDY_FAILED || run->state == STUDY_UNFINISHED) continue;
            measurement *one = &all[*count];
            *one = (measurement){.row = r, .seed = s};
            TRY(study_measure(&one->m, run, primary.average ? primary.k : 0, validation));
            if (one->m.folder) ++*count;
        }
    return STATUS_OK;
}

static status fill(study_table *t, measurement *all, size_t count) {
    for (size_t i = 1; i < count; i++) TRY(study_check_problems(&all[0].m, &all[i].m));
    TRY(list_columns(t, &all[0].m));
    TRY(make_cells(t));
    for (size_t i = 0; i < count; i++) {
        t->rows[all[i].row].evaluated++;
        TRY(fill_run(t, &t->rows[all[i].row], all[i].seed, &all[i].m));
    }
    for (size_t r = 0; r < t->row_count; r++)
        for (size_t c = 0; c < t->column_count; c++) TRY(summarize(t, &t->rows[r].cells[c]));
    bool checkpoints = t->row_count == 2 && count == 2;
    for (size_t i = 0; i < t->found->count; i++) checkpoints &= !strcmp(t->found->runs[i].kind, "eval");
    return checkpoints ? study_make_duels(t, &all[0].m, &all[1].m) : study_make_claims(t);
}

static status compare(study_table *t) {
    TRY(list_rows(t));
    TRY(list_seeds(t));
    TRY(place_runs(t));
    measurement *all = calloc(t->row_count * t->seed_count + 1, sizeof *all);
    if (!all) return no_memory();
    size_t count = 0;
    status code = measure_all(t, all, &count, false);
    if (code == STATUS_OK && count == 0) {
        code = measure_all(t, all, &count, true);
        if (code == STATUS_OK && count)
            code = text_list_printf(&t->notes, "Nothing was evaluated by dsdr eval: these are the runs' own last validations.");
    }
    if (code == STATUS_OK && count == 0) code = status_set(STATUS_INVALID, "none of these runs has been evaluated");
    if (code == STATUS_OK) code = fill(t, all, count);
    for (size_t i = 0; i < t->row_count * t->seed_count; i++) study_measured_free(&all[i].m);
    free(all);
    return code;
}

status study_compare(study_table *t, const study_collection *found, const study_definition *definition) {
    *t = (study_table){.found = found, .definition = definition};
    status code = compare(t);
    if (code != STATUS_OK) study_table_free(t);
    return code;
}
