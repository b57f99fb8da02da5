// Tokenizers against golden results of Hugging Face tokenizers (scripts/fixtures/text_tokenizers.py): every configuration of
// tests/golden/text/ encodes, decodes, cuts and saves some hundred difficult texts as they do.
#include "assert_ok.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#define GOLDEN TEST_SOURCE_DIR "/golden/text"

typedef struct samples {
    char *texts[1000];
    size_t lengths[1000], count;
} samples;

static int read_samples(void **state) {
    samples *s = calloc(1, sizeof *s);
    jsonl_reader reader;
    if (jsonl_open(&reader, GOLDEN "/samples.jsonl") != STATUS_OK) return 1;
    for (json_t *row; jsonl_next(&reader, &row) == STATUS_OK && row && s->count < 1000; json_decref(row)) {
        const json_t *text = json_object_get(row, "text");
        s->lengths[s->count] = json_string_length(text);
        s->texts[s->count++] = text_copy(json_string_value(text), json_string_length(text));
    }
    jsonl_close(&reader);
    *state = s;
    return s->count > 200 ? 0 : 1;
}

static int free_samples(void **state) {
    samples *s = *state;
    for (size_t i = 0; i < s->count; i++) free(s->texts[i]);
    free(s);
    return 0;
}

static uint64_t hash_bytes(const char *bytes, size_t count) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < count; i++) h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return h;
}

// The hash of a decoded text as Hugging Face shows it: broken characters as U+FFFD.
static uint64_t hash_decoded(const tokenizer *t, const token_list *ids, bool skip_special) {
    buffer text = {0}, shown = {0};
    assert_ok(tokenizer_decode(t, ids->ids, ids->count, skip_special, &text));
    assert_ok(unicode_repair(&shown, buffer_text(&text), text.length));
    uint64_t h = hash_bytes(buffer_text(&shown), shown.length);
    buffer_free(&text);
    buffer_free(&shown);
    return h;
}

// Numbers of a line: `hashes` hexadecimal ones, then decimal ids.
static bool read_line(FILE *file, size_t hashes, uint64_t *hash, token_list *ids) {
    char *line = NULL, *at;
    size_t capacity = 0;
    ids->count = 0;
    bool got = getline(&line, &capacity, file) > 0;
    at = line;
    for (size_t i = 0; got && i < hashes; i++) hash[i] = strtoull(at, &at, 16);
    for (char *next; got; at = next) {
        long id = strtol(at, &next, 10);
        if (next == at) break;
        assert_ok(token_list_append(ids, (int32_t)id));
    }
    free(line);
    return got;
}

static FILE *open_golden(const char *name, const char *file) {
    char path[1000];
    snprintf(path, sizeof path, GOLDEN "/%s/%s", name, file);
    return fopen(path, "r");
}

static tokenizer *load_golden(const char *name) {
    char path[1000];
    tokenizer *t;
    snprintf(path, sizeof path, GOLDEN "/%s", name);
    assert_ok(tokenizer_load(&t, path));
    return t;
}

static void assert_same_ids(const char *name, size_t row, const token_list *got, const token_list *want) {
    bool same = got->count == want->count && (!got->count || memcmp(got->ids, want->ids, got->count * sizeof *got->ids) == 0);
    if (same) return;
    size_t i = 0;
    while (i < got->count && i < want->count && got->ids[i] == want->ids[i]) i++;
    fail_msg("%s, text %zu: %zu tokens, not %zu; token %zu is %d, not %d", name, row + 1, got->count, want->count, i,
             i < got->count ? got->ids[i] : -1, i < want->count ? want->ids[i] : -1);
}

static void check_texts(const samples *s, const char *name, const tokenizer *t) {
    FILE *expected = open_golden(name, "expected.txt");
    token_list want = {0}, got = {0};
    uint64_t hash[3];
    size_t rows = 0;
    assert_non_null(expected);
    for (; read_line(expected, 3, hash, &want); rows++) {
        assert_true(rows < s->count);
        got.count = 0;
        assert_ok(tokenizer_encode(t, s->texts[rows], s->lengths[rows], true, true, &got));
        assert_same_ids(name, rows, &got, &want);
        if (hash_decoded(t, &want, false) != hash[1] || hash_decoded(t, &want, true) != hash[2])
            fail_msg("%s, text %zu: decoded otherwise", name, rows + 1);
        got.count = 0;
        assert_ok(tokenizer_encode(t, s->texts[rows], s->lengths[rows], false, false, &got));
        if (hash_bytes((const char *)got.ids, got.count * sizeof *got.ids) != hash[0])
            fail_msg("%s, text %zu: tokenized otherwise without special tokens", name, rows + 1);
    }
    assert_int_equal(rows, s->count);
    fclose(expected);
    token_list_free(&want);
    token_list_free(&got);
}

