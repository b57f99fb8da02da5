// The record of a run in SQLite. See record.h for the tables and the promise.
#include "run/record.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"

enum { RECORD_VERSION = 2 }; // the database's user_version

// Rows are only appended and dropped by step, so the order of rowids is the order of the run, resumed or not.
static const char schema[] =
    "CREATE TABLE run(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE metrics(step INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY(step, name)) WITHOUT ROWID;"
    "CREATE TABLE rollouts(step INTEGER NOT NULL, problem_id TEXT, sample INTEGER, response TEXT, answer TEXT, correct INTEGER,"
    " status TEXT, d_emb REAL, d_eq REAL, dbar REAL, reward REAL, advantage REAL, coupling REAL, length INTEGER, finish TEXT,"
    " serial INTEGER);"
    "CREATE INDEX rollouts_step ON rollouts(step);"
    "CREATE TABLE formulas(step INTEGER NOT NULL, serial INTEGER, sample INTEGER, position INTEGER, formula TEXT);"
    "CREATE INDEX formulas_step ON formulas(step);"
    "CREATE TABLE groups(step INTEGER NOT NULL, serial INTEGER, source TEXT, problem_id TEXT, problem TEXT, answer TEXT);"
    "CREATE INDEX groups_step ON groups(step);"
    "CREATE TABLE tokens(step INTEGER NOT NULL, serial INTEGER, sample INTEGER, tokens TEXT);"
    "CREATE INDEX tokens_step ON tokens(step);"
    "CREATE TABLE evaluations(step INTEGER NOT NULL, pass TEXT NOT NULL, source TEXT, problem_id TEXT, sample INTEGER,"
    " response TEXT, answer TEXT, correct INTEGER, status TEXT, length INTEGER, finish TEXT);"
    "CREATE INDEX evaluations_step ON evaluations(step);"
    "CREATE TABLE evaluation_summary(step INTEGER NOT NULL, pass TEXT NOT NULL, source TEXT NOT NULL, metric TEXT NOT NULL,"
    " value REAL, low REAL, high REAL, n INTEGER, PRIMARY KEY(step, pass, source, metric)) WITHOUT ROWID;"
    "PRAGMA user_version = 2;";

// Tables whose rows belong to a step.
static const char *const step_tables[] = {"metrics", "rollouts",    "formulas",          "groups",
                                          "tokens",  "evaluations", "evaluation_summary"};

