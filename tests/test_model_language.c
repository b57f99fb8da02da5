// model/: one model from a Hugging Face folder and from GGUF, saved and opened again, its end tokens and its prompts.
#include "model_fixture.h"

#include "base/file.h"
#include "model/language.h"

static const char folder[] = TEST_SOURCE_DIR "/golden/model/tiny_lm";
static const char gguf[] = TEST_SOURCE_DIR "/golden/model/tiny_lm.gguf";
static const char *const texts[] = {"",         "What is 6 + 6?",  "The answer is \\boxed{12}.<|im_end|>",
                                    "  12  34", "line\nline\n\n9", "caf\xc3\xa9 \xe4\xb8\xad <|im_start|>user"};
enum { TEXTS = sizeof texts / sizeof *texts };

static matmul *products;

static int set_up(void **state) {
    (void)state;
    return matmul_create(&products, PRECISION_FLOAT32, 1, false) == STATUS_OK ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    matmul_free(products);
    return 0;
}

static void assert_same_tokens(const tokenizer *a, const tokenizer *b) {
    for (size_t i = 0; i < TEXTS; i++)
        for (int add = 0; add < 2; add++) {
            token_list x = {0}, y = {0};
            assert_ok(tokenizer_encode(a, texts[i], strlen(texts[i]), true, add, &x));
            assert_ok(tokenizer_encode(b, texts[i], strlen(texts[i]), true, add, &y));
            assert_int_equal(x.count, y.count);
            for (size_t k = 0; k < x.count; k++) assert_int_equal(x.ids[k], y.ids[k]);
            token_list_free(&x), token_list_free(&y);
        }
}

static void assert_same_model(const language_model *a, const language_model *b) {
    assert_int_equal(a->model.table.total, b->model.table.total);
    assert_memory_equal(a->model.parameters, b->model.parameters, a->model.table.total * sizeof(float));
    assert_true(a->model.config.rope_theta == b->model.config.rope_theta);
    assert_true((float)a->model.config.norm_eps == (float)b->model.config.norm_eps);
    assert_int_equal(a->stop_count, b->stop_count);
    for (size_t i = 0; i < a->stop_count; i++) assert_int_equal(a->stop_tokens[i], b->stop_tokens[i]);
    assert_same_tokens(a->tokenizer, b->tokenizer);
    assert_string_equal(tokenizer_chat_template(a->tokenizer), tokenizer_chat_template(b->tokenizer));
}

static void a_gguf_file_is_the_folder_it_was_made_from(void **state) {
    (void)state;
    language_model a, b;
    assert_ok(language_model_open(&a, products, folder, true));
    assert_ok(language_model_open(&b, products, gguf, false));
    assert_int_equal(a.stop_count, 1);
    assert_int_equal(a.stop_tokens[0], 2);
    assert_same_model(&a, &b);
    language_model_close(&a), language_model_close(&b);
}

static void a_saved_model_opens_as_the_same(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        language_model a, b;
        static const char saved[] = TEST_BINARY_DIR "/language_saved";
        assert_ok(folder_remove(saved));
        assert_ok(folder_create(saved));
        assert_ok(language_model_open(&a, products, k ? gguf : folder, false));
        assert_ok(language_model_save(&a, saved));
        assert_ok(language_model_open(&b, products, saved, false));
        assert_same_model(&a, &b);
        memset(b.model.parameters, 0, b.model.table.total * sizeof(float));
        assert_ok(language_model_read_parameters(&b, saved));
        assert_same_model(&a, &b);
        language_model_close(&a), language_model_close(&b);
    }
}

