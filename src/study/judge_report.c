// From judgements to estimates, and both into the store. See judge.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/judge_parts.h"

const char *const judge_measure_names[JUDGE_MEASURES] = {
    "logic", "formula", "semantic", "overall", "semantic_similarity", "formula_similarity", "distinct_equation_share"};

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory for a report on diversity"); }

// ---- estimates -----------------------------------------------------------------------------------------------------------

// Room for the values of one measure at the problems that have one.
typedef struct column {
    double *values, *base; // [problems]
    uint32_t *strata;      // [problems] number of the source among those with a value
    size_t count;
    bool several; // sources
} column;

// Problems are in order of their sources, so that these are numbered as they come.
static void gather(const judge *j, size_t evaluation, int measure, bool paired, column *c) {
    const judge_samples *s = &j->samples;
    const char *source = NULL;
    uint32_t sources = 0;
    c->count = 0;
    for (size_t p = 0; p < s->problem_count; p++) {
        double value = j->measures[(evaluation * s->problem_count + p) * JUDGE_MEASURES + (size_t)measure];
        double base = j->measures[p * JUDGE_MEASURES + (size_t)measure];
        if (isnan(value) || (paired && isnan(base))) continue;
        if (!source || strcmp(source, s->problems[p].source) != 0) source = s->problems[p].source, sources++;
        c->values[c->count] = value, c->base[c->count] = base, c->strata[c->count++] = sources - 1;
    }
    c->several = sources > 1;
}

static status estimate(const judge *j, size_t evaluation, int measure, bool paired, column *c, judge_estimate *out) {
    gather(j, evaluation, measure, paired, c);
    *out = (judge_estimate){.value = NAN, .interval = {NAN, NAN}, .problems = c->count, .p = NAN};
    if (c->count == 0) return STATUS_OK;
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.seed = (uint64_t)j->options.settings->trainer.seed, options.statistic = (uint64_t)measure + 1;
    if (measure < JUDGE_SCORES) options.high = 10;
    // A sum of n unit vectors is no shorter than 0, which bounds the mean of their cosines.
    if (measure == JUDGE_SIMILARITY) options.low = -1.0 / (double)(j->samples.n - 1);
    const uint32_t *strata = c->several ? c->strata : NULL;
    if (!paired) return stats_bootstrap(c->values, strata, c->count, &options, &out->value, &out->interval);
    TRY(stats_paired_bootstrap(c->base, c->values, strata, c->count, &options, &out->value, &out->interval));
    return stats_paired_permutation(c->base, c->values, strata, c->count, &options, &out->p);
}

static status estimate_all(const judge *j, judge_report *report, column *c) {
    for (size_t e = 0; e < report->count; e++)
        for (int m = 0; m < JUDGE_MEASURES; m++) {
            TRY(estimate(j, e, m, false, c, &report->methods[e].measures[m]));
            report->methods[e].difference[m] = (judge_estimate){NAN, {NAN, NAN}, 0, NAN};
            if (e > 0) TRY(estimate(j, e, m, true, c, &report->methods[e].difference[m]));
        }
    return STATUS_OK;
}

// ---- judgements ----------------------------------------------------------------------------------------------------------

static status note_model(judge_report *report, const char *name) {
    for (size_t i = 0; i < report->model_count; i++)
        if (!strcmp(report->models[i], name)) return STATUS_OK;
    char **grown = realloc(report->models, (report->model_count + 1) * sizeof *grown), *copy = text_copy(name, strlen(name));
    if (grown) report->models = grown;
    if (!grown || !copy) {
        free(copy);
        return no_memory();
    }
    report->models[report->model_count++] = copy;
    return STATUS_OK;
}

