// weights/: files that are truncated, inconsistent or hostile get a message that says what is wrong, at once and without a crash.
//
// Files are opened from blocks of memory of their exact size, so that the sanitizers see any read beyond the end.
#include "weights_files.h"

#include <time.h>

static status open_exact(weights_file **file, const void *bytes, size_t size) {
    static unsigned char *memory; // kept until the next call: the file borrows it
    free(memory);
    memory = NULL;
    *file = NULL;
    if (!bytes) return STATUS_OK;
    memory = malloc(size ? size : 1);
    memcpy(memory, bytes, size);
    return weights_open_bytes(file, memory, size, "memory");
}

// Reads everything that can be read, so that a wrong bound shows.
static void read_all(const weights_file *file) {
    for (size_t i = 0; i < weights_count(file); i++) (void)weights_check_finite(weights_at(file, i));
    for (size_t i = 0; i < gguf_count(file); i++) {
        const char *key = gguf_at(file, i).key;
        gguf_text *texts;
        double *numbers;
        size_t count;
        if (gguf_get_strings(file, key, &texts, &count) == STATUS_OK) free(texts);
        if (gguf_get_f64s(file, key, &numbers, &count) == STATUS_OK) free(numbers);
    }
}

static void every_prefix_of_a_file_is_refused(void **state) {
    (void)state;
    static const char *const paths[] = {GOLDEN "metadata.gguf", GOLDEN "plain.safetensors", GOLDEN "written.safetensors"};
    for (size_t p = 0; p < 3; p++) {
        buffer whole = read_bytes(paths[p]);
        weights_file *file;
        assert_done(open_exact(&file, whole.data, whole.length));
        size_t end = p == 0 ? whole.length - 64 + 5 * 4 : whole.length; // metadata.gguf ends in five floats, padded to 64 bytes
        weights_close(file);
        for (size_t size = 0; size < whole.length; size++) {
            status code = open_exact(&file, whole.data, size);
            assert_int_equal(code, size < end ? STATUS_INVALID : STATUS_OK);
            if (code == STATUS_INVALID) {
                assert_null(file);
                assert_message_has("memory: ");
            }
            weights_close(file);
        }
        buffer_free(&whole);
    }
    weights_file *file;
    open_exact(&file, NULL, 0);
}

static void no_changed_byte_crashes(void **state) {
    (void)state;
    static const char *const paths[] = {GOLDEN "metadata.gguf", GOLDEN "plain.safetensors"};
    static const unsigned char changes[] = {0x01, 0x80, 0xFF};
    for (size_t p = 0; p < 2; p++) {
        buffer whole = read_bytes(paths[p]);
        for (size_t i = 0; i < whole.length; i++)
            for (size_t k = 0; k < sizeof changes; k++) {
                weights_file *file;
                whole.data[i] ^= (char)changes[k];
                if (open_exact(&file, whole.data, whole.length) == STATUS_OK) read_all(file);
                weights_close(file);
                whole.data[i] ^= (char)changes[k];
            }
        buffer_free(&whole);
    }
    weights_file *file;
    open_exact(&file, NULL, 0);
}

