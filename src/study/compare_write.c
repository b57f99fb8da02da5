// A table for a person. See compare.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "study/compare_parts.h"

// ---- a grid of texts --------------------------------------------------------------------------------------------------------

// Cells are appended row by row; the first row is the heading. Columns are as wide as their widest cell.
typedef struct grid {
    text_list cells;
    size_t columns;
} grid;

// Bytes of UTF-8 that start a character.
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static status show_grid(buffer *out, grid *g) {
    size_t widths[64] = {0};
    for (size_t i = 0; i < g->cells.count; i++) {
        size_t width = width_of(g->cells.items[i]);
        if (width > widths[i % g->columns]) widths[i % g->columns] = width;
    }
    status code = STATUS_OK;
    for (size_t i = 0; i < g->cells.count && code == STATUS_OK; i++) {
        size_t column = i % g->columns, pad = widths[column] - width_of(g->cells.items[i]);
        bool last = column + 1 == g->columns;
        // The first column is names, the others numbers; a last column is not padded on its right.
        code = column == 0 ? buffer_printf(out, "  %s%*s", g->cells.items[i], last ? 0 : (int)pad, "")
                           : buffer_printf(out, "   %*s%s", (int)pad, "", g->cells.items[i]);
        if (code == STATUS_OK && last) code = buffer_append_byte(out, '\n');
    }
    text_list_free(&g->cells);
    return code;
}

// ---- numbers ----------------------------------------------------------------------------------------------------------------

static const char *shown(char text[32], double value, bool share) {
    if (isnan(value))
        snprintf(text, 32, "-");
    else
        snprintf(text, 32, share ? "%.1f" : "%.3f", share ? 100 * value : value);
    return text;
}

static status put_estimate(grid *g, const study_cell *cell, bool share) {
    char mean[32], low[32], high[32];
    if (isnan(cell->interval.low)) return text_list_printf(&g->cells, "%s", shown(mean, cell->mean, share));
    return text_list_printf(&g->cells, "%s [%s, %s]", shown(mean, cell->mean, share), shown(low, cell->interval.low, share),
                            shown(high, cell->interval.high, share));
}

static size_t meant(const study_row *row) {
    size_t sum = 0;
    for (size_t i = 0; i < 4; i++) sum += row->count[i];
    return sum;
}

static status put_seeds(grid *g, const study_row *row) {
    char text[128];
    size_t used = row->evaluated == meant(row) ? (size_t)snprintf(text, sizeof text, "%zu", row->evaluated)
                                               : (size_t)snprintf(text, sizeof text, "%zu of %zu", row->evaluated, meant(row));
    for (int state = STUDY_UNFINISHED; state <= STUDY_DIVERGED; state++)
        if (row->count[state] && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, ", %zu %s", row->count[state],
                                     study_state_name((study_state)state));
    size_t ended = row->count[STUDY_FINISHED] + row->count[STUDY_DIVERGED];
    if (row->evaluated < ended && used < sizeof text)
        snprintf(text + used, sizeof text - used, ", %zu not evaluated", ended - row->evaluated);
    return text_list_printf(&g->cells, "%s", text);
}

// ---- tables -----------------------------------------------------------------------------------------------------------------

static bool is_overall(const study_column *c) { return !strcmp(c->source, "overall"); }

static const char *title(const char *outcome) {
    return !strcmp(outcome, "semantic_similarity")       ? "semantic similarity"
           : !strcmp(outcome, "formula_similarity")      ? "formula similarity"
           : !strcmp(outcome, "distinct_equation_share") ? "distinct equations"
                                                         : outcome;
}

static size_t average_column(const study_table *t, const char *source) {
    for (size_t i = 0; i < t->column_count; i++)
        if (!strcmp(t->columns[i].source, source) && !strncmp(t->columns[i].outcome, "avg@", 4)) return i;
    return t->column_count;
}

// Whether a column is one of the first table's: the average on each source, and over all where there are several.
static bool in_first_table(const study_table *t, size_t column, size_t average) {
    if (average == t->column_count || strcmp(t->columns[column].outcome, t->columns[average].outcome)) return false;
    size_t sources = 0;
    for (size_t i = 0; i < t->column_count; i++)
        sources += !is_overall(&t->columns[i]) && !strcmp(t->columns[i].outcome, t->columns[average].outcome);
    return sources > 1 || !is_overall(&t->columns[column]);
}

