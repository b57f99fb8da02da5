// weights/: every format and type against values that gguf-py and safetensors wrote and read
// (scripts/fixtures/weights_golden.py).
#include "weights_files.h"

#include <math.h>

static void every_type_has_the_bits_of_the_reference(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "types.gguf"));
    assert_int_equal(weights_file_format(file), WEIGHTS_GGUF);
    buffer expected = read_bytes(GOLDEN "types.f32");
    bool seen[WEIGHTS_OTHER] = {false};
    size_t at = 0;
    for (size_t i = 0; i < weights_count(file); i++) {
        const weights_tensor *t = weights_at(file, i);
        assert_int_equal(strncmp(t->name, t->dtype_name, strlen(t->dtype_name)), 0);
        assert_string_equal(t->dtype_name, weights_dtype_name(t->dtype));
        assert_int_equal(t->rank, 2);
        assert_int_equal(t->count, t->shape[0] * t->shape[1]);
        float *values = malloc(t->count * sizeof *values);
        assert_done(weights_read_f32(t, 0, t->count, values));
        assert_true(at + t->count * sizeof *values <= expected.length);
        assert_memory_equal(values, expected.data + at, t->count * sizeof *values);
        assert_done(weights_check_finite(t));
        seen[t->dtype] = true;
        at += t->count * sizeof *values;
        free(values);
    }
    assert_int_equal(at, expected.length);
    for (int d = WEIGHTS_F32; d <= WEIGHTS_Q6_K; d++)
        if (!seen[d]) fail_msg("no tensor of type %s", weights_dtype_name((weights_dtype)d));
    buffer_free(&expected);
    weights_close(file);
}

static void ranges_need_no_alignment_to_blocks(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "types.gguf"));
    for (size_t i = 0; i < weights_count(file); i++) {
        const weights_tensor *t = weights_at(file, i);
        float *all = malloc(t->count * sizeof *all), part[603];
        assert_done(weights_read_f32(t, 0, t->count, all));
        static const size_t firsts[] = {0, 1, 31, 32, 33, 255, 256, 300, 511}, counts[] = {0, 1, 2, 31, 32, 65, 256, 601};
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                size_t first = firsts[f], count = counts[c];
                if (first + count > t->count) count = t->count - first;
                for (size_t k = 0; k < 603; k++) part[k] = -7;
                assert_done(weights_read_f32(t, first, count, part + 1));
                assert_memory_equal(part + 1, all + first, count * sizeof *all);
                assert_true(part[0] == -7 && part[count + 1] == -7);
            }
        part[0] = -7;
        assert_int_equal(weights_read_f32(t, t->count, 1, part), STATUS_INVALID);
        assert_int_equal(weights_read_f32(t, 1, t->count, part), STATUS_INVALID);
        assert_int_equal(weights_read_f32(t, SIZE_MAX, 2, part), STATUS_INVALID);
        assert_message_has(t->name);
        assert_true(part[0] == -7);
        free(all);
    }
    weights_close(file);
}

