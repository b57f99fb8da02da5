// What the report says of one run beside its responses: facts, settings, curves, evaluations. See report.h.
#include <math.h>
#include <string.h>

#include "base/jsonl.h"
#include "study/report_parts.h"

// The metrics that the page draws (src/study/report/metrics.js).
static const char drawn[] =
    " (name IN ('critic/rewards/mean', 'critic/score/mean', 'actor/entropy', 'actor/pg_clipfrac', 'actor/grad_norm',"
    " 'response_length/mean', 'response_length/clip_ratio', 'dsdr/semantic_similarity', 'dsdr/formula_similarity',"
    " 'dsdr/distinct_equation_share', 'dsdr/dbar_correct/mean', 'dsdr/coupling_entropy', 'train/loss', 'train/entropy',"
    " 'train/grad_norm', 'perf/throughput', 'dynamic_sampling/groups_generated', 'dynamic_sampling/groups_dropped') OR name LIKE "
    "'dsdr/group_share/%' OR name LIKE 'verify/%' OR name LIKE 'timing_s/%'"
    " OR name LIKE 'timing_kernel_s/%') AND name NOT IN ('timing_s/step', 'timing_s/testing') ";

static status set(json_t *object, const char *key, json_t *value) {
    return value && json_object_set_new(object, key, value) == 0 ? STATUS_OK : report_no_memory();
}

static status add_settings(json_t *out, const settings *s) {
    json_t *all = json_object();
    buffer value = {0};
    status code = all ? STATUS_OK : report_no_memory();
    for (size_t i = 0; s && i < SETTING_COUNT && code == STATUS_OK; i++) {
        buffer_clear(&value);
        code = settings_write_value(&value, s, i);
        if (code == STATUS_OK) code = set(all, settings_table[i].key, json_string(buffer_text(&value)));
    }
    buffer_free(&value);
    if (code != STATUS_OK) {
        json_decref(all);
        return code;
    }
    return set(out, "settings", all);
}

// ---- curves -----------------------------------------------------------------------------------------------------------------

// Points lie at the last step of each run of `stride` steps; a point is the mean over these.
typedef struct axis {
    int64_t stride, last;
    size_t points;
} axis;

static json_t *empty_curve(const axis *x) {
    json_t *curve = json_array();
    for (size_t i = 0; curve && i < x->points; i++) json_array_append_new(curve, json_null());
    return curve;
}

static status add_metrics(json_t *curves, const axis *x, const study_record *r, const char *folder) {
    char sql[1400];
    snprintf(sql, sizeof sql,
             "SELECT name, (step - 1) / ?1, avg(value) FROM metrics WHERE step > 0 AND %s GROUP BY name, (step - 1) / ?1", drawn);
    report_query q;
    TRY(report_query_open(&q, r, folder, sql, &x->stride, 1));
    status code;
    for (bool more;;) {
        code = report_query_next(&q, &more);
        if (code != STATUS_OK || !more) break;
        const char *name = (const char *)sqlite3_column_text(q.statement, 0);
        json_t *curve = json_object_get(curves, name);
        if (!curve) {
            curve = empty_curve(x);
            code = set(curves, name, curve);
        }
        if (code == STATUS_OK) json_array_set_new(curve, (size_t)sqlite3_column_int64(q.statement, 1), report_query_json(&q, 2));
    }
    report_query_close(&q);
    return code;
}

// A curve that only grows: its value at each point's step.
static status add_cumulative(json_t *out, const char *key, const axis *x, const study_curve *c) {
    json_t *curve = empty_curve(x);
    for (size_t i = 0; curve && i < c->count; i++)
        if (c->steps[i] > 0 && c->steps[i] <= x->last)
            json_array_set_new(curve, (size_t)((c->steps[i] - 1) / x->stride), json_number(c->values[i]));
    return set(out, key, curve);
}

static status add_costs(json_t *out, const axis *x, const char *folder) {
    study_curve c;
    bool exact;
    TRY(study_read_tokens(&c, folder, &exact));
    status code = add_cumulative(out, "tokens", x, &c);
    study_curve_free(&c);
    TRY(code);
    TRY(study_read_metric(&c, folder, "timing_s/step"));
    double sum = 0;
    for (size_t i = 0; i < c.count; i++) c.values[i] = sum += isnan(c.values[i]) ? 0 : c.values[i];
    code = add_cumulative(out, "seconds", x, &c);
    study_curve_free(&c);
    return code;
}

static status add_curves(json_t *out, const study_record *r, const study_run *run) {
    axis x = {.last = run->steps > 0 ? run->steps : 0};
    x.stride = (x.last + REPORT_POINTS - 1) / REPORT_POINTS;
    if (x.stride == 0) x.stride = 1;
    x.points = (size_t)((x.last + x.stride - 1) / x.stride);
    json_t *steps = json_array(), *curves = json_object();
    TRY(set(out, "stride", json_integer(x.stride)));
    TRY(set(out, "steps", steps));
    TRY(set(out, "curves", curves));
    for (size_t i = 0; i < x.points; i++) {
        int64_t step = ((int64_t)i + 1) * x.stride;
        if (json_array_append_new(steps, json_integer(step < x.last ? step : x.last)) != 0) return report_no_memory();
    }
    TRY(add_metrics(curves, &x, r, run->folder));
    return add_costs(out, &x, run->folder);
}

// ---- evaluations ------------------------------------------------------------------------------------------------------------

static const char estimates[] =
    "SELECT step, %s, source, metric, value, low, high, n FROM evaluation_summary WHERE source <> 'pooled'"
    " AND metric NOT LIKE 'response_length/%%' AND metric NOT LIKE 'verify/%%' ORDER BY 1, 2, 3, 4";

static status add_estimates(json_t *rows, const study_record *r, const char *folder) {
    char sql[512];
    snprintf(sql, sizeof sql, estimates, r->version == 1 ? "'validation'" : "pass");
    json_t *own;
    TRY(report_query_rows(&own, r, folder, sql, NULL, 0));
    int failed = json_array_extend(rows, own);
    json_decref(own);
    return failed ? report_no_memory() : STATUS_OK;
}

static status add_evaluations(json_t *out, const study_record *r, const study_run *run) {
    json_t *rows = json_array();
    TRY(set(out, "evaluations", rows));
    if (strcmp(run->kind, "eval")) TRY(add_estimates(rows, r, run->folder));
    for (size_t i = 0; i < run->evaluation_count; i++) {
        study_record other;
        TRY(study_record_open(&other, run->evaluations[i]));
        status code = add_estimates(rows, &other, run->evaluations[i]);
        study_record_close(&other);
        TRY(code);
    }
    return STATUS_OK;
}

status report_add_run(json_t *out, const study_run *run) {
    TRY(add_settings(out, run->settings));
    study_record r;
    if (run->steps < 0) return STATUS_OK; // it ended before it had a record
    TRY(study_record_open(&r, run->folder));
    json_t *facts = NULL;
    status code = report_query_rows(&facts, &r, run->folder, "SELECT key, value FROM run ORDER BY key", NULL, 0);
    if (code == STATUS_OK) code = set(out, "facts", facts);
    if (code == STATUS_OK) code = add_curves(out, &r, run);
    if (code == STATUS_OK) code = add_evaluations(out, &r, run);
    study_record_close(&r);
    return code;
}
