// libdsdr's models through dsdr.h alone: tokens, log-probs and generation equal transformers', embeddings those of
// sentence-transformers; what is recorded while sampling is what is computed afterwards; bad files and arguments are told.
#include "api_assert.h"
#include "learn_golden.h"

#include <sys/stat.h>

#define TINY TEST_SOURCE_DIR "/golden/model/tiny_lm"
#define BERT TEST_SOURCE_DIR "/golden/model/tiny_bert"

static dsdr_model *open_tiny(int threads, dsdr_precision precision) {
    dsdr_model *m;
    const dsdr_model_options options = {.threads = threads, .precision = precision};
    ASSERT_OK(dsdr_model_open(&m, TINY, &options));
    return m;
}

static int32_t *tokens_of(const json_t *list, size_t *count) {
    *count = json_array_size(list);
    int32_t *tokens = calloc(*count + 1, sizeof *tokens);
    for (size_t i = 0; i < *count; i++) tokens[i] = (int32_t)golden_at(list, i);
    return tokens;
}

static void tokens_log_probs_and_greedy_responses_equal_transformers(void **state) {
    (void)state;
    dsdr_model *m = open_tiny(2, DSDR_PRECISION_FLOAT32);
    json_t *rows = golden_load("../api/tiny_lm.json"), *row;
    size_t n;
    json_array_foreach(rows, n, row) {
        size_t prompt_length, count, length;
        int32_t *prompt = tokens_of(golden_get(row, "prompt"), &prompt_length), *ids;
        ASSERT_OK(dsdr_model_encode(m, golden_text(row, "text"), DSDR_STRING, false, false, &ids, &count));
        assert_int_equal(count, prompt_length);
        assert_memory_equal(ids, prompt, count * sizeof *ids);
        dsdr_free(ids);

        dsdr_sequence responses[2];
        for (int r = 0; r < 2; r++) {
            responses[r].tokens = tokens_of(json_array_get(golden_get(row, "responses"), (size_t)r), &length);
            responses[r].length = length;
            responses[r].logp = calloc(length, sizeof(float)), responses[r].entropy = calloc(length, sizeof(float));
        }
        for (int warm = 0; warm < 2; warm++) {
            ASSERT_OK(dsdr_model_logprobs(m, prompt, prompt_length, responses, 2, warm ? 0.7f : 1.0f));
            json_t *logp = golden_get(row, warm ? "logp_0.7" : "logp_1.0"),
                   *entropy = golden_get(row, warm ? "entropy_0.7" : "entropy_1.0");
            for (size_t r = 0; r < 2; r++)
                for (size_t t = 0; t < responses[r].length; t++) {
                    ASSERT_CLOSE(responses[r].logp[t], golden_at(json_array_get(logp, r), t), 1e-5, 1, "log-prob %zu", t);
                    ASSERT_CLOSE(responses[r].entropy[t], golden_at(json_array_get(entropy, r), t), 1e-5, 1, "entropy %zu", t);
                }
        }

        dsdr_sampling greedy = dsdr_sampling_defaults();
        greedy.temperature = 0, greedy.max_tokens = 16;
        dsdr_rollout out;
        const int32_t *prompts[] = {prompt};
        ASSERT_OK(dsdr_model_generate(m, prompts, &prompt_length, 1, 1, &greedy, &out));
        assert_int_equal(out.length, responses[0].length);
        assert_memory_equal(out.tokens, responses[0].tokens, out.length * sizeof *out.tokens);
        assert_string_equal(out.text, golden_text(row, "decoded"));
        assert_int_equal(out.text_length, strlen(out.text));
        assert_int_equal(out.finish, out.tokens[out.length - 1] == 2 ? DSDR_FINISH_STOP : DSDR_FINISH_LENGTH);
        char *text;
        ASSERT_OK(dsdr_model_decode(m, out.tokens, out.length, true, &text, &length));
        assert_string_equal(text, golden_text(row, "decoded"));
        dsdr_free(text);
        dsdr_rollouts_clear(&out, 1);
        assert_null(out.tokens);
        for (int r = 0; r < 2; r++)
            free((void *)(uintptr_t)responses[r].tokens), free(responses[r].logp), free(responses[r].entropy);
        free(prompt);
    }
    assert_int_equal(n, 4);
    json_decref(rows);
    dsdr_model_close(m);
}

