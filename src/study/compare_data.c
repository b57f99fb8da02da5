// A table for programs: CSV and JSON. See compare.h.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonl.h"
#include "study/compare_parts.h"

// ---- CSV --------------------------------------------------------------------------------------------------------------------

// RFC 4180: quoted where it has to be.
static status field(buffer *out, const char *text) {
    if (!strpbrk(text, ",\"\n\r")) return buffer_append_text(out, text);
    TRY(buffer_append_byte(out, '"'));
    for (; *text; text++) TRY(buffer_printf(out, *text == '"' ? "\"%c" : "%c", *text));
    return buffer_append_byte(out, '"');
}

static status run_rows(buffer *out, const study_table *t, const study_row *row, size_t seed) {
    const study_run *run = row->runs[seed];
    for (size_t c = 0; c < t->column_count; c++) {
        double value = row->cells[c].values[seed];
        TRY(field(out, row->arm));
        TRY(buffer_printf(out, ",%lld,%s,", (long long)run->seed, study_state_name(run->state)));
        TRY(field(out, t->columns[c].source));
        TRY(buffer_printf(out, ",%s,", t->columns[c].outcome));
        if (!isnan(value)) TRY(buffer_printf(out, "%.17g", value));
        TRY(buffer_append_byte(out, ','));
        TRY(field(out, run->folder));
        TRY(buffer_append_byte(out, '\n'));
    }
    return STATUS_OK;
}

status study_write_csv(buffer *out, const study_table *t) {
    TRY(buffer_append_text(out, "arm,seed,state,source,outcome,value,folder\n"));
    for (size_t r = 0; r < t->row_count; r++)
        for (size_t s = 0; s < t->seed_count; s++)
            if (t->rows[r].runs[s]) TRY(run_rows(out, t, &t->rows[r], s));
    return STATUS_OK;
}

// ---- JSON -------------------------------------------------------------------------------------------------------------------

static void set(json_t *object, const char *key, json_t *value) { json_object_set_new(object, key, value); }

static json_t *json_interval(const stats_interval *x) { return json_pack("[o, o]", json_number(x->low), json_number(x->high)); }

static json_t *json_cell(const study_table *t, const study_row *row, size_t column) {
    const study_cell *cell = &row->cells[column];
    json_t *out = json_object(), *values = json_array();
    set(out, "source", json_string(t->columns[column].source));
    set(out, "outcome", json_string(t->columns[column].outcome));
    set(out, "mean", json_number(cell->mean));
    set(out, "interval", json_interval(&cell->interval));
    for (size_t s = 0; s < t->seed_count; s++) json_array_append_new(values, json_number(cell->values[s]));
    set(out, "by_seed", values);
    return out;
}

static json_t *json_row(const study_table *t, const study_row *row) {
    json_t *out = json_object(), *runs = json_array(), *cells = json_array();
    set(out, "arm", json_string(row->arm));
    for (size_t s = 0; s < t->seed_count; s++) {
        const study_run *run = row->runs[s];
        json_array_append_new(runs, run ? json_pack("{s:s, s:I, s:s, s:s, s:I}", "folder", run->folder, "seed",
                                                    (json_int_t)run->seed, "state", study_state_name(run->state), "reason",
                                                    run->reason, "steps", (json_int_t)run->steps)
                                        : json_null());
    }
    set(out, "runs", runs);
    for (size_t c = 0; c < t->column_count; c++) json_array_append_new(cells, json_cell(t, row, c));
    set(out, "outcomes", cells);
    return out;
}

static json_t *json_claim(const study_table *t, const study_claim *c) {
    static const char *const meetings[] = {"evaluated checkpoints", "equal steps", "equal generated tokens"};
    json_t *out = json_object();
    set(out, "a", json_string(t->rows[c->a].arm));
    set(out, "b", json_string(t->rows[c->b].arm));
    set(out, "outcome", json_string(c->outcome));
    set(out, "at", json_string(meetings[c->meeting]));
    set(out, "declared", json_boolean(c->declared));
    set(out, "unit", json_string("seed"));
    set(out, "seeds", json_integer((json_int_t)c->seeds));
    set(out, "seeds_missing", json_integer((json_int_t)c->missing));
    set(out, "difference", json_number(c->difference));
    set(out, "interval", json_interval(&c->interval));
    set(out, "p", json_number(c->p));
    set(out, "p_adjusted", json_number(c->adjusted));
    set(out, "steps_a", json_pack("[I, I]", (json_int_t)c->least_step[0], (json_int_t)c->most_step[0]));
    set(out, "steps_b", json_pack("[I, I]", (json_int_t)c->least_step[1], (json_int_t)c->most_step[1]));
    set(out, "tokens", json_number(c->tokens));
    return out;
}

static json_t *json_duel(const study_duel *d) {
    json_t *out = json_object();
    set(out, "outcome", json_string(d->outcome));
    set(out, "unit", json_string("problem"));
    set(out, "problems", json_integer((json_int_t)d->problems));
    set(out, "a", json_number(d->a));
    set(out, "b", json_number(d->b));
    set(out, "difference", json_number(d->difference));
    set(out, "interval", json_interval(&d->interval));
    set(out, "test", json_string(d->mcnemar ? "McNemar, exact" : "paired permutation"));
    set(out, "p", json_number(d->p));
    return out;
}

status study_write_json(buffer *out, const study_table *t) {
    json_t *root = json_object(), *seeds = json_array(), *rows = json_array(), *claims = json_array(), *duels = json_array(),
           *notes = json_array();
    for (size_t i = 0; i < t->seed_count; i++) json_array_append_new(seeds, json_integer((json_int_t)t->seeds[i]));
    for (size_t i = 0; i < t->row_count; i++) json_array_append_new(rows, json_row(t, &t->rows[i]));
    for (size_t i = 0; i < t->claim_count; i++) json_array_append_new(claims, json_claim(t, &t->claims[i]));
    for (size_t i = 0; i < t->duel_count; i++)
        if (t->duels[i].problems) json_array_append_new(duels, json_duel(&t->duels[i]));
    for (size_t i = 0; i < t->notes.count; i++) json_array_append_new(notes, json_string(t->notes.items[i]));
    set(root, "primary", json_string(t->columns[t->primary].outcome));
    set(root, "seeds", seeds);
    set(root, "arms", rows);
    set(root, "comparisons", claims);
    set(root, "checkpoints", duels);
    set(root, "notes", notes);
    status code = json_write(out, root, 17);
    if (code == STATUS_OK) code = buffer_append_byte(out, '\n');
    json_decref(root);
    return code;
}
