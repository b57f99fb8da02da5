// run/: a new model has the shapes that were asked for and the published initialization, and opens like any other.
#include "model_fixture.h"

#include <math.h>

#include "base/file.h"
#include "model/language.h"
#include "run/new_model.h"

#define FOLDER TEST_BINARY_DIR "/test_run_new_model_data"
#define TINY TEST_SOURCE_DIR "/golden/model/tiny_lm"

static status write_model(const char *folder, const char *const *assignments, size_t count) {
    new_model m;
    buffer summary = {0};
    status code = new_model_load(&m, NULL, assignments, count);
    if (code == STATUS_OK) code = new_model_write(&m, folder, &summary);
    if (code == STATUS_OK) assert_non_null(strstr(buffer_text(&summary), folder));
    buffer_free(&summary);
    new_model_free(&m);
    return code;
}

#define WRITE(folder, ...)                                                                                                       \
    write_model(folder, (const char *const[]){__VA_ARGS__}, sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *))

static int set_up(void **state) {
    (void)state;
    return folder_remove(FOLDER) == STATUS_OK && folder_create(FOLDER) == STATUS_OK ? 0 : -1;
}

static void open_model(language_model *lm, matmul **products, const char *folder) {
    assert_ok(matmul_create(products, PRECISION_FLOAT32, 1, false));
    assert_ok(language_model_open(lm, *products, folder, true));
}

static void close_model(language_model *lm, matmul *products) {
    language_model_close(lm);
    matmul_free(products);
}

// Mean and standard deviation of a tensor are within 5 standard errors of 0 and `deviation`, and its tails are the normal's.
static void assert_normal(const float *x, size_t count, double deviation, const char *name) {
    double n = (double)count, sum = 0, square = 0, beyond = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)x[i], square += (double)x[i] * (double)x[i];
        beyond += fabs((double)x[i]) > 2 * deviation;
    }
    double spread = sqrt(square / n), share = 0.0455003;
    if (!(fabs(sum / n) <= 5 * deviation / sqrt(n))) fail_msg("%s: mean %g", name, sum / n);
    if (!(fabs(spread / deviation - 1) <= 5 / sqrt(2 * n)))
        fail_msg("%s: standard deviation %g, not %g", name, spread, deviation);
    if (!(fabs(beyond / n - share) <= 5 * sqrt(share * (1 - share) / n)))
        fail_msg("%s: %g of it beyond 2 sigma", name, beyond / n);
}