enum { PROMPTS = 3, SIZE = 4 };

static void generate(dsdr_model *m, size_t rows, dsdr_rollout *out) {
    int32_t *prompts[PROMPTS];
    size_t lengths[PROMPTS];
    static const char *const texts[PROMPTS] = {"What is 3 + 5?", "What is 7 + 7?", "say it"};
    for (int i = 0; i < PROMPTS; i++)
        ASSERT_OK(dsdr_model_prompt(m, "{problem}", NULL, texts[i], &prompts[i], &lengths[i], NULL));
    dsdr_sampling how = dsdr_sampling_defaults();
    how.temperature = 1.3f, how.max_tokens = 20, how.rows = rows, how.seed = 5;
    ASSERT_OK(dsdr_model_generate(m, (const int32_t *const *)prompts, lengths, PROMPTS, SIZE, &how, out));
    // What was recorded while sampling is what these tokens have afterwards, bit for bit.
    for (int p = 0; p < PROMPTS; p++) {
        float logp[SIZE][20], entropy[SIZE][20];
        dsdr_sequence responses[SIZE];
        for (int r = 0; r < SIZE; r++) {
            const dsdr_rollout *one = &out[p * SIZE + r];
            responses[r] = (dsdr_sequence){one->tokens, one->length, logp[r], entropy[r]};
        }
        ASSERT_OK(dsdr_model_logprobs(m, prompts[p], lengths[p], responses, SIZE, how.temperature));
        for (int r = 0; r < SIZE; r++) {
            assert_memory_equal(logp[r], out[p * SIZE + r].logp, responses[r].length * sizeof(float));
            assert_memory_equal(entropy[r], out[p * SIZE + r].entropy, responses[r].length * sizeof(float));
        }
        dsdr_free(prompts[p]);
    }
}

static void sampling_is_the_same_in_any_arrangement(void **state) {
    (void)state;
    for (int precision = DSDR_PRECISION_FLOAT32; precision <= DSDR_PRECISION_BFLOAT16; precision++) {
        // Two handles with different numbers of threads, used in turn by one caller.
        dsdr_model *one = open_tiny(1, (dsdr_precision)precision), *many = open_tiny(5, (dsdr_precision)precision);
        dsdr_rollout a[PROMPTS * SIZE], b[PROMPTS * SIZE];
        generate(one, 32, a);
        generate(many, 3, b);
        bool differ = false;
        for (int i = 0; i < PROMPTS * SIZE; i++) {
            assert_int_equal(a[i].length, b[i].length);
            assert_int_equal(a[i].finish, b[i].finish);
            assert_memory_equal(a[i].tokens, b[i].tokens, a[i].length * sizeof *a[i].tokens);
            assert_memory_equal(a[i].logp, b[i].logp, a[i].length * sizeof *a[i].logp);
            assert_string_equal(a[i].text, b[i].text);
            differ |= strcmp(a[i].text, a[0].text) != 0;
        }
        assert_true(differ);
        dsdr_rollouts_clear(a, PROMPTS * SIZE), dsdr_rollouts_clear(b, PROMPTS * SIZE);
        dsdr_model_close(one), dsdr_model_close(many);
    }
}

static bool stop_at_once(void *context, size_t finished, size_t tokens) {
    (void)finished, (void)tokens;
    return *(bool *)context = true;
}

