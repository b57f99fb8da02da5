// base/: status messages, arenas, random numbers against published vectors, files, JSON lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/jsonl.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text_list.h"

static void messages_carry_context(void **state) {
    (void)state;
    status code = status_context(status_set(STATUS_INVALID, "line %d", 3), "file %s", "a");
    assert_int_equal(code, STATUS_INVALID);
    assert_string_equal(status_message(), "file a: line 3");
    assert_int_equal(status_exit_code(STATUS_INVALID), 2);
    assert_int_equal(status_exit_code(STATUS_IO), 1);
    assert_int_equal(status_exit_code(STATUS_INTERRUPTED), 3);
}

static void arenas_give_aligned_memory_and_refuse_more(void **state) {
    (void)state;
    arena a;
    assert_int_equal(arena_create(&a, 4096, "a test"), STATUS_OK);
    unsigned char *first = arena_take(&a, 1), *second = arena_take(&a, 100);
    assert_int_equal((uintptr_t)first % ARENA_ALIGNMENT, 0);
    assert_int_equal(second - first, 64);
    assert_null(arena_take(&a, 4096));
    assert_null(arena_take(&a, SIZE_MAX - 3));
    arena_reset(&a, 0);
    assert_ptr_equal(arena_take(&a, 4096), first);
    arena_free(&a);
}

static void an_arena_without_memory_counts(void **state) {
    (void)state;
    arena counter = {0}, a;
    assert_null(arena_take(&counter, 1));
    assert_null(arena_take_array(&counter, 100, 3));
    assert_int_equal(counter.used, arena_size(1) + arena_size(300));
    assert_int_equal(arena_create(&a, counter.used, "a test"), STATUS_OK);
    arena_touch(&a);
    assert_non_null(arena_take(&a, 1));
    unsigned char *second = arena_take_array(&a, 100, 3);
    assert_non_null(second);
    assert_int_equal(a.used, counter.used);
    for (size_t i = 0; i < 300; i++) assert_int_equal(second[i], 0);
    arena_free(&a);
}

// The known-answer vectors of the Random123 distribution for philox4x32-10.
static void philox_equals_published_vectors(void **state) {
    (void)state;
    random_words w = random_draw(0, (random_purpose)0, 0, 0, 0);
    assert_true(w.word[0] == 0x6627e8d5u && w.word[1] == 0xe169c58du && w.word[2] == 0xbc57ac4cu && w.word[3] == 0x9b00dbd8u);
    w = random_draw(UINT64_MAX, (random_purpose)0, UINT64_MAX, UINT32_MAX, UINT32_MAX);
    assert_true(w.word[0] == 0x408f276du && w.word[1] == 0x41c83b0eu && w.word[2] == 0xa20bc7c6u && w.word[3] == 0x6d5451fdu);
    w = random_draw(0x299f31d0a4093822u, (random_purpose)0, 0x85a308d3243f6a88u, 0x13198a2eu, 0x03707344u);
    assert_true(w.word[0] == 0xd16cfe09u && w.word[1] == 0x94fdccebu && w.word[2] == 0x5001e420u && w.word[3] == 0x24126ea1u);
    for (uint32_t i = 0; i < 1000; i++) {
        double u = random_uniform(1, RANDOM_TEST, i, 0, 0);
        assert_true(u >= 0 && u < 1);
        assert_true(random_below(1, RANDOM_TEST, i, 1, 0, 7) < 7);
    }
}

static void files_appear_whole_or_not_at_all(void **state) {
    (void)state;
    char folder[] = "/tmp/dsdr-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *inner = path_join(folder, "a/b"), *path = path_join(inner, "f"), *temporary = path_join(inner, "f.tmp");
    assert_int_equal(folder_create(inner), STATUS_OK);
    file_writer writer;
    assert_int_equal(file_create(&writer, path), STATUS_OK);
    assert_int_equal(file_write(&writer, "abc", 3), STATUS_OK);
    assert_false(file_exists(path));
    assert_true(file_exists(temporary));
    assert_int_equal(file_commit(&writer), STATUS_OK);
    assert_false(file_exists(temporary));
    file_map map;
    assert_int_equal(file_map_open(&map, path), STATUS_OK);
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.bytes, "abc", 3);
    file_map_close(&map);
    assert_int_equal(file_create(&writer, path), STATUS_OK);
    file_discard(&writer);
    assert_true(file_exists(path));
    assert_int_equal(file_map_open(&map, "/nonexistent/file"), STATUS_INVALID);
    assert_int_equal(folder_remove(folder), STATUS_OK);
    assert_false(folder_exists(folder));
    free(inner), free(path), free(temporary);
}

