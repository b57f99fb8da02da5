// model/: the sentence encoder against sentence-transformers, its independence of company, and what it refuses.
#include "model_fixture.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>

#include "base/file.h"
#include "base/random.h"
#include "model/encoder.h"

static const char folder[] = TEST_SOURCE_DIR "/golden/model/tiny_bert";
enum { WIDTH = 32, LIMIT = 32 };

typedef struct fixture {
    json_t *golden;
    size_t count;
    const char **texts;
    size_t *lengths;
} fixture;

static fixture fixture_open(void) {
    fixture f = {.golden = fixture_json("tiny_bert", "golden.json")};
    const json_t *rows = json_object_get(f.golden, "rows");
    f.count = json_array_size(rows);
    assert_true(f.count > 30);
    f.texts = calloc(f.count, sizeof *f.texts);
    f.lengths = calloc(f.count, sizeof *f.lengths);
    for (size_t i = 0; i < f.count; i++) {
        const json_t *text = json_object_get(json_array_get(rows, i), "text");
        f.texts[i] = json_string_value(text), f.lengths[i] = json_string_length(text);
    }
    return f;
}

static void fixture_close(fixture *f) {
    free(f->texts), free(f->lengths);
    json_decref(f->golden);
}

static const json_t *golden_row(const fixture *f, size_t i) { return json_array_get(json_object_get(f->golden, "rows"), i); }

static double largest_difference(const fixture *f, const char *key, const float *embeddings) {
    double worst = 0;
    for (size_t i = 0; i < f->count; i++) {
        const json_t *expected = json_object_get(golden_row(f, i), key);
        assert_int_equal(json_array_size(expected), WIDTH);
        for (size_t c = 0; c < WIDTH; c++) {
            double difference = fabs(embeddings[i * WIDTH + c] - json_number_value(json_array_get(expected, c)));
            if (!(difference <= worst)) worst = difference;
        }
    }
    return worst;
}

static encoder *open_encoder(matmul **products, precision p, int threads, const char *path, size_t rows) {
    encoder *e;
    assert_ok(matmul_create(products, p, threads, false));
    assert_ok(encoder_open(&e, *products, path, rows));
    return e;
}

// As a program opens it that promises bits: on the fixed-order kernel where oneDNN's products depend on the batch.
static encoder *open_invariant(matmul **products, precision p, int threads, const char *path, size_t rows) {
    encoder *e = open_encoder(products, p, threads, path, rows);
    bool invariant;
    assert_ok(encoder_self_test(e, &invariant));
    if (invariant) return e;
    encoder_close(e);
    matmul_free(*products);
    assert_ok(matmul_create(products, p, threads, true));
    assert_ok(encoder_open(&e, *products, path, rows));
    assert_ok(encoder_self_test(e, &invariant));
    assert_true(invariant);
    return e;
}

// A copy of the tiny encoder's folder with one file replaced; content NULL: left out.
static char *changed_folder(const char *name, const char *file, const char *content) {
    static const char *const files[] = {"config.json",           "model.safetensors", "modules.json", "sentence_bert_config.json",
                                        "1_Pooling/config.json", "tokenizer.json",    "vocab.txt",    "tokenizer_config.json"};
    char *copy = path_join(TEST_BINARY_DIR, name), *pooling = path_join(copy, "1_Pooling");
    assert_ok(folder_remove(copy));
    assert_ok(folder_create(pooling));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(files[i], file) == 0 && !content) continue;
        char *from = path_join(folder, files[i]), *to = path_join(copy, files[i]);
        file_map map;
        assert_ok(file_map_open(&map, from));
        if (strcmp(files[i], file) == 0)
            assert_ok(file_replace(to, content, strlen(content)));
        else
            assert_ok(file_replace(to, map.bytes, map.size));
        file_map_close(&map);
        free(from), free(to);
    }
    free(pooling);
    return copy;
}

static void embeddings_equal_sentence_transformers(void **state) {
    (void)state;
    fixture f = fixture_open();
    matmul *products;
    encoder *e = open_encoder(&products, PRECISION_FLOAT32, 2, folder, 256);
    assert_int_equal(encoder_width(e), WIDTH);
    assert_int_equal(encoder_limit(e), LIMIT);
    float *embeddings = calloc(f.count * WIDTH, sizeof(float));
    bool *cut = calloc(f.count, sizeof *cut);
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, embeddings, cut));
    double worst = largest_difference(&f, "normalized", embeddings);
    if (!(worst <= 1e-5)) fail_msg("embeddings differ by %g", worst);
    size_t cuts = 0;
    for (size_t i = 0; i < f.count; i++) {
        size_t ids = json_array_size(json_object_get(golden_row(&f, i), "ids"));
        if (cut[i]) assert_int_equal(ids, LIMIT);
        cuts += cut[i];
    }
    assert_true(cuts >= 3 && cuts < f.count / 2);
    free(embeddings), free(cut);
    encoder_close(e);
    matmul_free(products);
    fixture_close(&f);
}