// A safetensors file in `memory` of one tensor with these elements.
static weights_file *one_tensor(buffer *memory, const char *dtype, size_t count, const void *data, size_t bytes) {
    buffer_clear(memory);
    assert_done(buffer_append(memory, "\0\0\0\0\0\0\0", 8));
    assert_done(
        buffer_printf(memory, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", dtype, count, bytes));
    uint64_t length = memory->length - 8;
    memcpy(memory->data, &length, 8);
    assert_done(buffer_append(memory, data, bytes));
    weights_file *file;
    assert_done(weights_open_bytes(&file, (const unsigned char *)memory->data, memory->length, "memory"));
    return file;
}

static void all_65536_halves_convert_exactly(void **state) {
    (void)state;
    uint16_t *halves = malloc(65536 * sizeof *halves);
    float *values = malloc(65536 * sizeof *values);
    for (int i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
    buffer memory = {0};
    weights_file *file = one_tensor(&memory, "F16", 65536, halves, 131072);
    assert_done(weights_read_f32(weights_at(file, 0), 0, 65536, values));
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        if (exponent == 31 && fraction) {
            assert_true(isnan(values[i]));
            continue;
        }
        double expected = exponent == 31  ? (double)INFINITY
                          : exponent == 0 ? ldexp(fraction, -24)
                                          : ldexp(1024 + fraction, exponent - 25);
        assert_true((double)values[i] == (i & 0x8000 ? -expected : expected) && !signbit(values[i]) == !(i & 0x8000));
    }
    weights_close(file);
    buffer_free(&memory);
    free(halves);
    free(values);
}

static void long_tensors_are_read_alike_in_pieces(void **state) {
    (void)state;
    enum { COUNT = (1 << 20) + 77 };
    uint16_t *brain = malloc(COUNT * sizeof *brain);
    float *values = malloc(COUNT * sizeof *values);
    for (uint32_t i = 0; i < COUNT; i++) brain[i] = (uint16_t)(i * 2654435761u >> 16 & 0xBFFF);
    buffer memory = {0};
    weights_file *file = one_tensor(&memory, "BF16", COUNT, brain, COUNT * sizeof *brain);
    assert_done(weights_read_f32(weights_at(file, 0), 5, COUNT - 5, values));
    for (uint32_t i = 5; i < COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i - 5], 4);
        assert_true(bits == (uint32_t)brain[i] << 16);
    }
    assert_done(weights_check_finite(weights_at(file, 0)));
    weights_close(file);
    buffer_free(&memory);
    free(brain);
    free(values);
}

static void weights_that_are_not_finite_are_named(void **state) {
    (void)state;
    float values[5000] = {0};
    values[4999] = NAN;
    buffer memory = {0};
    weights_file *file = one_tensor(&memory, "F32", 5000, values, sizeof values);
    assert_int_equal(weights_check_finite(weights_at(file, 0)), STATUS_INVALID);
    assert_message_has("element 4999 of tensor 't' is NaN");
    weights_close(file);
    values[4097] = -INFINITY;
    file = one_tensor(&memory, "F32", 5000, values, sizeof values);
    assert_int_equal(weights_check_finite(weights_at(file, 0)), STATUS_INVALID);
    assert_message_has("element 4097 of tensor 't' is infinite");
    weights_close(file);
    buffer_free(&memory);
}

static void safetensors_of_the_reference_are_read(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "plain.safetensors"));
    assert_int_equal(weights_file_format(file), WEIGHTS_SAFETENSORS);
    assert_string_equal(weights_file_path(file), GOLDEN "plain.safetensors");
    assert_int_equal(weights_count(file), 8);
    static const char *const names[] = {"f32", "f16", "bf16"};
    for (size_t i = 0; i < 3; i++) {
        const weights_tensor *t = weights_find(file, names[i]);
        assert_non_null(t);
        assert_true(t->rank == 3 && t->shape[0] == 2 && t->shape[1] == 3 && t->shape[2] == 4 && t->shape[3] == 1);
        assert_int_equal(t->bytes, 24 * weights_block_bytes(t->dtype));
        float values[24];
        assert_done(weights_read_f32(t, 0, 24, values));
        for (int k = 0; k < 24; k++) assert_true(values[k] == (float)k / 8 - 1);
    }
    const weights_tensor *scalar = weights_find(file, "scalar"), *empty = weights_find(file, "empty");
    float value = 0;
    assert_true(scalar->rank == 0 && scalar->count == 1 && empty->count == 0 && empty->rank == 2);
    assert_done(weights_read_f32(scalar, 0, 1, &value));
    assert_true(value == 2.5f);
    assert_done(weights_read_f32(empty, 0, 0, &value));
    assert_done(weights_check_finite(empty));
    assert_null(weights_find(file, "f3"));
    assert_null(weights_find(file, ""));
    static const struct {
        const char *name, *dtype;
        size_t bytes;
    } listed[] = {{"positions", "I64", 40}, {"mask", "U8", 3}, {"eight", "F8_E4M3", 2}};
    for (size_t i = 0; i < 3; i++) {
        const weights_tensor *t = weights_find(file, listed[i].name);
        assert_string_equal(t->dtype_name, listed[i].dtype);
        assert_int_equal(t->bytes, listed[i].bytes);
        assert_int_equal(weights_read_f32(t, 0, 1, &value), STATUS_UNSUPPORTED);
        assert_message_has(listed[i].name);
        assert_message_has(listed[i].dtype);
    }
    assert_false(gguf_has(file, "general.architecture"));
    assert_int_equal(gguf_count(file), 0);
    gguf_text text;
    assert_int_equal(gguf_get_string(file, "general.architecture", &text), STATUS_INVALID);
    assert_message_has("not a GGUF file");
    weights_close(file);
}

