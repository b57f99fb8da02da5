// One run's evaluation as scores of problems. See compare_parts.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "study/collection_parts.h"
#include "study/compare_parts.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while comparing runs"); }

void study_measured_free(study_measured *m) {
    study_scores_free(&m->one), study_scores_free(&m->many), study_scores_free(&m->few);
    free(m->pass);
    *m = (study_measured){0};
}

// N of ".../global_step_N", -1 for any other model.
static status read_trained_steps(int64_t *steps, const char *folder) {
    char *model;
    *steps = -1;
    TRY(study_record_get(&model, folder, "model"));
    const char *name = model ? strstr(model, "global_step_") : NULL;
    if (name) *steps = strtoll(name + strlen("global_step_"), NULL, 10);
    free(model);
    return STATUS_OK;
}

// Of several evaluations of a run the one called eval, as a study makes it, else the last by name.
static const char *choose_evaluation(const study_run *run) {
    for (size_t i = 0; i < run->evaluation_count; i++) {
        const char *slash = strrchr(run->evaluations[i], '/');
        if (!strcmp(slash ? slash + 1 : run->evaluations[i], "eval")) return run->evaluations[i];
    }
    return run->evaluation_count ? run->evaluations[run->evaluation_count - 1] : NULL;
}

static bool is_pass(const study_recorded_pass *p, int64_t step, const char *name) {
    return p->step == step && !strcmp(p->pass, name);
}

static status read_passes(study_measured *m, const study_recorded_pass *passes, size_t count, uint32_t first) {
    static const char *const names[] = {"pass@k", "custom", "validation"}; // the first that is there
    m->step = passes[count - 1].step;
    const char *many = NULL;
    for (size_t n = 0; n < 3 && !many; n++)
        for (size_t i = 0; i < count; i++)
            if (is_pass(&passes[i], m->step, names[n])) many = names[n];
    for (size_t i = 0; i < count; i++)
        if (is_pass(&passes[i], m->step, "pass@1")) TRY(study_read_scores(&m->one, m->folder, m->step, "pass@1", 0));
    if (!many) many = "pass@1";
    if (!(m->pass = strdup(many))) return no_memory();
    TRY(study_read_scores(&m->many, m->folder, m->step, many, 0));
    return study_read_scores(&m->few, m->folder, m->step, many, first ? first : 16);
}

status study_measure(study_measured *m, const study_run *run, uint32_t first, bool validation) {
    *m = (study_measured){.folder = validation ? (run->steps >= 0 ? run->folder : NULL) : choose_evaluation(run), .trained = -1};
    // What an evaluation has before its end is not its number.
    bool finished = validation;
    if (m->folder && !validation) TRY(study_is_finished(m->folder, &finished));
    if (!finished) m->folder = NULL;
    if (!m->folder) return STATUS_OK;
    study_recorded_pass *passes;
    size_t count;
    TRY(study_read_passes(&passes, &count, m->folder));
    status code = count ? read_passes(m, passes, count, first) : STATUS_OK;
    if (code == STATUS_OK && !validation)
        code = read_trained_steps(&m->trained, m->folder);
    else if (code == STATUS_OK)
        m->trained = m->step;
    study_passes_free(passes, count);
    if (code != STATUS_OK || m->many.count == 0) study_measured_free(m);
    return code;
}

static status check_same(const study_measured *a, const study_scores *x, const study_measured *b, const study_scores *y) {
    if (x->count == 0 || y->count == 0) return STATUS_OK;
    for (size_t i = 0; i < x->count && i < y->count; i++)
        if (strcmp(x->items[i].source, y->items[i].source) || strcmp(x->items[i].id, y->items[i].id))
            return status_set(STATUS_INVALID, "%s and %s evaluate different problems: %s of %s, and %s of %s", a->folder,
                              b->folder, x->items[i].id, x->items[i].source, y->items[i].id, y->items[i].source);
    if (x->count == y->count) return STATUS_OK;
    return status_set(STATUS_INVALID, "%s and %s evaluate different numbers of problems: %zu and %zu", a->folder, b->folder,
                      x->count, y->count);
}

status study_check_problems(const study_measured *a, const study_measured *b) {
    TRY(check_same(a, &a->many, b, &b->many));
    return check_same(a, &a->one, b, &b->one);
}

static void number_sources(const study_scores *s, uint32_t *strata) {
    uint32_t next = 0;
    for (size_t i = 0; i < s->count; i++) {
        strata[i] = next;
        for (size_t j = 0; j < i && strata[i] == next; j++)
            if (!strcmp(s->items[i].source, s->items[j].source)) strata[i] = strata[j];
        next += strata[i] == next;
    }
}

status study_score_problems(const study_measured *m, const char *outcome, double *scores, uint32_t *strata, bool *there) {
    study_outcome_name name;
    TRY(study_read_outcome_name(&name, outcome));
    bool apart = !name.average && name.k == 1 && m->one.count > 0;
    const study_scores *s = apart ? &m->one : name.average ? &m->few : &m->many;
    *there = m->folder && s->count > 0;
    for (size_t i = 0; i < s->count && *there; i++) {
        const study_score *one = &s->items[i];
        if (name.average)
            *there = one->samples == name.k;
        else
            *there = one->samples >= name.k;
        if (!*there) break;
        if (name.average)
            scores[i] = (double)one->correct / (double)one->samples;
        else
            TRY(stats_pass_at_k(one->samples, one->correct, name.k, &scores[i]));
    }
    if (*there) number_sources(s, strata);
    return STATUS_OK;
}
