// The run folder: checkpoints that are complete or absent, the lock, the loggers' files, and progress.
#include "scratch_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <math.h>

#include "base/progress.h"
#include "run/folder.h"
#include "run/lock.h"
#include "run/logger.h"

static void put(const char *path, const char *text) { assert_ok(file_replace(path, text, strlen(text))); }

static void save(int64_t step, size_t keep) {
    char *path;
    assert_ok(run_folder_begin_checkpoint(folder, step, &path));
    char file[256];
    snprintf(file, sizeof file, "%s/weights", path);
    put(file, "bits");
    free(path);
    assert_ok(run_folder_commit_checkpoint(folder, step, keep));
}

static void expect_checkpoints(const char *expected) {
    int64_t *steps;
    size_t count;
    assert_ok(run_folder_checkpoints(folder, &steps, &count));
    char text[128] = "";
    for (size_t i = 0; i < count; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "%lld ", (long long)steps[i]);
    free(steps);
    assert_string_equal(text, expected);
}

static void the_default_name_is_config_and_time(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    char *name = run_folder_default("examples/quick.start.yaml", "dsdr", 0);
    assert_string_equal(name, "runs/quick.start-19700101-000000");
    free(name);
    name = run_folder_default(NULL, "grpo", 86399);
    assert_string_equal(name, "runs/grpo-19700101-235959");
    free(name);
}

static void an_existing_run_is_refused_naming_the_flag(void **state) {
    (void)state;
    assert_ok(run_folder_create(inside("new/run")));
    assert_true(folder_exists(inside("new/run")));
    assert_ok(run_folder_create(inside("new/run"))); // an empty folder holds no run
    assert_false(run_folder_holds_run(inside("new/run")));
    put(inside("new/run/run.db"), "x");
    assert_true(run_folder_holds_run(inside("new/run")));
    assert_int_equal(run_folder_create(inside("new/run")), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "--resume"));
}

static void checkpoints_rotate_and_the_latest_is_named(void **state) {
    (void)state;
    int64_t step;
    assert_ok(run_folder_latest(folder, &step));
    assert_int_equal(step, -1);
    save(9, 2);
    save(20, 2);
    save(100, 2);
    expect_checkpoints("20 100 ");
    assert_ok(run_folder_latest(folder, &step));
    assert_int_equal(step, 100);
    assert_true(file_exists(inside("global_step_100/weights")));
    save(100, 2); // saved again: replaced
    expect_checkpoints("20 100 ");
    save(110, 0); // 0 keeps all
    save(120, 0);
    expect_checkpoints("20 100 110 120 ");
}

static void unfinished_and_later_things_are_cleaned_away(void **state) {
    (void)state;
    char *path;
    assert_ok(run_folder_begin_checkpoint(folder, 130, &path)); // killed while saving
    free(path);
    assert_ok(folder_create(inside("global_step_20.old.tmp/inner")));
    put(inside("run.db"), "kept");
    put(inside("other.tmp"), "x");
    assert_ok(run_folder_clean(folder, 110));
    expect_checkpoints("20 100 110 ");
    assert_false(folder_exists(inside("global_step_130.tmp")));
    assert_false(folder_exists(inside("global_step_20.old.tmp")));
    assert_false(file_exists(inside("other.tmp")));
    assert_true(file_exists(inside("run.db")));
    assert_int_equal(run_folder_clean(inside("missing"), 0), STATUS_INVALID);
}

static void a_damaged_latest_file_is_refused(void **state) {
    (void)state;
    int64_t step;
    const char *const texts[] = {"", "abc\n", "12x\n", "-3\n", "99999999999999999999\n", "55\n", "1\n2\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(inside("latest_checkpointed_iteration.txt"), texts[i]);
        assert_int_equal(run_folder_latest(folder, &step), STATUS_INVALID);
        assert_int_equal(step, -1);
    }
    put(inside("latest_checkpointed_iteration.txt"), "110");
    assert_ok(run_folder_latest(folder, &step));
    assert_int_equal(step, 110);
}

static void names_that_only_look_like_checkpoints_are_left_alone(void **state) {
    (void)state;
    const char *const names[] = {"global_step_", "global_step_x", "global_step_1a", "global_step_007", "my_global_step_3"};
    for (size_t i = 0; i < 5; i++) assert_ok(folder_create(inside(names[i])));
    expect_checkpoints("20 100 110 ");
    assert_ok(run_folder_clean(folder, -1));
    expect_checkpoints("");
    for (size_t i = 0; i < 5; i++) assert_true(folder_exists(inside(names[i])));
}

static void room_is_checked_where_the_folder_will_be(void **state) {
    (void)state;
    assert_ok(run_folder_check_space(inside("not/yet/there"), 1));
    assert_ok(run_folder_check_space("also-not-there", 1));
    assert_int_equal(run_folder_check_space(inside("not/yet/there"), 1ull << 60), STATUS_IO);
    assert_non_null(strstr(status_message(), "GB"));
}