static void every_configuration_encodes_and_decodes_as_hugging_face_does(void **state) {
    static const char *const names[] = {"gpt2",      "smollm",        "llama3",    "qwen2",   "o200k", "deepseek",  "roberta",
                                        "behaviors", "sentencepiece", "metaspace", "affixes", "bert",  "bert_cased"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tokenizer *t = load_golden(names[i]);
        check_texts(*state, names[i], t);
        tokenizer_free(t);
    }
}

static void lists_of_any_tokens_decode_as_hugging_face_does(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2", "smollm", "llama3", "qwen2", "o200k", "deepseek", "roberta", "behaviors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tokenizer *t = load_golden(names[i]);
        FILE *file = open_golden(names[i], "random.txt");
        token_list ids = {0};
        uint64_t hash;
        size_t rows = 0;
        assert_non_null(file);
        for (; read_line(file, 1, &hash, &ids); rows++) {
            if (hash_decoded(t, &ids, false) != hash) fail_msg("%s, list %zu: decoded otherwise", names[i], rows + 1);
            buffer whole = {0}, parts = {0}; // token by token gives the same bytes
            assert_ok(tokenizer_decode(t, ids.ids, ids.count, false, &whole));
            for (size_t k = 0; k < ids.count; k++) {
                size_t length;
                const char *bytes = tokenizer_token_bytes(t, ids.ids[k], &length);
                assert_non_null(bytes);
                assert_ok(buffer_append(&parts, bytes, length));
            }
            assert_int_equal(whole.length, parts.length);
            assert_memory_equal(buffer_text(&whole), buffer_text(&parts), whole.length);
            buffer_free(&whole);
            buffer_free(&parts);
        }
        assert_int_equal(rows, 40);
        fclose(file);
        token_list_free(&ids);
        tokenizer_free(t);
    }
}

static void a_limit_cuts_the_text_and_keeps_what_is_added(void **state) {
    const samples *s = *state;
    static const char *const names[] = {"bert", "bert_cased"};
    for (size_t i = 0; i < 2; i++) {
        tokenizer *t = load_golden(names[i]);
        FILE *file = open_golden(names[i], "limit.txt");
        token_list want = {0}, got = {0};
        size_t rows = 0, cuts = 0;
        assert_non_null(file);
        for (; read_line(file, 0, NULL, &want); rows++) {
            bool cut, expected = want.ids[0] == 1;
            got.count = 0;
            assert_ok(tokenizer_encode_limited(t, s->texts[rows], s->lengths[rows], true, true, 12, &got, &cut));
            memmove(want.ids, want.ids + 1, --want.count * sizeof *want.ids);
            assert_same_ids(names[i], rows, &got, &want);
            assert_int_equal(cut, expected);
            cuts += expected;
        }
        assert_int_equal(rows, s->count);
        assert_true(cuts > 20);
        assert_int_equal(tokenizer_encode_limited(t, "a", 1, true, true, 1, &got, NULL), STATUS_INVALID);
        fclose(file);
        token_list_free(&want);
        token_list_free(&got);
        tokenizer_free(t);
    }
}

static void a_folder_is_saved_byte_for_byte(void **state) {
    (void)state;
    tokenizer *t = load_golden("llama3");
    file_map before, after;
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_saved"));
    assert_ok(folder_create(TEST_BINARY_DIR "/text_saved"));
    assert_ok(tokenizer_save(t, TEST_BINARY_DIR "/text_saved"));
    tokenizer_free(t);
    assert_ok(file_map_open(&before, GOLDEN "/llama3/tokenizer.json"));
    assert_ok(file_map_open(&after, TEST_BINARY_DIR "/text_saved/tokenizer.json"));
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.bytes, after.bytes, before.size);
    file_map_close(&before);
    file_map_close(&after);
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_saved"));
}