static void weights_are_initialized_as_published(void **state) {
    (void)state;
    language_model lm;
    matmul *products;
    assert_ok(WRITE(FOLDER "/plain", "layers=3", "width=64", "heads=4", "kv_heads=2", "feed_forward=96", "tied=false",
                    "context=100", "vocabulary=300"));
    open_model(&lm, &products, FOLDER "/plain");
    const model_config *c = &lm.model.config;
    assert_string_equal(c->architecture, "LlamaForCausalLM");
    assert_int_equal(c->layers, 3), assert_int_equal(c->hidden, 64), assert_int_equal(c->heads, 4);
    assert_int_equal(c->kv_heads, 2), assert_int_equal(c->head_width, 16), assert_int_equal(c->feed_forward, 96);
    assert_int_equal(c->max_positions, 100), assert_int_equal(c->vocabulary, 300), assert_false(c->tied);
    assert_int_equal(lm.stop_count, 1), assert_int_equal(lm.stop_tokens[0], 258);
    size_t residual = 0;
    for (size_t i = 0; i < lm.model.table.count; i++) {
        const parameter *p = &lm.model.table.items[i];
        const float *x = lm.model.parameters + p->offset;
        if (p->kind == PARAMETER_GAIN) {
            for (size_t k = 0; k < p->count; k++) assert_true(x[k] == 1);
            continue;
        }
        bool into_stream = strstr(p->name, "o_proj") || strstr(p->name, "down_proj");
        residual += into_stream;
        assert_normal(x, p->count, into_stream ? 0.02 / sqrt(6) : 0.02, p->name);
    }
    assert_int_equal(residual, 6);
    close_model(&lm, products);
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    static const char *const files[] = {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
                                        "tokenizer_config.json"};
    assert_ok(WRITE(FOLDER "/a", "layers=1", "width=16", "heads=2", "seed=5"));
    assert_ok(WRITE(FOLDER "/b", "layers=1", "width=16", "heads=2", "seed=5"));
    assert_ok(WRITE(FOLDER "/c", "layers=1", "width=16", "heads=2", "seed=6"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        file_map a, b, c;
        char path[3][512];
        for (int k = 0; k < 3; k++) snprintf(path[k], sizeof path[k], FOLDER "/%c/%s", 'a' + k, files[i]);
        assert_ok(file_map_open(&a, path[0]));
        assert_ok(file_map_open(&b, path[1]));
        assert_ok(file_map_open(&c, path[2]));
        assert_int_equal(a.size, b.size), assert_int_equal(a.size, c.size);
        assert_memory_equal(a.bytes, b.bytes, a.size);
        assert_int_equal(memcmp(a.bytes, c.bytes, a.size) == 0, i > 0);
        file_map_close(&a), file_map_close(&b), file_map_close(&c);
    }
}

static void a_tokenizer_can_be_given(void **state) {
    (void)state;
    language_model lm;
    matmul *products;
    assert_ok(WRITE(FOLDER "/folder", "layers=1", "width=16", "heads=2", "tokenizer=" TINY));
    assert_ok(WRITE(FOLDER "/file", "layers=1", "width=16", "heads=2", "tokenizer=" TINY "/tokenizer.json"));
    assert_ok(WRITE(FOLDER "/gguf", "layers=1", "width=16", "heads=2", "tokenizer=" TINY ".gguf"));
    static const char *const folders[] = {FOLDER "/folder", FOLDER "/file", FOLDER "/gguf"};
    for (size_t i = 0; i < 3; i++) {
        open_model(&lm, &products, folders[i]);
        assert_int_equal(lm.model.config.vocabulary, 288), assert_int_equal(lm.model.config.bos, 1);
        assert_int_equal(lm.stop_count, 1), assert_int_equal(lm.stop_tokens[0], 2);
        token_list tokens = {0};
        const prompt_options chat = {.prompt_template = "chat"};
        assert_ok(language_model_prompt(&lm, &chat, "What is 6 + 6?", &tokens, NULL, NULL));
        assert_int_equal(tokens.ids[0], 1);
        token_list_free(&tokens);
        close_model(&lm, products);
    }
}

static void a_file_of_keys_is_read_before_the_command_line(void **state) {
    (void)state;
    static const char yaml[] = "layers: 2\nwidth: 32\nheads: 4\nwords: [\" and \", \"\\\\boxed{\"]\n";
    assert_ok(file_replace(FOLDER "/model.yaml", yaml, sizeof yaml - 1));
    new_model m;
    const char *more[] = {"layers=5"};
    assert_ok(new_model_load(&m, FOLDER "/model.yaml", more, 1));
    assert_int_equal(m.layers, 5), assert_int_equal(m.width, 32), assert_int_equal(m.words.count, 2), assert_true(m.tied);
    assert_string_equal(m.words.items[0], " and "), assert_string_equal(m.words.items[1], "\\boxed{");
    new_model_free(&m);
}

// A puzzle of examples/countdown is about ten tokens: its phrases and numbers are tokens.
static void the_example_model_knows_its_task(void **state) {
    (void)state;
    language_model lm;
    matmul *products;
    new_model m;
    buffer summary = {0};
    assert_ok(new_model_load(&m, TEST_SOURCE_DIR "/../examples/countdown/model.yaml", NULL, 0));
    assert_ok(new_model_write(&m, FOLDER "/countdown", &summary));
    buffer_free(&summary);
    new_model_free(&m);
    open_model(&lm, &products, FOLDER "/countdown");
    static const char text[] = "Using the numbers 11, 2 and 20, each at most once, and the operations +, -, *, /, write an expression equal "
                               "to 33.\n";
    token_list tokens = {0};
    assert_ok(tokenizer_encode(lm.tokenizer, text, sizeof text - 1, false, true, &tokens));
    assert_int_equal(tokens.count, 10);
    token_list_free(&tokens);
    close_model(&lm, products);
}

static void what_cannot_be_made_is_refused_and_leaves_nothing(void **state) {
    (void)state;
    static const struct {
        const char *assignments[2], *words;
    } rows[] = {
        {{"layer=2", "width=8"}, "did you mean layers?"},
        {{"layers=0", "width=8"}, "layers is 0; it has to be in [1, 1024]"},
        {{"layers=two", "width=8"}, "a whole number"},
        {{"width=30", "heads=4"}, "width is 30 and heads is 4"},
        {{"width=32", "kv_heads=3"}, "4 attention heads are not a multiple of 3"},
        {{"width=12", "heads=4"}, "head width 3 is odd"},
        {{"width=8", "vocabulary=100"}, "has 259 tokens, the model only 100"},
        {{"width=8", "tokenizer=/nowhere"}, "/nowhere"},
        {{"tokenizer=" TINY, "words=ab"}, "words belong to tokenizer=bytes"},
        {{"width=8", "words=[ab, ab]"}, "listed twice"},
        {{"width=8", "~layers"}, "no key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (write_model(FOLDER "/refused", rows[i].assignments, 2) != STATUS_INVALID || !strstr(status_message(), rows[i].words))
            fail_msg("%s: %s", rows[i].assignments[0], status_message());
        assert_false(folder_exists(FOLDER "/refused"));
    }
    assert_ok(folder_create(FOLDER "/held"));
    assert_int_equal(WRITE(FOLDER "/held", "layers=1"), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "exists already"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_initialized_as_published),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_tokenizer_can_be_given),
        cmocka_unit_test(a_file_of_keys_is_read_before_the_command_line),
        cmocka_unit_test(the_example_model_knows_its_task),
        cmocka_unit_test(what_cannot_be_made_is_refused_and_leaves_nothing),
    };
    return cmocka_run_group_tests_name("run_new_model", tests, set_up, NULL);
}
