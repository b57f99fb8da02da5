// The outcome of an evaluation as a table, as CSV and as JSON. See evaluation.h.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonl.h"
#include "study/evaluation.h"

enum { NAME_WIDTH = 16, CELL_WIDTH = 22, NARROW_WIDTH = 14 };

// The rows of a table: benchmarks, then "Overall", then "pooled" where there are several.
static size_t row_count(const evaluation *e) { return e->source_count + (e->source_count > 1 ? 2 : 0); }

static const evaluation_summary *row_at(const evaluation *e, size_t i) {
    return i < e->source_count ? &e->sources[i] : i == e->source_count ? &e->overall : &e->pooled;
}

static const char *row_name(const evaluation *e, size_t i) {
    return row_at(e, i) == &e->overall ? "Overall" : row_at(e, i)->source;
}

// A cell of that width behind two blanks, longer where the text is.
static status cell(buffer *out, int width, const char *text) { return buffer_printf(out, "  %*s", width, text); }

// "-" where there is no number.
static status number_cell(buffer *out, int width, const char *format, double value) {
    char text[32];
    snprintf(text, sizeof text, format, value);
    return cell(out, width, isnan(value) ? "-" : text);
}

static status name_cell(buffer *out, const char *name) { return buffer_printf(out, "%-*.*s", NAME_WIDTH, 40, name); }

static status end_line(buffer *out) { return buffer_append_byte(out, '\n'); }

// "12.3 [10.1, 14.9]" in percent; "12.3" where there is no interval, "-" where nothing was computed.
static void estimate_text(char out[48], const evaluation_estimate *x) {
    if (isnan(x->value))
        snprintf(out, 48, "-");
    else if (isnan(x->interval.low))
        snprintf(out, 48, "%.1f", 100 * x->value);
    else
        snprintf(out, 48, "%.1f [%.1f, %.1f]", 100 * x->value, 100 * x->interval.low, 100 * x->interval.high);
}

// ---- the paper's table ---------------------------------------------------------------------------------------------------

static status headline(buffer *out, const study_evaluation *e) {
    char text[48];
    TRY(name_cell(out, ""));
    TRY(cell(out, 8, "problems"));
    for (size_t p = 0; p < e->protocol.count; p++) {
        const evaluation *pass = &e->passes[p];
        snprintf(text, sizeof text, pass->n == 1 ? "Pass@1" : "Avg@%zu", pass->average);
        TRY(cell(out, CELL_WIDTH, text));
    }
    TRY(end_line(out));
    for (size_t i = 0; i < row_count(&e->passes[0]); i++) {
        TRY(name_cell(out, row_name(&e->passes[0], i)));
        snprintf(text, sizeof text, "%zu", row_at(&e->passes[0], i)->problems);
        TRY(cell(out, 8, text));
        for (size_t p = 0; p < e->protocol.count; p++) {
            estimate_text(text, &row_at(&e->passes[p], i)->accuracy);
            TRY(cell(out, CELL_WIDTH, text));
        }
        TRY(end_line(out));
    }
    return STATUS_OK;
}

// ---- Pass@k, Maj@k -------------------------------------------------------------------------------------------------------

// A row of values, and below it one of their intervals where there are any.
static status curve_row(buffer *out, const evaluation *e, size_t row, bool majority) {
    char text[48];
    const evaluation_summary *s = row_at(e, row);
    const evaluation_estimate *all = majority ? s->majority : s->pass;
    bool any = false;
    TRY(name_cell(out, row_name(e, row)));
    for (size_t i = 1; i < e->k_count; i++) {
        any |= !isnan(all[i].interval.low);
        snprintf(text, sizeof text, isnan(all[i].value) ? "-" : "%.1f", 100 * all[i].value);
        TRY(cell(out, NARROW_WIDTH, text));
    }
    TRY(end_line(out));
    if (!any) return STATUS_OK;
    TRY(name_cell(out, ""));
    for (size_t i = 1; i < e->k_count; i++) {
        snprintf(text, sizeof text, isnan(all[i].interval.low) ? "-" : "[%.1f, %.1f]", 100 * all[i].interval.low,
                 100 * all[i].interval.high);
        TRY(cell(out, NARROW_WIDTH, text));
    }
    return end_line(out);
}

