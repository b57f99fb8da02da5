// From counts to estimates with intervals, and the names under which they are reported. See evaluate.h.
#include <math.h>
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
    size_t *problems; // [count] into the evaluation's problems
    uint32_t *strata; // [count], or NULL for one benchmark
    double *scores;   // [count] room
    size_t count;
} selection;

// Keys of the bootstrap's draws, so that no two kinds of estimate share their resamples.
enum { STATISTIC_ACCURACY = 1, STATISTIC_PASS = 2, STATISTIC_MAJORITY = 3 };

static status estimate(evaluation_estimate *out, const selection *who, const double *scores, size_t n, size_t k, int statistic,
                       uint64_t seed) {
    *out = (evaluation_estimate){.k = k, .value = NAN, .interval = {NAN, NAN}};
    uint64_t hits = 0;
    for (size_t i = 0; i < who->count; i++) {
        who->scores[i] = scores[who->problems[i]];
        if (isnan(who->scores[i])) return STATUS_OK; // not computed
        hits += who->scores[i] > 0.5;
    }
    // One sample a problem is a proportion. Where all problems score alike the bootstrap gives the exact bounds.
    if (n == 1 && !who->strata && hits > 0 && hits < who->count) {
        TRY(stats_mean(who->scores, NULL, who->count, &out->value));
        return stats_wilson(hits, who->count, 0.95, &out->interval);
    }
    stats_options options = STATS_OPTIONS_DEFAULT;
    options.seed = seed, options.statistic = (uint64_t)statistic << 32 | k;
    return stats_bootstrap(who->scores, who->strata, who->count, &options, &out->value, &out->interval);
}

static status estimate_all(evaluation_summary *out, const tally *t, const selection *who, uint64_t seed) {
    const evaluation *e = t->e;
    size_t ks[72];
    evaluation_ks(e->n, ks);
    out->pass = calloc(e->k_count, sizeof *out->pass);
    out->majority = calloc(e->k_count, sizeof *out->majority);
    if (!out->pass || !out->majority) return status_set(STATUS_NO_MEMORY, "out of memory");
    // Pass@1 is the share of correct samples.
    TRY(estimate(&out->accuracy, who, t->pass, e->n, 1, STATISTIC_ACCURACY, seed));
    out->accuracy.k = e->n;
    for (size_t i = 0; i < e->k_count; i++) {
        if (ks[i] == 1) {
            out->pass[i] = out->majority[i] = out->accuracy;
            out->pass[i].k = out->majority[i].k = 1;
            continue;
        }
        TRY(estimate(&out->pass[i], who, t->pass + i * e->problems, e->n, ks[i], STATISTIC_PASS, seed));
        TRY(estimate(&out->majority[i], who, t->majority + i * e->problems, e->n, ks[i], STATISTIC_MAJORITY, seed));
    }
    return STATUS_OK;
}

// ---- sums ----------------------------------------------------------------------------------------------------------------

static void add_tally(source_tally *sum, const source_tally *one) {
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++) sum->verdicts[v] += one->verdicts[v];
    sum->samples += one->samples, sum->cut += one->cut, sum->problems += one->problems;
    sum->length += one->length;
    sum->semantic += one->semantic, sum->formula += one->formula, sum->distinct += one->distinct;
}

static void describe(evaluation_summary *out, const source_tally *sum, bool has_diversity) {
    double samples = (double)sum->samples, problems = (double)sum->problems;
    memcpy(out->verdicts, sum->verdicts, sizeof out->verdicts);
    out->problems = sum->problems, out->samples = sum->samples;
    out->mean_length = sum->length / samples;
    out->cut_share = (double)sum->cut / samples;
    out->has_diversity = has_diversity;
    out->semantic_similarity = sum->semantic / problems;
    out->formula_similarity = sum->formula / problems;
    out->distinct_share = sum->distinct / problems;
}