// S(name, SQL)
#define STATEMENTS(S)                                                                                                            \
    S(SET, "INSERT INTO run VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value")                               \
    S(GET, "SELECT value FROM run WHERE key = ?1")                                                                               \
    S(METRIC, "INSERT INTO metrics VALUES(?1, ?2, ?3) ON CONFLICT(step, name) DO UPDATE SET value = excluded.value")             \
    S(ROLLOUT, "INSERT INTO rollouts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)")             \
    S(FORMULA, "INSERT INTO formulas VALUES(?1, ?2, ?3, ?4, ?5)")                                                                \
    S(GROUP, "INSERT INTO groups VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                                                                \
    S(TOKENS, "INSERT INTO tokens VALUES(?1, ?2, ?3, ?4)")                                                                       \
    S(EVALUATION, "INSERT INTO evaluations VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                                \
    S(SUMMARY,                                                                                                                   \
      "INSERT INTO evaluation_summary VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(step, pass, source, metric) DO UPDATE " \
      "SET value = excluded.value, low = excluded.low, high = excluded.high, n = excluded.n")                                    \
    S(READ, "SELECT source, problem_id, sample, response, answer, status, length, finish FROM evaluations WHERE step = ?1 AND "  \
            "pass = ?2 ORDER BY rowid")                                                                                          \
    S(SUM, "SELECT total(value) FROM metrics WHERE name = ?1")                                                                   \
    S(LAST, "SELECT max(step) FROM metrics")                                                                                     \
    S(EVALUATED, "SELECT 1 FROM evaluation_summary WHERE step = ?1 LIMIT 1")

enum {
#define S(name, sql) STATEMENT_##name,
    STATEMENTS(S)
#undef S
        STATEMENT_COUNT
};

struct record {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char *path;
    bool in_step;
    int64_t step;
    uint64_t serial; // of the rollout recorded last
    size_t sample;
    buffer clean; // valid UTF-8 of the text being bound
};

static status refuse(const record *r, const char *what) {
    int code = sqlite3_errcode(r->database);
    status kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? STATUS_INVALID : STATUS_IO;
    return status_set(kind, "%s: cannot %s: %s", r->path, what, sqlite3_errmsg(r->database));
}

static status execute(record *r, const char *sql, const char *what) {
    return sqlite3_exec(r->database, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : refuse(r, what);
}

void record_close(record *r) {
    if (!r) return;
    record_abandon_step(r);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(r->statements[i]);
    sqlite3_close(r->database);
    buffer_free(&r->clean);
    free(r->path);
    free(r);
}

static status open_database(record **result, const char *path, int flags, const char *setup) {
    *result = NULL;
    record *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return status_set(STATUS_NO_MEMORY, "out of memory while opening %s", path);
    }
    status code = STATUS_OK;
    if (sqlite3_open_v2(path, &r->database, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) code = refuse(r, "open the record");
    // A reader (a person's query) may hold the database for a moment.
    if (code == STATUS_OK) sqlite3_busy_timeout(r->database, 10000);
    if (code == STATUS_OK) code = execute(r, setup, "set up the record");
    if (code != STATUS_OK) {
        record_close(r);
        return code;
    }
    *result = r;
    return STATUS_OK;
}

static status prepare(record *r) {
    static const char *const texts[] = {
#define S(name, sql) sql,
        STATEMENTS(S)
#undef S
    };
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(r->database, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &r->statements[i], NULL) != SQLITE_OK)
            return refuse(r, "use the tables of the record");
    return STATUS_OK;
}

// A new record under a temporary name, without a journal: until it is renamed, nobody misses it.
static status create_tables(const char *path) {
    record *r;
    if (remove(path) != 0 && errno != ENOENT) return status_set(STATUS_IO, "cannot remove %s: %s", path, strerror(errno));
    TRY(open_database(&r, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                      "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL;"));
    status code = execute(r, schema, "create the tables");
    record_close(r);
    return code;
}

status record_create(record **result, const char *path) {
    *result = NULL;
    if (file_exists(path)) return status_set(STATUS_INVALID, "%s exists already", path);
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", path) < 0) return status_set(STATUS_NO_MEMORY, "out of memory while creating %s", path);
    status code = create_tables(temporary);
    // A journal whose record is gone would be played into the new one.
    static const char *const journals[] = {"-wal", "-shm"};
    for (size_t i = 0; i < 2 && code == STATUS_OK; i++) {
        char *journal;
        if (asprintf(&journal, "%s%s", path, journals[i]) < 0)
            code = status_set(STATUS_NO_MEMORY, "out of memory while creating %s", path);
        else
            remove(journal), free(journal);
    }
    if (code == STATUS_OK && rename(temporary, path) != 0)
        code = status_set(STATUS_IO, "cannot create %s: %s", path, strerror(errno));
    if (code != STATUS_OK) remove(temporary);
    free(temporary);
    return code == STATUS_OK ? record_open(result, path, true) : code;
}

static status check_version(const char *path, int version) {
    if (version == RECORD_VERSION) return STATUS_OK;
    if (version > 0 && version < RECORD_VERSION)
        return status_set(STATUS_INVALID, "%s was written by an older dsdr (record version %d; this one works with version %d)",
                          path, version, RECORD_VERSION);
    return status_set(STATUS_INVALID, "%s is no run record of this program (version %d, not %d)", path, version, RECORD_VERSION);
}

status record_open(record **result, const char *path, bool writable) {
    *result = NULL;
    if (!file_exists(path)) return status_set(STATUS_INVALID, "there is no run record %s", path);
    record *r;
    TRY(open_database(&r, path, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, ""));
    sqlite3_stmt *version = NULL;
    status code = STATUS_OK;
    if (sqlite3_prepare_v2(r->database, "PRAGMA user_version", -1, &version, NULL) != SQLITE_OK ||
        sqlite3_step(version) != SQLITE_ROW)
        code = refuse(r, "read the record");
    else
        code = check_version(path, sqlite3_column_int(version, 0));
    sqlite3_finalize(version);
    if (code == STATUS_OK && writable)
        code = execute(r, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "set up the record");
    if (code == STATUS_OK) code = prepare(r);
    if (code != STATUS_OK) {
        record_close(r);
        return code;
    }
    *result = r;
    return STATUS_OK;
}

// Binding and running a statement: parameters in order, then `run`. A failed bind shows at the step, which resets everything.
typedef struct binding {
    record *r;
    sqlite3_stmt *statement;
    int next;
    status code;
} binding;

static binding bind_start(record *r, int statement) { return (binding){r, r->statements[statement], 1, STATUS_OK}; }

static void check_bind(binding *b, int result) {
    if (result != SQLITE_OK && b->code == STATUS_OK) b->code = refuse(b->r, "bind a value");
}

static void bind_int(binding *b, int64_t value) { check_bind(b, sqlite3_bind_int64(b->statement, b->next++, value)); }

// SQLite itself stores NaN as NULL; infinities are no measurement either.
static void bind_real(binding *b, double value) {
    check_bind(b, isfinite(value) ? sqlite3_bind_double(b->statement, b->next, value) : sqlite3_bind_null(b->statement, b->next));
    b->next++;
}

static void bind_text(binding *b, const char *text, size_t length) {
    if (!text) {
        check_bind(b, sqlite3_bind_null(b->statement, b->next++));
        return;
    }
    buffer_clear(&b->r->clean);
    status code = text_make_valid(&b->r->clean, text, length);
    if (code != STATUS_OK && b->code == STATUS_OK) b->code = code;
    check_bind(b, sqlite3_bind_text64(b->statement, b->next++, buffer_text(&b->r->clean), b->r->clean.length, SQLITE_TRANSIENT,
                                      SQLITE_UTF8));
}

static void bind_word(binding *b, const char *text) { bind_text(b, text, text ? strlen(text) : 0); }

static void bind_correct(binding *b, const verdict *v) {
    check_bind(b, v && verdict_known(v->status) ? sqlite3_bind_int(b->statement, b->next, v->status == VERDICT_CORRECT)
                                                : sqlite3_bind_null(b->statement, b->next));
    b->next++;
}

static status bind_run(binding *b, const char *what) {
    status code = b->code;
    if (code == STATUS_OK && sqlite3_step(b->statement) != SQLITE_DONE) code = refuse(b->r, what);
    sqlite3_reset(b->statement);
    sqlite3_clear_bindings(b->statement);
    return code;
}

// The table run --------------------------------------------------------------------------------------------------------------

status record_set(record *r, const char *key, const char *value) {
    binding b = bind_start(r, STATEMENT_SET);
    bind_word(&b, key);
    bind_word(&b, value);
    return bind_run(&b, "record a fact of the run");
}

status record_get(record *r, const char *key, char **value) {
    *value = NULL;
    binding b = bind_start(r, STATEMENT_GET);
    bind_word(&b, key);
    status code = b.code;
    int result = code == STATUS_OK ? sqlite3_step(b.statement) : SQLITE_DONE;
    if (result == SQLITE_ROW && sqlite3_column_type(b.statement, 0) != SQLITE_NULL) {
        *value = text_copy((const char *)sqlite3_column_text(b.statement, 0), (size_t)sqlite3_column_bytes(b.statement, 0));
        if (!*value) code = status_set(STATUS_NO_MEMORY, "out of memory while reading %s", r->path);
    } else if (result != SQLITE_ROW && result != SQLITE_DONE) {
        code = refuse(r, "read a fact of the run");
    }
    sqlite3_reset(b.statement);
    return code;
}

// Steps ----------------------------------------------------------------------------------------------------------------------

status record_begin_step(record *r, int64_t step) {
    if (r->in_step)
        return status_set(STATUS_FAILED, "%s: step %lld begins inside step %lld", r->path, (long long)step, (long long)r->step);
    TRY(execute(r, "BEGIN IMMEDIATE", "begin a step"));
    r->in_step = true, r->step = step;
    return STATUS_OK;
}

status record_commit_step(record *r) {
    if (!r->in_step) return status_set(STATUS_FAILED, "%s: no step has begun", r->path);
    TRY(execute(r, "COMMIT", "write a step"));
    r->in_step = false;
    return STATUS_OK;
}

void record_abandon_step(record *r) {
    if (r->in_step) sqlite3_exec(r->database, "ROLLBACK", NULL, NULL, NULL);
    r->in_step = false;
}

static status in_step(const record *r) {
    return r->in_step ? STATUS_OK : status_set(STATUS_FAILED, "%s: a row is recorded outside a step", r->path);
}

status record_metric(record *r, const char *name, double value) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_METRIC);
    bind_int(&b, r->step);
    bind_word(&b, name);
    bind_real(&b, value);
    return bind_run(&b, "record a metric");
}