static status curve(buffer *out, const evaluation *e, bool majority) {
    char text[48];
    TRY(end_line(out));
    TRY(name_cell(out, ""));
    for (size_t i = 1; i < e->k_count; i++) {
        snprintf(text, sizeof text, "%s@%zu", majority ? "Maj" : "Pass", e->pooled.pass[i].k);
        TRY(cell(out, NARROW_WIDTH, text));
    }
    TRY(end_line(out));
    for (size_t i = 0; i < row_count(e); i++) TRY(curve_row(out, e, i, majority));
    return STATUS_OK;
}

// ---- what else is known of the responses ---------------------------------------------------------------------------------

static status verdicts(buffer *out, const evaluation_summary *s) {
    const char *comma = "";
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++)
        if (s->verdicts[v]) {
            TRY(buffer_printf(out, "%s%s %zu", comma, verdict_name((verdict_status)v), s->verdicts[v]));
            comma = ", ";
        }
    return STATUS_OK;
}

static status responses(buffer *out, const study_evaluation *e, size_t p) {
    const evaluation *pass = &e->passes[p];
    bool several = e->protocol.count > 1;
    TRY(buffer_printf(out, "\n%s%s%zu sample%s each, ", several ? e->protocol.passes[p].name : "", several ? ": " : "", pass->n,
                      pass->n == 1 ? "" : "s"));
    TRY(study_pass_describe(out, &e->protocol.passes[p]));
    if (pass->left_out) TRY(buffer_printf(out, "; %zu problems left out for their length", pass->left_out));
    TRY(end_line(out));
    for (size_t i = 0; i < pass->source_count; i++) {
        const evaluation_summary *s = &pass->sources[i];
        TRY(name_cell(out, s->source));
        TRY(buffer_printf(out, "  %.1f tokens, %.1f%% cut at %zu; ", s->mean_length, 100 * s->cut_share, e->response_limit));
        TRY(verdicts(out, s));
        TRY(end_line(out));
    }
    return STATUS_OK;
}

static status similarities(buffer *out, const evaluation *pass) {
    if (!pass->pooled.has_diversity) return STATUS_OK;
    TRY(buffer_printf(out, "\nDiversity of the first %zu samples\n", pass->diversity_samples));
    TRY(name_cell(out, ""));
    TRY(cell(out, NARROW_WIDTH, "semantic sim."));
    TRY(cell(out, NARROW_WIDTH, "formula sim."));
    TRY(cell(out, NARROW_WIDTH + 4, "distinct equations"));
    TRY(end_line(out));
    for (size_t i = 0; i < row_count(pass); i++) {
        const evaluation_summary *s = row_at(pass, i);
        TRY(name_cell(out, row_name(pass, i)));
        TRY(number_cell(out, NARROW_WIDTH, "%.4f", s->semantic_similarity));
        TRY(number_cell(out, NARROW_WIDTH, "%.4f", s->formula_similarity));
        TRY(number_cell(out, NARROW_WIDTH + 4, "%.1f%%", 100 * s->distinct_share));
        TRY(end_line(out));
    }
    return STATUS_OK;
}

status study_evaluation_table(buffer *out, const study_evaluation *e) {
    TRY(headline(out, e));
    for (size_t p = 0; p < e->protocol.count; p++) {
        if (e->passes[p].k_count < 2) continue;
        TRY(curve(out, &e->passes[p], false));
        TRY(curve(out, &e->passes[p], true));
    }
    for (size_t p = 0; p < e->protocol.count; p++) TRY(similarities(out, &e->passes[p]));
    for (size_t p = 0; p < e->protocol.count; p++) TRY(responses(out, e, p));
    return buffer_printf(
        out, "\nPercent, with 95%% intervals over %s%s.\n",
        e->interval == EVALUATION_OVER_RESPONSES ? "responses to these problems" : "problems",
        e->passes[0].source_count > 1 ? "; Overall is the mean of the benchmarks, pooled takes all problems as one" : "");
}

// ---- CSV -----------------------------------------------------------------------------------------------------------------

static status csv_text(buffer *out, const char *text) {
    if (!strpbrk(text, ",\"\n\r")) return buffer_append_text(out, text);
    TRY(buffer_append_byte(out, '"'));
    for (; *text; text++) {
        if (*text == '"') TRY(buffer_append_byte(out, '"'));
        TRY(buffer_append_byte(out, *text));
    }
    return buffer_append_byte(out, '"');
}

static status csv_number(buffer *out, double x) {
    return isfinite(x) ? buffer_printf(out, ",%.17g", x) : buffer_append_byte(out, ',');
}

typedef struct csv_writer {
    buffer *out;
    const char *model, *pass;
} csv_writer;