static void responses_end_where_they_are_asked_to(void **state) {
    (void)state;
    dsdr_model *m = open_tiny(1, DSDR_PRECISION_FLOAT32);
    int32_t *prompt;
    size_t length;
    ASSERT_OK(dsdr_model_prompt(m, "{problem}", NULL, "What is 8 + 6?", &prompt, &length, NULL));
    const int32_t *prompts[] = {prompt};
    dsdr_sampling how = dsdr_sampling_defaults();
    const char *const stops[] = {" = "};
    how.temperature = 0, how.max_tokens = 16, how.stop_strings = stops, how.stop_count = 1;
    dsdr_rollout out;
    ASSERT_OK(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out));
    assert_string_equal(out.text, "8 + 6");
    assert_int_equal(out.finish, DSDR_FINISH_STOP);
    dsdr_rollouts_clear(&out, 1);
    how.stop_count = 0, how.max_tokens = 3;
    ASSERT_OK(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out));
    assert_true(out.length == 3 && out.finish == DSDR_FINISH_LENGTH);
    dsdr_rollouts_clear(&out, 1);
    const int32_t end[] = {259}; // " +", the second token of the response
    how.end_tokens = end, how.end_count = 1, how.max_tokens = 16;
    ASSERT_OK(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out));
    assert_true(out.length == 2 && out.finish == DSDR_FINISH_STOP);
    dsdr_rollouts_clear(&out, 1);
    bool called = false;
    how.watch = stop_at_once, how.watch_context = &called;
    how.end_tokens = NULL;
    assert_int_equal(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INTERRUPTED);
    assert_true(called && !out.tokens && !out.text);
    dsdr_free(prompt);
    dsdr_model_close(m);
}

static void a_model_describes_itself(void **state) {
    (void)state;
    dsdr_model *m = open_tiny(1, DSDR_PRECISION_AUTO), *gguf;
    dsdr_model_info info, other;
    ASSERT_OK(dsdr_model_describe(m, &info));
    assert_string_equal(info.architecture, "LlamaForCausalLM");
    assert_true(info.layers == 2 && info.hidden == 48 && info.vocabulary == 288 && info.max_positions == 128 && info.bos == 1);
    assert_true(info.stop_count == 1 && info.stop_tokens[0] == 2 && info.chat_template);
    assert_int_equal(info.parameters, 288 * 48 + 2 * (48 * 64 + 2 * 48 * 32 + 64 * 48 + 3 * 48 * 96 + 2 * 48) + 48);
    // A chat prompt holds the opening of the answer.
    int32_t *tokens;
    size_t count, length;
    char *text;
    bool think = true;
    ASSERT_OK(dsdr_model_prompt(m, NULL, "Box it.", "2 + 2?", &tokens, &count, &think));
    ASSERT_OK(dsdr_model_decode(m, tokens, count, false, &text, &length));
    assert_string_equal(text, "<|im_start|>user\n2 + 2?\nBox it.<|im_end|>\n<|im_start|>assistant\n");
    assert_true(!think && length == strlen(text));
    dsdr_free(text), dsdr_free(tokens);
    ASSERT_OK(dsdr_model_encode(m, NULL, 0, false, false, &tokens, &count));
    assert_true(tokens && count == 0);
    dsdr_free(tokens);
    ASSERT_OK(dsdr_model_open(&gguf, TEST_SOURCE_DIR "/golden/model/tiny_lm.gguf", NULL));
    ASSERT_OK(dsdr_model_describe(gguf, &other));
    assert_int_equal(other.vocabulary, info.vocabulary);
    dsdr_model_close(gguf), dsdr_model_close(m), dsdr_model_close(NULL);
}

// ---- encoder and scorer --------------------------------------------------------------------------------------------------