// The vocabulary of a golden tokenizer as an array by id; texts are borrowed from `model`.
static text_span *list_vocabulary(const json_t *model, size_t *count) {
    json_t *vocabulary = json_object_get(model, "vocab"), *value;
    const char *key;
    *count = json_object_size(vocabulary);
    text_span *tokens = calloc(*count, sizeof *tokens);
    json_object_foreach(vocabulary, key, value) {
        assert_true((size_t)json_integer_value(value) < *count);
        tokens[json_integer_value(value)] = (text_span){key, strlen(key)};
    }
    return tokens;
}

static json_t *read_json(const char *path) {
    file_map map;
    json_t *root;
    assert_ok(file_map_open(&map, path));
    assert_ok(json_parse((const char *)map.bytes, map.size, path, &root));
    file_map_close(&map);
    return root;
}

// A tokenizer from the arrays that a GGUF file of the same model would hold, made of the golden tokenizer.json.
static tokenizer *create_from_arrays(const char *golden, const char *pre_tokenizer, bool add_bos) {
    char path[1000];
    snprintf(path, sizeof path, GOLDEN "/%s/tokenizer.json", golden);
    json_t *root = read_json(path), *model = json_object_get(root, "model"), *merges = json_object_get(model, "merges"),
           *added = json_object_get(root, "added_tokens");
    size_t token_count, merge_count = json_array_size(merges);
    text_span *tokens = list_vocabulary(model, &token_count), *lines = calloc(merge_count, sizeof *lines);
    tokens = realloc(tokens, (token_count + json_array_size(added)) * sizeof *tokens);
    int32_t *types = calloc(token_count + json_array_size(added), sizeof *types);
    for (size_t i = 0; i < token_count; i++) types[i] = TOKEN_NORMAL;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i);
        size_t id = (size_t)json_integer_value(json_object_get(token, "id"));
        const char *text = json_string_value(json_object_get(token, "content"));
        if (id >= token_count) token_count = id + 1;
        tokens[id] = (text_span){text, strlen(text)};
        types[id] = json_is_true(json_object_get(token, "special")) ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    }
    for (size_t i = 0; i < merge_count; i++) {
        const json_t *merge = json_array_get(merges, i);
        char line[500];
        if (json_is_string(merge))
            snprintf(line, sizeof line, "%s", json_string_value(merge));
        else
            snprintf(line, sizeof line, "%s %s", json_string_value(json_array_get(merge, 0)),
                     json_string_value(json_array_get(merge, 1)));
        lines[i] = (text_span){text_copy(line, strlen(line)), strlen(line)};
    }
    tokenizer_bpe_source source = {.name = "arrays",
                                   .pre_tokenizer = pre_tokenizer,
                                   .tokens = tokens,
                                   .types = types,
                                   .token_count = token_count,
                                   .merges = lines,
                                   .merge_count = merge_count,
                                   .bos = 0,
                                   .eos = 2,
                                   .pad = 2,
                                   .unk = -1,
                                   .add_bos = add_bos,
                                   .chat_template = "{{ \"a\\n\" }}\tb"};
    tokenizer *t;
    assert_ok(tokenizer_create_bpe(&t, &source));
    for (size_t i = 0; i < merge_count; i++) free((char *)lines[i].bytes);
    free(lines), free(tokens), free(types);
    json_decref(root);
    return t;
}

