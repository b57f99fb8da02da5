// weights/: what the writer gives equals the files of safetensors and huggingface_hub byte for byte, and reads back.
#include "scratch_folder.h"
#include "weights_files.h"

#include <math.h>

#include "weights/safetensors_write.h"

// The tensors and values of scripts/fixtures/weights_golden.py.
static const safetensors_entry golden_entries[] = {
    {"model.a", WEIGHTS_F32, 2, {3, 4}}, {"model.b", WEIGHTS_F32, 1, {20}},     {"model.c", WEIGHTS_F32, 0, {0}},
    {"x.d", WEIGHTS_BF16, 3, {2, 2, 4}}, {"x.\xC3\xA9", WEIGHTS_BF16, 1, {30}},
};
enum { GOLDEN_VALUES = 12 + 20 + 1 + 16 + 30 };

static void golden_values(float *values) {
    for (int i = 0; i < GOLDEN_VALUES; i++) values[i] = (float)(i - 20) * 0.37f;
}

static void assert_same_file(const char *name, const char *golden, size_t ignore_at_end) {
    char *path = path_join(folder, name);
    buffer written = read_bytes(path), expected = read_bytes(golden);
    assert_int_equal(written.length, expected.length + ignore_at_end);
    assert_memory_equal(written.data, expected.data, expected.length);
    buffer_free(&written);
    buffer_free(&expected);
    free(path);
}

static void a_file_equals_that_of_safetensors(void **state) {
    (void)state;
    float values[GOLDEN_VALUES];
    golden_values(values);
    for (size_t piece = 1; piece <= GOLDEN_VALUES; piece += 13) { // however the values arrive
        safetensors_writer *writer;
        assert_done(safetensors_create(&writer, folder, "model", golden_entries, 5, 0));
        for (size_t at = 0; at < GOLDEN_VALUES; at += piece)
            assert_done(safetensors_write(writer, values + at, at + piece < GOLDEN_VALUES ? piece : GOLDEN_VALUES - at));
        assert_done(safetensors_finish(writer));
        assert_same_file("model.safetensors", GOLDEN "written.safetensors", 0);
    }
}

static void shards_equal_those_of_hugging_face(void **state) {
    (void)state;
    float values[GOLDEN_VALUES];
    golden_values(values);
    safetensors_entry entries[5];
    memcpy(entries, golden_entries, sizeof entries);
    entries[4].name = "x.e";
    safetensors_writer *writer;
    assert_done(safetensors_create(&writer, folder, "model", entries, 5, 100));
    assert_done(safetensors_write(writer, values, GOLDEN_VALUES));
    assert_done(safetensors_finish(writer));
    assert_same_file("model-00001-of-00003.safetensors", GOLDEN "sharded/model-00001-of-00003.safetensors", 0);
    assert_same_file("model-00002-of-00003.safetensors", GOLDEN "sharded/model-00002-of-00003.safetensors", 0);
    assert_same_file("model-00003-of-00003.safetensors", GOLDEN "sharded/model-00003-of-00003.safetensors", 0);
    assert_same_file("model.safetensors.index.json", GOLDEN "sharded/model.safetensors.index.json", 1); // a final newline
}

static void shards_are_filled_to_the_last_byte(void **state) {
    (void)state;
    static const safetensors_entry entries[] = {
        {"a", WEIGHTS_F32, 1, {2}}, {"b", WEIGHTS_F32, 1, {1}}, {"c", WEIGHTS_F32, 1, {9}}, {"d", WEIGHTS_F32, 1, {1}}};
    static const struct {
        size_t limit;
        const char *last;
    } cases[] = {{12, "model-00003-of-00003.safetensors"},
                 {11, "model-00004-of-00004.safetensors"},
                 {52, "model.safetensors"},
                 {51, "model-00002-of-00002.safetensors"}};
    float values[13] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        safetensors_writer *writer;
        assert_done(safetensors_create(&writer, folder, "model", entries, 4, cases[i].limit));
        assert_done(safetensors_write(writer, values, 13));
        assert_done(safetensors_finish(writer));
        char *path = path_join(folder, cases[i].last);
        assert_true(file_exists(path));
        free(path);
    }
}

static void optimizer_state_reads_back_to_the_same_bits(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static const safetensors_entry entries[] = {{"m", WEIGHTS_F32, 2, {30, 100}},
                                                {"nothing", WEIGHTS_F32, 2, {0, 7}},
                                                {"v", WEIGHTS_F32, 1, {COUNT}},
                                                {"end", WEIGHTS_BF16, 1, {0}}};
    float values[2 * COUNT], back[COUNT];
    for (uint32_t i = 0; i < 2 * COUNT; i++) {
        uint32_t bits = i * 2654435761u;
        memcpy(&values[i], &bits, 4);
    }
    for (size_t shard = 0; shard <= 4 * COUNT; shard += 4 * COUNT) {
        safetensors_writer *writer;
        assert_done(safetensors_create(&writer, folder, "optimizer", entries, 4, shard));
        assert_done(safetensors_write(writer, values, 2 * COUNT));
        assert_done(safetensors_finish(writer));
        char *path = path_join(folder, shard ? "optimizer.safetensors.index.json" : "optimizer.safetensors");
        weights_file *file;
        assert_done(weights_open(&file, path));
        assert_int_equal(weights_count(file), 4);
        assert_done(weights_read_f32(weights_find(file, "m"), 0, COUNT, back));
        assert_memory_equal(back, values, sizeof back);
        assert_done(weights_read_f32(weights_find(file, "v"), 0, COUNT, back));
        assert_memory_equal(back, values + COUNT, sizeof back);
        assert_int_equal(weights_find(file, "nothing")->count, 0);
        weights_close(file);
        free(path);
    }
}

