// The record of a run: rows of a step together or not at all, what a resume drops, and that nothing but time tells runs apart.
#include "scratch_folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <math.h>
#include <sqlite3.h>

#include "base/buffer.h"
#include "run/record.h"

static void write_rollout(record *r, int64_t step, size_t sample, verdict_status verdict_status_) {
    char text[64];
    int length = snprintf(text, sizeof text, "step %d sample %zu", (int)step, sample);
    rollout o = {
        .length = 5 + sample, .finish = sample ? FINISH_LENGTH : FINISH_STOP, .text = text, .text_length = (size_t)length};
    verdict v = {.status = verdict_status_, .extracted = sample ? "42" : NULL};
    diversity d = {0.25, 0.5, 0.375, 0.375};
    credit c = {1.000375, 0.1 * (double)step, 0.5};
    assert_ok(record_rollout(r, &(record_rollout_row){"p1", 7, sample, &o, &v, sample ? &d : NULL, sample ? &c : NULL}));
}

static void write_step(record *r, int64_t step) {
    assert_ok(record_begin_step(r, step));
    assert_ok(record_group(r, 7, &(problem){.id = "p1", .source = "sums", .text = "1+1?", .answer = "2"}));
    assert_ok(record_metric(r, "actor/grad_norm", 1.0 / (double)(step + 3)));
    assert_ok(record_metric(r, "timing_s/step", (double)getpid() + (double)step));
    write_rollout(r, step, 0, VERDICT_TIMEOUT);
    write_rollout(r, step, 1, VERDICT_CORRECT);
    assert_ok(record_formulas(r, (const char *const[]){"a=b", "1+1"}, 2));
    assert_ok(record_tokens(r, "[[\"a\",-1,2,0]]"));
    if (step % 2 == 0) {
        rollout o = {.length = 3, .text = "eval", .text_length = 4};
        verdict v = {.status = VERDICT_WRONG, .extracted = "1"};
        assert_ok(record_evaluation(r, &(record_evaluation_row){"validation", "gsm8k", "q1", 0, &o, &v}));
        assert_ok(record_evaluation_summary(r, "validation", "gsm8k", "pass@1", 0.5, 0.25, NAN, 10));
        assert_ok(record_evaluation_summary(r, "pass@k", "gsm8k", "pass@1", 0.75, NAN, 1, 11)); // another pass of the same step
    }
    assert_ok(record_commit_step(r));
}

// The whole content, times left out, as text in row order.
static char *dump(const char *path) {
    static const char *const queries[] = {
        "SELECT 'run', key, value FROM run WHERE key NOT LIKE 'time/%' ORDER BY key",
        "SELECT 'metrics', * FROM metrics WHERE name NOT LIKE 'timing_s/%' AND name NOT LIKE 'perf/%' ORDER BY step, name",
        "SELECT 'rollouts', rowid, * FROM rollouts ORDER BY rowid",
        "SELECT 'formulas', rowid, * FROM formulas ORDER BY rowid",
        "SELECT 'groups', rowid, * FROM groups ORDER BY rowid",
        "SELECT 'tokens', rowid, * FROM tokens ORDER BY rowid",
        "SELECT 'evaluations', rowid, * FROM evaluations ORDER BY rowid",
        "SELECT 'summary', * FROM evaluation_summary ORDER BY step, pass, source, metric",
    };
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    buffer out = {0};
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_prepare_v2(db, queries[q], -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            for (int i = 0; i < sqlite3_column_count(s); i++)
                assert_ok(
                    buffer_printf(&out, "%s|", sqlite3_column_text(s, i) ? (const char *)sqlite3_column_text(s, i) : "NULL"));
            assert_ok(buffer_append_text(&out, "\n"));
        }
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    return out.data;
}