// "overall" is the unweighted mean of the sources.
static void average(evaluation_summary *overall, const evaluation *e) {
    double share = 1.0 / (double)e->source_count;
    overall->mean_length = overall->cut_share = 0;
    overall->semantic_similarity = overall->formula_similarity = overall->distinct_share = 0;
    for (size_t s = 0; s < e->source_count; s++) {
        overall->mean_length += share * e->sources[s].mean_length;
        overall->cut_share += share * e->sources[s].cut_share;
        overall->semantic_similarity += share * e->sources[s].semantic_similarity;
        overall->formula_similarity += share * e->sources[s].formula_similarity;
        overall->distinct_share += share * e->sources[s].distinct_share;
    }
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
    ADD(s->accuracy.value, "%s/acc/mean@%zu", core, e->n);
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

static status summarize(const tally *t, selection *who, uint64_t seed) {
    evaluation *e = t->e;
    source_tally all = {0};
    for (size_t s = 0; s < e->source_count; s++) {
        selection part = {.problems = who->problems, .scores = who->scores};
        for (size_t i = 0; i < e->problems; i++)
            if (e->source_of[i] == s) part.problems[part.count++] = i;
        describe(&e->sources[s], &t->sources[s], t->diversity);
        add_tally(&all, &t->sources[s]);
        TRY(estimate_all(&e->sources[s], t, &part, seed));
    }
    for (size_t i = 0; i < e->problems; i++) who->problems[i] = i;
    who->count = e->problems;
    describe(&e->pooled, &all, t->diversity);
    describe(&e->overall, &all, t->diversity);
    average(&e->overall, e);
    TRY(estimate_all(&e->pooled, t, who, seed));
    if (e->source_count > 1) who->strata = e->source_of;
    TRY(estimate_all(&e->overall, t, who, seed));
    e->overall.source = "overall", e->pooled.source = "pooled";
    return name_metrics(e);
}

status evaluation_summarize(const tally *t, uint64_t seed) {
    selection who = {.problems = malloc((t->e->problems + 1) * sizeof *who.problems),
                     .scores = malloc((t->e->problems + 1) * sizeof *who.scores)};
    status code =
        who.problems && who.scores ? summarize(t, &who, seed) : status_set(STATUS_NO_MEMORY, "out of memory for estimates");
    free(who.problems), free(who.scores);
    return code;
}

static status write_estimates(record *r, const char *pass, const evaluation *e, const evaluation_summary *s) {
    char name[64];
    snprintf(name, sizeof name, "acc/mean@%zu", e->n);
    TRY(record_evaluation_summary(r, pass, s->source, name, s->accuracy.value, s->accuracy.interval.low,
                                  s->accuracy.interval.high, s->problems));
    for (size_t i = 0; i < e->k_count; i++) {
        const evaluation_estimate *both[] = {&s->pass[i], &s->majority[i]};
        for (int which = 0; which < 2; which++) {
            snprintf(name, sizeof name, "acc/%s@%zu", which ? "maj" : "pass", both[which]->k);
            TRY(record_evaluation_summary(r, pass, s->source, name, both[which]->value, both[which]->interval.low,
                                          both[which]->interval.high, s->problems));
        }
    }
    TRY(record_evaluation_summary(r, pass, s->source, "response_length/mean", s->mean_length, NAN, NAN, s->problems));
    TRY(record_evaluation_summary(r, pass, s->source, "response_length/clip_ratio", s->cut_share, NAN, NAN, s->problems));
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++) {
        snprintf(name, sizeof name, "verify/%s", verdict_name((verdict_status)v));
        TRY(record_evaluation_summary(r, pass, s->source, name, (double)s->verdicts[v], NAN, NAN, s->problems));
    }
    if (!s->has_diversity) return STATUS_OK;
    TRY(record_evaluation_summary(r, pass, s->source, "semantic_similarity", s->semantic_similarity, NAN, NAN, s->problems));
    TRY(record_evaluation_summary(r, pass, s->source, "formula_similarity", s->formula_similarity, NAN, NAN, s->problems));
    return record_evaluation_summary(r, pass, s->source, "distinct_equation_share", s->distinct_share, NAN, NAN, s->problems);
}

status evaluation_write_summary(const evaluation *e, record *r, const char *pass) {
    for (size_t s = 0; s < e->source_count; s++) TRY(write_estimates(r, pass, e, &e->sources[s]));
    TRY(write_estimates(r, pass, e, &e->overall));
    return e->source_count > 1 ? write_estimates(r, pass, e, &e->pooled) : STATUS_OK;
}