// The tiny model's folder with one file replaced, or added.
static const char *changed_folder(const char *file, const char *content) {
    static const char copy[] = TEST_BINARY_DIR "/language_changed";
    static const char *const files[] = {"config.json",    "generation_config.json", "model.safetensors",
                                        "tokenizer.json", "tokenizer_config.json",  "chat_template.jinja"};
    assert_ok(folder_remove(copy));
    assert_ok(folder_create(copy));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *from = path_join(folder, files[i]), *to = path_join(copy, files[i]);
        file_map map;
        assert_ok(file_map_open(&map, from));
        assert_ok(file_replace(to, map.bytes, map.size));
        file_map_close(&map);
        free(from), free(to);
    }
    char *path = path_join(copy, file);
    assert_ok(file_replace(path, content, strlen(content)));
    free(path);
    return copy;
}

static void end_tokens_come_from_config_generation_config_and_tokenizer(void **state) {
    (void)state;
    language_model lm, again;
    assert_ok(
        language_model_open(&lm, products, changed_folder("generation_config.json", "{\"eos_token_id\": [0, 2, 5]}"), false));
    static const int32_t expected[] = {2, 0, 5};
    assert_int_equal(lm.stop_count, 3);
    assert_memory_equal(lm.stop_tokens, expected, sizeof expected);
    static const char saved[] = TEST_BINARY_DIR "/language_saved";
    assert_ok(folder_create(saved));
    assert_ok(language_model_save(&lm, saved));
    assert_ok(language_model_open(&again, products, saved, false));
    assert_int_equal(again.stop_count, 3);
    assert_memory_equal(again.stop_tokens, expected, sizeof expected);
    language_model_close(&lm), language_model_close(&again);
}

static char *prompt_of(language_model *lm, const prompt_options *options, const char *question, token_list *tokens, bool *think) {
    buffer text = {0};
    assert_ok(language_model_prompt(lm, options, question, tokens, &text, think));
    return text.data;
}

static void chat_prompts_hold_problem_and_instruction(void **state) {
    (void)state;
    language_model lm;
    assert_ok(language_model_open(&lm, products, gguf, false));
    token_list tokens = {0};
    bool think = true;
    const prompt_options options = {.prompt_template = "chat", .instruction = "Box it."};
    char *text = prompt_of(&lm, &options, "What is 6 + 6?", &tokens, &think);
    assert_string_equal(text, "<|im_start|>user\nWhat is 6 + 6?\nBox it.<|im_end|>\n<|im_start|>assistant\n");
    assert_false(think);
    assert_int_equal(tokens.ids[0], 1); // one <|im_start|>
    assert_int_not_equal(tokens.ids[1], 1);
    buffer decoded = {0};
    assert_ok(tokenizer_decode(lm.tokenizer, tokens.ids, tokens.count, false, &decoded));
    assert_string_equal(decoded.data, text);
    buffer_free(&decoded);
    free(text);
    const prompt_options plain = {0};
    tokens.count = 0;
    text = prompt_of(&lm, &plain, "Hi", &tokens, NULL);
    assert_string_equal(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    free(text);
    token_list_free(&tokens);
    language_model_close(&lm);
}

static void raw_prompts_replace_the_problem_and_say_whether_thinking_is_open(void **state) {
    (void)state;
    language_model lm;
    assert_ok(language_model_open(&lm, products, folder, false));
    token_list tokens = {0};
    bool think = false;
    prompt_options options = {.prompt_template = "<|im_start|>Q: {problem} again {problem}\n<think>\n", .instruction = "unused"};
    char *text = prompt_of(&lm, &options, "1 {problem}", &tokens, &think);
    assert_string_equal(text, "<|im_start|>Q: 1 {problem} again 1 {problem}\n<think>\n");
    assert_true(think);
    assert_int_equal(tokens.ids[0], 1);
    free(text);
    options.prompt_template = "<think></think>{problem}";
    tokens.count = 0;
    text = prompt_of(&lm, &options, "6", &tokens, &think);
    assert_false(think);
    free(text);
    options.prompt_template = "no place";
    assert_int_equal(language_model_prompt(&lm, &options, "6", &tokens, NULL, NULL), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "data.prompt_template"));
    token_list_free(&tokens);
    language_model_close(&lm);
}