static void embeddings_equal_sentence_transformers(void **state) {
    (void)state;
    dsdr_encoder *e;
    ASSERT_OK(dsdr_encoder_open(&e, BERT, 2));
    json_t *golden = golden_load("../model/tiny_bert/golden.json"), *rows = golden_get(golden, "rows");
    size_t count = json_array_size(rows), width = dsdr_encoder_width(e), cuts = 0;
    const char **texts = calloc(count, sizeof *texts);
    size_t *lengths = calloc(count, sizeof *lengths);
    float *embeddings = calloc(count * width, sizeof *embeddings);
    bool *cut = calloc(count, sizeof *cut);
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(golden_get(json_array_get(rows, i), "text"));
        lengths[i] = json_string_length(golden_get(json_array_get(rows, i), "text"));
    }
    ASSERT_OK(dsdr_encoder_embed(e, texts, lengths, count, embeddings, cut));
    for (size_t i = 0; i < count; i++) {
        json_t *expected = golden_get(json_array_get(rows, i), "normalized");
        assert_int_equal(json_array_size(expected), width);
        for (size_t c = 0; c < width; c++)
            ASSERT_CLOSE(embeddings[i * width + c], golden_at(expected, c), 1e-4, 1, "text %zu", i);
        cuts += cut[i];
        if (cut[i]) assert_int_equal(json_array_size(golden_get(json_array_get(rows, i), "ids")), dsdr_encoder_limit(e));
    }
    assert_true(cuts >= 3 && cuts < count / 2);
    ASSERT_OK(dsdr_encoder_set_windows(e, true));
    ASSERT_OK(dsdr_encoder_embed(e, texts, NULL, 1, embeddings, NULL));
    ASSERT_REFUSED(dsdr_encoder_embed(e, NULL, NULL, 1, embeddings, NULL), DSDR_INVALID, "`texts` is NULL");
    texts[0] = NULL;
    ASSERT_REFUSED(dsdr_encoder_embed(e, texts, NULL, 1, embeddings, NULL), DSDR_INVALID, "text 0 is NULL");
    free(texts), free(lengths), free(embeddings), free(cut);
    json_decref(golden);
    dsdr_encoder_close(e);
    ASSERT_REFUSED(dsdr_encoder_open(&e, "/nonexistent", 1), DSDR_INVALID, "/nonexistent");
    assert_null(e);
}

static void a_scored_group_is_its_parts_together(void **state) {
    (void)state;
    static const char *const responses[] = {"$3+4=7$ so \\boxed{7}", "$4+3=7$, that is \\boxed{7}", "", "\\boxed{8}",
                                            "We count: 5, 6, 7. \\boxed{7}"};
    enum { G = sizeof responses / sizeof *responses };
    dsdr_scorer *s;
    const char *const settings[] = {"algorithm.dsdr.encoder=" BERT, "algorithm.dsdr.lambda_d=0.1", "algorithm.dsdr.sigma_d=0.4"};
    ASSERT_OK(dsdr_scorer_open(&s, settings, 3, NULL));
    dsdr_scored scored[G];
    dsdr_credit_summary summary, summary_again;
    ASSERT_OK(dsdr_scorer_score(s, "7", responses, NULL, G, scored, &summary));
    dsdr_scorer_close(s);

    dsdr_encoder *e;
    dsdr_verdict_status verdicts[G];
    dsdr_formulas *sets[G];
    dsdr_diversity diversity[G];
    dsdr_credit credits[G];
    ASSERT_OK(dsdr_encoder_open(&e, BERT, 1));
    size_t width = dsdr_encoder_width(e);
    float *z = calloc(G * width, sizeof *z);
    ASSERT_OK(dsdr_encoder_embed(e, responses, NULL, G, z, NULL));
    for (int i = 0; i < G; i++) {
        dsdr_verdict v;
        ASSERT_OK(dsdr_verify(NULL, "7", DSDR_STRING, responses[i], DSDR_STRING, &v));
        verdicts[i] = v.status;
        assert_int_equal(scored[i].verdict.status, v.status);
        dsdr_verdict_clear(&v);
        if (!responses[i][0]) memset(z + (size_t)i * width, 0, width * sizeof *z);
        ASSERT_OK(dsdr_formulas_scan(&sets[i], responses[i], DSDR_STRING, DSDR_FORMULA_L2));
        assert_int_equal(dsdr_formulas_count(scored[i].formulas), dsdr_formulas_count(sets[i]));
        for (size_t f = 0; f < dsdr_formulas_count(sets[i]); f++)
            assert_string_equal(dsdr_formulas_text(scored[i].formulas, f), dsdr_formulas_text(sets[i], f));
    }
    assert_int_equal(verdicts[0], DSDR_CORRECT);
    assert_int_equal(verdicts[2], DSDR_NO_ANSWER);
    assert_int_equal(verdicts[3], DSDR_WRONG);
    ASSERT_OK(dsdr_diversity_scores(G, z, width, (const dsdr_formulas *const *)sets, 0.4, diversity));
    dsdr_credit_options options = dsdr_credit_defaults();
    options.lambda_d = 0.1;
    ASSERT_OK(dsdr_credit_assign(&options, G, verdicts, diversity, NULL, credits, &summary_again));
    for (int i = 0; i < G; i++) {
        assert_memory_equal(&scored[i].diversity, &diversity[i], sizeof diversity[i]);
        assert_memory_equal(&scored[i].credit, &credits[i], sizeof credits[i]);
        dsdr_formulas_free(sets[i]);
    }
    assert_true(summary.kind == DSDR_GROUP_MIXED && summary.correct == 3 && summary.reward_std == summary_again.reward_std);
    assert_true(credits[0].advantage > 0 && credits[3].advantage < 0 && diversity[0].d_emb > 0);
    dsdr_scored_clear(scored, G);
    dsdr_encoder_close(e);
    free(z);
    const char *const wrong[] = {"algorithm.dsdr.lamda_d=1"};
    ASSERT_REFUSED(dsdr_scorer_open(&s, wrong, 1, NULL), DSDR_INVALID, "lambda_d");
    assert_null(s);
}