status record_rollout(record *r, const record_rollout_row *row) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_ROLLOUT);
    bind_int(&b, r->step);
    bind_word(&b, row->problem_id);
    bind_int(&b, (int64_t)row->sample);
    bind_text(&b, row->rollout->text, row->rollout->text_length);
    bind_word(&b, row->verdict ? row->verdict->extracted : NULL);
    bind_correct(&b, row->verdict);
    bind_word(&b, row->verdict ? verdict_name(row->verdict->status) : NULL);
    bind_real(&b, row->diversity ? row->diversity->d_emb : NAN);
    bind_real(&b, row->diversity ? row->diversity->d_eq : NAN);
    bind_real(&b, row->diversity ? row->diversity->dbar : NAN);
    bind_real(&b, row->credit ? row->credit->reward : NAN);
    bind_real(&b, row->credit ? row->credit->advantage : NAN);
    bind_real(&b, row->credit ? row->credit->coupling : NAN);
    bind_int(&b, (int64_t)row->rollout->length);
    bind_word(&b, finish_name(row->rollout->finish));
    bind_int(&b, (int64_t)row->serial);
    r->serial = row->serial, r->sample = row->sample;
    return bind_run(&b, "record a rollout");
}

status record_formulas(record *r, const char *const *formulas, size_t count) {
    TRY(in_step(r));
    for (size_t i = 0; i < count; i++) {
        binding b = bind_start(r, STATEMENT_FORMULA);
        bind_int(&b, r->step);
        bind_int(&b, (int64_t)r->serial);
        bind_int(&b, (int64_t)r->sample);
        bind_int(&b, (int64_t)i);
        bind_word(&b, formulas[i]);
        TRY(bind_run(&b, "record a formula"));
    }
    return STATUS_OK;
}