static void metadata_scalars_have_their_values(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "metadata.gguf"));
    static const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"u8", 200},     {"i8", -100},     {"u16", 60000},        {"i16", -30000}, {"u32", 4000000000.0}, {"i32", -2000000000.0},
        {"u64", 0x1p64}, {"i64", -0x1p63}, {"f32", (double)0.1f}, {"f64", 0.1}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double value = 0;
        uint64_t integer = 7;
        assert_true(gguf_has(file, numbers[i].key));
        assert_done(gguf_get_f64(file, numbers[i].key, &value));
        assert_true(value == numbers[i].value);
        bool natural = numbers[i].key[0] == 'u';
        assert_int_equal(gguf_get_u64(file, numbers[i].key, &integer), natural ? STATUS_OK : STATUS_INVALID);
        if (!natural) {
            assert_message_has(numbers[i].key);
            assert_int_equal(integer, 7);
        } else
            assert_true(integer == (numbers[i].value == 0x1p64 ? UINT64_MAX : (uint64_t)numbers[i].value));
    }
    bool yes = false, no = true;
    assert_done(gguf_get_bool(file, "yes", &yes));
    assert_done(gguf_get_bool(file, "no", &no));
    assert_true(yes && !no);
    gguf_text text = {0};
    assert_done(gguf_get_string(file, "string", &text));
    assert_int_equal(text.length, sizeof "na\xC3\xAFve\0text" - 1);
    assert_memory_equal(text.bytes, "na\xC3\xAFve\0text", text.length);

    double value;
    uint64_t integer;
    assert_int_equal(gguf_get_string(file, "u8", &text), STATUS_INVALID);
    assert_message_has("must be a string, not uint8");
    assert_int_equal(gguf_get_f64(file, "string", &value), STATUS_INVALID);
    assert_message_has("must be a number, not string");
    assert_int_equal(gguf_get_f64(file, "yes", &value), STATUS_INVALID);
    assert_int_equal(gguf_get_u64(file, "integers", &integer), STATUS_INVALID);
    assert_message_has("must be an integer, not an array of int32");
    assert_int_equal(gguf_get_bool(file, "u8", &yes), STATUS_INVALID);
    assert_int_equal(gguf_get_bool(file, "bools", &yes), STATUS_INVALID);
    assert_int_equal(gguf_get_string(file, "strings", &text), STATUS_INVALID);
    assert_int_equal(gguf_get_u64(file, "absent", &integer), STATUS_INVALID);
    assert_message_has("have no 'absent'");
    weights_close(file);
}