static void bad_safetensors_headers_are_explained(void **state) {
    (void)state;
#define F32_AT(begin, end) "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"
    static const struct {
        const char *json;
        size_t data;
        status code;
        const char *message;
    } cases[] = {
        {"{\"a\":" F32_AT(0, 8) "}", 8, STATUS_OK, ""},
        {"{\"__metadata__\":{\"a\":\"b\"},\"a\":" F32_AT(0, 8) "}   ", 8, STATUS_OK, ""},
        {"{\"__metadata__\":17}", 0, STATUS_OK, ""},
        {"{\"a\":" F32_AT(0, 8) "}", 7, STATUS_INVALID, "the data of tensor 'a' end at byte 8 but the file holds only 7"},
        {"{\"a\":" F32_AT(0, 8) "}", 9, STATUS_INVALID, "1 bytes at the end of the file belong to no tensor"},
        {"{\"a\":" F32_AT(4, 12) "}", 12, STATUS_INVALID, "4 bytes before the data of tensor 'a'"},
        {"{\"a\":" F32_AT(0, 8) ",\"b\":" F32_AT(4, 12) "}", 12, STATUS_INVALID, "'b' overlap those of tensor 'a'"},
        {"{\"a\":" F32_AT(0, 8) ",\"b\":" F32_AT(0, 8) "}", 8, STATUS_INVALID, "overlap"},
        {"{\"a\":" F32_AT(0, 8) ",\"a\":" F32_AT(8, 16) "}", 16, STATUS_INVALID, "duplicate"},
        {"{\"a\":" F32_AT(8, 0) "}", 8, STATUS_INVALID, "data_offsets of tensor 'a'"},
        {"{\"a\":" F32_AT(0, 12) "}", 12, STATUS_INVALID, "tensor 'a' of 2 F32 elements cannot have 12 bytes"},
        {"{\"a\":" F32_AT(-8, 0) "}", 8, STATUS_INVALID, "data_offsets"},
        {"{\"a\":" F32_AT(0, 1e1) "}", 8, STATUS_INVALID, "data_offsets"},
        {"{\"a\":" F32_AT(9223372036854775800, 9223372036854775807) "}", 8, STATUS_INVALID,
         "'a' end at byte 9223372036854775807"},
        {"{\"a\":" F32_AT(0, 18446744073709551616) "}", 8, STATUS_INVALID, "tensor 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, STATUS_INVALID,
         "more elements than"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, STATUS_INVALID,
         "more elements than"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, STATUS_INVALID,
         "cannot have 0 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, STATUS_UNSUPPORTED,
         "'a' has rank 9"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, STATUS_INVALID, "the shape of tensor 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, STATUS_INVALID, "the shape of tensor 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, STATUS_INVALID, "tensor 'a' has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, STATUS_INVALID, "data_offsets of tensor 'a'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, STATUS_INVALID, "data_offsets of tensor 'a'"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, STATUS_INVALID, "tensor 'a' has no dtype"},
        {"{\"a\":[]}", 0, STATUS_INVALID, "tensor 'a' has no dtype"},
        {"{\"\":" F32_AT(0, 8) "}", 8, STATUS_INVALID, "tensor name is empty"},
        {"{\"a\\nb\":" F32_AT(0, 8) "}", 8, STATUS_INVALID, "control character"},
        {"{\"a\":{\"dtype\":\"Q4_1\",\"shape\":[32],\"data_offsets\":[0,20]}}", 20, STATUS_OK, ""},
        {"{\"a\":", 8, STATUS_INVALID, "not JSON"},
        {"{} {}", 0, STATUS_INVALID, "not JSON"},
        {"[1]", 0, STATUS_INVALID, "neither a safetensors nor a GGUF file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer bytes = {0};
        append_safetensors(&bytes, cases[i].json, cases[i].data);
        weights_file *file;
        status code = open_exact(&file, bytes.data, bytes.length);
        if (code != cases[i].code) fail_msg("case %zu: %s: status %d, message %s", i, cases[i].json, code, status_message());
        if (code != STATUS_OK) assert_message_has(cases[i].message);
        weights_close(file);
        buffer_free(&bytes);
    }
    // A type of another format is listed, and refused when it is read.
    buffer bytes = {0};
    append_safetensors(&bytes, "{\"a\":{\"dtype\":\"Q4_1\",\"shape\":[32],\"data_offsets\":[0,20]}}", 20);
    weights_file *file;
    float value;
    assert_done(open_exact(&file, bytes.data, bytes.length));
    assert_int_equal(weights_at(file, 0)->dtype, WEIGHTS_OTHER);
    assert_int_equal(weights_read_f32(weights_at(file, 0), 0, 1, &value), STATUS_UNSUPPORTED);
    assert_message_has("tensor 'a' has type Q4_1");
    weights_close(file);
    buffer_free(&bytes);
    static const unsigned char lengths[][9] = {
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, '{'}, {2}, {0, 0, 0, 0, 0, 0, 0, 0, '{'}};
    for (size_t i = 0; i < 3; i++) assert_int_equal(open_exact(&file, lengths[i], 9), STATUS_INVALID);
    assert_message_has("memory: neither");
    open_exact(&file, NULL, 0);
}

// Building blocks of a GGUF file.
static void put(buffer *b, uint64_t value, size_t size) { assert_done(buffer_append(b, &value, size)); }
static void put_text(buffer *b, const char *text) {
    put(b, strlen(text), 8);
    assert_done(buffer_append_text(b, text));
}
static void put_start(buffer *b, uint32_t version, uint64_t tensors, uint64_t pairs) {
    buffer_clear(b);
    assert_done(buffer_append_text(b, "GGUF"));
    put(b, version, 4), put(b, tensors, 8), put(b, pairs, 8);
}
static void put_key(buffer *b, const char *key, uint32_t type) { put_text(b, key), put(b, type, 4); }
static void put_tensor(buffer *b, const char *name, uint32_t type, uint64_t ne0, uint64_t ne1, uint64_t offset) {
    put_text(b, name), put(b, 2, 4), put(b, ne0, 8), put(b, ne1, 8), put(b, type, 4), put(b, offset, 8);
}
static void put_data(buffer *b, size_t alignment, size_t size) {
    while (b->length % alignment) put(b, 0, 1);
    for (size_t i = 0; i < size; i++) put(b, 0, 1);
}