static status count_judgements(const judge *j, judge_report *report) {
    for (size_t i = 0; i < j->request_count; i++) {
        const judge_request *r = &j->requests[i];
        report->statuses[r->reply.status]++;
        if (!r->repeat) report->methods[r->evaluation].statuses[r->reply.status]++;
        if (r->equal) continue;
        if (r->reply.input_tokens > 0) report->input_tokens += r->reply.input_tokens;
        if (r->reply.output_tokens > 0) report->output_tokens += r->reply.output_tokens;
        if (*r->reply.model) TRY(note_model(report, r->reply.model));
    }
    return STATUS_OK;
}

// Both judgements of what was judged twice are known by the places of the first.
static void compare_repeats(const judge *j, judge_report *report) {
    for (int k = 0; k < JUDGE_SCORES; k++) report->mean_difference[k] = report->equal_share[k] = 0;
    for (size_t i = j->samples.count * j->samples.problem_count; i < j->request_count; i++) {
        const judge_request *second = &j->requests[i];
        const judge_request *first = &j->requests[second->evaluation * j->samples.problem_count + second->problem];
        if (first->reply.status != JUDGE_SCORED || second->reply.status != JUDGE_SCORED) continue;
        report->twice++;
        for (int k = 0; k < JUDGE_SCORES; k++) {
            report->mean_difference[k] += fabs(first->reply.scores[k] - second->reply.scores[k]);
            report->equal_share[k] += first->reply.scores[k] == second->reply.scores[k];
        }
    }
    for (int k = 0; k < JUDGE_SCORES; k++) {
        report->mean_difference[k] /= (double)report->twice; // NAN for none
        report->equal_share[k] /= (double)report->twice;
    }
}

static status summarize(const judge *j, judge_report *report, column *c) {
    const judge_samples *s = &j->samples;
    report->methods = calloc(s->count, sizeof *report->methods);
    if (!report->methods || !c->values || !c->base || !c->strata) return no_memory();
    report->count = s->count;
    report->judged = *j->options.settings->judge.base_url;
    memcpy(report->prompt_hash, j->prompt_hash, sizeof report->prompt_hash);
    memcpy(report->trouble, j->trouble, sizeof report->trouble);
    for (size_t e = 0; e < s->count; e++)
        report->methods[e].label = s->evaluations[e].label, report->methods[e].folder = s->evaluations[e].folder;
    TRY(estimate_all(j, report, c));
    TRY(count_judgements(j, report));
    compare_repeats(j, report);
    return STATUS_OK;
}

status judge_summarize(const judge *j, judge_report *report) {
    size_t room = j->samples.problem_count;
    column c = {.values = malloc(room * sizeof *c.values),
                .base = malloc(room * sizeof *c.base),
                .strata = malloc(room * sizeof *c.strata)};
    status code = summarize(j, report, &c);
    free(c.values), free(c.base), free(c.strata);
    return code;
}

void judge_report_free(judge_report *report) {
    for (size_t i = 0; i < report->model_count; i++) free(report->models[i]);
    free(report->models), free(report->methods);
    *report = (judge_report){0};
}

// ---- the store -----------------------------------------------------------------------------------------------------------

// An analysis is named by what it compares and how: the same one again replaces its rows.
static status name_analysis(const judge *j, char name[SHA256_TEXT]) {
    const settings *s = j->options.settings;
    buffer all = {0};
    status code = buffer_printf(&all, "%zu responses, seed %lld, %s, formulas %d\n", j->samples.n, s->trainer.seed,
                                s->dsdr.encoder, (int)s->dsdr.formula_level);
    for (size_t e = 0; e < j->samples.count && code == STATUS_OK; e++)
        code = buffer_printf(&all, "%s\n", j->samples.evaluations[e].folder);
    for (size_t p = 0; p < j->samples.problem_count && code == STATUS_OK; p++)
        code = buffer_printf(&all, "%s %s\n", j->samples.problems[p].source, j->samples.problems[p].id);
    for (size_t i = 0; i < j->request_count && code == STATUS_OK; i++) code = buffer_append_text(&all, j->requests[i].key);
    sha256_text(buffer_text(&all), all.length, name);
    buffer_free(&all);
    name[16] = 0;
    return code;
}