static void json_lines_survive_bad_bytes_and_report_bad_json(void **state) {
    (void)state;
    char path[] = "/tmp/dsdr-test-XXXXXX";
    int descriptor = mkstemp(path);
    static const char text[] =
        "\xEF\xBB\xBF\n{\"a\": \"x\\u0000y\\ud800z\xFF\", \"n\": 0.1}\r\n[1]\n{\"a\": }\n{\"b\": 123456789012345678901234567890}";
    assert_int_equal(write(descriptor, text, sizeof text - 1), sizeof text - 1);
    close(descriptor);
    jsonl_reader reader;
    json_t *row;
    assert_int_equal(jsonl_open(&reader, path), STATUS_OK);
    assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
    assert_string_equal(json_string_value(json_object_get(row, "a")), "x\xEF\xBF\xBDy\xEF\xBF\xBDz\xEF\xBF\xBD");
    buffer out = {0};
    assert_int_equal(json_write(&out, json_object_get(row, "n"), 17), STATUS_OK);
    assert_true(strtod(out.data, NULL) == 0.1);
    buffer_free(&out);
    json_decref(row);
    assert_int_equal(jsonl_next(&reader, &row), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "line 3"));
    assert_int_equal(jsonl_next(&reader, &row), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "line 4"));
    assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
    assert_true(json_is_real(json_object_get(row, "b")));
    json_decref(row);
    assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
    assert_null(row);
    jsonl_close(&reader);
    unlink(path);
}

static void distances_between_texts(void **state) {
    (void)state;
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("same", "same"), 0);
    const char *best = NULL;
    size_t distance = 3;
    text_consider("plam", "config", &best, &distance);
    assert_null(best);
    text_consider("plam", "plans", &best, &distance);
    text_consider("plam", "plan", &best, &distance);
    text_consider("plam", "clam", &best, &distance); // as near: the first one stays
    assert_string_equal(best, "plan");
    assert_int_equal(distance, 1);
}

// The examples of FIPS 180-4 and lengths around a block, as sha256sum gives them.
static void a_character_may_be_open(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t open;
    } cases[] = {{"", 0},
                 {"a", 0},
                 {"\xC3", 1},
                 {"\xC3\xA9", 0},
                 {"a\xE2\x82", 2},
                 {"\xE2\x82\xAC", 0},
                 {"\xF0\x9F\x98", 3},
                 {"\xF0\x9F\x98\x80", 0},
                 {"\x82", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(text_open_bytes(cases[i].text, strlen(cases[i].text)), cases[i].open);
}

static void a_list_of_texts_holds_copies_of_any_length(void **state) {
    (void)state;
    text_list list = {0};
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text);
    assert_int_equal(text_list_add(&list, "cut here", 3), STATUS_OK);
    assert_int_equal(text_list_printf(&list, "%d %.*s", 7, (int)sizeof long_text, long_text), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "cut");
    assert_int_equal(strlen(list.items[1]), sizeof long_text + 2);
    assert_memory_equal(list.items[1], "7 xx", 4);
    text_list_free(&list);
    assert_true(list.count == 0 && !list.items);
}

static void sha256_is_that_of_sha256sum(void **state) {
    (void)state;
    static const struct {
        size_t count;
        const char *text, *hash;
    } known[] = {
        {0, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {3, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {56, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {55, NULL, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, NULL, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, NULL, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, NULL, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, NULL, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, NULL, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, NULL, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
        {1000, NULL, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
    };
    char hash[SHA256_TEXT], *text = malloc(1000);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].text)
            memcpy(text, known[i].text, known[i].count);
        else
            memset(text, 'a', known[i].count);
        sha256_text(text, known[i].count, hash);
        assert_string_equal(hash, known[i].hash);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_carry_context),
        cmocka_unit_test(arenas_give_aligned_memory_and_refuse_more),
        cmocka_unit_test(an_arena_without_memory_counts),
        cmocka_unit_test(philox_equals_published_vectors),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(json_lines_survive_bad_bytes_and_report_bad_json),
        cmocka_unit_test(distances_between_texts),
        cmocka_unit_test(a_character_may_be_open),
        cmocka_unit_test(a_list_of_texts_holds_copies_of_any_length),
        cmocka_unit_test(sha256_is_that_of_sha256sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