#define assert_refused(bytes, wanted, text)                                                                                      \
    do {                                                                                                                         \
        weights_file *refused_;                                                                                                  \
        assert_int_equal(open_exact(&refused_, (bytes)->data, (bytes)->length), wanted);                                         \
        assert_null(refused_);                                                                                                   \
        assert_message_has(text);                                                                                                \
    } while (0)

static void bad_gguf_headers_are_explained(void **state) {
    (void)state;
    buffer b = {0};
    weights_file *file;
    for (uint32_t version = 2; version <= 3; version++) {
        put_start(&b, version, 0, 0);
        assert_done(open_exact(&file, b.data, b.length));
        assert_int_equal(weights_count(file), 0);
        weights_close(file);
    }
    put_start(&b, 0x03000000, 0, 0);
    assert_refused(&b, STATUS_UNSUPPORTED, "big-endian");
    put_start(&b, 1, 0, 0);
    assert_refused(&b, STATUS_UNSUPPORTED, "version 1; versions 2 and 3");
    put_start(&b, 4, 0, 0);
    assert_refused(&b, STATUS_UNSUPPORTED, "version 4");

    // Counts far beyond the file are refused before anything is reserved for them.
    static const uint64_t counts[] = {2, 1ull << 32, 1ull << 60, UINT64_MAX};
    clock_t start = clock();
    for (size_t i = 0; i < 4; i++) {
        put_start(&b, 3, counts[i], 0);
        assert_refused(&b, STATUS_INVALID, "tensors do not fit into the file");
        put_start(&b, 3, 0, counts[i]);
        assert_refused(&b, STATUS_INVALID, "metadata values do not fit into the file");
        put_start(&b, 3, 0, 1), put_key(&b, "k", GGUF_ARRAY), put(&b, GGUF_STRING, 4), put(&b, counts[i], 8);
        assert_refused(&b, STATUS_INVALID, "under 'k' does not fit into the file");
        put_start(&b, 3, 0, 1), put_key(&b, "k", GGUF_ARRAY), put(&b, GGUF_F64, 4), put(&b, counts[i], 8);
        assert_refused(&b, STATUS_INVALID, "under 'k' do not fit into the file");
        put_start(&b, 3, 0, 1), put_key(&b, "k", GGUF_STRING), put(&b, counts[i], 8);
        assert_refused(&b, STATUS_INVALID, "k at byte");
        put_start(&b, 3, 0, 1), put(&b, counts[i] + 8, 8), put(&b, 0, 8);
        assert_refused(&b, STATUS_INVALID, i < 3 ? "a metadata key at byte 32" : "control character");
    }
    assert_true(clock() - start < CLOCKS_PER_SEC);

    put_start(&b, 3, 0, 1), put_key(&b, "k", GGUF_ARRAY), put(&b, GGUF_ARRAY, 4), put(&b, 0, 8);
    assert_refused(&b, STATUS_UNSUPPORTED, "'k' is an array of arrays");
    put_start(&b, 3, 0, 1), put_key(&b, "k", 13), put(&b, 0, 8);
    assert_refused(&b, STATUS_INVALID, "'k' has the unknown type 13");
    put_start(&b, 3, 0, 1), put_key(&b, "k", UINT32_MAX), put(&b, 0, 8);
    assert_refused(&b, STATUS_INVALID, "'k' has the unknown type 4294967295");
    put_start(&b, 3, 0, 2), put_key(&b, "k", GGUF_U8), put(&b, 1, 1), put_key(&b, "k", GGUF_U8), put(&b, 1, 1);
    assert_refused(&b, STATUS_INVALID, "two metadata values under 'k'");
    put_start(&b, 3, 0, 1), put_key(&b, "k\x1B[2J", GGUF_U8), put(&b, 1, 1);
    assert_refused(&b, STATUS_INVALID, "control character");
    put_start(&b, 3, 0, 1), put_key(&b, "split.count", GGUF_U16), put(&b, 3, 2);
    assert_refused(&b, STATUS_UNSUPPORTED, "one of 3 parts");
    put_start(&b, 3, 0, 1), put_key(&b, "flag", GGUF_BOOL), put(&b, 2, 1);
    assert_done(open_exact(&file, b.data, b.length));
    bool flag;
    assert_int_equal(gguf_get_bool(file, "flag", &flag), STATUS_INVALID);
    assert_message_has("'flag' is 2, neither 0 nor 1");
    weights_close(file);
    static const uint32_t alignments[] = {0, 3, 48};
    for (size_t i = 0; i < 3; i++) {
        put_start(&b, 3, 0, 1), put_key(&b, "general.alignment", GGUF_U32), put(&b, alignments[i], 4);
        assert_refused(&b, STATUS_INVALID, "general.alignment is");
    }
    put_start(&b, 3, 0, 1), put_key(&b, "general.alignment", GGUF_STRING), put_text(&b, "32");
    assert_refused(&b, STATUS_INVALID, "'general.alignment' must be an integer, not string");
    buffer_free(&b);
    open_exact(&file, NULL, 0);
}

