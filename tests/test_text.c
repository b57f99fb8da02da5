// What the tokenizer promises beyond golden ids: refusals by name, raw bytes of tokens, stop tokens, linear time, and use by
// several threads at once.
#include "assert_ok.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "text/chat.h"
#include "text/tokenizer.h"

#define GOLDEN TEST_SOURCE_DIR "/golden/text"

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"

static void assert_refused(const char *json, status code, const char *words) {
    tokenizer *t;
    status got = tokenizer_create_json(&t, json, strlen(json), "x.json");
    if (got != code || !strstr(status_message(), words) || !strstr(status_message(), "x.json"))
        fail_msg("%s: status %d, \"%s\", which should be %d and say \"%s\"", json, got, status_message(), code, words);
    assert_null(t);
}

static void what_is_not_implemented_is_refused_by_name(void **state) {
    (void)state;
    assert_refused("{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", STATUS_UNSUPPORTED, "Unigram");
    assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\"}}", STATUS_UNSUPPORTED, "Precompiled");
    assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"NFC\",\"form\":2}}", STATUS_UNSUPPORTED, "form");
    assert_refused("{" MODEL ",\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}", STATUS_UNSUPPORTED, "UnicodeScripts");
    assert_refused(
        "{" MODEL
        ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a*\"},"
        "\"behavior\":\"Isolated\",\"invert\":false}]}}",
        STATUS_UNSUPPORTED, "empty text");
    assert_refused(
        "{" MODEL
        ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x\"},\"behavior\":\"Sideways\",\"invert\":false}}",
        STATUS_UNSUPPORTED, "Sideways");
    assert_refused("{" MODEL ",\"post_processor\":{\"type\":\"Padder\"}}", STATUS_UNSUPPORTED, "Padder");
    assert_refused("{" MODEL ",\"decoder\":{\"type\":\"CTC\"}}", STATUS_UNSUPPORTED, "CTC");
    assert_refused("{" MODEL ",\"version\":\"2.0\"}", STATUS_UNSUPPORTED, "2.0");
    assert_refused("{" MODEL ",\"speed\":1}", STATUS_UNSUPPORTED, "speed");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{},\"merges\":[]}}", STATUS_UNSUPPORTED, "dropout");
}

static void patterns_that_mean_something_else_elsewhere_are_refused(void **state) {
    (void)state;
    static const char *const patterns[] = {"^a",         "a$",         "\\\\bx", "[a[b]]", "[a&&b]",   "\\\\p{Script=Han}",
                                           "\\\\pL",     "(?<name>a)", "(?m:a)", "a{2}+",  "\\\\1(a)", "[[:digit:]]",
                                           "\\\\h",      "a(?#x)",     "\\\\K",  "\\\\G",  "[",        "(",
                                           "[\\\\P{L}]", "\\\\x{d800}"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char json[500];
        snprintf(
            json, sizeof json,
            "{" MODEL
            ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\",\"invert\":false}}",
            patterns[i]);
        assert_refused(json, STATUS_UNSUPPORTED, "pre_tokenizer");
    }
}

static void inconsistent_files_are_bad_input(void **state) {
    (void)state;
    assert_refused("{}", STATUS_INVALID, "model");
    assert_refused("[1]", STATUS_INVALID, "not a JSON object");
    assert_refused("{\"model\"", STATUS_INVALID, "not JSON");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", STATUS_INVALID,
                   "\"b\" is not in the vocabulary");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", STATUS_INVALID,
                   "\"ab\" is not in the vocabulary");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", STATUS_INVALID, "id 0");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", STATUS_INVALID, "-1");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}}", STATUS_INVALID, "2000000000");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":\"0\"},\"merges\":[]}}", STATUS_INVALID, "whole number");
    assert_refused("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"[UNK]\"}}", STATUS_INVALID, "[UNK]");
    assert_refused("{" MODEL ",\"added_tokens\":[{\"id\":1,\"content\":\"<x>\"}]}", STATUS_INVALID, "<x>");
    assert_refused("{" MODEL ",\"added_tokens\":[{\"id\":3,\"content\":\"ab\"}]}", STATUS_INVALID, "\"ab\"");
    assert_refused("{" MODEL
                   ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[],\"pair\":[],\"special_tokens\":{}}}",
                   STATUS_UNSUPPORTED, "single");
}

static void a_missing_folder_and_an_empty_one_are_bad_input(void **state) {
    (void)state;
    tokenizer *t;
    assert_int_equal(tokenizer_load(&t, TEST_BINARY_DIR "/no/such/folder"), STATUS_INVALID);
    assert_null(t);
    assert_ok(folder_create(TEST_BINARY_DIR "/text_empty"));
    assert_int_equal(tokenizer_load(&t, TEST_BINARY_DIR "/text_empty"), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "tokenizer.json"));
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_empty"));
}