static void metadata_arrays_have_their_values(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "metadata.gguf"));
    gguf_text *texts;
    int64_t *integers;
    double *numbers;
    size_t count = 0;
    assert_done(gguf_get_strings(file, "strings", &texts, &count));
    assert_int_equal(count, 4);
    static const char *const expected[] = {"", "a", "\xC4\xA0the", "\n"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(texts[i].length, strlen(expected[i]));
        assert_memory_equal(texts[i].bytes, expected[i], texts[i].length);
    }
    free(texts);
    assert_done(gguf_get_i64s(file, "integers", &integers, &count));
    assert_true(count == 3 && integers[0] == 1 && integers[1] == -2 && integers[2] == 3);
    free(integers);
    assert_done(gguf_get_i64s(file, "halves", &integers, &count));
    assert_true(count == 2 && integers[0] == 1 && integers[1] == 65535);
    free(integers);
    assert_done(gguf_get_f64s(file, "reals", &numbers, &count));
    assert_true(count == 2 && numbers[0] == 0.5 && numbers[1] == -1.25);
    free(numbers);
    assert_done(gguf_get_f64s(file, "large", &numbers, &count));
    assert_true(count == 2 && numbers[0] == 1 && numbers[1] == 0x1p64);
    free(numbers);

    assert_int_equal(gguf_get_i64s(file, "large", &integers, &count), STATUS_INVALID);
    assert_message_has("element 1 of 'large'");
    assert_int_equal(gguf_get_i64s(file, "reals", &integers, &count), STATUS_INVALID);
    assert_message_has("an array of integers, not an array of float32");
    assert_int_equal(gguf_get_i64s(file, "u8", &integers, &count), STATUS_INVALID);
    assert_int_equal(gguf_get_f64s(file, "strings", &numbers, &count), STATUS_INVALID);
    assert_int_equal(gguf_get_f64s(file, "bools", &numbers, &count), STATUS_INVALID);
    assert_int_equal(gguf_get_strings(file, "integers", &texts, &count), STATUS_INVALID);
    assert_int_equal(gguf_get_strings(file, "string", &texts, &count), STATUS_INVALID);
    assert_int_equal(count, 2);

    bool found = false;
    for (size_t i = 0; i < gguf_count(file); i++) {
        gguf_entry entry = gguf_at(file, i);
        if (strcmp(entry.key, "strings") != 0) continue;
        found = entry.type == GGUF_ARRAY && entry.element_type == GGUF_STRING && entry.elements == 4;
    }
    assert_true(found);
    weights_close(file);
}

static void shapes_are_row_major_and_alignment_is_respected(void **state) {
    (void)state;
    weights_file *file;
    assert_done(weights_open(&file, GOLDEN "metadata.gguf"));
    const weights_tensor *matrix = weights_find(file, "matrix"), *vector = weights_find(file, "vector");
    assert_true(matrix->rank == 2 && matrix->shape[0] == 2 && matrix->shape[1] == 3 && matrix->shape[2] == 1);
    assert_true(vector->rank == 1 && vector->shape[0] == 5);
    assert_int_equal(vector->data - matrix->data, 64);
    float values[6];
    assert_done(weights_read_f32(matrix, 0, 6, values));
    for (int i = 0; i < 6; i++) assert_true(values[i] == (float)i);
    assert_done(weights_read_f32(vector, 0, 5, values));
    for (int i = 0; i < 5; i++) assert_true(values[i] == (float)i);
    weights_close(file);
}

static void shards_of_a_folder_are_one_file(void **state) {
    (void)state;
    static const char *const paths[] = {GOLDEN "sharded", GOLDEN "sharded/", GOLDEN "sharded/model.safetensors.index.json"};
    for (size_t p = 0; p < 3; p++) {
        weights_file *file;
        assert_done(weights_open(&file, paths[p]));
        assert_int_equal(weights_count(file), 5);
        const weights_tensor *t = weights_find(file, "x.e");
        assert_non_null(strstr(t->path, "sharded/model-00003-of-00003.safetensors"));
        assert_true(t->dtype == WEIGHTS_BF16 && t->count == 30);
        assert_string_equal(weights_at(file, 0)->name, "model.a");
        weights_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_the_bits_of_the_reference),
        cmocka_unit_test(ranges_need_no_alignment_to_blocks),
        cmocka_unit_test(all_65536_halves_convert_exactly),
        cmocka_unit_test(long_tensors_are_read_alike_in_pieces),
        cmocka_unit_test(weights_that_are_not_finite_are_named),
        cmocka_unit_test(safetensors_of_the_reference_are_read),
        cmocka_unit_test(metadata_scalars_have_their_values),
        cmocka_unit_test(metadata_arrays_have_their_values),
        cmocka_unit_test(shapes_are_row_major_and_alignment_is_respected),
        cmocka_unit_test(shards_of_a_folder_are_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