static void bad_gguf_tensors_are_explained(void **state) {
    (void)state;
    buffer b = {0};
    weights_file *file;
    static const struct {
        uint32_t type;
        uint64_t ne0, ne1, offset;
        size_t data;
        status code;
        const char *message;
    } cases[] = {
        {3, 64, 2, 0, 80, STATUS_OK, ""},
        {3, 64, 2, 32, 112, STATUS_OK, ""},
        {3, 64, 2, 0, 79, STATUS_INVALID, "'t' (80 bytes from byte 0) go beyond the 79 bytes"},
        {3, 64, 2, 32, 80, STATUS_INVALID, "'t' (80 bytes from byte 32) go beyond"},
        {3, 64, 2, 16, 112, STATUS_INVALID, "'t' start at byte 16, which is not a multiple of the alignment 32"},
        {3, 64, 2, UINT64_MAX - 31, 80, STATUS_INVALID, "go beyond"},
        {3, 48, 2, 0, 80, STATUS_INVALID, "'t' (48 elements) are no whole number of Q4_1 blocks of 32"},
        {12, 128, 2, 0, 144, STATUS_INVALID, "Q4_K blocks of 256"},
        {0, 1ull << 32, 1ull << 32, 0, 80, STATUS_INVALID, "'t' has more elements than"},
        {0, 1ull << 31, 1ull << 31, 0, 80, STATUS_INVALID, "'t'"},
        {0, 0, UINT64_MAX, 0, 0, STATUS_OK, ""},
        {0, 2, UINT64_MAX, 0, 0, STATUS_INVALID, "'t' has more elements than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_start(&b, 3, 1, 0);
        put_tensor(&b, "t", cases[i].type, cases[i].ne0, cases[i].ne1, cases[i].offset), put_data(&b, 32, cases[i].data);
        status code = open_exact(&file, b.data, b.length);
        if (code != cases[i].code) fail_msg("case %zu: status %d, message %s", i, code, status_message());
        if (code != STATUS_OK) assert_message_has(cases[i].message);
        if (code == STATUS_OK) read_all(file);
        weights_close(file);
    }
    put_start(&b, 3, 2, 0), put_tensor(&b, "t", 0, 4, 4, 0), put_tensor(&b, "u", 0, 4, 4, 32), put_data(&b, 32, 96);
    assert_refused(&b, STATUS_INVALID, "'u' overlap those of tensor 't'");
    put_start(&b, 3, 2, 0), put_tensor(&b, "t", 0, 4, 4, 0), put_tensor(&b, "t", 0, 4, 4, 64), put_data(&b, 32, 128);
    assert_refused(&b, STATUS_INVALID, "two tensors named 't'");
    put_start(&b, 3, 1, 0), put_text(&b, "t"), put(&b, 9, 4), put_data(&b, 32, 512);
    assert_refused(&b, STATUS_UNSUPPORTED, "'t' has rank 9");
    put_start(&b, 3, 1, 0), put_text(&b, ""), put_data(&b, 32, 512);
    assert_refused(&b, STATUS_INVALID, "a tensor name is empty");

    // Types that are known by name only, or not at all, are listed and refused when they are read.
    put_start(&b, 3, 3, 0), put_tensor(&b, "i", 20, 32, 1, 0), put_tensor(&b, "x", 99, 32, 1, 32),
        put_tensor(&b, "f", 0, 8, 1, 64);
    put_data(&b, 32, 96);
    assert_done(open_exact(&file, b.data, b.length));
    float value;
    assert_int_equal(weights_read_f32(weights_find(file, "i"), 0, 1, &value), STATUS_UNSUPPORTED);
    assert_message_has("tensor 'i' has type IQ4_NL");
    assert_int_equal(weights_read_f32(weights_find(file, "x"), 0, 1, &value), STATUS_UNSUPPORTED);
    assert_message_has("tensor 'x' has type ggml type 99");
    assert_done(weights_read_f32(weights_find(file, "f"), 0, 1, &value));
    weights_close(file);
    buffer_free(&b);
    open_exact(&file, NULL, 0);
}

static void put_file(const char *folder, const char *name, const void *bytes, size_t size) {
    char *path = path_join(folder, name);
    assert_done(file_replace(path, bytes, size));
    free(path);
}

static void folders_and_indexes_are_checked(void **state) {
    (void)state;
    char folder[] = "/tmp/dsdr-weights-XXXXXX";
    assert_non_null(mkdtemp(folder));
    weights_file *file = (weights_file *)folder;
    assert_int_equal(weights_open(&file, "/nonexistent/model.gguf"), STATUS_INVALID);
    assert_message_has("/nonexistent/model.gguf");
    assert_null(file);
    assert_int_equal(weights_open(&file, folder), STATUS_INVALID);
    assert_message_has("neither model.safetensors nor model.safetensors.index.json");

    buffer a = {0}, b = {0}, both = {0}, gguf = {0};
    append_safetensors(&a, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    append_safetensors(&b, "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    append_safetensors(&both,
                       "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                       "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                       2);
    put_start(&gguf, 3, 0, 0);
    put_file(folder, "both.safetensors", both.data, both.length);
    put_file(folder, "1.safetensors", a.data, a.length);
    put_file(folder, "2.safetensors", b.data, b.length);
    put_file(folder, "copy.safetensors", a.data, a.length);
    put_file(folder, "g.safetensors", gguf.data, gguf.length);
    static const struct {
        const char *index;
        status code;
        const char *message;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", STATUS_OK, ""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"}}", STATUS_OK, ""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"}}", STATUS_INVALID,
         "tensor 'c' should be in 2.safetensors"},
        {"{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}}", STATUS_INVALID, "should be in"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"3.safetensors\"}}", STATUS_INVALID, "3.safetensors: No such file"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"copy.safetensors\"}}", STATUS_INVALID, "two tensors named 'a'"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"g.safetensors\"}}", STATUS_INVALID,
         "shard g.safetensors must be a safetensors"},
        {"{\"weight_map\":{\"a\":\"both.safetensors\"}}", STATUS_INVALID, "tensor 'b' of "},
        {"{\"weight_map\":{\"a\":\"../1.safetensors\"}}", STATUS_INVALID, "same folder for tensor 'a'"},
        {"{\"weight_map\":{\"a\":\"..\"}}", STATUS_INVALID, "same folder for tensor 'a'"},
        {"{\"weight_map\":{\"a\":7}}", STATUS_INVALID, "same folder for tensor 'a'"},
        {"{\"weight_map\":{}}", STATUS_INVALID, "there is no 'weight_map'"},
        {"[]", STATUS_INVALID, "there is no 'weight_map'"},
        {"{", STATUS_INVALID, "not JSON"},
        {"", STATUS_INVALID, "not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file(folder, "model.safetensors.index.json", cases[i].index, strlen(cases[i].index));
        status code = weights_open(&file, folder);
        if (code != cases[i].code) fail_msg("case %zu: status %d, message %s", i, code, status_message());
        if (code != STATUS_OK) assert_message_has(cases[i].message);
        weights_close(file);
    }
    put_file(folder, "model.safetensors", a.data, a.length); // goes before the index
    assert_done(weights_open(&file, folder));
    assert_int_equal(weights_count(file), 1);
    weights_close(file);
    buffer_free(&a);
    buffer_free(&b);
    buffer_free(&both);
    buffer_free(&gguf);
    assert_done(folder_remove(folder));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_of_a_file_is_refused),     cmocka_unit_test(no_changed_byte_crashes),
        cmocka_unit_test(bad_safetensors_headers_are_explained), cmocka_unit_test(bad_gguf_headers_are_explained),
        cmocka_unit_test(bad_gguf_tensors_are_explained),        cmocka_unit_test(folders_and_indexes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
