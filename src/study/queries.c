// What one record says: curves, tokens, evaluations. See collection.h.
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "study/collection.h"
#include "study/collection_parts.h"

static status no_memory(const char *folder) { return status_set(STATUS_NO_MEMORY, "out of memory while reading %s", folder); }

// ---- a record, for reading ------------------------------------------------------------------------------------------------

static status refuse(const study_record *r, const char *folder) {
    int code = sqlite3_errcode(r->database);
    return status_set(code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? STATUS_INVALID : STATUS_IO,
                      "%s/run.db cannot be read: %s", folder, sqlite3_errmsg(r->database));
}

void study_record_close(study_record *r) {
    sqlite3_close(r->database);
    *r = (study_record){0};
}

static status read_version(study_record *r, const char *folder) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(r->database, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK) return refuse(r, folder);
    status code = sqlite3_step(statement) == SQLITE_ROW ? STATUS_OK : refuse(r, folder);
    if (code == STATUS_OK) r->version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (code == STATUS_OK && (r->version < 1 || r->version > 2))
        code = status_set(STATUS_INVALID, "%s/run.db is no run record that this program reads (version %d, not 1 or 2)", folder,
                          r->version);
    return code;
}

status study_record_open(study_record *r, const char *folder) {
    *r = (study_record){0};
    char *path = path_join(folder, "run.db");
    if (!path) return no_memory(folder);
    status code = STATUS_OK;
    if (!file_exists(path)) {
        code = status_set(STATUS_INVALID, "%s holds no run (there is no run.db)", folder);
    } else if (sqlite3_open_v2(path, &r->database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        code = refuse(r, folder);
    } else {
        sqlite3_busy_timeout(r->database, 10000);
        code = read_version(r, folder);
    }
    free(path);
    if (code != STATUS_OK) study_record_close(r);
    return code;
}

// ---- rows -------------------------------------------------------------------------------------------------------------------

// A query under way: next_row is STATUS_OK with *more false at its end. Parameters are texts, bound in order.
typedef struct query {
    study_record record;
    sqlite3_stmt *statement;
    const char *folder;
} query;

static void query_close(query *q) {
    sqlite3_finalize(q->statement);
    study_record_close(&q->record);
}

// `sql` is that of version 2; `old`, where not NULL, replaces it for records of version 1.
static status query_open(query *q, const char *folder, const char *sql, const char *old, const char *const *texts, int count) {
    *q = (query){.folder = folder};
    TRY(study_record_open(&q->record, folder));
    const char *text = old && q->record.version == 1 ? old : sql;
    bool bound = sqlite3_prepare_v2(q->record.database, text, -1, &q->statement, NULL) == SQLITE_OK;
    int parameters = bound ? sqlite3_bind_parameter_count(q->statement) : 0;
    for (int i = 0; i < count && i < parameters && bound; i++)
        bound = sqlite3_bind_text(q->statement, i + 1, texts[i], -1, SQLITE_STATIC) == SQLITE_OK;
    if (bound) return STATUS_OK;
    status code = refuse(&q->record, folder);
    query_close(q);
    return code;
}

static status next_row(query *q, bool *more) {
    int result = sqlite3_step(q->statement);
    *more = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? STATUS_OK : refuse(&q->record, q->folder);
}

static double real_of(const query *q, int column) {
    return sqlite3_column_type(q->statement, column) == SQLITE_NULL ? NAN : sqlite3_column_double(q->statement, column);
}

static char *text_of(const query *q, int column) {
    const char *text = (const char *)sqlite3_column_text(q->statement, column);
    return text_copy(text ? text : "", text ? (size_t)sqlite3_column_bytes(q->statement, column) : 0);
}

status study_record_get(char **value, const char *folder, const char *key) {
    *value = NULL;
    query q;
    bool more;
    TRY(query_open(&q, folder, "SELECT value FROM run WHERE key = ?1", NULL, &key, 1));
    status code = next_row(&q, &more);
    if (code == STATUS_OK && more && !(*value = text_of(&q, 0))) code = no_memory(folder);
    query_close(&q);
    return code;
}

// ---- curves -----------------------------------------------------------------------------------------------------------------

void study_curve_free(study_curve *c) {
    free(c->steps), free(c->values), free(c->low), free(c->high);
    *c = (study_curve){0};
}

// Makes room for one more point.
static bool curve_grow(study_curve *c) {
    if (c->count & (c->count - 1)) return true; // room for the next power of two
    size_t room = c->count ? 2 * c->count : 1;
    int64_t *steps = realloc(c->steps, room * sizeof *steps);
    if (steps) c->steps = steps;
    double **columns[] = {&c->values, &c->low, &c->high};
    bool grown = steps;
    for (size_t i = 0; i < 3 && grown; i++) {
        double *column = realloc(*columns[i], room * sizeof *column);
        if (column) *columns[i] = column;
        grown = column;
    }
    return grown;
}

// Rows of (step, value[, low, high]).
static status read_points(study_curve *c, query *q) {
    bool interval = sqlite3_column_count(q->statement) > 2, more;
    status code;
    for (;;) {
        code = next_row(q, &more);
        if (code != STATUS_OK || !more) break;
        if (!curve_grow(c)) {
            code = no_memory(q->folder);
            break;
        }
        c->steps[c->count] = sqlite3_column_int64(q->statement, 0);
        c->values[c->count] = real_of(q, 1);
        c->low[c->count] = interval ? real_of(q, 2) : NAN;
        c->high[c->count++] = interval ? real_of(q, 3) : NAN;
    }
    if (code != STATUS_OK) study_curve_free(c);
    return code;
}

static status read_curve(study_curve *c, const char *folder, const char *sql, const char *old, const char *const *texts,
                         int count) {
    *c = (study_curve){0};
    query q;
    TRY(query_open(&q, folder, sql, old, texts, count));
    status code = read_points(c, &q);
    query_close(&q);
    return code;
}

status study_read_metric(study_curve *c, const char *folder, const char *name) {
    return read_curve(c, folder, "SELECT step, value FROM metrics WHERE name = ?1 ORDER BY step", NULL, &name, 1);
}

status study_read_summary(study_curve *c, const char *folder, const char *pass, const char *source, const char *metric) {
    const char *texts[] = {source, metric, pass};
    return read_curve(c, folder,
                      "SELECT step, value, low, high FROM evaluation_summary WHERE source = ?1 AND metric = ?2 AND pass = ?3 "
                      "ORDER BY step",
                      "SELECT step, value, low, high FROM evaluation_summary WHERE source = ?1 AND metric = ?2 ORDER BY step",
                      texts, 3);
}

// ---- tokens -----------------------------------------------------------------------------------------------------------------

// Kept responses have verdicts, each one status; groups are of equal size, so dropped ones are told from the numbers of groups.
static const char estimated_tokens[] =
    "SELECT step, length * responses * coalesce(generated / (generated - dropped), 1), coalesce(dropped, 0), NULL FROM (SELECT "
    "step,"
    " max(CASE name WHEN 'response_length/mean' THEN value END) AS length,"
    " sum(CASE WHEN name LIKE 'verify/%' THEN value END) AS responses,"
    " max(CASE name WHEN 'dynamic_sampling/groups_generated' THEN value END) AS generated,"
    " max(CASE name WHEN 'dynamic_sampling/groups_dropped' THEN value END) AS dropped"
    " FROM metrics GROUP BY step) WHERE length IS NOT NULL ORDER BY step";

status study_read_tokens(study_curve *c, const char *folder, bool *exact) {
    *exact = true;
    TRY(study_read_metric(c, folder, "rollout/tokens_generated"));
    if (c->count == 0) {
        study_curve_free(c);
        TRY(read_curve(c, folder, estimated_tokens, NULL, NULL, 0));
        for (size_t i = 0; i < c->count; i++) {
            *exact &= c->low[i] == 0; // dropped groups of the step
            c->low[i] = NAN;
        }
    }
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) c->values[i] = sum += c->values[i];
    return STATUS_OK;
}

