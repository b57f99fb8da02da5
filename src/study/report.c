// Writing the report: the page, then the data. See report.h.
#include "study/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "stats/stats.h"
#include "study/report_parts.h"

enum { T_DEGREES = 100 }; // for intervals over seeds

status report_no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while writing a report"); }

// ---- records as JSON --------------------------------------------------------------------------------------------------------

static status refuse(const study_record *r, const char *folder) {
    return status_set(STATUS_IO, "%s/run.db cannot be read: %s", folder, sqlite3_errmsg(r->database));
}

status report_query_open(report_query *q, const study_record *r, const char *folder, const char *sql, const int64_t *parameters,
                         int count) {
    *q = (report_query){.folder = folder};
    bool bound = sqlite3_prepare_v2(r->database, sql, -1, &q->statement, NULL) == SQLITE_OK;
    for (int i = 0; i < count && bound; i++) bound = sqlite3_bind_int64(q->statement, i + 1, parameters[i]) == SQLITE_OK;
    if (bound) return STATUS_OK;
    status code = refuse(r, folder);
    report_query_close(q);
    return code;
}

status report_query_next(report_query *q, bool *more) {
    int result = sqlite3_step(q->statement);
    *more = result == SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE) return STATUS_OK;
    return status_set(STATUS_IO, "%s/run.db cannot be read: %s", q->folder, sqlite3_errmsg(sqlite3_db_handle(q->statement)));
}

void report_query_close(report_query *q) {
    sqlite3_finalize(q->statement);
    q->statement = NULL;
}

static json_t *valid_text(const char *text, size_t length) {
    buffer clean = {0};
    json_t *value = NULL;
    if (text_make_valid(&clean, text, length) == STATUS_OK) value = json_stringn(buffer_text(&clean), clean.length);
    buffer_free(&clean);
    return value;
}

json_t *report_query_json(const report_query *q, int column) {
    switch (sqlite3_column_type(q->statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(q->statement, column));
    case SQLITE_FLOAT:
        return json_number(sqlite3_column_double(q->statement, column));
    case SQLITE_NULL:
        return json_null();
    default:
        return valid_text((const char *)sqlite3_column_text(q->statement, column),
                          (size_t)sqlite3_column_bytes(q->statement, column));
    }
}

status report_query_rows(json_t **rows, const study_record *r, const char *folder, const char *sql, const int64_t *parameters,
                         int count) {
    report_query q;
    TRY(report_query_open(&q, r, folder, sql, parameters, count));
    status code = (*rows = json_array()) ? STATUS_OK : report_no_memory();
    for (bool more = true; code == STATUS_OK;) {
        code = report_query_next(&q, &more);
        if (code != STATUS_OK || !more) break;
        json_t *row = json_array();
        bool complete = row;
        for (int i = 0; i < sqlite3_column_count(q.statement) && complete; i++)
            complete = json_array_append_new(row, report_query_json(&q, i)) == 0;
        if (json_array_append_new(*rows, row) != 0 || !complete) code = report_no_memory();
    }
    report_query_close(&q);
    if (code != STATUS_OK) json_decref(*rows), *rows = NULL;
    return code;
}

status report_has_table(bool *has, const study_record *r, const char *folder, const char *table) {
    report_query q;
    TRY(report_query_open(&q, r, folder, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", NULL, 0));
    status code =
        sqlite3_bind_text(q.statement, 1, table, -1, SQLITE_STATIC) == SQLITE_OK ? report_query_next(&q, has) : refuse(r, folder);
    report_query_close(&q);
    return code;
}

// ---- the file ---------------------------------------------------------------------------------------------------------------

static status add_run(json_t *runs, const study_run *run, size_t rollouts, report_summary *done) {
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I}", "folder", run->folder, "kind", run->kind, "label", run->label,
                  "method", run->method, "seed", (json_int_t)run->seed, "state", study_state_name(run->state), "reason",
                  run->reason, "done", (json_int_t)run->steps, "total", (json_int_t)run->total);
    if (!one || json_array_append_new(runs, one) != 0)
        return status_set(STATUS_INVALID, "%s: a name is not valid UTF-8, or memory is out", run->folder);
    TRY(report_add_run(one, run));
    return report_add_rollouts(one, run, rollouts, done);
}

static status collect_data(json_t *data, const study_collection *c, size_t rollouts, report_summary *done) {
    json_t *runs = json_array();
    if (!runs || json_object_set_new(data, "runs", runs) != 0) return report_no_memory();
    size_t trained = 0;
    for (size_t i = 0; i < c->count; i++) trained += !strcmp(c->runs[i].kind, "train");
    for (size_t i = 0; i < c->count; i++) TRY(add_run(runs, &c->runs[i], trained ? rollouts / trained : 0, done));
    done->runs = c->count;
    json_t *t = json_array();
    for (uint32_t degrees = 1; t && degrees <= T_DEGREES; degrees++)
        json_array_append_new(t, json_real(stats_t_quantile(0.975, degrees)));
    if (!t || json_object_set_new(data, "t", t) != 0) return report_no_memory();
    json_t *kept = json_pack("{s:I, s:I}", "kept", (json_int_t)done->kept, "recorded", (json_int_t)done->recorded);
    return kept && json_object_set_new(data, "rollouts", kept) == 0 ? STATUS_OK : report_no_memory();
}

// In a script element only "<" could end it; JSON may write it as an escape.
static status write_data(file_writer *f, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        const char *sign = memchr(text + at, '<', length - at);
        size_t plain = sign ? (size_t)(sign - text) - at : length - at;
        TRY(file_write(f, text + at, plain));
        at += plain;
        if (sign) TRY(file_write(f, "\\u003c", 6));
        at += sign != NULL;
    }
    return STATUS_OK;
}

static status write_page(file_writer *f, const char *text, size_t length) {
    TRY(file_write(f, report_page, (size_t)(report_page_end - report_page)));
    TRY(write_data(f, text, length));
    TRY(file_write(f, REPORT_PAGE_TAIL, strlen(REPORT_PAGE_TAIL)));
    return file_commit(f);
}

status report_write(const char *output, const char *const *paths, size_t count, size_t rollouts, report_summary *done) {
    *done = (report_summary){0};
    study_collection c;
    buffer text = {0};
    file_writer file;
    TRY(study_collect(&c, paths, count));
    json_t *data = json_object();
    status code = data ? collect_data(data, &c, rollouts, done) : report_no_memory();
    if (code == STATUS_OK) code = json_write(&text, data, 6);
    if (code == STATUS_OK) code = file_create(&file, output);
    if (code == STATUS_OK) {
        done->bytes = (size_t)(report_page_end - report_page) + text.length;
        code = write_page(&file, text.data, text.length);
        if (code != STATUS_OK) file_discard(&file);
    }
    json_decref(data);
    buffer_free(&text);
    study_collection_free(&c);
    return code;
}