static void arrays_with_an_unknown_pre_tokenizer_are_refused_by_name(void **state) {
    (void)state;
    const text_span tokens[] = {{"a", 1}, {"b", 1}, {"ab", 2}}, merges[] = {{"a b", 3}}, broken[] = {{"ab", 2}};
    tokenizer_bpe_source source = {.name = "x.gguf",
                                   .pre_tokenizer = "martian",
                                   .tokens = tokens,
                                   .token_count = 3,
                                   .merges = merges,
                                   .merge_count = 1,
                                   .bos = -1,
                                   .eos = -1,
                                   .pad = -1,
                                   .unk = -1};
    tokenizer *t;
    assert_int_equal(tokenizer_create_bpe(&t, &source), STATUS_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "x.gguf"));
    assert_non_null(strstr(status_message(), "martian"));
    assert_null(t);
    source.pre_tokenizer = "gpt-2", source.eos = 3;
    assert_int_equal(tokenizer_create_bpe(&t, &source), STATUS_INVALID);
    source.eos = -1, source.merges = broken;
    assert_int_equal(tokenizer_create_bpe(&t, &source), STATUS_INVALID);
    source.merges = merges;
    assert_ok(tokenizer_create_bpe(&t, &source));
    assert_int_equal(tokenizer_eos(t), -1);
    assert_null(tokenizer_chat_template(t));
    assert_string_equal(tokenizer_bos_text(t), "");
    tokenizer_free(t);
}

static void tokens_are_known_by_text_and_by_bytes(void **state) {
    (void)state;
    tokenizer *t;
    size_t length;
    buffer out = {0};
    assert_ok(tokenizer_load(&t, GOLDEN "/smollm"));
    int32_t end = tokenizer_token_id(t, "<|im_end|>", 10), line = tokenizer_token_id(t, "\xC4\x8A", 2);
    assert_int_equal(end, 2);
    assert_true(tokenizer_is_special(t, end));
    assert_false(tokenizer_is_special(t, line));
    assert_false(tokenizer_is_special(t, -1));
    assert_false(tokenizer_is_special(t, INT32_MAX));
    assert_memory_equal(tokenizer_token_bytes(t, line, &length), "\n", 1);
    assert_int_equal(length, 1);
    assert_null(tokenizer_token_bytes(t, -1, &length));
    assert_null(tokenizer_token_bytes(t, (int32_t)tokenizer_vocabulary_size(t), &length));
    assert_int_equal(tokenizer_token_id(t, "no such token", 13), -1);
    const int32_t ids[] = {line, end, (int32_t)tokenizer_vocabulary_size(t)};
    assert_ok(buffer_append_text(&out, "kept"));
    assert_int_equal(tokenizer_decode(t, ids, 3, false, &out), STATUS_INVALID);
    assert_string_equal(out.data, "kept");
    assert_ok(tokenizer_decode(t, ids, 2, true, &out));
    assert_string_equal(out.data, "kept\n");
    buffer_free(&out);
    tokenizer_free(t);
}

