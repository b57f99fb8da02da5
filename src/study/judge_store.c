// judge.db over SQLite. See judge_store.h.
#include "study/judge_store.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STORE_VERSION = 1, STORE_APPLICATION = 0x6473646A }; // "dsdj"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE cache(key TEXT PRIMARY KEY, time TEXT NOT NULL, reply TEXT NOT NULL);"
    "CREATE TABLE facts(analysis TEXT NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY(analysis, key)) WITHOUT ROWID;"
    "CREATE TABLE similarity(analysis TEXT NOT NULL, method TEXT NOT NULL, source TEXT, problem_id TEXT, responses INTEGER,"
    " semantic_similarity REAL, formula_similarity REAL, distinct_equation_share REAL);"
    "CREATE TABLE judge(analysis TEXT NOT NULL, method TEXT NOT NULL, source TEXT, problem_id TEXT, repeat INTEGER NOT NULL,"
    " status TEXT NOT NULL, logic REAL, formula REAL, semantic REAL, overall REAL, model TEXT, input_tokens INTEGER,"
    " output_tokens INTEGER, key TEXT);"
    "PRAGMA user_version = 1; PRAGMA application_id = 1685283946;"
    "COMMIT;";

// S(name, SQL)
#define STATEMENTS(S)                                                                                                            \
    S(GET, "SELECT reply FROM cache WHERE key = ?1")                                                                             \
    S(PUT, "INSERT OR REPLACE INTO cache VALUES(?1, ?2, ?3)")                                                                    \
    S(FACT, "INSERT INTO facts VALUES(?1, ?2, ?3)")                                                                              \
    S(SIMILARITY, "INSERT INTO similarity VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                               \
    S(JUDGE, "INSERT INTO judge VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")                            \
    S(DROP_FACTS, "DELETE FROM facts WHERE analysis = ?1")                                                                       \
    S(DROP_SIMILARITY, "DELETE FROM similarity WHERE analysis = ?1")                                                             \
    S(DROP_JUDGE, "DELETE FROM judge WHERE analysis = ?1")

enum {
#define S(name, sql) STATEMENT_##name,
    STATEMENTS(S)
#undef S
        STATEMENT_COUNT
};

struct judge_store {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char *path, *analysis;
};

static status refuse(const judge_store *s, const char *what) {
    int code = sqlite3_errcode(s->database);
    return status_set(code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? STATUS_INVALID : STATUS_IO, "%s: cannot %s: %s", s->path,
                      what, sqlite3_errmsg(s->database));
}

static status execute(judge_store *s, const char *sql, const char *what) {
    return sqlite3_exec(s->database, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : refuse(s, what);
}

static status read_number(judge_store *s, const char *sql, int *number) {
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(s->database, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    if (good) *number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return good ? STATUS_OK : refuse(s, "read it");
}

static status set_up(judge_store *s) {
    static const char *const texts[] = {
#define S(name, sql) sql,
        STATEMENTS(S)
#undef S
    };
    int version, application, tables;
    TRY(read_number(s, "PRAGMA user_version", &version));
    TRY(read_number(s, "PRAGMA application_id", &application));
    TRY(read_number(s, "SELECT count(*) FROM sqlite_master", &tables));
    if (tables > 0 && (version != STORE_VERSION || application != STORE_APPLICATION))
        return status_set(STATUS_INVALID, "%s is no database of dsdr judge, version %d", s->path, STORE_VERSION);
    TRY(execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "set it up"));
    if (tables == 0) TRY(execute(s, schema, "create its tables"));
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(s->database, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) != SQLITE_OK)
            return refuse(s, "use its tables");
    return STATUS_OK;
}

status judge_store_open(judge_store **result, const char *path) {
    *result = NULL;
    judge_store *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path))) {
        free(s);
        return status_set(STATUS_NO_MEMORY, "out of memory while opening %s", path);
    }
    status code = STATUS_OK;
    if (sqlite3_open_v2(path, &s->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        code = refuse(s, "open it");
    if (code == STATUS_OK) sqlite3_busy_timeout(s->database, 10000);
    if (code == STATUS_OK) code = set_up(s);
    if (code == STATUS_OK)
        *result = s;
    else
        judge_store_close(s);
    return code;
}

void judge_store_close(judge_store *s) {
    if (!s) return;
    if (s->analysis) sqlite3_exec(s->database, "ROLLBACK", NULL, NULL, NULL);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->database);
    free(s->path), free(s->analysis);
    free(s);
}

// Values bound in order; one that cannot be bound shows when the statement runs.
typedef struct binding {
    judge_store *s;
    sqlite3_stmt *statement;
    int next;
    bool good;
} binding;

static binding bind_start(judge_store *s, int which) { return (binding){s, s->statements[which], 1, true}; }

