// run/: supervised training takes the steps that PyTorch takes (scripts/fixtures/run_sft.py), learns, and explains what it cannot
// use.
#include "model_fixture.h"

#include <math.h>
#include <sqlite3.h>

#include "base/file.h"
#include "run/new_model.h"
#include "run/sft.h"
#include "run/trainer.h"
#include "weights/weights.h"

#define FOLDER TEST_BINARY_DIR "/test_run_sft_data"
#define TINY TEST_SOURCE_DIR "/golden/model/tiny_lm"
#define ROWS TEST_SOURCE_DIR "/golden/run/sft.jsonl"

static buffer heard; // everything said to a person

static void hear(void *context, const char *line) {
    (void)context;
    assert_ok(buffer_printf(&heard, "%s\n", line));
}

static int set_up(void **state) {
    (void)state;
    return folder_remove(FOLDER) == STATUS_OK && folder_create(FOLDER) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    buffer_free(&heard);
    return 0;
}

enum { MOST = 24 };

// Trains into FOLDER/NAME with tiny_lm and its template, and the assignments beside it (which may name others).
static status train(const char *name, const char *const *more, size_t count, training_result *result) {
    const char *assignments[MOST] = {
        "actor_rollout_ref.model.path=" TINY, "data.prompt_key=prompt",      "data.prompt_template=\"{problem}\\n\"",
        "data.max_prompt_length=64",          "data.max_response_length=32", "trainer.threads=1",
        "trainer.precision=float32"};
    char folder[512];
    snprintf(folder, sizeof folder, FOLDER "/%s", name);
    for (size_t i = 0; i < count; i++) assignments[7 + i] = more[i];
    settings s;
    assert_ok(settings_load(&s, NULL, assignments, 7 + count));
    const training_options options = {.folder = folder, .line = hear};
    buffer_clear(&heard);
    status code = sft_run(&s, &options, result);
    settings_free(&s);
    return code;
}

#define TRAIN(name, result, ...)                                                                                                 \
    train(name, (const char *const[]){__VA_ARGS__}, sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *), result)

static double number(const char *name, const char *query) {
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s/run.db", name);
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) != SQLITE_ROW) fail_msg("%s: nothing for %s", name, query);
    double value = sqlite3_column_type(statement, 0) == SQLITE_NULL ? NAN : sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static double metric(const char *run, int step, const char *name) {
    char query[256];
    snprintf(query, sizeof query, "select value from metrics where step = %d and name = '%s'", step, name);
    return number(run, query);
}

static void assert_near(double got, double expected, double tolerance, const char *what) {
    if (!(fabs(got - expected) <= tolerance * fabs(expected))) fail_msg("%s: %.9g, expected %.9g", what, got, expected);
}

static double real_of(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void steps_are_those_of_pytorch(void **state) {
    (void)state;
    json_error_t error;
    json_t *golden = json_load_file(TEST_SOURCE_DIR "/golden/run/sft.json", 0, &error);
    if (!golden) fail_msg("%s", error.text);
    training_result result;
    // Small leaves: the gradient is a sum over several.
    assert_ok(TRAIN("pytorch", &result, "data.train_files=" ROWS, "data.val_files=" ROWS, "data.shuffle=false",
                    "data.train_batch_size=4", "trainer.total_training_steps=4", "trainer.leaf_rows=32", "optim.lr=2e-3",
                    "optim.betas=[0.9, 0.95]", "actor_rollout_ref.actor.optim.eps=1e-3", "optim.weight_decay=0.1",
                    "optim.lr_scheduler=constant", "optim.warmup_steps_ratio=0", "optim.clip_grad=1.0"));
    assert_near(result.before, real_of(golden, "before"), 1e-6, "loss before");
    assert_near(result.after, real_of(golden, "after"), 1e-5, "loss after");
    assert_true(metric("pytorch", 4, "val/loss") == result.after);
    const json_t *steps = json_object_get(golden, "steps");
    for (int i = 0; i < (int)json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, (size_t)i);
        assert_near(metric("pytorch", i + 1, "train/loss"), real_of(step, "loss"), 1e-5, "loss");
        assert_near(metric("pytorch", i + 1, "train/grad_norm"), real_of(step, "grad_norm"), 1e-4, "gradient's norm");
        assert_true(metric("pytorch", i + 1, "train/tokens") == real_of(step, "tokens"));
        assert_true(metric("pytorch", i + 1, "train/lr") == 2e-3);
    }
    weights_file *start, *end;
    assert_ok(weights_open(&start, TINY));
    assert_ok(weights_open(&end, FOLDER "/pytorch/global_step_4"));
    const char *name;
    json_t *expected;
    json_object_foreach(json_object_get(golden, "parameters"), name, expected) {
        const weights_tensor *from = weights_find(start, name), *to = weights_find(end, name);
        assert_non_null(from), assert_non_null(to);
        float *x = calloc(from->count, sizeof *x), *y = calloc(from->count, sizeof *y);
        assert_ok(weights_read_f32(from, 0, from->count, x));
        assert_ok(weights_read_f32(to, 0, to->count, y));
        double change = 0;
        for (size_t i = 0; i < from->count; i++) change += pow((double)y[i] - (double)x[i], 2);
        assert_near(sqrt(change), real_of(expected, "change"), 1e-4, name);
        for (size_t i = 0; i < 3; i++) {
            double value = json_number_value(json_array_get(json_object_get(expected, "first"), i));
            if (!(fabs((double)y[i] - value) <= 1e-6)) fail_msg("%s[%zu]: %.9g, expected %.9g", name, i, (double)y[i], value);
        }
        free(x), free(y);
    }
    weights_close(start), weights_close(end);
    json_decref(golden);
}