// The paper's table: Pass@1 / Avg@N of each benchmark and over all.
static status write_benchmarks(buffer *out, const study_table *t) {
    size_t average = average_column(t, "overall"), one = study_find_column(t, "overall", "pass@1");
    grid g = {.columns = 2};
    char a[32], b[32];
    status code = text_list_printf(&g.cells, "%s", "");
    if (code == STATUS_OK) code = text_list_printf(&g.cells, "seeds");
    for (size_t c = 0; c < t->column_count && code == STATUS_OK; c++)
        if (in_first_table(t, c, average) && g.columns < 60)
            g.columns++, code = text_list_printf(&g.cells, "%s", t->columns[c].source);
    for (size_t r = 0; r < t->row_count && code == STATUS_OK; r++) {
        size_t written = 2;
        code = text_list_printf(&g.cells, "%s", t->rows[r].arm);
        if (code == STATUS_OK) code = put_seeds(&g, &t->rows[r]);
        for (size_t c = 0; c < t->column_count && code == STATUS_OK && written < g.columns; c++) {
            if (!in_first_table(t, c, average)) continue;
            size_t single = study_find_column(t, t->columns[c].source, "pass@1");
            const char *mean = shown(a, t->rows[r].cells[c].mean, true);
            code = single < t->column_count
                       ? text_list_printf(&g.cells, "%s / %s", shown(b, t->rows[r].cells[single].mean, true), mean)
                       : text_list_printf(&g.cells, "%s", mean);
            written++;
        }
    }
    if (code == STATUS_OK)
        code = buffer_printf(out, "%s%s, %%, mean over seeds%s\n", one < t->column_count ? "Pass@1 / " : "",
                             average < t->column_count ? t->columns[average].outcome : "",
                             g.columns > 3 ? " (overall: unweighted mean of the benchmarks)" : "");
    if (code == STATUS_OK) code = show_grid(out, &g);
    text_list_free(&g.cells);
    return code;
}

// Some outcomes over all benchmarks, with intervals.
static status write_outcomes(buffer *out, const study_table *t, const char *heading,
                             bool (*wanted)(const study_table *, size_t)) {
    grid g = {.columns = 1};
    status code = text_list_printf(&g.cells, "%s", "");
    for (size_t c = 0; c < t->column_count && code == STATUS_OK; c++)
        if (wanted(t, c) && g.columns < 60) g.columns++, code = text_list_printf(&g.cells, "%s", title(t->columns[c].outcome));
    for (size_t r = 0; r < t->row_count && code == STATUS_OK; r++) {
        size_t written = 1;
        code = text_list_printf(&g.cells, "%s", t->rows[r].arm);
        for (size_t c = 0; c < t->column_count && code == STATUS_OK && written < g.columns; c++)
            if (wanted(t, c)) code = put_estimate(&g, &t->rows[r].cells[c], t->columns[c].share), written++;
    }
    if (code == STATUS_OK && g.columns > 1) code = buffer_printf(out, "\n%s\n", heading);
    if (code == STATUS_OK && g.columns > 1) code = show_grid(out, &g);
    text_list_free(&g.cells);
    return code;
}

static bool wanted_first(const study_table *t, size_t c) {
    return is_overall(&t->columns[c]) && (!strcmp(t->columns[c].outcome, "pass@1") || !strncmp(t->columns[c].outcome, "avg@", 4));
}

static bool wanted_curve(const study_table *t, size_t c) {
    return is_overall(&t->columns[c]) && !strncmp(t->columns[c].outcome, "pass@", 5) && strcmp(t->columns[c].outcome, "pass@1");
}

static bool wanted_diversity(const study_table *t, size_t c) { return is_overall(&t->columns[c]) && !t->columns[c].share; }