static void rows_come_back_as_they_were_given(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("a.db")));
    assert_ok(record_set(r, "model", "tiny"));
    assert_ok(record_set(r, "model", "small"));
    write_step(r, 2);
    char *value;
    assert_ok(record_get(r, "model", &value));
    assert_string_equal(value, "small");
    free(value);
    assert_ok(record_get(r, "nothing", &value));
    assert_null(value);
    int64_t last;
    assert_ok(record_last_step(r, &last));
    assert_int_equal(last, 2);
    bool evaluated[3];
    for (int step = 0; step < 3; step++) assert_ok(record_has_evaluation(r, step, &evaluated[step]));
    assert_true(!evaluated[0] && !evaluated[1] && evaluated[2]);
    record_close(r);
    char *text = dump(inside("a.db"));
    assert_non_null(strstr(text, "run|model|small|\n"));
    assert_non_null(strstr(text, "metrics|2|actor/grad_norm|0.2|\n"));
    // An unknown verdict has no `correct`; without diversity and credit the columns are empty.
    assert_non_null(
        strstr(text, "rollouts|1|2|p1|0|step 2 sample 0|NULL|NULL|timeout|NULL|NULL|NULL|NULL|NULL|NULL|5|stop|7|\n"));
    assert_non_null(strstr(text, "rollouts|2|2|p1|1|step 2 sample 1|42|1|correct|0.25|0.5|0.375|1.000375|0.2|0.5|6|length|7|\n"));
    assert_non_null(strstr(text, "formulas|2|2|7|1|1|1+1|\n"));
    assert_non_null(strstr(text, "groups|1|2|7|sums|p1|1+1?|2|\n"));
    assert_non_null(strstr(text, "tokens|1|2|7|1|[[\"a\",-1,2,0]]|\n"));
    assert_non_null(strstr(text, "evaluations|1|2|validation|gsm8k|q1|0|eval|1|0|wrong|3|stop|\n"));
    assert_non_null(strstr(text, "summary|2|pass@k|gsm8k|pass@1|0.75|NULL|1.0|11|\n"));
    assert_non_null(strstr(text, "summary|2|validation|gsm8k|pass@1|0.5|0.25|NULL|10|\n"));
    free(text);
}

static void text_that_is_not_utf8_is_stored_as_valid_text(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("utf8.db")));
    assert_ok(record_begin_step(r, 1));
    rollout o = {.length = 1,
                 .text = "a\0\xff"
                         "b",
                 .text_length = 4};
    assert_ok(record_rollout(r, &(record_rollout_row){.problem_id = "p", .rollout = &o}));
    assert_ok(record_commit_step(r));
    record_close(r);
    char *text = dump(inside("utf8.db"));
    assert_non_null(strstr(text, "|a\xEF\xBF\xBD\xEF\xBF\xBD"
                                 "b|"));
    free(text);
}

static void numbers_that_are_not_finite_are_null(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("nan.db")));
    assert_ok(record_begin_step(r, 1));
    assert_ok(record_metric(r, "a", NAN));
    assert_ok(record_metric(r, "b", INFINITY));
    assert_ok(record_commit_step(r));
    record_close(r);
    char *text = dump(inside("nan.db"));
    assert_non_null(strstr(text, "metrics|1|a|NULL|\n"));
    assert_non_null(strstr(text, "metrics|1|b|NULL|\n"));
    free(text);
}

static void an_abandoned_step_leaves_nothing(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("b.db")));
    write_step(r, 1);
    char *before = dump(inside("b.db"));
    assert_ok(record_begin_step(r, 2));
    assert_ok(record_metric(r, "x", 1));
    assert_int_equal(record_begin_step(r, 3), STATUS_FAILED);
    record_abandon_step(r);
    assert_int_equal(record_metric(r, "x", 1), STATUS_FAILED);
    assert_int_equal(record_commit_step(r), STATUS_FAILED);
    record_close(r);
    char *after = dump(inside("b.db"));
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_resumed_record_equals_an_undisturbed_one(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("whole.db")));
    for (int64_t step = 0; step <= 6; step++) write_step(r, step);
    record_close(r);
    assert_ok(record_create(&r, inside("broken.db")));
    for (int64_t step = 0; step <= 5; step++) write_step(r, step);
    record_close(r);
    assert_ok(record_open(&r, inside("broken.db"), true));
    assert_ok(record_resume(r, 3, "20260101-000000"));
    int64_t last;
    assert_ok(record_last_step(r, &last));
    assert_int_equal(last, 3);
    for (int64_t step = 4; step <= 6; step++) write_step(r, step);
    char *when;
    assert_ok(record_get(r, "time/resumed/20260101-000000", &when));
    assert_string_equal(when, "from step 3");
    free(when);
    record_close(r);
    char *a = dump(inside("whole.db"));
    char *b = dump(inside("broken.db"));
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void resuming_before_the_first_step_empties_the_record(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("early.db")));
    write_step(r, 0);
    assert_ok(record_resume(r, -1, "now"));
    int64_t last;
    assert_ok(record_last_step(r, &last));
    assert_int_equal(last, -1);
    record_close(r);
}