static void without_normalize_the_plain_mean_is_given(void **state) {
    (void)state;
    static const char modules[] =
        "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
        "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]";
    char *copy = changed_folder("encoder_plain", "modules.json", modules);
    fixture f = fixture_open();
    matmul *products;
    encoder *e = open_encoder(&products, PRECISION_FLOAT32, 1, copy, 64);
    float *embeddings = calloc(f.count * WIDTH, sizeof(float));
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, embeddings, NULL));
    double worst = largest_difference(&f, "embedding", embeddings);
    if (!(worst <= 1e-5)) fail_msg("embeddings differ by %g", worst);
    free(embeddings), free(copy);
    encoder_close(e);
    matmul_free(products);
    fixture_close(&f);
}

static void bfloat16_stays_close_to_float32(void **state) {
    (void)state;
    fixture f = fixture_open();
    matmul *products;
    encoder *e = open_encoder(&products, PRECISION_BFLOAT16, 2, folder, 256);
    float *embeddings = calloc(f.count * WIDTH, sizeof(float));
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, embeddings, NULL));
    for (size_t i = 0; i < f.count; i++) {
        double cosine = 0;
        for (size_t c = 0; c < WIDTH; c++)
            cosine += embeddings[i * WIDTH + c] *
                      json_number_value(json_array_get(json_object_get(golden_row(&f, i), "normalized"), c));
        if (!(cosine >= 0.999)) fail_msg("text %zu: cosine %g", i, cosine);
    }
    free(embeddings);
    encoder_close(e);
    matmul_free(products);
    fixture_close(&f);
}

// All texts in one call, in any order, one by one, in calls of little room, with other numbers of threads.
static void bits_do_not_depend_on_the_company(void **state) {
    (void)state;
    fixture f = fixture_open();
    for (int p = 0; p < 2; p++) {
        matmul *products;
        encoder *e = open_invariant(&products, p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, 1, folder, 4096);
        float *all = calloc(f.count * WIDTH, sizeof(float)), *other = calloc(f.count * WIDTH, sizeof(float));
        assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, all, NULL));
        for (size_t i = 0; i < f.count; i++) {
            assert_ok(encoder_embed(e, &f.texts[i], &f.lengths[i], 1, other, NULL));
            if (memcmp(all + i * WIDTH, other, WIDTH * sizeof(float)) != 0) fail_msg("text %zu alone has other bits", i);
        }
        encoder_close(e);
        matmul_free(products);
        static const int threads[] = {2, 3, 5, 16};
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            e = open_invariant(&products, p ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, threads[k], folder, 1 + 50 * k);
            const char **texts = calloc(f.count, sizeof *texts);
            size_t *lengths = calloc(f.count, sizeof *lengths), *from = calloc(f.count, sizeof *from);
            for (size_t i = 0; i < f.count; i++) from[i] = i;
            for (size_t i = f.count - 1; i > 0; i--) {
                size_t j = (size_t)random_below(7, RANDOM_TEST, k, (uint32_t)i, 0, i + 1), swap = from[i];
                from[i] = from[j], from[j] = swap;
            }
            for (size_t i = 0; i < f.count; i++) texts[i] = f.texts[from[i]], lengths[i] = f.lengths[from[i]];
            assert_ok(encoder_embed(e, texts, lengths, f.count, other, NULL));
            for (size_t i = 0; i < f.count; i++)
                if (memcmp(all + from[i] * WIDTH, other + i * WIDTH, WIDTH * sizeof(float)) != 0)
                    fail_msg("text %zu has other bits with %d threads", from[i], threads[k]);
            free(texts), free(lengths), free(from);
            encoder_close(e);
            matmul_free(products);
        }
        free(all), free(other);
    }
    fixture_close(&f);
}

typedef struct beside {
    const fixture *f;
    encoder *e;
    matmul *single;
    float *embeddings;
    status code;
} beside;

static void *embed_one_by_one(void *argument) {
    beside *b = argument;
    encoder_use(b->e, b->single);
    for (size_t i = 0; i < b->f->count && b->code == STATUS_OK; i++)
        b->code = encoder_embed(b->e, &b->f->texts[i], &b->f->lengths[i], 1, b->embeddings + i * WIDTH, NULL);
    return NULL;
}

