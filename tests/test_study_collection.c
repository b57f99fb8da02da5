// Runs are found in folders, and their records answer questions.

#include "scratch_folder.h"

#include <math.h>
#include <sqlite3.h>

#include "base/buffer.h"
#include "run/record.h"
#include "study/collection.h"
#include "study/outcome.h"

static void write_text(const char *name, const char *text) { assert_ok(file_replace(inside(name), text, strlen(text))); }

static record *begin(const char *name, const char *kind, const char *state) {
    char database[96];
    record *r;
    assert_ok(folder_create(inside(name)));
    snprintf(database, sizeof database, "%s/run.db", name);
    assert_ok(record_create(&r, inside(database)));
    assert_ok(record_set(r, "kind", kind));
    assert_ok(record_set(r, "state", state));
    return r;
}

// A run of two steps with settings; `skipped` updates of the one in each step were left out.
static void make_run(const char *name, const char *method, int seed, const char *state, double skipped, const char *more) {
    char path[96], yaml[512];
    record *r = begin(name, "train", state);
    assert_ok(record_set(r, "method", method));
    for (int step = 1; step <= 2; step++) {
        assert_ok(record_begin_step(r, step));
        assert_ok(record_metric(r, "training/global_step", step));
        assert_ok(record_metric(r, "actor/updates", 1));
        assert_ok(record_metric(r, "actor/updates_skipped", skipped));
        assert_ok(record_metric(r, "actor/loss", step == 1 ? NAN : 0.5));
        assert_ok(record_commit_step(r));
    }
    record_close(r);
    snprintf(path, sizeof path, "%s/config.yaml", name);
    snprintf(yaml, sizeof yaml, "algorithm:\n  method: %s\n%strainer:\n  seed: %d\n  total_training_steps: 2\n", method, more,
             seed);
    write_text(path, yaml);
}

static void judge_one(record *r, const char *pass, const char *source, const char *id, size_t sample, verdict_status verdict_) {
    rollout o = {.length = 3, .finish = FINISH_STOP, .text = "x", .text_length = 1};
    verdict v = {.status = verdict_};
    assert_ok(record_evaluation(r, &(record_evaluation_row){pass, source, id, sample, &o, &v}));
}

static study_collection collect(const char *name) {
    study_collection c;
    const char *path = inside(name);
    assert_ok(study_collect(&c, &path, 1));
    return c;
}

static void a_study_is_read_by_arm_and_seed(void **state) {
    (void)state;
    make_run("study/dsdr/seed-10", "dsdr", 10, "finished", 0, "");
    make_run("study/dsdr/seed-2", "dsdr", 2, "begun", 0, "");
    make_run("study/a/seed-2", "grpo", 2, "finished", 1, "");
    assert_ok(folder_create(inside("study/dsdr/seed-3")));
    assert_ok(study_outcome_write(inside("study/dsdr/seed-3"), "train", "no memory"));
    assert_ok(folder_create(inside("study/dsdr/seed-2/global_step_2/run.db"))); // no run is looked for in a checkpoint
    record_close(begin("study/dsdr/seed-10/eval", "eval", "finished"));
    study_collection c = collect("study");
    assert_int_equal(c.count, 4);
    static const struct {
        const char *label, *method, *reason;
        int seed, steps, total, evaluations;
        study_state state;
    } expected[] = {
        {"a", "grpo", "the gradients of step 2 were not finite", 2, 2, 2, 0, STUDY_DIVERGED},
        {"dsdr", "dsdr", "", 2, 2, 2, 0, STUDY_UNFINISHED},
        {"dsdr", "", "no memory", 3, -1, 0, 0, STUDY_FAILED},
        {"dsdr", "dsdr", "", 10, 2, 2, 1, STUDY_FINISHED},
    };
    for (size_t i = 0; i < 4; i++) {
        const study_run *run = &c.runs[i];
        assert_string_equal(run->label, expected[i].label);
        assert_string_equal(run->method, expected[i].method);
        assert_string_equal(run->reason, expected[i].reason);
        assert_int_equal(run->seed, expected[i].seed);
        assert_int_equal(run->steps, expected[i].steps);
        assert_int_equal(run->total, expected[i].total);
        assert_int_equal(run->evaluation_count, expected[i].evaluations);
        assert_int_equal(run->state, expected[i].state);
    }
    assert_string_equal(c.runs[3].evaluations[0], inside("study/dsdr/seed-10/eval"));
    study_collection_free(&c);
}

