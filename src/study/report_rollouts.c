// The responses that the report keeps of a run: whole groups, evenly over the steps, those with recorded tokens first; and in
// each response the places of its formulas. See report.h.
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "reward/formula.h"
#include "run/options.h"
#include "study/report_parts.h"

// What is kept of one response.
enum { RESPONSE_BYTES = 16384, RESPONSE_TOKENS = 1000 };

typedef struct sampling {
    const study_record *record;
    const char *folder;
    formula_level level;
    bool has_groups, has_tokens;
    size_t rollouts; // wanted
    int64_t *steps;  // [step_count] chosen, ascending
    size_t step_count;
    int64_t groups; // of each step
    formula_set set;
    json_t *out;
    report_summary *done;
} sampling;

// ---- which ------------------------------------------------------------------------------------------------------------------

// Takes `wanted` of `count` values evenly, the first and the last among them.
static size_t thin(int64_t *values, size_t count, size_t wanted) {
    if (count <= wanted) return count;
    for (size_t i = 0; i < wanted; i++) values[i] = values[wanted > 1 ? i * (count - 1) / (wanted - 1) : count - 1];
    return wanted;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Steps with recorded tokens into the front of `steps`, the others behind them.
static status list_steps(sampling *s, size_t *traced, size_t *others) {
    report_query q;
    *traced = *others = 0;
    const char *sql = s->has_tokens
                          ? "SELECT step, step IN (SELECT step FROM tokens) FROM rollouts GROUP BY step ORDER BY 2 DESC, 1"
                          : "SELECT step, 0 FROM rollouts GROUP BY step ORDER BY 1";
    TRY(report_query_open(&q, s->record, s->folder, sql, NULL, 0));
    status code;
    for (bool more;;) {
        code = report_query_next(&q, &more);
        if (code != STATUS_OK || !more) break;
        size_t count = *traced + *others;
        if ((count & (count - 1)) == 0) {
            int64_t *grown = realloc(s->steps, (count ? 2 * count : 1) * sizeof *grown);
            if (!grown) {
                code = report_no_memory();
                break;
            }
            s->steps = grown;
        }
        s->steps[count] = sqlite3_column_int64(q.statement, 0);
        ++*(sqlite3_column_int(q.statement, 1) ? traced : others);
    }
    report_query_close(&q);
    return code;
}

static status choose(sampling *s) {
    report_query q;
    bool more;
    int64_t recorded = 0, groups = 0;
    TRY(report_query_open(&q, s->record, s->folder, "SELECT count(*), count(DISTINCT serial) FROM rollouts", NULL, 0));
    status code = report_query_next(&q, &more);
    if (code == STATUS_OK && more) recorded = sqlite3_column_int64(q.statement, 0), groups = sqlite3_column_int64(q.statement, 1);
    report_query_close(&q);
    TRY(code);
    s->done->recorded += (size_t)recorded;
    TRY(json_object_set_new(s->out, "recorded", json_integer(recorded)) == 0 ? STATUS_OK : report_no_memory());
    if (recorded == 0 || s->rollouts == 0) return STATUS_OK;
    size_t size = (size_t)((recorded + groups - 1) / groups), wanted = s->rollouts > size ? s->rollouts / size : 1, traced,
           others;
    TRY(list_steps(s, &traced, &others));
    // Two groups of a step, or more where the steps are few.
    size_t most = (wanted + 1) / 2, first = thin(s->steps, traced, most);
    size_t behind = thin(s->steps + traced, others, most - first);
    memmove(s->steps + first, s->steps + traced, behind * sizeof *s->steps);
    s->step_count = first + behind;
    qsort(s->steps, s->step_count, sizeof *s->steps, by_value);
    s->groups = (int64_t)(wanted / s->step_count > 0 ? wanted / s->step_count : 1);
    return STATUS_OK;
}

// ---- one response -----------------------------------------------------------------------------------------------------------

// The text in pieces: plain text, or [text, number of a formula...] where formulas stand.
static status split(json_t *pieces, json_t *formulas, sampling *s, const char *text, size_t length) {
    TRY(formula_set_scan(text, length, s->level, &s->set));
    for (size_t i = 0; i < s->set.count; i++)
        if (json_array_append_new(formulas, json_string(formula_text(&s->set, i))) != 0) return report_no_memory();
    size_t at = 0;
    // Numbers follow the order of appearance, which the first places of a scan are in.
    for (size_t i = 0; i < s->set.count;) {
        size_t begin = s->set.formulas[i].begin, end = s->set.formulas[i].end;
        if (begin < at || end <= begin) { // nothing of its own to show
            i++;
            continue;
        }
        if (begin > at && json_array_append_new(pieces, json_stringn(text + at, begin - at)) != 0) return report_no_memory();
        json_t *piece = json_pack("[s%]", text + begin, end - begin);
        if (!piece || json_array_append_new(pieces, piece) != 0) return report_no_memory();
        for (; i < s->set.count && s->set.formulas[i].begin == begin; i++)
            if (json_array_append_new(piece, json_integer((json_int_t)i)) != 0) return report_no_memory();
        at = end;
    }
    if (at < length && json_array_append_new(pieces, json_stringn(text + at, length - at)) != 0) return report_no_memory();
    return STATUS_OK;
}

static status add_response(json_t *one, sampling *s, const report_query *q, int column) {
    buffer clean = {0};
    json_t *pieces = json_array(), *formulas = json_array();
    if (json_object_set_new(one, "text", pieces) != 0 || json_object_set_new(one, "formulas", formulas) != 0)
        return report_no_memory();
    status code = text_make_valid(&clean, (const char *)sqlite3_column_text(q->statement, column),
                                  (size_t)sqlite3_column_bytes(q->statement, column));
    size_t length = clean.length;
    if (length > RESPONSE_BYTES) {
        for (length = RESPONSE_BYTES; (clean.data[length] & 0xC0) == 0x80;) length--; // whole characters
        json_object_set_new(one, "cut", json_true());
    }
    if (code == STATUS_OK) code = split(pieces, formulas, s, buffer_text(&clean), length);
    buffer_free(&clean);
    return code;
}

static status add_tokens(json_t *one, const sampling *s, int64_t step, int64_t serial, int64_t sample) {
    if (!s->has_tokens) return STATUS_OK;
    report_query q;
    bool more;
    json_t *tokens = NULL;
    TRY(report_query_open(&q, s->record, s->folder, "SELECT tokens FROM tokens WHERE step = ?1 AND serial = ?2 AND sample = ?3",
                          (const int64_t[]){step, serial, sample}, 3));
    status code = report_query_next(&q, &more);
    if (code == STATUS_OK && more)
        code = json_parse((const char *)sqlite3_column_text(q.statement, 0), (size_t)sqlite3_column_bytes(q.statement, 0),
                          s->folder, &tokens);
    report_query_close(&q);
    while (json_array_size(tokens) > RESPONSE_TOKENS) json_array_remove(tokens, json_array_size(tokens) - 1);
    if (code == STATUS_OK && tokens && json_object_set(one, "tokens", tokens) != 0) code = report_no_memory();
    json_decref(tokens);
    return code;
}

// ---- groups -----------------------------------------------------------------------------------------------------------------

static status add_group(json_t *group, sampling *s, int64_t step, int64_t serial) {
    static const char *const columns[] = {"sample", "status", "answer", "reward", "advantage", "coupling",
                                          "d_emb",  "d_eq",   "dbar",   "length", "finish"};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    json_t *rollouts = json_array();
    if (!rollouts || json_object_set_new(group, "rollouts", rollouts) != 0) return report_no_memory();
    report_query q;
    TRY(report_query_open(
        &q, s->record, s->folder,
        "SELECT sample, status, answer, reward, advantage, coupling, d_emb, d_eq, dbar, length, finish, response "
        "FROM rollouts WHERE step = ?1 AND serial = ?2 ORDER BY rowid",
        (const int64_t[]){step, serial}, 2));
    status code;
    for (bool more;;) {
        code = report_query_next(&q, &more);
        if (code != STATUS_OK || !more) break;
        json_t *one = json_object();
        bool complete = json_array_append_new(rollouts, one) == 0;
        for (int i = 0; i < COLUMNS && complete; i++)
            complete = json_object_set_new(one, columns[i], report_query_json(&q, i)) == 0;
        code = complete ? add_response(one, s, &q, COLUMNS) : report_no_memory();
        if (code == STATUS_OK) code = add_tokens(one, s, step, serial, sqlite3_column_int64(q.statement, 0));
        s->done->kept++;
        if (code != STATUS_OK) break;
    }
    report_query_close(&q);
    return code;
}

static status add_step(json_t *groups, sampling *s, int64_t step) {
    const char *sql =
        s->has_groups ? "SELECT serial, problem_id, source, problem, answer FROM groups WHERE step = ?1 ORDER BY rowid LIMIT ?2"
                      : "SELECT serial, problem_id, NULL, NULL, NULL FROM rollouts WHERE step = ?1 GROUP BY serial "
                        "ORDER BY min(rowid) LIMIT ?2";
    json_t *rows;
    TRY(report_query_rows(&rows, s->record, s->folder, sql, (const int64_t[]){step, s->groups}, 2));
    status code = STATUS_OK;
    for (size_t i = 0; i < json_array_size(rows) && code == STATUS_OK; i++) {
        json_t *row = json_array_get(rows, i), *serial = json_array_get(row, 0);
        json_t *group =
            json_pack("{s:I, s:O, s:O, s:O, s:O, s:O}", "step", (json_int_t)step, "serial", serial, "id", json_array_get(row, 1),
                      "source", json_array_get(row, 2), "problem", json_array_get(row, 3), "gold", json_array_get(row, 4));
        code = group && json_array_append_new(groups, group) == 0 ? add_group(group, s, step, json_integer_value(serial))
                                                                  : report_no_memory();
    }
    json_decref(rows);
    return code;
}

static status add_all(sampling *s) {
    json_t *groups = json_array();
    if (!groups || json_object_set_new(s->out, "groups", groups) != 0) return report_no_memory();
    TRY(report_has_table(&s->has_groups, s->record, s->folder, "groups"));
    TRY(report_has_table(&s->has_tokens, s->record, s->folder, "tokens"));
    TRY(choose(s));
    for (size_t i = 0; i < s->step_count; i++) TRY(add_step(groups, s, s->steps[i]));
    return STATUS_OK;
}

status report_add_rollouts(json_t *out, const study_run *run, size_t rollouts, report_summary *done) {
    if (run->steps < 0) return STATUS_OK;
    study_record r;
    TRY(study_record_open(&r, run->folder));
    sampling s = {.record = &r,
                  .folder = run->folder,
                  .level = run->settings ? options_formula_level(run->settings) : FORMULA_L2,
                  .rollouts = rollouts,
                  .out = out,
                  .done = done};
    status code = add_all(&s);
    free(s.steps);
    formula_set_free(&s.set);
    study_record_close(&r);
    return code;
}