// GGUF knows no token that strips spaces, stands alone as a word or is searched in the normal form, so texts with the golden
// tokenizers' tokens of that kind are left aside.
static void arrays_make_the_tokenizer_of_the_folder(void **state) {
    const samples *s = *state;
    static const char *const names[][2] = {{"gpt2", "gpt-2"}, {"smollm", "smollm"}, {"llama3", "llama-bpe"}, {"qwen2", "qwen2"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tokenizer *folder = load_golden(names[i][0]), *arrays = create_from_arrays(names[i][0], names[i][1], i == 2), *saved;
        assert_ok(folder_remove(TEST_BINARY_DIR "/text_arrays"));
        assert_ok(folder_create(TEST_BINARY_DIR "/text_arrays"));
        assert_ok(tokenizer_save(arrays, TEST_BINARY_DIR "/text_arrays"));
        assert_ok(tokenizer_load(&saved, TEST_BINARY_DIR "/text_arrays"));
        size_t compared = 0;
        for (size_t k = 0; k < s->count; k++) {
            token_list want = {0}, got = {0}, again = {0};
            bool odd = strstr(s->texts[k], "Word") || strstr(s->texts[k], "STRIP") || strstr(s->texts[k], "NORM") ||
                       strstr(s->texts[k], "<é>") || strstr(s->texts[k], "<e\xCC\x81>");
            assert_ok(tokenizer_encode(folder, s->texts[k], s->lengths[k], true, true, &want));
            assert_ok(tokenizer_encode(arrays, s->texts[k], s->lengths[k], true, true, &got));
            assert_ok(tokenizer_encode(saved, s->texts[k], s->lengths[k], true, true, &again));
            assert_same_ids("what was saved", k, &again, &got);
            if (!odd) assert_same_ids(names[i][0], k, &got, &want);
            compared += !odd;
            token_list_free(&want), token_list_free(&got), token_list_free(&again);
        }
        assert_true(compared > 100);
        assert_int_equal(tokenizer_bos(saved), 0);
        assert_int_equal(tokenizer_eos(saved), 2);
        assert_int_equal(tokenizer_pad(saved), 2);
        assert_string_equal(tokenizer_chat_template(saved), "{{ \"a\\n\" }}\tb");
        assert_string_equal(tokenizer_eos_text(saved), tokenizer_eos_text(arrays));
        tokenizer_free(folder), tokenizer_free(arrays), tokenizer_free(saved);
    }
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_arrays"));
}

// A BERT folder of old has vocab.txt and no tokenizer.json.
static void a_vocabulary_of_lines_makes_the_same_bert(void **state) {
    const samples *s = *state;
    json_t *root = read_json(GOLDEN "/bert/tokenizer.json");
    size_t count;
    text_span *tokens = list_vocabulary(json_object_get(root, "model"), &count);
    buffer lines = {0};
    for (size_t i = 0; i < count; i++) {
        assert_ok(buffer_append(&lines, tokens[i].bytes, tokens[i].length));
        assert_ok(buffer_append_byte(&lines, '\n'));
    }
    assert_ok(folder_create(TEST_BINARY_DIR "/text_lines"));
    assert_ok(file_replace(TEST_BINARY_DIR "/text_lines/vocab.txt", lines.data, lines.length));
    tokenizer *t, *golden = load_golden("bert");
    assert_ok(tokenizer_load(&t, TEST_BINARY_DIR "/text_lines"));
    for (size_t k = 0; k < s->count; k++) {
        token_list want = {0}, got = {0};
        size_t characters = 0, longest = 0; // the golden one takes words of 30 characters, BERT's own 100
        for (size_t at = 0; at < s->lengths[k]; characters++)
            if (unicode_is_space(unicode_next(s->texts[k], &at)))
                longest = characters > longest ? characters : longest, characters = 0;
        if (characters > 30 || longest > 30) continue;
        assert_ok(tokenizer_encode(golden, s->texts[k], s->lengths[k], true, true, &want));
        assert_ok(tokenizer_encode(t, s->texts[k], s->lengths[k], true, true, &got));
        assert_same_ids("vocab.txt", k, &got, &want);
        token_list_free(&want), token_list_free(&got);
    }
    tokenizer_free(t), tokenizer_free(golden);
    free(tokens);
    buffer_free(&lines);
    json_decref(root);
    assert_ok(folder_remove(TEST_BINARY_DIR "/text_lines"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_configuration_encodes_and_decodes_as_hugging_face_does),
        cmocka_unit_test(lists_of_any_tokens_decode_as_hugging_face_does),
        cmocka_unit_test(a_limit_cuts_the_text_and_keeps_what_is_added),
        cmocka_unit_test(a_folder_is_saved_byte_for_byte),
        cmocka_unit_test(arrays_make_the_tokenizer_of_the_folder),
        cmocka_unit_test(a_vocabulary_of_lines_makes_the_same_bert),
    };
    return cmocka_run_group_tests(tests, read_samples, free_samples);
}