static status write_sweeps(buffer *out, const study_table *t) {
    const study_definition *d = t->definition;
    for (size_t i = 0; d && i < d->sweep_count; i++) {
        const study_sweep *sweep = &d->sweeps[i];
        const char *last = strrchr(sweep->key, '.');
        grid g = {.columns = 2};
        status code = buffer_printf(out, "\nSensitivity of %s in %s (overall, %%)\n", d->arms[d->swept_arm].name, sweep->key);
        if (code == STATUS_OK) code = text_list_printf(&g.cells, "%s", last ? last + 1 : sweep->key);
        if (code == STATUS_OK) code = text_list_printf(&g.cells, "%s", t->columns[t->primary].outcome);
        // The arm that is varied first, with its own value.
        for (size_t k = 0; k <= sweep->count && code == STATUS_OK; k++) {
            const char *arm = d->arms[k == 0 ? d->swept_arm : sweep->first + k - 1].name, *value = strchr(arm, '=');
            size_t r = 0, entry = settings_find(sweep->key);
            while (r < t->row_count && strcmp(t->rows[r].arm, arm)) r++;
            if (r == t->row_count) continue;
            buffer own = {0};
            for (size_t s = 0; k == 0 && s < t->seed_count && !own.length && entry < SETTING_COUNT; s++)
                if (t->rows[r].runs[s] && t->rows[r].runs[s]->settings)
                    code = settings_write_value(&own, t->rows[r].runs[s]->settings, entry);
            if (code == STATUS_OK)
                code = k == 0 ? text_list_printf(&g.cells, "%s (%s)", buffer_text(&own), arm)
                              : text_list_printf(&g.cells, "%s", value ? value + 1 : arm);
            buffer_free(&own);
            if (code == STATUS_OK) code = put_estimate(&g, &t->rows[r].cells[t->primary], true);
        }
        if (code == STATUS_OK) code = show_grid(out, &g);
        text_list_free(&g.cells);
        TRY(code);
    }
    return STATUS_OK;
}

// ---- claims -----------------------------------------------------------------------------------------------------------------

static const char *step_range(char text[64], const study_claim *c, int side) {
    if (c->least_step[side] == c->most_step[side])
        snprintf(text, 64, "%lld", (long long)c->least_step[side]);
    else
        snprintf(text, 64, "%lld-%lld", (long long)c->least_step[side], (long long)c->most_step[side]);
    return text;
}

static status write_place(buffer *out, const study_claim *c) {
    char a[64], b[64];
    step_range(a, c, 0), step_range(b, c, 1);
    if (c->meeting == STUDY_AT_TOKENS) return buffer_printf(out, " at equal tokens (%.0f; steps %s and %s)", c->tokens, a, b);
    if (c->least_step[0] < 0 || c->least_step[1] < 0) return STATUS_OK;
    const char *where = c->meeting == STUDY_AT_STEPS ? "at equal steps" : "at the evaluated checkpoints";
    return !strcmp(a, b) ? buffer_printf(out, " %s (%s)", where, a) : buffer_printf(out, " %s (steps %s and %s)", where, a, b);
}

// Percentage points of shares; of similarities the number itself.
static status write_difference(buffer *out, const study_claim *c, bool share) {
    double scale = share ? 100 : 1;
    int digits = share ? 2 : 4;
    if (c->seeds == 0) return buffer_append_text(out, "no seed has both");
    TRY(buffer_printf(out, "%+.*f", digits, scale * c->difference));
    if (!isnan(c->interval.low))
        TRY(buffer_printf(out, " [%+.*f, %+.*f]", digits, scale * c->interval.low, digits, scale * c->interval.high));
    return buffer_printf(out, ", %zu seed%s", c->seeds, c->seeds == 1 ? "" : "s");
}

static status write_verdict(buffer *out, const study_table *t, const study_claim *c) {
    if (c->missing)
        return buffer_printf(out, "; %zu seed%s without a number, so nothing is decided", c->missing, c->missing == 1 ? "" : "s");
    if (c->seeds < STUDY_SEEDS_TO_DECIDE) return buffer_append_text(out, "; too few seeds to decide");
    TRY(buffer_printf(out, "; p %.4f", c->p));
    if (!c->declared) return STATUS_OK;
    TRY(buffer_printf(out, ", adjusted %.4f: ", c->adjusted));
    if (!(c->adjusted <= 0.05)) return buffer_append_text(out, "no difference is shown");
    return buffer_printf(out, "%s is %s", t->rows[c->a].arm, c->difference > 0 ? "higher" : "lower");
}

static bool claim_is_share(const study_table *t, const study_claim *c) {
    size_t column = study_find_column(t, "overall", c->outcome);
    return column == t->column_count || t->columns[column].share; // validations are shares
}

static status write_claim(buffer *out, const study_table *t, const study_claim *c) {
    TRY(buffer_printf(out, "  %s vs %s, %s", t->rows[c->a].arm, t->rows[c->b].arm, title(c->outcome)));
    TRY(write_place(out, c));
    TRY(buffer_append_text(out, ": "));
    TRY(write_difference(out, c, claim_is_share(t, c)));
    TRY(write_verdict(out, t, c));
    return buffer_append_byte(out, '\n');
}