static void bind_text(binding *b, const char *text, size_t length) {
    b->good = b->good && sqlite3_bind_text64(b->statement, b->next++, text, length, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

static void bind_word(binding *b, const char *text) { bind_text(b, text, strlen(text)); }

static void bind_int(binding *b, int64_t value) {
    b->good = b->good && sqlite3_bind_int64(b->statement, b->next++, value) == SQLITE_OK;
}

static void bind_real(binding *b, double value) { // NAN becomes NULL
    b->good = b->good && sqlite3_bind_double(b->statement, b->next++, value) == SQLITE_OK;
}

static status bind_run(binding *b, const char *what) {
    status code = b->good && sqlite3_step(b->statement) == SQLITE_DONE ? STATUS_OK : refuse(b->s, what);
    sqlite3_reset(b->statement);
    sqlite3_clear_bindings(b->statement);
    return code;
}

status judge_store_get(judge_store *s, const char *key, buffer *reply, bool *found) {
    binding b = bind_start(s, STATEMENT_GET);
    bind_word(&b, key);
    int result = sqlite3_step(b.statement);
    *found = result == SQLITE_ROW;
    status code = *found || result == SQLITE_DONE ? STATUS_OK : refuse(s, "read a reply");
    buffer_clear(reply);
    if (*found) {
        const void *text = sqlite3_column_text(b.statement, 0);
        code = text ? buffer_append(reply, text, (size_t)sqlite3_column_bytes(b.statement, 0)) : refuse(s, "read a reply");
    }
    sqlite3_reset(b.statement);
    sqlite3_clear_bindings(b.statement);
    return code;
}

status judge_store_put(judge_store *s, const char *key, const char *reply, size_t length) {
    char when[64];
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    buffer valid = {0};
    TRY(text_make_valid(&valid, reply, length));
    binding b = bind_start(s, STATEMENT_PUT);
    bind_word(&b, key);
    bind_word(&b, when);
    bind_text(&b, buffer_text(&valid), valid.length);
    status code = bind_run(&b, "keep a reply");
    buffer_free(&valid);
    return code;
}

status judge_store_begin(judge_store *s, const char *analysis) {
    char *name = text_copy(analysis, strlen(analysis));
    if (!name) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = execute(s, "BEGIN IMMEDIATE", "begin to write");
    if (code != STATUS_OK) {
        free(name);
        return code;
    }
    s->analysis = name;
    static const int drops[] = {STATEMENT_DROP_FACTS, STATEMENT_DROP_SIMILARITY, STATEMENT_DROP_JUDGE};
    for (size_t i = 0; i < 3; i++) {
        binding b = bind_start(s, drops[i]);
        bind_word(&b, s->analysis);
        TRY(bind_run(&b, "drop a former analysis"));
    }
    return STATUS_OK;
}

status judge_store_fact(judge_store *s, const char *key, const char *value) {
    binding b = bind_start(s, STATEMENT_FACT);
    bind_word(&b, s->analysis);
    bind_word(&b, key);
    bind_word(&b, value);
    return bind_run(&b, "write a fact");
}

status judge_store_similarity(judge_store *s, const char *method, const char *source, const char *id, size_t responses,
                              const double values[3]) {
    binding b = bind_start(s, STATEMENT_SIMILARITY);
    bind_word(&b, s->analysis);
    bind_word(&b, method);
    bind_word(&b, source);
    bind_word(&b, id);
    bind_int(&b, (int64_t)responses);
    for (int i = 0; i < 3; i++) bind_real(&b, values[i]);
    return bind_run(&b, "write a similarity");
}

status judge_store_judgement(judge_store *s, const char *method, const char *source, const char *id, int repeat,
                             const judge_reply *reply, const char *key) {
    binding b = bind_start(s, STATEMENT_JUDGE);
    bind_word(&b, s->analysis);
    bind_word(&b, method);
    bind_word(&b, source);
    bind_word(&b, id);
    bind_int(&b, repeat);
    bind_word(&b, judge_status_name(reply->status));
    for (int i = 0; i < JUDGE_SCORES; i++) bind_real(&b, reply->scores[i]);
    bind_word(&b, reply->model);
    if (reply->input_tokens >= 0) sqlite3_bind_int64(b.statement, b.next, reply->input_tokens);
    b.next++; // NULL where the endpoint did not say
    if (reply->output_tokens >= 0) sqlite3_bind_int64(b.statement, b.next, reply->output_tokens);
    b.next++;
    bind_word(&b, key);
    return bind_run(&b, "write a judgement");
}

status judge_store_commit(judge_store *s) {
    TRY(execute(s, "COMMIT", "write an analysis"));
    free(s->analysis);
    s->analysis = NULL;
    return STATUS_OK;
}