static status number_fact(judge_store *store, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return judge_store_fact(store, key, text);
}

static status write_facts(const judge *j, const judge_report *report) {
    const settings *s = j->options.settings;
    buffer text = {0};
    status code = STATUS_OK;
    TRY(number_fact(j->store, "samples", (double)j->samples.n));
    TRY(number_fact(j->store, "problems", (double)j->samples.problem_count));
    TRY(number_fact(j->store, "left_out", (double)j->samples.left_out));
    TRY(number_fact(j->store, "trainer.seed", (double)s->trainer.seed));
    TRY(judge_store_fact(j->store, "algorithm.dsdr.encoder", s->dsdr.encoder));
    for (size_t e = 0; e < report->count && code == STATUS_OK; e++) {
        const judge_evaluation *v = &j->samples.evaluations[e];
        buffer_clear(&text);
        code = buffer_printf(&text, "method/%s", v->label);
        buffer where = {0};
        if (code == STATUS_OK) code = buffer_printf(&where, "%s, %s, step %lld", v->folder, v->pass, (long long)v->step);
        if (code == STATUS_OK) code = judge_store_fact(j->store, text.data, where.data);
        buffer_free(&where);
    }
    if (code == STATUS_OK && report->judged) {
        buffer_clear(&text);
        for (size_t i = 0; i < report->model_count && code == STATUS_OK; i++)
            code = buffer_printf(&text, "%s%s", i ? ", " : "", report->models[i]);
        if (code == STATUS_OK) code = judge_store_fact(j->store, "judge.base_url", s->judge.base_url);
        if (code == STATUS_OK) code = judge_store_fact(j->store, "judge.model", s->judge.model);
        if (code == STATUS_OK) code = judge_store_fact(j->store, "model_returned", buffer_text(&text));
        if (code == STATUS_OK) code = judge_store_fact(j->store, "prompt_sha256", j->prompt_hash);
        if (code == STATUS_OK) code = judge_store_fact(j->store, "prompt", buffer_text(&j->prompt));
        if (code == STATUS_OK) code = number_fact(j->store, "temperature", 0);
        if (code == STATUS_OK) code = number_fact(j->store, "judge.max_tokens", (double)s->judge.max_tokens);
        if (code == STATUS_OK) code = number_fact(j->store, "judge.response_limit", (double)s->judge.response_limit);
        if (code == STATUS_OK) code = number_fact(j->store, "judged_twice", (double)report->twice);
        if (code == STATUS_OK)
            code = number_fact(j->store, "overall_mean_absolute_difference", report->mean_difference[JUDGE_OVERALL]);
    }
    buffer_free(&text);
    return code;
}

static status write_rows(const judge *j) {
    const judge_samples *s = &j->samples;
    for (size_t e = 0; e < s->count; e++)
        for (size_t p = 0; p < s->problem_count; p++)
            TRY(judge_store_similarity(j->store, s->evaluations[e].label, s->problems[p].source, s->problems[p].id, s->n,
                                       j->measures + (e * s->problem_count + p) * JUDGE_MEASURES + JUDGE_SIMILARITY));
    for (size_t i = 0; i < j->request_count; i++) {
        const judge_request *r = &j->requests[i];
        const judge_problem *p = &s->problems[r->problem];
        TRY(judge_store_judgement(j->store, s->evaluations[r->evaluation].label, p->source, p->id, r->repeat, &r->reply, r->key));
    }
    return STATUS_OK;
}

status judge_record(judge *j, const judge_report *report) {
    char name[SHA256_TEXT];
    TRY(name_analysis(j, name));
    TRY(judge_store_begin(j->store, name));
    TRY(write_facts(j, report));
    TRY(write_rows(j));
    return judge_store_commit(j->store);
}