static void the_held_out_loss_has_an_interval_over_rows(void **state) {
    (void)state;
    training_result result;
    assert_ok(TRAIN("interval", &result, "data.train_files=" ROWS, "data.val_files=builtin:chained_sums/test?count=60",
                    "data.train_batch_size=7", "trainer.total_training_steps=1", "data.max_response_length=64"));
    static const char where[] = " from evaluation_summary where step = 0 and source = 'overall' and metric = 'loss'";
    char query[256];
    double values[4];
    static const char *const columns[] = {"low", "value", "high", "n"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(query, sizeof query, "select %s%s", columns[i], where);
        values[i] = number("interval", query);
    }
    assert_true(values[1] == result.before && values[3] == 60);
    assert_true(values[0] < values[1] && values[1] < values[2] && values[2] - values[0] < values[1]);
}

static void a_new_model_learns(void **state) {
    (void)state;
    static const char *const keys[] = {"layers=1", "width=32", "heads=2", "context=128"};
    new_model m;
    buffer summary = {0};
    assert_ok(new_model_load(&m, NULL, keys, 4));
    assert_ok(new_model_write(&m, FOLDER "/new", &summary));
    new_model_free(&m);
    buffer_free(&summary);
    training_result result;
    assert_ok(TRAIN("learns", &result, "actor_rollout_ref.model.path=" FOLDER "/new",
                    "data.train_files=builtin:chained_sums/train", "data.val_files=builtin:chained_sums/test?count=50",
                    "optim.lr=1e-2", "data.train_batch_size=32", "data.max_response_length=80", "trainer.total_training_steps=40",
                    "data.prompt_key=null"));
    assert_int_equal(result.steps, 40);
    assert_near(result.before, log(259), 0.02, "loss of a model that knows nothing");
    if (!(result.after <= 0.6 * result.before)) fail_msg("loss %g, was %g", result.after, result.before);
    assert_non_null(strstr(buffer_text(&heard), "\\boxed{"));
    assert_non_null(strstr(buffer_text(&heard), "step 40/40  loss "));
}

static void a_stop_text_ends_responses_in_place_of_the_end_token(void **state) {
    (void)state;
    training_result result;
    assert_ok(TRAIN("stop", &result, "data.train_files=builtin:addition/train?count=4", "data.shuffle=false",
                    "data.train_batch_size=4", "data.prompt_template=\"{problem} =\"", "actor_rollout_ref.rollout.stop=[\"\\n\"]",
                    "trainer.total_training_steps=1"));
    double stopped = metric("stop", 1, "train/tokens");
    // A blank stands between the prompt, which ends in none, and a built-in task's response.
    const char *shown = strstr(buffer_text(&heard), "its response");
    assert_non_null(shown);
    shown = strstr(shown, "---\n ");
    assert_non_null(shown);
    assert_true(strspn(shown + 5, "0123456789") > 0);
    assert_non_null(strstr(shown, "\n\n---"));
    assert_ok(TRAIN("end", &result, "data.train_files=builtin:addition/train?count=4", "data.shuffle=false",
                    "data.train_batch_size=4", "data.prompt_template=\"{problem}\\n\"", "trainer.total_training_steps=1"));
    assert_true(metric("end", 1, "train/tokens") == stopped - 4); // no blank; one token ends either
}

