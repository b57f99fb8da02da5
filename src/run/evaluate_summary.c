// From counts to estimates with intervals, and the names under which they are reported. See evaluate.h.
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/evaluate_parts.h"

size_t evaluation_ks(size_t n, size_t *ks) {
    size_t count = 0, last = 0;
    for (size_t k = 1; k <= n; k *= 2, count++) {
        if (ks) ks[count] = k;
        last = k;
    }
    if (last == n) return count;
    if (ks) ks[count] = n;
    return count + 1;
}

// ---- estimates -----------------------------------------------------------------------------------------------------------

// The scores of some of the problems, and their strata.
typedef struct selection {
    size_t *problems;  // [count] into the evaluation's problems
    uint32_t *strata;  // [count], or NULL for one benchmark
    double *scores;    // [count] room
    uint32_t *correct; // [count] room
    size_t count;
} selection;

// Keys of the bootstrap's draws, so that no two kinds of estimate share their resamples.
enum { STATISTIC_ACCURACY = 1, STATISTIC_PASS = 2, STATISTIC_MAJORITY = 3, STATISTIC_RESPONSES = 4 };

// What is estimated: the mean of the scores, of `n` samples a problem of which `correct` are right; Maj@k has no such counts.
typedef struct question {
    const double *scores;
    const uint32_t *correct; // NULL: the score is no function of them
    size_t n, k;
    int statistic;
} question;

static status estimate(evaluation_estimate *out, const selection *who, const question *q, const tally *t) {
    *out = (evaluation_estimate){.k = q->k, .value = NAN, .interval = {NAN, NAN}};
    uint64_t hits = 0;
    for (size_t i = 0; i < who->count; i++) {
        who->scores[i] = q->scores[who->problems[i]];
        if (isnan(who->scores[i])) return STATUS_OK; // not computed
        hits += who->scores[i] > 0.5;
    }
    TRY(stats_mean(who->scores, who->strata, who->count, &out->value));
    // One sample a problem is a proportion. Where all problems score alike the bootstrap gives the exact bounds.
    if (q->n == 1 && !who->strata && hits > 0 && hits < who->count) return stats_wilson(hits, who->count, 0.95, &out->interval);
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.seed = t->seed, options.statistic = (uint64_t)q->statistic << 32 | q->k;
    if (t->interval == EVALUATION_OVER_PROBLEMS || q->n == 1)
        return stats_bootstrap(who->scores, who->strata, who->count, &options, NULL, &out->interval);
    if (!q->correct) return STATUS_OK;
    for (size_t i = 0; i < who->count; i++) who->correct[i] = q->correct[who->problems[i]];
    options.statistic = (uint64_t)STATISTIC_RESPONSES << 32 | q->k;
    return stats_response_interval(who->correct, who->strata, who->count, (uint32_t)q->n, (uint32_t)q->k, &options,
                                   &out->interval);
}

static status estimate_all(evaluation_summary *out, const tally *t, const selection *who) {
    const evaluation *e = t->e;
    size_t ks[72];
    evaluation_ks(e->n, ks);
    out->pass = calloc(e->k_count, sizeof *out->pass);
    out->majority = calloc(e->k_count, sizeof *out->majority);
    if (!out->pass || !out->majority) return status_set(STATUS_NO_MEMORY, "out of memory");
    question average = {t->average, e->first, e->average, 1, STATISTIC_ACCURACY};
    TRY(estimate(&out->accuracy, who, &average, t));
    out->accuracy.k = e->average;
    for (size_t i = 0; i < e->k_count; i++) {
        question pass = {t->pass + i * e->problems, e->correct, e->n, ks[i], STATISTIC_PASS};
        question majority = {t->majority + i * e->problems, NULL, e->n, ks[i], STATISTIC_MAJORITY};
        if (ks[i] == 1 && e->average == e->n) { // the same question
            out->pass[i] = out->accuracy;
            out->pass[i].k = 1;
        } else {
            TRY(estimate(&out->pass[i], who, &pass, t));
        }
        if (ks[i] == 1)
            out->majority[i] = out->pass[i];
        else
            TRY(estimate(&out->majority[i], who, &majority, t));
    }
    return STATUS_OK;
}

// The same estimates: of the only source, which is all.
static status copy_estimates(evaluation_summary *out, const evaluation *e) {
    const evaluation_summary *only = &e->sources[0];
    out->pass = calloc(e->k_count, sizeof *out->pass);
    out->majority = calloc(e->k_count, sizeof *out->majority);
    if (!out->pass || !out->majority) return status_set(STATUS_NO_MEMORY, "out of memory");
    out->accuracy = only->accuracy;
    memcpy(out->pass, only->pass, e->k_count * sizeof *out->pass);
    memcpy(out->majority, only->majority, e->k_count * sizeof *out->majority);
    return STATUS_OK;
}

// ---- sums ----------------------------------------------------------------------------------------------------------------