// ---- what is refused -----------------------------------------------------------------------------------------------------

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is missing", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void broken_models_are_refused_with_a_reason(void **state) {
    (void)state;
    const char *folder = TEST_BINARY_DIR "/test_api_broken_model";
    static const char *const files[] = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                                        "model.safetensors"};
    mkdir(folder, 0777);
    dsdr_model *m = (dsdr_model *)files;
    ASSERT_REFUSED(dsdr_model_open(&m, "/nonexistent/model", NULL), DSDR_INVALID, "/nonexistent/model");
    assert_null(m);
    size_t size = 0, config_size;
    unsigned char *bytes = NULL;
    for (size_t i = 0; i < 5; i++) {
        char path[4096];
        snprintf(path, sizeof path, TINY "/%s", files[i]);
        free(bytes);
        bytes = read_file(path, &size);
        write_file(folder, files[i], bytes, size);
    }
    ASSERT_OK(dsdr_model_open(&m, folder, NULL));
    dsdr_model_close(m);
    bytes[size - 2] = 0xC0, bytes[size - 1] = 0x7F; // the last number becomes NaN, in bfloat16 as in float32
    write_file(folder, "model.safetensors", bytes, size);
    ASSERT_REFUSED(dsdr_model_open(&m, folder, NULL), DSDR_INVALID, "model.");
    assert_null(m);
    write_file(folder, "model.safetensors", bytes, size / 2);
    assert_int_equal(dsdr_model_open(&m, folder, NULL), DSDR_INVALID);
    assert_true(dsdr_message()[0]);
    free(bytes);
    bytes = read_file(TINY "/model.safetensors", &size);
    write_file(folder, "model.safetensors", bytes, size);
    char *config = (char *)read_file(TINY "/config.json", &config_size), *at;
    config[config_size] = 0;
    at = strstr(config, "\"silu\"");
    assert_non_null(at);
    memcpy(at, "\"gelu\"", 6);
    write_file(folder, "config.json", config, config_size);
    ASSERT_REFUSED(dsdr_model_open(&m, folder, NULL), DSDR_UNSUPPORTED, "hidden_act");
    free(config), free(bytes);
}