static void what_cannot_be_learned_from_is_refused_and_leaves_nothing(void **state) {
    (void)state;
    training_result result;
    static const char rows[] =
        "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"id\": \"long\", \"prompt\": \"a\", \"response\": \"1 2 3 4 5 6 7 8 9\"}\n";
    assert_ok(file_replace(FOLDER "/rows.jsonl", rows, sizeof rows - 1));
    static const char *const cases[][3] = {
        {"data.train_files=" FOLDER "/rows.jsonl", "data.max_response_length=9",
         "row long: its response has 18 tokens and data.max_response_length is 9"},
        {"data.train_files=" FOLDER "/rows.jsonl", "data.response_key=completion",
         "no response: the row has no key \"completion\" (data.response_key names another)"},
        {"data.train_files=" TINY "/train.jsonl", "data.shuffle=false", "line 1: no response: the row has no key \"response\""},
        {"data.train_files=" ROWS, "data.val_files=" TINY "/test.jsonl", "test.jsonl line 1: no response"},
        {"data.shuffle=true", "data.shuffle=false", "give data.train_files"},
        {"data.train_files=" ROWS, "actor_rollout_ref.model.path=\"\"", "give actor_rollout_ref.model.path"},
        {"data.train_files=" ROWS, "data.max_response_length=200", "set data.max_response_length to at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (train("refused", cases[i], 2, &result) != STATUS_INVALID || !strstr(status_message(), cases[i][2]))
            fail_msg("%s %s: %s", cases[i][0], cases[i][1], status_message());
        assert_false(folder_exists(FOLDER "/refused"));
    }
    // With the filter the long row is left out and the rest is learned.
    assert_ok(TRAIN("filtered", &result, "data.train_files=" FOLDER "/rows.jsonl", "data.max_response_length=9",
                    "data.filter_overlong_prompts=true", "data.train_batch_size=1", "trainer.total_epochs=1"));
    assert_int_equal(result.total_steps, 1);
    assert_non_null(strstr(buffer_text(&heard), "note: 1 rows left out"));
    assert_int_equal(TRAIN("refused", &result, "data.train_files=" FOLDER "/rows.jsonl", "data.max_response_length=1",
                           "data.filter_overlong_prompts=true"),
                     STATUS_INVALID);
    assert_non_null(strstr(status_message(), "every row is longer"));
}

static void a_run_goes_on_as_what_it_was_begun(void **state) {
    (void)state;
    training_result result;
    settings s;
    assert_ok(TRAIN("begun", &result, "data.train_files=" ROWS, "data.train_batch_size=4", "trainer.total_training_steps=1"));
    assert_ok(settings_load(&s, FOLDER "/begun/config.yaml", NULL, 0));
    const training_options options = {.folder = FOLDER "/begun", .resume = true};
    assert_int_equal(trainer_run(&s, &options, &result), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "was begun by dsdr sft"));
    settings_free(&s);
    // Its settings are those that were resolved.
    assert_ok(settings_load(&s, FOLDER "/begun/config.yaml", NULL, 0));
    assert_true(s.optim.lr == 1e-5 && s.optim.betas.value[1] == 0.95 && s.optim.lr_warmup_steps_ratio == 0.1);
    assert_true(s.optim.lr_scheduler_type == SETTING_SCHEDULE_COSINE && s.trainer.total_epochs == 4);
    assert_ok(sft_run(&s, &options, &result));
    settings_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(the_held_out_loss_has_an_interval_over_rows),
        cmocka_unit_test(a_new_model_learns),
        cmocka_unit_test(a_stop_text_ends_responses_in_place_of_the_end_token),
        cmocka_unit_test(what_cannot_be_learned_from_is_refused_and_leaves_nothing),
        cmocka_unit_test(a_run_goes_on_as_what_it_was_begun),
    };
    return cmocka_run_group_tests_name("run_sft", tests, set_up, tear_down);
}