status record_group(record *r, uint64_t serial, const problem *problem) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_GROUP);
    bind_int(&b, r->step);
    bind_int(&b, (int64_t)serial);
    bind_word(&b, problem->source);
    bind_word(&b, problem->id);
    bind_word(&b, problem->text);
    bind_word(&b, problem->answer);
    return bind_run(&b, "record a group");
}

status record_tokens(record *r, const char *tokens) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_TOKENS);
    bind_int(&b, r->step);
    bind_int(&b, (int64_t)r->serial);
    bind_int(&b, (int64_t)r->sample);
    bind_word(&b, tokens);
    return bind_run(&b, "record tokens");
}

status record_evaluation(record *r, const record_evaluation_row *row) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_EVALUATION);
    bind_int(&b, r->step);
    bind_word(&b, row->pass);
    bind_word(&b, row->source);
    bind_word(&b, row->problem_id);
    bind_int(&b, (int64_t)row->sample);
    bind_text(&b, row->rollout->text, row->rollout->text_length);
    bind_word(&b, row->verdict ? row->verdict->extracted : NULL);
    bind_correct(&b, row->verdict);
    bind_word(&b, row->verdict ? verdict_name(row->verdict->status) : NULL);
    bind_int(&b, (int64_t)row->rollout->length);
    bind_word(&b, finish_name(row->rollout->finish));
    return bind_run(&b, "record an evaluation");
}