// Every byte sequence comes back from a byte-level tokenizer, broken UTF-8 as U+FFFD.
static void what_is_encoded_is_decoded_again(void **state) {
    (void)state;
    static const struct {
        const char *text, *back;
    } cases[] = {{"a\xFFz", "a\xEF\xBF\xBDz"},
                 {"\xE2\x82", "\xEF\xBF\xBD"},
                 {"\xF0\x9F\x98\x80\xED\xA0\x80", "\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
                 {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"}};
    tokenizer *t;
    assert_ok(tokenizer_load(&t, GOLDEN "/smollm"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        token_list ids = {0};
        buffer out = {0};
        assert_ok(tokenizer_encode(t, cases[i].text, strlen(cases[i].text), true, false, &ids));
        assert_ok(tokenizer_decode(t, ids.ids, ids.count, false, &out));
        assert_string_equal(out.data, cases[i].back);
        token_list_free(&ids);
        buffer_free(&out);
    }
    token_list ids = {0};
    buffer out = {0};
    assert_ok(tokenizer_encode(t, "a\0b", 3, true, false, &ids)); // NUL is a character
    assert_ok(tokenizer_decode(t, ids.ids, ids.count, false, &out));
    assert_int_equal(out.length, 3);
    assert_memory_equal(out.data, "a\0b", 3);
    token_list_free(&ids);
    buffer_free(&out);
    tokenizer_free(t);
}

static void write_file(const char *name, const char *text) {
    char path[1000];
    snprintf(path, sizeof path, TEST_BINARY_DIR "/text_folder/%s", name);
    assert_ok(file_replace(path, text, strlen(text)));
}

static void a_folder_names_its_special_tokens(void **state) {
    (void)state;
    tokenizer *t;
    size_t count;
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_folder"));
    assert_ok(folder_create(TEST_BINARY_DIR "/text_folder"));
    write_file("tokenizer.json",
               "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"<s>\":2,\"</s>\":3,\"<e>\":4},\"merges\":[]},"
               "\"added_tokens\":[{\"id\":2,\"content\":\"<s>\",\"special\":true}]}");
    write_file("tokenizer_config.json", "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</"
                                        "s>\",\"lstrip\":false},\"add_bos_token\":true,\"chat_template\":\"member\"}");
    write_file("special_tokens_map.json", "{\"pad_token\":\"<e>\",\"bos_token\":\"b\"}");
    write_file("generation_config.json", "{\"eos_token_id\":[4,3]}");
    assert_ok(tokenizer_load(&t, TEST_BINARY_DIR "/text_folder"));
    assert_int_equal(tokenizer_bos(t), 2);
    assert_int_equal(tokenizer_eos(t), 3);
    assert_int_equal(tokenizer_pad(t), 4);
    assert_true(tokenizer_is_special(t, 3) && tokenizer_is_special(t, 4));
    assert_string_equal(tokenizer_bos_text(t), "<s>");
    assert_string_equal(tokenizer_chat_template(t), "member");
    const int32_t *stop = tokenizer_stop_tokens(t, &count);
    assert_int_equal(count, 2);
    assert_int_equal(stop[0], 4);
    assert_int_equal(stop[1], 3);
    token_list ids = {0};
    assert_ok(tokenizer_encode(t, "a</s>b", 6, true, true, &ids));
    assert_int_equal(ids.count, 4);
    assert_int_equal(ids.ids[0], 2);
    assert_int_equal(ids.ids[2], 3);
    token_list_free(&ids);
    tokenizer_free(t);
    write_file("chat_template.jinja", "file");
    assert_ok(tokenizer_load(&t, TEST_BINARY_DIR "/text_folder"));
    assert_string_equal(tokenizer_chat_template(t), "file");
    tokenizer_free(t);
    write_file("generation_config.json", "{\"eos_token_id\":5}");
    assert_int_equal(tokenizer_load(&t, TEST_BINARY_DIR "/text_folder"), STATUS_INVALID);
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_folder"));
}

static double seconds_to_encode(const tokenizer *t, const char *unit, size_t repeats) {
    buffer text = {0};
    token_list ids = {0};
    struct timespec start, end;
    for (size_t i = 0; i < repeats; i++) assert_ok(buffer_append_text(&text, unit));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_ok(tokenizer_encode(t, text.data, text.length, true, false, &ids));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true(ids.count > 0);
    buffer_free(&text);
    token_list_free(&ids);
    return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

// 16 times the text takes less than 100 times as long: n log n with room for caches and a busy machine, and far from n squared
// (256).
static void long_words_take_linear_time(void **state) {
    (void)state;
    static const char *const units[] = {"ab", " ", "e", "\n", "1", "!", "\xC3\xA9", " \n", "'"};
    tokenizer *t;
    assert_ok(tokenizer_load(&t, GOLDEN "/llama3"));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double small = seconds_to_encode(t, units[i], 6000), large = seconds_to_encode(t, units[i], 96000);
        if (!(large < 100 * (small + 1e-4))) fail_msg("\"%s\": %g s for 6000, %g s for 96000", units[i], small, large);
    }
    tokenizer_free(t);
}

static void threads_share_a_tokenizer(void **state) {
    (void)state;
    static const char text[] = "The quick brown fox, don't you 12345 see?\n\n  caf\xC3\xA9 <|im_end|> \xE6\x97\xA5\xE6\x9C\xAC";
    tokenizer *t;
    chat_template *chat;
    token_list want = {0};
    int wrong = 0;
    assert_ok(tokenizer_load(&t, GOLDEN "/qwen2"));
    assert_ok(chat_template_create(&chat, "{% for m in messages %}{{ m.role ~ m.content|trim }}{% endfor %}", "", ""));
    assert_ok(tokenizer_encode(t, text, strlen(text), true, true, &want));
#pragma omp parallel for num_threads(4) reduction(+ : wrong)
    for (int i = 0; i < 400; i++) {
        token_list got = {0};
        buffer out = {0};
        const chat_message message = {"user", " hi "};
        wrong += tokenizer_encode(t, text, strlen(text), true, true, &got) != STATUS_OK;
        wrong += got.count != want.count || memcmp(got.ids, want.ids, want.count * sizeof *want.ids) != 0;
        wrong += tokenizer_decode(t, got.ids, got.count, false, &out) != STATUS_OK || strcmp(out.data, text) != 0;
        buffer_clear(&out);
        wrong += chat_render(chat, &message, 1, true, &out) != STATUS_OK || strcmp(out.data, "userhi") != 0;
        token_list_free(&got);
        buffer_free(&out);
    }
    assert_int_equal(wrong, 0);
    token_list_free(&want);
    chat_template_free(chat);
    tokenizer_free(t);
}

// The ids are those of Hugging Face tokenizers for the same vocabulary (scripts/fixtures/text_bytes.py).
static void a_tokenizer_of_bytes_and_words_is_that_of_tokenizers(void **state) {
    (void)state;
    json_error_t error;
    json_t *golden = json_load_file(GOLDEN "/bytes.json", 0, &error), *list = json_object_get(golden, "words"), *item;
    const char *words[32];
    size_t count = json_array_size(list), i;
    if (!golden) fail_msg("%s", error.text);
    json_array_foreach(list, i, item) words[i] = json_string_value(item);
    tokenizer *made, *read;
    assert_ok(tokenizer_create_bytes(&made, words, count));
    assert_int_equal(tokenizer_vocabulary_size(made), 256 + 3 + count);
    assert_ok(folder_create(TEST_BINARY_DIR "/test_text_bytes"));
    assert_ok(tokenizer_save(made, TEST_BINARY_DIR "/test_text_bytes"));
    assert_ok(tokenizer_load(&read, TEST_BINARY_DIR "/test_text_bytes"));
    json_array_foreach(json_object_get(golden, "rows"), i, item) {
        const char *text = json_string_value(json_object_get(item, "text"));
        const json_t *ids = json_object_get(item, "ids");
        bool special = json_is_true(json_object_get(item, "special"));
        for (int saved = 0; saved < 2; saved++) {
            token_list got = {0};
            buffer back = {0};
            assert_ok(tokenizer_encode(saved ? read : made, text, strlen(text), special, true, &got));
            if (got.count != json_array_size(ids)) fail_msg("%s: %zu tokens", text, got.count);
            for (size_t k = 0; k < got.count; k++) assert_int_equal(got.ids[k], json_integer_value(json_array_get(ids, k)));
            assert_ok(tokenizer_decode(saved ? read : made, got.ids, got.count, false, &back));
            assert_string_equal(buffer_text(&back), text);
            token_list_free(&got);
            buffer_free(&back);
        }
    }
    assert_int_equal(tokenizer_eos(read), 258);
    assert_int_equal(tokenizer_pad(read), 256);
    assert_int_equal(tokenizer_bos(read), -1);
    chat_template *chat;
    const chat_message messages[] = {{"system", "Add."}, {"user", "1 + 1"}};
    buffer text = {0};
    assert_ok(chat_template_create(&chat, tokenizer_chat_template(read), tokenizer_bos_text(read), tokenizer_eos_text(read)));
    assert_ok(chat_render(chat, messages, 2, true, &text));
    assert_string_equal(buffer_text(&text),
                        "<|im_start|>system\nAdd.<|im_end|>\n<|im_start|>user\n1 + 1<|im_end|>\n<|im_start|>assistant\n");
    buffer_free(&text);
    chat_template_free(chat);
    tokenizer_free(made), tokenizer_free(read);
    json_decref(golden);
}

static void words_that_cannot_be_one_token_are_refused(void **state) {
    (void)state;
    static const char *const lists[][2] = {
        {"ab", "ab"}, {"ab", "c"}, {"ab", ""}, {"ab", "\xff\xfe"}, {"ab", "\xc3\xa9\xc3\xa9"}, {"ab", "<|im_end|>"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tokenizer *t;
        if (tokenizer_create_bytes(&t, lists[i], 2) != STATUS_INVALID) fail_msg("%s was accepted", lists[i][1]);
        assert_null(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_implemented_is_refused_by_name),
        cmocka_unit_test(patterns_that_mean_something_else_elsewhere_are_refused),
        cmocka_unit_test(inconsistent_files_are_bad_input),
        cmocka_unit_test(a_missing_folder_and_an_empty_one_are_bad_input),
        cmocka_unit_test(arrays_with_an_unknown_pre_tokenizer_are_refused_by_name),
        cmocka_unit_test(tokens_are_known_by_text_and_by_bytes),
        cmocka_unit_test(what_is_encoded_is_decoded_again),
        cmocka_unit_test(a_folder_names_its_special_tokens),
        cmocka_unit_test(long_words_take_linear_time),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(a_tokenizer_of_bytes_and_words_is_that_of_tokenizers),
        cmocka_unit_test(words_that_cannot_be_one_token_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