static status csv_row(void *context, const evaluation_line *line) {
    const csv_writer *csv = context;
    TRY(csv_text(csv->out, csv->model));
    TRY(buffer_printf(csv->out, ",%s,", csv->pass));
    TRY(csv_text(csv->out, line->source));
    TRY(buffer_printf(csv->out, ",%s", line->metric));
    TRY(csv_number(csv->out, line->value));
    TRY(csv_number(csv->out, line->interval.low));
    TRY(csv_number(csv->out, line->interval.high));
    return buffer_printf(csv->out, ",%zu\n", line->problems);
}

status study_evaluation_csv(buffer *out, const study_evaluation *e) {
    csv_writer csv = {out, e->model, NULL};
    TRY(buffer_append_text(out, "model,pass,source,metric,value,low,high,problems\n"));
    for (size_t p = 0; p < e->protocol.count; p++) {
        csv.pass = e->protocol.passes[p].name;
        TRY(evaluation_each_line(&e->passes[p], csv_row, &csv));
    }
    return STATUS_OK;
}

// ---- JSON ----------------------------------------------------------------------------------------------------------------

static json_t *json_estimate(const evaluation_estimate *x) {
    return json_pack("{s:o, s:o, s:o}", "value", json_number(x->value), "low", json_number(x->interval.low), "high",
                     json_number(x->interval.high));
}

static json_t *json_summary(const evaluation *e, const evaluation_summary *s) {
    json_t *row = json_object(), *pass = json_object(), *majority = json_object(), *counts = json_object();
    char k[32];
    json_object_set_new(row, "source", json_valid_text(s->source, strlen(s->source)));
    json_object_set_new(row, "problems", json_integer((json_int_t)s->problems));
    json_object_set_new(row, "samples", json_integer((json_int_t)s->samples));
    json_object_set_new(row, "accuracy", json_estimate(&s->accuracy));
    for (size_t i = 0; i < e->k_count; i++) {
        snprintf(k, sizeof k, "%zu", s->pass[i].k);
        json_object_set_new(pass, k, json_estimate(&s->pass[i]));
        json_object_set_new(majority, k, json_estimate(&s->majority[i]));
    }
    json_object_set_new(row, "pass", pass);
    json_object_set_new(row, "maj", majority);
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++)
        json_object_set_new(counts, verdict_name((verdict_status)v), json_integer((json_int_t)s->verdicts[v]));
    json_object_set_new(row, "verdicts", counts);
    json_object_set_new(row, "mean_length", json_number(s->mean_length));
    json_object_set_new(row, "cut_share", json_number(s->cut_share));
    if (s->has_diversity) {
        json_object_set_new(row, "semantic_similarity", json_number(s->semantic_similarity));
        json_object_set_new(row, "formula_similarity", json_number(s->formula_similarity));
        json_object_set_new(row, "distinct_equation_share", json_number(s->distinct_share));
    }
    return row;
}

static json_t *json_pass(const study_pass *how, const evaluation *e) {
    json_t *pass = json_object(), *sources = json_array();
    json_object_set_new(pass, "pass", json_string(how->name));
    json_object_set_new(pass, "samples", json_integer((json_int_t)e->n));
    json_object_set_new(pass, "average", json_integer((json_int_t)e->average));
    json_object_set_new(pass, "temperature", json_number(how->greedy ? 0 : how->temperature));
    json_object_set_new(pass, "top_p", json_number(how->top_p));
    json_object_set_new(pass, "problems", json_integer((json_int_t)e->problems));
    json_object_set_new(pass, "left_out", json_integer((json_int_t)e->left_out));
    for (size_t i = 0; i < e->source_count; i++) json_array_append_new(sources, json_summary(e, &e->sources[i]));
    json_object_set_new(pass, "sources", sources);
    json_object_set_new(pass, "overall", json_summary(e, &e->overall));
    json_object_set_new(pass, "pooled", json_summary(e, &e->pooled));
    return pass;
}

status study_evaluation_json(buffer *out, const study_evaluation *e) {
    json_t *root = json_object(), *passes = json_array();
    json_object_set_new(root, "model", json_valid_text(e->model, strlen(e->model)));
    json_object_set_new(root, "interval", json_string(e->interval == EVALUATION_OVER_RESPONSES ? "responses" : "problems"));
    for (size_t p = 0; p < e->protocol.count; p++)
        json_array_append_new(passes, json_pass(&e->protocol.passes[p], &e->passes[p]));
    json_object_set_new(root, "passes", passes);
    status code = json_write(out, root, 17);
    json_decref(root);
    return code == STATUS_OK ? buffer_append_byte(out, '\n') : code;
}