static void a_live_lock_names_its_process(void **state) {
    (void)state;
    int ready[2], done[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        run_lock held;
        char byte = run_lock_take(&held, folder) == STATUS_OK ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    run_lock lock;
    assert_int_equal(run_lock_take(&lock, folder), STATUS_INVALID);
    run_lock_release(&lock);
    char expected[64];
    snprintf(expected, sizeof expected, "in use by process %ld;", (long)child);
    assert_non_null(strstr(status_message(), expected));
    assert_int_equal(write(done[1], "x", 1), 1);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_ok(run_lock_take(&lock, folder)); // gone with its process
    run_lock_release(&lock);
    run_lock_release(&lock);
    assert_ok(run_lock_take(&lock, folder));
    run_lock_release(&lock);
    assert_int_equal(run_lock_take(&lock, inside("missing")), STATUS_IO);
    for (int i = 0; i < 2; i++) close(ready[i]), close(done[i]);
}

static void collect(void *context, const char *line) { assert_ok(buffer_printf(context, "%s\n", line)); }

static void log_steps(int64_t after, int64_t first, int64_t last, buffer *console) {
    char *names[] = {"console", "file", "wandb"};
    text_list loggers = {names, 3};
    run_logger *logger;
    run_metrics metrics = {0};
    assert_ok(run_logger_open(&logger, &loggers, folder, after, collect, console));
    for (int64_t step = first; step <= last; step++) {
        assert_ok(run_metrics_add(&metrics, "critic/rewards/mean", 0.25));
        assert_ok(run_metrics_add(&metrics, "actor/grad_norm", 9));
        assert_ok(run_metrics_add(&metrics, "actor/grad_norm", 0.1 * (double)step));
        assert_ok(run_metrics_add(&metrics, "x", NAN));
        assert_ok(run_logger_step(logger, step, 5, &metrics));
        run_metrics_clear(&metrics);
    }
    run_metrics_free(&metrics);
    run_logger_close(logger);
}

static void loggers_write_lines_and_resume_without_repeating(void **state) {
    (void)state;
    buffer console = {0};
    log_steps(-1, 1, 3, &console);
    assert_non_null(strstr(console.data, "step 2/5  reward 0.2500  grad 0.2\n"));
    // A row cut off by a kill, then a resume from step 2.
    FILE *file = fopen(inside("metrics.jsonl"), "a");
    fputs("{\"step\":4,\"da", file);
    fclose(file);
    log_steps(2, 3, 3, &console);
    file_map map;
    assert_ok(file_map_open(&map, inside("metrics.jsonl")));
    const char expected[] = "{\"step\":1,\"data\":{\"critic/rewards/mean\":0.25,\"actor/grad_norm\":";
    char *text = text_copy((const char *)map.bytes, map.size);
    assert_non_null(text);
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    assert_non_null(strstr(text, "\"x\":null}}\n{\"step\":2,"));
    size_t lines = 0;
    for (const char *c = text; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 3);
    free(text);
    file_map_close(&map);
    buffer_free(&console);
}

static void progress_in_a_pipe_is_quiet_and_plain(void **state) {
    (void)state;
    char *text = NULL;
    FILE *stream = tmpfile();
    progress_view view;
    progress_view_open(&view, stream);
    assert_false(view.terminal);
    progress_sink sink = {progress_view_report, &view};
    for (int i = 0; i <= 1000; i++) progress_report(&sink, "generate", i, 1000, "tok", "reward 0.5");
    assert_int_equal(ftell(stream), 0); // done within the interval
    view.last_drawn -= 10;
    progress_report(&sink, "generate", 500, 1000, "tok", "reward 0.5");
    progress_view_clear(&view);
    rewind(stream);
    size_t capacity = 0;
    assert_true(getline(&text, &capacity, stream) > 0);
    assert_int_equal(strncmp(text, "generate 500/1000 tok", 21), 0);
    assert_non_null(strstr(text, "reward 0.5\n"));
    assert_null(strchr(text, '\033'));
    free(text);
    fclose(stream);
    progress_report(NULL, "nobody", 1, 2, NULL, NULL);
}

static void durations_are_short_words(void **state) {
    (void)state;
    char text[24];
    assert_string_equal(progress_duration(text, 3.4), "3s");
    assert_string_equal(progress_duration(text, 245), "4m05s");
    assert_string_equal(progress_duration(text, 7620), "2h07m");
    assert_string_equal(progress_duration(text, NAN), "0s");
    assert_string_equal(progress_duration(text, -5), "0s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_name_is_config_and_time),
        cmocka_unit_test(an_existing_run_is_refused_naming_the_flag),
        cmocka_unit_test(checkpoints_rotate_and_the_latest_is_named),
        cmocka_unit_test(unfinished_and_later_things_are_cleaned_away),
        cmocka_unit_test(a_damaged_latest_file_is_refused),
        cmocka_unit_test(names_that_only_look_like_checkpoints_are_left_alone),
        cmocka_unit_test(room_is_checked_where_the_folder_will_be),
        cmocka_unit_test(a_live_lock_names_its_process),
        cmocka_unit_test(loggers_write_lines_and_resume_without_repeating),
        cmocka_unit_test(progress_in_a_pipe_is_quiet_and_plain),
        cmocka_unit_test(durations_are_short_words),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