// A tokenizer that adds BOS: once, also where the text begins with it; an added end token is no part of a prompt.
static void raw_prompts_begin_with_bos_once(void **state) {
    (void)state;
    json_t *words = fixture_json("tiny_lm", "tokenizer.json");
    json_t *processor =
        json_loads("{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|im_start|>\",\"type_id\":0}},"
                   "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"<|im_end|>\",\"type_id\":0}}],"
                   "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
                   "\"special_tokens\":{\"<|im_start|>\":{\"id\":\"<|im_start|>\",\"ids\":[1],\"tokens\":[\"<|im_start|>\"]},"
                   "\"<|im_end|>\":{\"id\":\"<|im_end|>\",\"ids\":[2],\"tokens\":[\"<|im_end|>\"]}}}",
                   0, NULL);
    assert_non_null(processor);
    json_object_set_new(words, "post_processor", processor);
    char *json = json_dumps(words, JSON_ENSURE_ASCII);
    language_model lm;
    assert_ok(language_model_open(&lm, products, changed_folder("tokenizer.json", json), false));
    static const char *const templates[] = {"{problem}", "<|im_start|>{problem}"};
    for (size_t i = 0; i < 2; i++) {
        token_list tokens = {0};
        const prompt_options options = {.prompt_template = templates[i]};
        assert_ok(language_model_prompt(&lm, &options, "6 + 6", &tokens, NULL, NULL));
        assert_int_equal(tokens.ids[0], 1);
        assert_int_not_equal(tokens.ids[1], 1);
        assert_int_not_equal(tokens.ids[tokens.count - 1], 2);
        token_list_free(&tokens);
    }
    language_model_close(&lm);
    free(json);
    json_decref(words);
}

static void an_unknown_template_is_an_error_only_for_chat(void **state) {
    (void)state;
    language_model lm;
    assert_ok(language_model_open(&lm, products, changed_folder("chat_template.jinja", "{% frobnicate messages %}"), false));
    token_list tokens = {0};
    prompt_options options = {.prompt_template = "{problem}"};
    assert_ok(language_model_prompt(&lm, &options, "6", &tokens, NULL, NULL));
    options.prompt_template = "chat";
    assert_int_equal(language_model_prompt(&lm, &options, "6", &tokens, NULL, NULL), STATUS_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "frobnicate"));
    token_list_free(&tokens);
    language_model_close(&lm);
}

static void what_does_not_open_is_explained(void **state) {
    (void)state;
    language_model lm;
    tokenizer *t;
    assert_int_equal(language_model_open(&lm, products, "/nowhere/at/all", false), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "/nowhere/at/all"));
    assert_null(lm.tokenizer);
    assert_int_equal(language_tokenizer_open(&t, TEST_SOURCE_DIR "/golden/weights/types.gguf"), STATUS_UNSUPPORTED);
    assert_null(t);
    // a tokenizer with more tokens than the model has
    json_t *words = fixture_json("tiny_lm", "tokenizer.json");
    json_t *token = json_deep_copy(json_array_get(json_object_get(words, "added_tokens"), 0));
    json_object_set_new(token, "id", json_integer(288));
    json_object_set_new(token, "content", json_string("<|surplus|>"));
    json_array_append_new(json_object_get(words, "added_tokens"), token);
    char *json = json_dumps(words, JSON_ENSURE_ASCII);
    assert_int_equal(language_model_open(&lm, products, changed_folder("tokenizer.json", json), false), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "289"));
    free(json);
    json_decref(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_file_is_the_folder_it_was_made_from),
        cmocka_unit_test(a_saved_model_opens_as_the_same),
        cmocka_unit_test(end_tokens_come_from_config_generation_config_and_tokenizer),
        cmocka_unit_test(chat_prompts_hold_problem_and_instruction),
        cmocka_unit_test(raw_prompts_replace_the_problem_and_say_whether_thinking_is_open),
        cmocka_unit_test(raw_prompts_begin_with_bos_once),
        cmocka_unit_test(an_unknown_template_is_an_error_only_for_chat),
        cmocka_unit_test(what_does_not_open_is_explained),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