// An encoder opened for several threads, by another thread on one of its own, and by the first again.
static void bits_do_not_depend_on_the_engine_in_use(void **state) {
    (void)state;
    fixture f = fixture_open();
    matmul *products, *single;
    encoder *e = open_invariant(&products, PRECISION_FLOAT32, 3, folder, 256);
    assert_ok(matmul_create(&single, PRECISION_FLOAT32, 1, matmul_is_fixed_order(products)));
    beside b = {.f = &f, .e = e, .single = single, .embeddings = calloc(f.count * WIDTH, sizeof(float))};
    float *all = calloc(f.count * WIDTH, sizeof(float));
    encoder_use(e, products);
    assert_int_equal(omp_get_max_threads(), 3);
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, all, NULL));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, embed_one_by_one, &b), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(b.code);
    assert_memory_equal(all, b.embeddings, f.count * WIDTH * sizeof(float));
    assert_int_equal(omp_get_max_threads(), 3); // the other thread's number is its own
    encoder_use(e, products);
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, b.embeddings, NULL));
    assert_memory_equal(all, b.embeddings, f.count * WIDTH * sizeof(float));
    free(all), free(b.embeddings);
    encoder_close(e);
    matmul_free(products), matmul_free(single);
    fixture_close(&f);
}

// A text within the limit is one window; a longer one is the mean over the tokens of its windows, checked against the windows
// embedded as texts of their own.
static void long_texts_are_averaged_over_windows(void **state) {
    (void)state;
    static const char modules[] =
        "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
        "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]";
    char *copy = changed_folder("encoder_windows", "modules.json", modules);
    matmul *products;
    encoder *e = open_encoder(&products, PRECISION_FLOAT32, 2, copy, 32);
    char text[4096] = "", window[3][4096] = {"", "", ""};
    for (size_t i = 0; i < 67; i++) { // one word piece each, 30 to a window
        static const char *const words[] = {"the ", "sum ", "of ", "x ", "is ", "prime ", "number "};
        const char *word = words[random_below(5, RANDOM_TEST, 0, (uint32_t)i, 0, 7)];
        strcat(text, word), strcat(window[i / 30], word);
    }
    const char *texts[4] = {window[0], window[1], window[2], text};
    size_t lengths[4] = {strlen(window[0]), strlen(window[1]), strlen(window[2]), strlen(text)};
    float cut_off[4 * WIDTH], mean[4 * WIDTH];
    bool cut[4];
    assert_ok(encoder_embed(e, texts, lengths, 4, cut_off, cut));
    assert_true(!cut[0] && !cut[1] && !cut[2] && cut[3]);
    assert_memory_equal(cut_off + 3 * WIDTH, cut_off, WIDTH * sizeof(float));
    encoder_set_long(e, ENCODER_LONG_MEAN);
    assert_ok(encoder_embed(e, texts, lengths, 4, mean, cut));
    assert_true(!cut[0] && !cut[1] && !cut[2] && cut[3]);
    assert_memory_equal(mean, cut_off, 3 * WIDTH * sizeof(float));
    for (size_t c = 0; c < WIDTH; c++) {
        double expected = (32.0 * mean[c] + 32.0 * mean[WIDTH + c] + 9.0 * mean[2 * WIDTH + c]) / 73.0;
        if (!(fabs(mean[3 * WIDTH + c] - expected) <= 1e-5))
            fail_msg("%zu: %g, not %g", c, (double)mean[3 * WIDTH + c], expected);
    }
    free(copy);
    encoder_close(e);
    matmul_free(products);
}

static void expect_refusal(const char *file, const char *content, status code, const char *word) {
    char *copy = changed_folder("encoder_refused", file, content);
    matmul *products;
    encoder *e;
    assert_ok(matmul_create(&products, PRECISION_FLOAT32, 1, false));
    status got = encoder_open(&e, products, copy, 64);
    if (got != code || !strstr(status_message(), word))
        fail_msg("%s: %s (%s)", word, got == STATUS_OK ? "accepted" : status_words(got), status_message());
    assert_null(e);
    matmul_free(products);
    free(copy);
}

static void expect_config_refusal(const char *field, json_t *value, status code) {
    json_t *config = fixture_json("tiny_bert", "config.json");
    json_object_set_new(config, field, value);
    char *text = json_dumps(config, 0);
    expect_refusal("config.json", text, code, field);
    free(text);
    json_decref(config);
}