static void runs_outside_a_study_are_called_by_what_differs(void **state) {
    (void)state;
    make_run("loose/x", "dsdr", 1, "finished", 0, "  dsdr:\n    lambda_d: 0.01\n");
    make_run("loose/y", "dsdr", 2, "finished", 0, "  dsdr:\n    lambda_d: 0.1\n");
    make_run("loose/z", "grpo", 3, "finished", 0, "");
    study_collection c = collect("loose");
    assert_int_equal(c.count, 3);
    assert_string_equal(c.runs[0].label, "dsdr lambda_d=0.01");
    assert_string_equal(c.runs[1].label, "dsdr lambda_d=0.1");
    assert_string_equal(c.runs[2].label, "grpo");
    study_collection_free(&c);
}

static void a_folder_without_runs_is_refused(void **state) {
    (void)state;
    study_collection c;
    assert_ok(folder_create(inside("empty/inside")));
    make_run("twice", "grpo", 1, "finished", 0, "");
    const char *empty = inside("empty"), *missing = inside("missing"), *twice[] = {inside("twice"), inside("twice/../twice")};
    assert_int_equal(study_collect(&c, &empty, 1), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "holds no run"));
    assert_int_equal(study_collect(&c, &missing, 1), STATUS_INVALID);
    assert_int_equal(study_collect(&c, twice, 2), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "named twice"));
    assert_int_equal(c.count, 0);
    assert_ok(folder_create(inside("broken")));
    write_text("broken/run.db", "this is no database, whatever its name says. It has to be longer than the header is.");
    const char *broken = inside("broken");
    assert_int_equal(study_collect(&c, &broken, 1), STATUS_INVALID);
    write_text("broken/outcome.json", "[1]");
    assert_ok(study_outcome_clear(inside("twice"))); // nothing to clear is fine
    study_outcome outcome;
    assert_int_equal(study_outcome_read(&outcome, broken), STATUS_INVALID);
}

static void scores_are_counted_by_problem(void **state) {
    (void)state;
    record *r = begin("scores", "eval", "finished");
    assert_ok(record_begin_step(r, 7));
    for (size_t sample = 0; sample < 4; sample++) {
        judge_one(r, "pass@k", "second", "b", sample, sample % 2 ? VERDICT_CORRECT : VERDICT_WRONG);
        judge_one(r, "pass@k", "first", "a", sample, sample < 3 ? VERDICT_CORRECT : VERDICT_TIMEOUT);
    }
    judge_one(r, "pass@1", "first", "a", 0, VERDICT_WRONG);
    assert_ok(record_evaluation_summary(r, "pass@k", "overall", "acc/mean@4", 0.625, 0.5, NAN, 2));
    assert_ok(record_evaluation_summary(r, "pass@1", "overall", "acc/mean@1", 0, 0, 0, 2));
    assert_ok(record_commit_step(r));
    record_close(r);
    study_scores s;
    assert_ok(study_read_scores(&s, inside("scores"), 7, "pass@k", 0));
    assert_int_equal(s.count, 2);
    assert_string_equal(s.items[0].source, "second"); // as evaluated
    assert_int_equal(s.items[0].correct, 2);
    assert_string_equal(s.items[1].id, "a");
    assert_int_equal(s.items[1].correct, 3);
    assert_int_equal(s.items[1].samples, 4); // the unknown verdict counts
    study_scores_free(&s);
    assert_ok(study_read_scores(&s, inside("scores"), 7, "pass@k", 1));
    assert_int_equal(s.items[0].correct, 0);
    assert_int_equal(s.items[1].samples, 1);
    study_scores_free(&s);
    assert_ok(study_read_scores(&s, inside("scores"), 6, "pass@k", 0));
    assert_int_equal(s.count, 0);
    study_scores_free(&s);
    study_curve c;
    assert_ok(study_read_summary(&c, inside("scores"), "pass@k", "overall", "acc/mean@4"));
    assert_int_equal(c.count, 1);
    assert_int_equal(c.steps[0], 7);
    assert_true(c.values[0] == 0.625 && c.low[0] == 0.5 && isnan(c.high[0]));
    study_curve_free(&c);
    study_recorded_pass *passes;
    size_t count;
    assert_ok(study_read_passes(&passes, &count, inside("scores")));
    assert_int_equal(count, 2);
    assert_string_equal(passes[0].pass, "pass@1");
    assert_string_equal(passes[1].pass, "pass@k");
    study_passes_free(passes, count);
}