static void bfloat16_rounds_to_nearest_even(void **state) {
    (void)state;
    static const struct {
        uint32_t bits;
        uint16_t expected;
    } cases[] = {
        {0x3F800000, 0x3F80}, {0x3F807FFF, 0x3F80}, {0x3F808000, 0x3F80}, {0x3F808001, 0x3F81},
        {0x3F818000, 0x3F82}, {0x3F817FFF, 0x3F81}, {0x80000000, 0x8000}, {0x00000001, 0x0000},
        {0x00008001, 0x0001}, {0x7F7FFFFF, 0x7F80}, {0x7F800000, 0x7F80}, {0xFF800000, 0xFF80},
        {0x7F800001, 0x7FC0}, {0xFFFFFFFF, 0xFFFF}, {0x7FC00000, 0x7FC0}, {0xBF80C000, 0xBF81},
    };
    enum { COUNT = sizeof cases / sizeof *cases };
    safetensors_entry entry = {"t", WEIGHTS_BF16, 1, {COUNT}};
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++) memcpy(&values[i], &cases[i].bits, 4);
    safetensors_writer *writer;
    assert_done(safetensors_create(&writer, folder, "brain", &entry, 1, 0));
    assert_done(safetensors_write(writer, values, COUNT));
    assert_done(safetensors_finish(writer));
    char *path = path_join(folder, "brain.safetensors");
    weights_file *file;
    assert_done(weights_open(&file, path));
    for (size_t i = 0; i < COUNT; i++) {
        uint16_t got;
        memcpy(&got, weights_at(file, 0)->data + 2 * i, 2);
        assert_int_equal(got, cases[i].expected);
    }
    weights_close(file);
    free(path);
}

static void nothing_appears_before_it_is_complete(void **state) {
    (void)state;
    float values[8] = {0};
    safetensors_entry entry = {"t", WEIGHTS_F32, 1, {8}};
    char *path = path_join(folder, "part.safetensors");
    safetensors_writer *writer;
    assert_done(safetensors_create(&writer, folder, "part", &entry, 1, 0));
    assert_done(safetensors_write(writer, values, 7));
    assert_int_equal(safetensors_finish(writer), STATUS_INVALID);
    assert_message_has("\"t\" was given 7 of its 8 elements");
    assert_false(file_exists(path));
    assert_done(safetensors_create(&writer, folder, "part", &entry, 1, 0));
    assert_done(safetensors_write(writer, values, 8));
    assert_int_equal(safetensors_write(writer, values, 1), STATUS_INVALID);
    assert_message_has("more elements");
    safetensors_discard(writer);
    safetensors_discard(NULL);
    assert_false(file_exists(path));
    free(path);
}

static void declarations_are_checked(void **state) {
    (void)state;
    static const struct {
        safetensors_entry entries[2];
        status code;
        const char *message;
    } cases[] = {
        {{{"a", WEIGHTS_F16, 1, {1}}, {"b", WEIGHTS_F32, 1, {1}}}, STATUS_UNSUPPORTED, "'a' cannot be written as F16"},
        {{{"a", WEIGHTS_F32, 9, {1}}, {"b", WEIGHTS_F32, 1, {1}}}, STATUS_UNSUPPORTED, "'a' has rank 9"},
        {{{"a", WEIGHTS_F32, 1, {1}}, {"a", WEIGHTS_BF16, 1, {1}}}, STATUS_INVALID, "two tensors to write are named \"a\""},
        {{{"", WEIGHTS_F32, 1, {1}}, {"b", WEIGHTS_F32, 1, {1}}}, STATUS_INVALID, "'' cannot be the name"},
        {{{"__metadata__", WEIGHTS_F32, 1, {1}}, {"b", WEIGHTS_F32, 1, {1}}},
         STATUS_INVALID,
         "'__metadata__' cannot be the name"},
        {{{"a\xFF", WEIGHTS_F32, 1, {1}}, {"b", WEIGHTS_F32, 1, {1}}}, STATUS_INVALID, "cannot be the name"},
        {{{"a", WEIGHTS_F32, 1, {1}}, {"b", WEIGHTS_F32, 2, {SIZE_MAX / 2, 3}}}, STATUS_INVALID, "'b' has more elements"},
        {{{"a", WEIGHTS_F32, 1, {1}}, {"b", WEIGHTS_F32, 1, {SIZE_MAX / 2}}}, STATUS_INVALID, "'b' is too large"},
        {{{"a", WEIGHTS_F32, 1, {SIZE_MAX / 4}}, {"b", WEIGHTS_F32, 1, {9}}}, STATUS_INVALID, "together are too large"},
    };
    safetensors_writer *writer = (safetensors_writer *)folder;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(safetensors_create(&writer, folder, "bad", cases[i].entries, 2, 0), cases[i].code);
        assert_message_has(cases[i].message);
        assert_null(writer);
    }
    assert_int_equal(safetensors_create(&writer, folder, "a/b", golden_entries, 5, 0), STATUS_INVALID);
    assert_int_equal(safetensors_create(&writer, "/nonexistent", "model", golden_entries, 5, 0), STATUS_IO);
    assert_message_has("/nonexistent/model.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_equals_that_of_safetensors, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(shards_equal_those_of_hugging_face, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(shards_are_filled_to_the_last_byte, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(optimizer_state_reads_back_to_the_same_bits, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bfloat16_rounds_to_nearest_even, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(nothing_appears_before_it_is_complete, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(declarations_are_checked, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
