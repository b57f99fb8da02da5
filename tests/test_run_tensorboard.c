// TensorBoard's event files: the bytes of its own writer, and resumed runs that repeat no step.

#include "scratch_folder.h"

#include <dirent.h>
#include <math.h>

#include "run/tensorboard.h"

static void read_all(const char *path, buffer *out) {
    file_map map;
    assert_ok(file_map_open(&map, path));
    buffer_clear(out);
    assert_ok(buffer_append(out, map.bytes, map.size));
    file_map_close(&map);
}

static const char golden_path[] = TEST_SOURCE_DIR "/golden/run/events.tfevents";

// Where record `number` of an event file starts, by the lengths that it holds.
static size_t record_start(const buffer *file, int number) {
    size_t at = 0;
    for (; number > 0; number--) {
        uint64_t length;
        assert_true(at + 16 <= file->length);
        memcpy(&length, file->data + at, sizeof length);
        at += (size_t)length + 16;
    }
    return at;
}

static void the_bytes_are_those_of_tensorboard_itself(void **state) {
    (void)state;
    char long_name[201], names[40][16];
    memset(long_name, 'x', 200), long_name[200] = 0;
    double time = 1700000000.25;
    buffer mine = {0}, golden = {0};
    run_metrics none = {0}, first = {0}, second = {0}, third = {0};
    assert_ok(run_metrics_add(&first, "critic/score/mean", 0.1));
    assert_ok(run_metrics_add(&first, "actor/lr", 1e-6));
    assert_ok(run_metrics_add(&second, long_name, NAN));
    assert_ok(run_metrics_add(&second, "actor/loss", -2.5));
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "timing_s/%d", i);
        assert_ok(run_metrics_add(&third, names[i], i / 7.0));
    }
    assert_ok(tensorboard_put_version(&mine, time));
    assert_ok(tensorboard_put_start(&mine, time + 0.5, 1));
    assert_ok(tensorboard_put_step(&mine, time + 1, 0, &none));
    assert_ok(tensorboard_put_step(&mine, time + 1.5, 1, &first));
    assert_ok(tensorboard_put_step(&mine, time + 2, 300, &second));
    assert_ok(tensorboard_put_step(&mine, time + 2.5, (int64_t)1 << 40, &third));
    read_all(golden_path, &golden);
    assert_int_equal(mine.length, golden.length);
    assert_memory_equal(mine.data, golden.data, golden.length);
    run_metrics_free(&first), run_metrics_free(&second), run_metrics_free(&third);
    buffer_free(&mine), buffer_free(&golden);
}

// The names of the folder's event files, in order.
static int event_files(char names[8][256]) {
    struct dirent **found;
    int count = scandir(folder, &found, NULL, alphasort), kept = 0;
    for (int i = 0; i < count; i++) {
        if (strstr(found[i]->d_name, "tfevents")) {
            assert_true(kept < 8);
            snprintf(names[kept++], 256, "%s", found[i]->d_name);
        }
        free(found[i]);
    }
    free(found);
    return kept;
}

static void write_steps(int64_t after, int64_t last) {
    tensorboard *t;
    run_metrics metrics = {0};
    assert_ok(run_metrics_add(&metrics, "actor/grad_norm", 0.5));
    assert_ok(tensorboard_open(&t, folder, after));
    for (int64_t step = after + 1; step <= last; step++) assert_ok(tensorboard_step(t, step, &metrics));
    tensorboard_close(t);
    run_metrics_free(&metrics);
}

// After the golden file was left behind with `damage` at its end, a run that goes on after `step` leaves its first `records`.
static void expect_cut(const char *damage, size_t damage_length, int64_t step, int records) {
    static const char old[] = "events.out.tfevents.9000000000.here.1";
    buffer golden = {0}, left = {0};
    char names[8][256];
    read_all(golden_path, &golden);
    size_t expected = record_start(&golden, records);
    assert_ok(buffer_append(&golden, damage, damage_length));
    assert_ok(file_replace(inside(old), golden.data, golden.length));
    write_steps(step, step + 2);
    int count = event_files(names);
    assert_int_equal(count, records > 2 ? 2 : 1); // the version and a start alone are not worth a file
    if (records > 2) {
        assert_string_equal(names[0], old);
        read_all(inside(old), &left);
        assert_int_equal(left.length, expected);
        assert_memory_equal(left.data, golden.data, expected);
    }
    // The new file stands behind the old one, whose time lies in the future: version, start, two steps.
    assert_int_equal(strncmp(names[count - 1], "events.out.tfevents.9000000001.", 31), 0);
    read_all(inside(names[count - 1]), &left);
    assert_int_equal(record_start(&left, 4), left.length);
    for (int i = 0; i < count; i++) assert_int_equal(remove(inside(names[i])), 0);
    buffer_free(&golden), buffer_free(&left);
}

static void a_resumed_run_repeats_no_step(void **state) {
    (void)state;
    expect_cut("", 0, (int64_t)1 << 40, 6);
    expect_cut("", 0, 300, 5);
    expect_cut("", 0, 299, 4);
    expect_cut("", 0, -1, 0);
}

static void what_an_interruption_left_half_written_is_cut(void **state) {
    (void)state;
    static const char half[] = "\x20\0\0\0\0\0\0\0\1\2\3";
    expect_cut(half, 3, (int64_t)1 << 40, 6);
    expect_cut(half, 11, (int64_t)1 << 40, 6);
    char zeros[64] = {0}; // a file that has grown before its bytes were written
    expect_cut(zeros, sizeof zeros, 300, 5);
}

static void a_damaged_record_ends_what_is_kept(void **state) {
    (void)state;
    static const char old[] = "events.out.tfevents.1700000000.here.1", other[] = "notes.tfevents";
    buffer file = {0}, left = {0};
    read_all(golden_path, &file);
    for (size_t at = 0; at < file.length; at += 7) {
        int record = 0;
        while (record_start(&file, record + 1) <= at) record++;
        size_t expected = record_start(&file, record);
        file.data[at] ^= 0x10;
        assert_ok(file_replace(inside(old), file.data, file.length));
        assert_ok(file_replace(inside(other), "mine", 4));
        write_steps((int64_t)1 << 40, ((int64_t)1 << 40) + 1);
        file.data[at] ^= 0x10;
        if (record > 2) {
            read_all(inside(old), &left);
            assert_int_equal(left.length, expected);
            assert_memory_equal(left.data, file.data, expected);
        } else {
            assert_false(file_exists(inside(old)));
        }
        read_all(inside(other), &left);
        assert_string_equal(left.data, "mine");
        char names[8][256];
        int count = event_files(names);
        for (int i = 0; i < count; i++) assert_int_equal(remove(inside(names[i])), 0);
    }
    buffer_free(&file), buffer_free(&left);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_tensorboard_itself),
        cmocka_unit_test(a_resumed_run_repeats_no_step),
        cmocka_unit_test(what_an_interruption_left_half_written_is_cut),
        cmocka_unit_test(a_damaged_record_ends_what_is_kept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