static void generated_tokens_add_up(void **state) {
    (void)state;
    record *r = begin("tokens", "train", "begun");
    for (int step = 1; step <= 2; step++) {
        assert_ok(record_begin_step(r, step));
        assert_ok(record_metric(r, "response_length/mean", 10));
        assert_ok(record_metric(r, "verify/correct", 6));
        assert_ok(record_metric(r, "verify/wrong", 2));
        assert_ok(record_metric(r, "dynamic_sampling/groups_generated", step == 2 ? 6 : 4));
        assert_ok(record_metric(r, "dynamic_sampling/groups_dropped", step == 2 ? 2 : 0));
        assert_ok(record_commit_step(r));
    }
    study_curve c;
    bool exact;
    assert_ok(study_read_tokens(&c, inside("tokens"), &exact));
    assert_int_equal(c.count, 2);
    assert_true(c.values[0] == 80 && c.values[1] == 80 + 120 && !exact);
    study_curve_free(&c);
    for (int step = 1; step <= 2; step++) { // as a run of this version has it
        assert_ok(record_begin_step(r, step));
        assert_ok(record_metric(r, "rollout/tokens_generated", 100));
        assert_ok(record_commit_step(r));
    }
    record_close(r);
    assert_ok(study_read_tokens(&c, inside("tokens"), &exact));
    assert_true(c.count == 2 && c.values[1] == 200 && exact);
    study_curve_free(&c);
    make_run("metric", "grpo", 1, "finished", 0, "");
    assert_ok(study_read_metric(&c, inside("metric"), "actor/loss"));
    assert_true(c.count == 2 && isnan(c.values[0]) && c.values[1] == 0.5);
    study_curve_free(&c);
}

// A record without the column `pass` and the key `state`.
static void records_of_version_1_are_read(void **state) {
    (void)state;
    static const char schema[] =
        "CREATE TABLE run(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
        "CREATE TABLE metrics(step INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY(step, name)) WITHOUT ROWID;"
        "CREATE TABLE evaluations(step INTEGER NOT NULL, source TEXT, problem_id TEXT, sample INTEGER, response TEXT, answer "
        "TEXT,"
        " correct INTEGER, status TEXT, length INTEGER, finish TEXT);"
        "CREATE TABLE evaluation_summary(step INTEGER NOT NULL, source TEXT NOT NULL, metric TEXT NOT NULL, value REAL, low REAL,"
        " high REAL, n INTEGER, PRIMARY KEY(step, source, metric)) WITHOUT ROWID;"
        "PRAGMA user_version = 1;"
        "INSERT INTO run VALUES('command', 'train'), ('method', 'grpo');"
        "INSERT INTO evaluations(step, source, problem_id, sample, correct) VALUES(2, 's', 'a', 0, 1), (2, 's', 'a', 1, NULL);"
        "INSERT INTO evaluation_summary VALUES(2, 'overall', 'acc/mean@2', 0.5, 0, 1, 1);";
    sqlite3 *db;
    assert_ok(folder_create(inside("old/global_step_2")));
    assert_int_equal(sqlite3_open(inside("old/run.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    write_text("old/config.yaml", "trainer:\n  total_training_steps: 2\n");
    bool finished;
    assert_ok(study_is_finished(inside("old"), &finished));
    assert_false(finished);
    write_text("old/latest_checkpointed_iteration.txt", "2\n");
    study_collection c = collect("old");
    assert_int_equal(c.count, 1);
    assert_string_equal(c.runs[0].method, "grpo");
    assert_int_equal(c.runs[0].state, STUDY_FINISHED);
    study_collection_free(&c);
    study_scores s;
    assert_ok(study_read_scores(&s, inside("old"), 2, "validation", 0));
    assert_true(s.count == 1 && s.items[0].samples == 2 && s.items[0].correct == 1);
    study_scores_free(&s);
    study_curve curve;
    assert_ok(study_read_summary(&curve, inside("old"), "validation", "overall", "acc/mean@2"));
    assert_true(curve.count == 1 && curve.values[0] == 0.5);
    study_curve_free(&curve);
    study_recorded_pass *passes;
    size_t count;
    assert_ok(study_read_passes(&passes, &count, inside("old")));
    assert_true(count == 1 && passes[0].step == 2 && !strcmp(passes[0].pass, "validation"));
    study_passes_free(passes, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_is_read_by_arm_and_seed),  cmocka_unit_test(runs_outside_a_study_are_called_by_what_differs),
        cmocka_unit_test(a_folder_without_runs_is_refused), cmocka_unit_test(scores_are_counted_by_problem),
        cmocka_unit_test(generated_tokens_add_up),          cmocka_unit_test(records_of_version_1_are_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