static void add_tally(source_tally *sum, const source_tally *one) {
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++) sum->verdicts[v] += one->verdicts[v];
    sum->samples += one->samples, sum->cut += one->cut, sum->problems += one->problems;
    sum->length += one->length;
    sum->semantic += one->semantic, sum->formula += one->formula, sum->distinct += one->distinct;
    sum->formula_problems += one->formula_problems, sum->distinct_problems += one->distinct_problems;
}

static void describe(evaluation_summary *out, const source_tally *sum, bool has_diversity) {
    double samples = (double)sum->samples, problems = (double)sum->problems;
    memcpy(out->verdicts, sum->verdicts, sizeof out->verdicts);
    out->problems = sum->problems, out->samples = sum->samples;
    out->mean_length = sum->length / samples;
    out->cut_share = (double)sum->cut / samples;
    out->has_diversity = has_diversity;
    out->semantic_similarity = sum->semantic / problems;
    out->formula_similarity = sum->formula / (double)sum->formula_problems; // 0 / 0 is NAN: there is nothing to say
    out->distinct_share = sum->distinct / (double)sum->distinct_problems;
}

// The unweighted mean of one number of the sources, over those that have it.
static double mean_of_sources(const evaluation *e, size_t offset) {
    double sum = 0, having = 0;
    for (size_t s = 0; s < e->source_count; s++) {
        double value = *(const double *)((const char *)&e->sources[s] + offset);
        if (!isnan(value)) sum += value, having++;
    }
    return sum / having;
}

// "overall" is the unweighted mean of the sources.
static void average(evaluation_summary *overall, const evaluation *e) {
#define MEAN(member) overall->member = mean_of_sources(e, offsetof(evaluation_summary, member))
    MEAN(mean_length), MEAN(cut_share);
    MEAN(semantic_similarity), MEAN(formula_similarity), MEAN(distinct_share);
#undef MEAN
}

// ---- names ---------------------------------------------------------------------------------------------------------------

static status add_metric(evaluation *e, size_t *capacity, const char *name, double value) {
    if (e->metric_count == *capacity) {
        size_t grown = *capacity ? 2 * *capacity : 64;
        evaluation_metric *metrics = realloc(e->metrics, grown * sizeof *metrics);
        if (!metrics) return status_set(STATUS_NO_MEMORY, "out of memory");
        e->metrics = metrics, *capacity = grown;
    }
    char *copy = text_copy(name, strlen(name));
    if (!copy) return status_set(STATUS_NO_MEMORY, "out of memory");
    e->metrics[e->metric_count++] = (evaluation_metric){copy, value};
    return STATUS_OK;
}

// The metrics of one summary. `core` and `aux` are prefixes such as "val-core/gsm8k".
static status add_metrics(evaluation *e, size_t *capacity, const evaluation_summary *s, const char *core, const char *aux) {
    buffer name = {0};
    status code = STATUS_OK;
#define ADD(value, ...)                                                                                                          \
    do {                                                                                                                         \
        buffer_clear(&name);                                                                                                     \
        TRY_OR(code, buffer_printf(&name, __VA_ARGS__), cleanup);                                                                \
        TRY_OR(code, add_metric(e, capacity, name.data, value), cleanup);                                                        \
    } while (0)
    ADD(s->accuracy.value, "%s/acc/mean@%zu", core, e->average);
    for (size_t i = 0; i < e->k_count; i++) {
        size_t k = s->pass[i].k;
        if (k == 1) continue; // the mean
        ADD(s->pass[i].value, "%s/acc/pass@%zu", k == e->n ? core : aux, k);
        ADD(s->majority[i].value, "%s/acc/maj@%zu", k == e->n ? core : aux, k);
    }
    ADD(s->mean_length, "%s/response_length/mean", aux);
    ADD(s->cut_share, "%s/response_length/clip_ratio", aux);
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++)
        ADD((double)s->verdicts[v], "%s/verify/%s", aux, verdict_name((verdict_status)v));
    if (s->has_diversity) {
        ADD(s->semantic_similarity, "%s/semantic_similarity", aux);
        ADD(s->formula_similarity, "%s/formula_similarity", aux);
        ADD(s->distinct_share, "%s/distinct_equation_share", aux);
    }
#undef ADD
cleanup:
    buffer_free(&name);
    return code;
}

static status name_metrics(evaluation *e) {
    size_t capacity = 0;
    buffer core = {0}, aux = {0};
    status code = STATUS_OK;
    for (size_t s = 0; s < e->source_count; s++) {
        buffer_clear(&core), buffer_clear(&aux);
        TRY_OR(code, buffer_printf(&core, "val-core/%s", e->sources[s].source), cleanup);
        TRY_OR(code, buffer_printf(&aux, "val-aux/%s", e->sources[s].source), cleanup);
        TRY_OR(code, add_metrics(e, &capacity, &e->sources[s], core.data, aux.data), cleanup);
    }
    TRY_OR(code, add_metrics(e, &capacity, &e->overall, "val/overall", "val/overall"), cleanup);
    if (e->source_count > 1) TRY_OR(code, add_metrics(e, &capacity, &e->pooled, "val/pooled", "val/pooled"), cleanup);
cleanup:
    buffer_free(&core), buffer_free(&aux);
    return code;
}