// A column's text as long as the statement stands on its row; never NULL.
static const char *column_text(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

static bool verdict_of_name(const char *name, verdict_status *out) {
    for (int v = 0; v < VERDICT_STATUS_COUNT; v++)
        if (!strcmp(name, verdict_name((verdict_status)v))) {
            *out = (verdict_status)v;
            return true;
        }
    return false;
}

static status read_evaluation(const record *r, sqlite3_stmt *s, record_evaluation_reader read, void *context) {
    bool answered = sqlite3_column_type(s, 4) != SQLITE_NULL;
    verdict v = {.tier = "", .extracted = answered ? (char *)column_text(s, 4) : NULL};
    if (!verdict_of_name(column_text(s, 5), &v.status))
        return status_set(STATUS_INVALID, "%s holds an evaluation with the status \"%s\"", r->path, column_text(s, 5));
    rollout o = {.length = (size_t)sqlite3_column_int64(s, 6),
                 .finish = strcmp(column_text(s, 7), finish_name(FINISH_LENGTH)) ? FINISH_STOP : FINISH_LENGTH,
                 .text = (char *)column_text(s, 3),
                 .text_length = (size_t)sqlite3_column_bytes(s, 3)};
    record_evaluation_row row = {.source = column_text(s, 0),
                                 .problem_id = column_text(s, 1),
                                 .sample = (size_t)sqlite3_column_int64(s, 2),
                                 .rollout = &o,
                                 .verdict = &v};
    return read(context, &row);
}

status record_each_evaluation(record *r, int64_t step, const char *pass, record_evaluation_reader read, void *context) {
    binding b = bind_start(r, STATEMENT_READ);
    bind_int(&b, step);
    bind_word(&b, pass);
    status code = b.code;
    int result = SQLITE_DONE;
    while (code == STATUS_OK && (result = sqlite3_step(b.statement)) == SQLITE_ROW)
        code = read_evaluation(r, b.statement, read, context);
    if (code == STATUS_OK && result != SQLITE_DONE) code = refuse(r, "read an evaluation");
    sqlite3_reset(b.statement);
    return code;
}

status record_evaluation_summary(record *r, const char *pass, const char *source, const char *metric, double value, double low,
                                 double high, size_t n) {
    TRY(in_step(r));
    binding b = bind_start(r, STATEMENT_SUMMARY);
    bind_int(&b, r->step);
    bind_word(&b, pass);
    bind_word(&b, source);
    bind_word(&b, metric);
    bind_real(&b, value);
    bind_real(&b, low);
    bind_real(&b, high);
    bind_int(&b, (int64_t)n);
    return bind_run(&b, "record an evaluation");
}

status record_last_step(record *r, int64_t *step) {
    *step = -1;
    sqlite3_stmt *statement = r->statements[STATEMENT_LAST];
    status code = STATUS_OK;
    if (sqlite3_step(statement) != SQLITE_ROW)
        code = refuse(r, "read the last step");
    else if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *step = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return code;
}

status record_metric_sum(record *r, const char *name, double *sum) {
    binding b = bind_start(r, STATEMENT_SUM);
    bind_text(&b, name, strlen(name));
    status code = STATUS_OK;
    if (sqlite3_step(b.statement) == SQLITE_ROW)
        *sum = sqlite3_column_double(b.statement, 0);
    else
        code = refuse(r, "add up a metric");
    sqlite3_reset(b.statement);
    return code;
}

status record_has_evaluation(record *r, int64_t step, bool *has) {
    binding b = bind_start(r, STATEMENT_EVALUATED);
    bind_int(&b, step);
    int result = b.code == STATUS_OK ? sqlite3_step(b.statement) : SQLITE_DONE;
    *has = result == SQLITE_ROW;
    status code = result == SQLITE_ROW || result == SQLITE_DONE ? b.code : refuse(r, "look for an evaluation");
    sqlite3_reset(b.statement);
    return code;
}

status record_resume(record *r, int64_t step, const char *when) {
    TRY(record_begin_step(r, step));
    status code = STATUS_OK;
    char sql[128], key[64];
    for (size_t i = 0; i < sizeof step_tables / sizeof *step_tables && code == STATUS_OK; i++) {
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE step > %lld", step_tables[i], (long long)step);
        code = execute(r, sql, "drop the rows after the checkpoint");
    }
    // Facts of interruptions lie under "time/", so that they do not tell an interrupted run from another.
    snprintf(key, sizeof key, "time/resumed/%s", when);
    snprintf(sql, sizeof sql, "from step %lld", (long long)step);
    if (code == STATUS_OK) code = record_set(r, key, sql);
    if (code == STATUS_OK) code = record_commit_step(r);
    if (code != STATUS_OK) record_abandon_step(r);
    return code;
}

bool record_depends_on_time(const char *name) {
    static const char *const prefixes[] = {"time/", "timing_", "perf/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) return true;
    return false;
}