// A process that is killed inside a step, and one that is killed right after a commit.
static void a_killed_writer_leaves_whole_steps(void **state) {
    (void)state;
    record *r;
    assert_ok(record_create(&r, inside("expected.db")));
    write_step(r, 1);
    record_close(r);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (record_create(&r, inside("killed.db")) == STATUS_OK) {
            write_step(r, 1);
            record_begin_step(r, 2);
            record_metric(r, "x", 1);
        }
        kill(getpid(), SIGKILL);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
    assert_ok(record_open(&r, inside("killed.db"), true));
    record_close(r);
    char *a = dump(inside("expected.db"));
    char *b = dump(inside("killed.db"));
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void wrong_files_are_refused(void **state) {
    (void)state;
    record *r;
    assert_int_equal(record_open(&r, inside("missing.db"), true), STATUS_INVALID);
    assert_null(r);
    assert_ok(file_replace(inside("text.db"), "this is no database, whatever its name says", 43));
    assert_int_equal(record_open(&r, inside("text.db"), true), STATUS_INVALID);
    assert_null(r);
    assert_int_equal(record_create(&r, inside("text.db")), STATUS_INVALID);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(inside("other.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(record_open(&r, inside("other.db"), false), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "other.db is no run record"));
    assert_int_equal(sqlite3_open(inside("old.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(record_open(&r, inside("old.db"), false), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "old.db was written by an older dsdr (record version 1; this one works with"));
}

static void a_reader_sees_the_record_while_it_is_written(void **state) {
    (void)state;
    record *writer, *reader;
    assert_ok(record_create(&writer, inside("live.db")));
    write_step(writer, 1);
    assert_ok(record_begin_step(writer, 2));
    assert_ok(record_metric(writer, "x", 1));
    assert_ok(record_open(&reader, inside("live.db"), false));
    int64_t last;
    assert_ok(record_last_step(reader, &last));
    assert_int_equal(last, 1);
    assert_int_not_equal(record_set(reader, "a", "b"), STATUS_OK);
    assert_ok(record_commit_step(writer));
    assert_ok(record_last_step(reader, &last));
    assert_int_equal(last, 2);
    record_close(reader);
    record_close(writer);
}

static void names_that_depend_on_time_are_known(void **state) {
    (void)state;
    assert_true(record_depends_on_time("timing_s/step"));
    assert_true(record_depends_on_time("timing_kernel_s/gen/attention"));
    assert_true(record_depends_on_time("perf/throughput"));
    assert_true(record_depends_on_time("time/started"));
    assert_false(record_depends_on_time("actor/entropy"));
    assert_false(record_depends_on_time("timing"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_as_they_were_given),
        cmocka_unit_test(text_that_is_not_utf8_is_stored_as_valid_text),
        cmocka_unit_test(numbers_that_are_not_finite_are_null),
        cmocka_unit_test(an_abandoned_step_leaves_nothing),
        cmocka_unit_test(a_resumed_record_equals_an_undisturbed_one),
        cmocka_unit_test(resuming_before_the_first_step_empties_the_record),
        cmocka_unit_test(a_killed_writer_leaves_whole_steps),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(a_reader_sees_the_record_while_it_is_written),
        cmocka_unit_test(names_that_depend_on_time_are_known),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