static void what_is_not_implemented_is_refused_by_name(void **state) {
    (void)state;
    expect_config_refusal("hidden_act", json_string("gelu_new"), STATUS_UNSUPPORTED);
    expect_config_refusal("position_embedding_type", json_string("relative_key"), STATUS_UNSUPPORTED);
    expect_config_refusal("is_decoder", json_true(), STATUS_UNSUPPORTED);
    expect_config_refusal("model_type", json_string("roberta"), STATUS_UNSUPPORTED);
    expect_config_refusal("architectures", json_pack("[s]", "BertForMaskedLM"), STATUS_UNSUPPORTED);
    expect_config_refusal("embedding_scale", json_real(2.0), STATUS_UNSUPPORTED);
    expect_config_refusal("hidden_size", json_integer(-1), STATUS_INVALID);
    expect_config_refusal("num_attention_heads", json_integer(5), STATUS_INVALID);
    expect_config_refusal("vocab_size", json_integer(100), STATUS_INVALID);
    expect_refusal("sentence_bert_config.json", "{\"max_seq_length\": 65}", STATUS_INVALID, "max_seq_length");
    expect_refusal("sentence_bert_config.json", "{\"max_seq_length\": 32, \"do_lower_case\": true}", STATUS_UNSUPPORTED,
                   "do_lower_case");
    expect_refusal("1_Pooling/config.json", "{\"embedding_dimension\": 32, \"pooling_mode\": \"cls\"}", STATUS_UNSUPPORTED,
                   "pooling_mode");
    expect_refusal("1_Pooling/config.json", "{\"word_embedding_dimension\": 32, \"pooling_mode_max_tokens\": true}",
                   STATUS_UNSUPPORTED, "pooling_mode_max_tokens");
    expect_refusal("1_Pooling/config.json", "{\"word_embedding_dimension\": 31}", STATUS_INVALID, "word_embedding_dimension");
    expect_refusal("modules.json", "[{\"path\":\"\",\"type\":\"x.Transformer\"},{\"path\":\"1_Pooling\",\"type\":\"x.Dense\"}]",
                   STATUS_UNSUPPORTED, "x.Dense");
    expect_refusal("config.json", NULL, STATUS_INVALID, "config.json");
    expect_refusal("model.safetensors", NULL, STATUS_INVALID, "model.safetensors");
}

// The same model under the file layout that sentence-transformers 6 writes.
static void the_newer_layout_is_read(void **state) {
    (void)state;
    char *copy =
        changed_folder("encoder_newer", "sentence_bert_config.json",
                       "{\"transformer_task\":\"feature-extraction\",\"modality_config\":{\"text\":{\"method\":\"forward\","
                       "\"method_output_name\":\"last_hidden_state\"}},\"module_output_name\":\"token_embeddings\"}");
    char *pooling = path_join(copy, "1_Pooling/config.json"), *words = path_join(copy, "tokenizer_config.json");
    static const char pooling_text[] = "{\"embedding_dimension\":32,\"pooling_mode\":\"mean\",\"include_prompt\":true}";
    static const char words_text[] =
        "{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":true,\"model_max_length\":32,"
        "\"unk_token\":\"[UNK]\",\"pad_token\":\"[PAD]\",\"cls_token\":\"[CLS]\",\"sep_token\":\"[SEP]\","
        "\"mask_token\":\"[MASK]\"}";
    assert_ok(file_replace(pooling, pooling_text, strlen(pooling_text)));
    assert_ok(file_replace(words, words_text, strlen(words_text)));
    fixture f = fixture_open();
    matmul *products;
    encoder *e = open_encoder(&products, PRECISION_FLOAT32, 2, copy, 100);
    float *embeddings = calloc(f.count * WIDTH, sizeof(float));
    assert_ok(encoder_embed(e, f.texts, f.lengths, f.count, embeddings, NULL));
    double worst = largest_difference(&f, "normalized", embeddings);
    if (!(worst <= 1e-5)) fail_msg("embeddings differ by %g", worst);
    free(embeddings), free(copy), free(pooling), free(words);
    encoder_close(e);
    matmul_free(products);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_equal_sentence_transformers),
        cmocka_unit_test(without_normalize_the_plain_mean_is_given),
        cmocka_unit_test(bfloat16_stays_close_to_float32),
        cmocka_unit_test(bits_do_not_depend_on_the_company),
        cmocka_unit_test(bits_do_not_depend_on_the_engine_in_use),
        cmocka_unit_test(long_texts_are_averaged_over_windows),
        cmocka_unit_test(what_is_not_implemented_is_refused_by_name),
        cmocka_unit_test(the_newer_layout_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