// ---- evaluations ------------------------------------------------------------------------------------------------------------

void study_passes_free(study_recorded_pass *passes, size_t count) {
    for (size_t i = 0; i < count; i++) free(passes[i].pass);
    free(passes);
}

status study_read_passes(study_recorded_pass **passes, size_t *count, const char *folder) {
    *passes = NULL, *count = 0;
    query q;
    TRY(query_open(&q, folder, "SELECT DISTINCT step, pass FROM evaluation_summary ORDER BY step, pass",
                   "SELECT DISTINCT step, 'validation' FROM evaluation_summary ORDER BY step", NULL, 0));
    status code;
    for (bool more;;) {
        code = next_row(&q, &more);
        if (code != STATUS_OK || !more) break;
        study_recorded_pass *grown = realloc(*passes, (*count + 1) * sizeof *grown);
        char *pass = grown ? text_of(&q, 1) : NULL;
        if (grown) *passes = grown;
        if (!pass) {
            code = no_memory(folder);
            break;
        }
        grown[(*count)++] = (study_recorded_pass){sqlite3_column_int64(q.statement, 0), pass};
    }
    query_close(&q);
    if (code != STATUS_OK) {
        study_passes_free(*passes, *count);
        *passes = NULL, *count = 0;
    }
    return code;
}

void study_scores_free(study_scores *scores) {
    for (size_t i = 0; i < scores->count; i++) free(scores->items[i].source), free(scores->items[i].id);
    free(scores->items);
    *scores = (study_scores){0};
}

status study_read_scores(study_scores *scores, const char *folder, int64_t step, const char *pass, uint32_t first) {
    *scores = (study_scores){0};
    char at[32], limit[32];
    snprintf(at, sizeof at, "%lld", (long long)step);
    snprintf(limit, sizeof limit, "%lld", first ? (long long)first : INT64_MAX);
    const char *texts[] = {at, limit, pass};
    query q;
#define COUNTS(condition)                                                                                                        \
    "SELECT source, problem_id, count(*), sum(coalesce(correct, 0)) FROM evaluations WHERE step = CAST(?1 AS INTEGER) AND "      \
    "sample < CAST(?2 AS INTEGER)" condition " GROUP BY source, problem_id ORDER BY min(rowid)"
    TRY(query_open(&q, folder, COUNTS(" AND pass = ?3"), COUNTS(""), texts, 3));
#undef COUNTS
    status code;
    for (bool more;;) {
        code = next_row(&q, &more);
        if (code != STATUS_OK || !more) break;
        study_score *items = scores->count & (scores->count - 1)
                                 ? scores->items
                                 : realloc(scores->items, (scores->count ? 2 * scores->count : 1) * sizeof *items);
        if (!items) {
            code = no_memory(folder);
            break;
        }
        scores->items = items;
        study_score *one = &items[scores->count++];
        *one = (study_score){text_of(&q, 0), text_of(&q, 1), (uint32_t)sqlite3_column_int64(q.statement, 2),
                             (uint32_t)sqlite3_column_int64(q.statement, 3)};
        if (!one->source || !one->id) {
            code = no_memory(folder);
            break;
        }
    }
    query_close(&q);
    if (code != STATUS_OK) study_scores_free(scores);
    return code;
}