// ---- all of it -----------------------------------------------------------------------------------------------------------

static status summarize(const tally *t, selection *who) {
    evaluation *e = t->e;
    source_tally all = {0};
    for (size_t s = 0; s < e->source_count; s++) {
        selection part = {.problems = who->problems, .scores = who->scores, .correct = who->correct};
        for (size_t i = 0; i < e->problems; i++)
            if (e->source_of[i] == s) part.problems[part.count++] = i;
        describe(&e->sources[s], &t->sources[s], t->diversity);
        add_tally(&all, &t->sources[s]);
        TRY(estimate_all(&e->sources[s], t, &part));
    }
    for (size_t i = 0; i < e->problems; i++) who->problems[i] = i;
    who->count = e->problems;
    describe(&e->pooled, &all, t->diversity);
    describe(&e->overall, &all, t->diversity);
    average(&e->overall, e);
    if (e->source_count == 1) {
        TRY(copy_estimates(&e->pooled, e));
        TRY(copy_estimates(&e->overall, e));
    } else {
        TRY(estimate_all(&e->pooled, t, who));
        who->strata = e->source_of;
        TRY(estimate_all(&e->overall, t, who));
    }
    e->overall.source = "overall", e->pooled.source = "pooled";
    return name_metrics(e);
}

status evaluation_summarize(const tally *t) {
    size_t room = t->e->problems + 1;
    selection who = {.problems = malloc(room * sizeof *who.problems),
                     .scores = malloc(room * sizeof *who.scores),
                     .correct = malloc(room * sizeof *who.correct)};
    status code = who.problems && who.scores && who.correct ? summarize(t, &who)
                                                            : status_set(STATUS_NO_MEMORY, "out of memory for estimates");
    free(who.problems), free(who.scores), free(who.correct);
    return code;
}

// ---- lines ---------------------------------------------------------------------------------------------------------------

typedef status (*line_reader)(void *context, const evaluation_line *line);

static status estimate_lines(const evaluation *e, const evaluation_summary *s, line_reader read, void *context) {
    char name[64];
    evaluation_line line = {s->source, name, s->accuracy.value, s->accuracy.interval, s->problems};
    snprintf(name, sizeof name, "acc/mean@%zu", e->average);
    TRY(read(context, &line));
    for (size_t i = 0; i < e->k_count; i++) {
        const evaluation_estimate *both[] = {&s->pass[i], &s->majority[i]};
        for (int which = 0; which < 2; which++) {
            snprintf(name, sizeof name, "acc/%s@%zu", which ? "maj" : "pass", both[which]->k);
            line.value = both[which]->value, line.interval = both[which]->interval;
            TRY(read(context, &line));
        }
    }
    return STATUS_OK;
}

static status plain_line(const evaluation_summary *s, const char *name, double value, line_reader read, void *context) {
    return read(context, &(evaluation_line){s->source, name, value, {NAN, NAN}, s->problems});
}

static status summary_lines(const evaluation *e, const evaluation_summary *s, line_reader read, void *context) {
    char name[64];
    TRY(estimate_lines(e, s, read, context));
    TRY(plain_line(s, "response_length/mean", s->mean_length, read, context));
    TRY(plain_line(s, "response_length/clip_ratio", s->cut_share, read, context));
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++) {
        snprintf(name, sizeof name, "verify/%s", verdict_name((verdict_status)v));
        TRY(plain_line(s, name, (double)s->verdicts[v], read, context));
    }
    if (!s->has_diversity) return STATUS_OK;
    TRY(plain_line(s, "semantic_similarity", s->semantic_similarity, read, context));
    TRY(plain_line(s, "formula_similarity", s->formula_similarity, read, context));
    return plain_line(s, "distinct_equation_share", s->distinct_share, read, context);
}

status evaluation_each_line(const evaluation *e, line_reader read, void *context) {
    for (size_t s = 0; s < e->source_count; s++) TRY(summary_lines(e, &e->sources[s], read, context));
    TRY(summary_lines(e, &e->overall, read, context));
    return e->source_count > 1 ? summary_lines(e, &e->pooled, read, context) : STATUS_OK;
}

// Where the lines of a pass go.
typedef struct destination {
    record *record;
    const char *pass;
} destination;

static status write_line(void *context, const evaluation_line *line) {
    const destination *to = context;
    return record_evaluation_summary(to->record, to->pass, line->source, line->metric, line->value, line->interval.low,
                                     line->interval.high, line->problems);
}

status evaluation_write_summary(const evaluation *e, record *r, const char *pass) {
    return evaluation_each_line(e, write_line, &(destination){r, pass});
}