static status write_claims(buffer *out, const study_table *t) {
    size_t declared = 0;
    while (declared < t->claim_count && t->claims[declared].declared) declared++;
    if (declared) {
        TRY(buffer_printf(
            out,
            "\nDeclared comparisons on %s (unit: the seed; difference in percentage points with 95%% t interval; exact "
            "sign-flip test, adjusted after Holm over %zu)\n",
            t->columns[t->primary].outcome, declared));
        size_t seeds = t->claims[0].seeds;
        for (size_t i = 0; i < declared; i++) TRY(write_claim(out, t, &t->claims[i]));
        double least = (double)declared * ldexp(2, -(int)seeds);
        if (seeds >= STUDY_SEEDS_TO_DECIDE && least > 0.05)
            TRY(buffer_printf(
                out,
                "  With %zu seeds and %zu comparisons the smallest adjusted p is %.3f: no single one can be decided first.\n",
                seeds, declared, fmin(1, least)));
    }
    if (declared < t->claim_count)
        TRY(buffer_append_text(out, "\nExploratory (not declared; p-values are not adjusted and decide nothing)\n"));
    for (size_t i = declared; i < t->claim_count; i++) TRY(write_claim(out, t, &t->claims[i]));
    return STATUS_OK;
}

static status write_duels(buffer *out, const study_table *t) {
    if (t->duel_count == 0) return STATUS_OK;
    TRY(buffer_printf(
        out,
        "\nTwo checkpoints on %zu problems: %s (A) and %s (B). The unit is the problem; this says nothing about the methods "
        "that made them.\n",
        t->duels[0].problems, t->rows[0].arm, t->rows[1].arm));
    for (size_t i = 0; i < t->duel_count; i++) {
        const study_duel *d = &t->duels[i];
        if (d->problems == 0) continue;
        TRY(buffer_printf(out, "  %-8s A %.1f%%, B %.1f%%, B - A %+.2f [%+.2f, %+.2f]", d->outcome, 100 * d->a, 100 * d->b,
                          100 * d->difference, 100 * d->interval.low, 100 * d->interval.high));
        if (d->mcnemar)
            TRY(buffer_printf(out, "; only A right %llu, only B right %llu, McNemar's exact p %.4f\n",
                              (unsigned long long)d->only_a, (unsigned long long)d->only_b, d->p));
        else
            TRY(buffer_printf(out, "; paired permutation p %.4f\n", d->p));
    }
    return STATUS_OK;
}

static status write_troubles(buffer *out, const study_table *t) {
    bool any = false;
    for (size_t i = 0; i < t->found->count; i++) {
        const study_run *run = &t->found->runs[i];
        if (run->state == STUDY_FINISHED) continue;
        if (!any) TRY(buffer_append_text(out, "\nRuns that did not end as planned\n"));
        any = true;
        TRY(buffer_printf(out, "  %s: %s%s%s\n", run->folder, study_state_name(run->state), *run->reason ? ": " : "",
                          run->reason));
    }
    if (any)
        TRY(buffer_append_text(
            out, "  A diverged run enters means with its evaluation like any other. A run that failed or goes on has no "
                 "number: means are over the other seeds, and comparisons that miss it are not decided.\n"));
    return STATUS_OK;
}

static status write_notes(buffer *out, const study_table *t) {
    bool similar = study_find_column(t, "overall", "formula_similarity") < t->column_count;
    if (t->notes.count || similar) TRY(buffer_append_byte(out, '\n'));
    if (similar)
        TRY(buffer_append_text(
            out, "Note: dsdr is trained on formula and semantic similarity; beside it they are no independent measure.\n"));
    for (size_t i = 0; i < t->notes.count; i++) TRY(buffer_printf(out, "Note: %s\n", t->notes.items[i]));
    return STATUS_OK;
}

status study_write_text(buffer *out, const study_table *t) {
    TRY(write_benchmarks(out, t));
    TRY(write_outcomes(out, t, "Overall, %, mean and 95% t interval over seeds", wanted_first));
    TRY(write_outcomes(out, t, "Pass@k overall, %, mean and 95% t interval over seeds", wanted_curve));
    TRY(write_outcomes(out, t, "Diversity of the samples of a problem, mean and 95% t interval over seeds", wanted_diversity));
    TRY(write_sweeps(out, t));
    TRY(write_claims(out, t));
    TRY(write_duels(out, t));
    TRY(write_troubles(out, t));
    return write_notes(out, t);
}