static void wrong_arguments_are_told(void **state) {
    (void)state;
    dsdr_model *m = open_tiny(1, DSDR_PRECISION_FLOAT32), *none;
    const dsdr_model_options strange = {.precision = (dsdr_precision)9},
                             negative = {.threads = -3, .precision = DSDR_PRECISION_FLOAT32};
    ASSERT_REFUSED(dsdr_model_open(&none, TINY, &strange), DSDR_INVALID, "precision 9");
    ASSERT_REFUSED(dsdr_model_open(&none, TINY, &negative), DSDR_INVALID, "threads");
    ASSERT_REFUSED(dsdr_model_open(NULL, TINY, NULL), DSDR_INVALID, "`out` is NULL");
    const int32_t good[] = {5, 6, 7}, bad[] = {5, 288}, minus[] = {-1};
    float logp[200];
    dsdr_sequence response = {good, 3, logp, NULL};
    ASSERT_OK(dsdr_model_logprobs(m, good, 3, &response, 1, 1.0f)); // without entropies
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 3, &response, 1, 0), DSDR_INVALID, "temperature");
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 0, &response, 1, 1), DSDR_INVALID, "prompt 0 has no tokens");
    ASSERT_REFUSED(dsdr_model_logprobs(m, bad, 2, &response, 1, 1), DSDR_INVALID, "token 1 is 288");
    response.tokens = minus, response.length = 1;
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 3, &response, 1, 1), DSDR_INVALID, "response 0: token 0 is -1");
    response.length = 0;
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 3, &response, 1, 1), DSDR_INVALID, "response 0 has no tokens");
    int32_t many[126] = {0};
    response.tokens = many, response.length = 126;
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 3, &response, 1, 1), DSDR_INVALID, "128 positions");
    response.logp = NULL;
    ASSERT_REFUSED(dsdr_model_logprobs(m, good, 3, &response, 1, 1), DSDR_INVALID, "no room");

    const int32_t *prompts[] = {good};
    const size_t length = 3;
    dsdr_rollout out;
    dsdr_sampling how = dsdr_sampling_defaults();
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "128 positions");
    how.max_tokens = SIZE_MAX;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "128 positions");
    how.max_tokens = 4, how.temperature = NAN;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "temperature");
    how.temperature = 1, how.top_p = 0;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "top_p");
    how.top_p = 1, how.rows = 0;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "rows");
    how.rows = 1;
    const char *const empty[] = {""};
    how.stop_strings = empty, how.stop_count = 1;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, 1, &how, &out), DSDR_INVALID, "stop string 0");
    how.stop_count = 0;
    ASSERT_REFUSED(dsdr_model_generate(m, prompts, &length, 1, SIZE_MAX / 4, &how, &out), DSDR_NO_MEMORY, "do not fit");
    ASSERT_OK(dsdr_model_generate(m, prompts, &length, 0, 1, &how, NULL));
    int32_t *tokens;
    size_t count;
    char *text;
    ASSERT_REFUSED(dsdr_model_prompt(m, "no place", NULL, "x", &tokens, &count, NULL), DSDR_INVALID, "{problem}");
    assert_null(tokens);
    assert_int_equal(dsdr_model_decode(m, bad, 2, false, &text, NULL), DSDR_INVALID);
    assert_null(text);
    ASSERT_REFUSED(dsdr_model_encode(NULL, "x", 1, false, false, &tokens, &count), DSDR_INVALID, "`model` is NULL");
    dsdr_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_log_probs_and_greedy_responses_equal_transformers),
        cmocka_unit_test(sampling_is_the_same_in_any_arrangement),
        cmocka_unit_test(responses_end_where_they_are_asked_to),
        cmocka_unit_test(a_model_describes_itself),
        cmocka_unit_test(embeddings_equal_sentence_transformers),
        cmocka_unit_test(a_scored_group_is_its_parts_together),
        cmocka_unit_test(broken_models_are_refused_with_a_reason),
        cmocka_unit_test(wrong_arguments_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
