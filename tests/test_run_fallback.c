// run/: what happens where oneDNN does not keep the promise about bits. This program takes the place of dnnl_primitive_execute
// and changes single bits of what the library computed, as a kernel might that looks at its batch or its threads: the self-test
// sees each kind of difference, and models, encoders and whole runs then compute on the fixed-order kernel and say so.
#include "model_fixture.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/folder.h"
#include "run/open_model.h"
#include "run/trainer.h"

#define TINY TEST_SOURCE_DIR "/golden/model/tiny_lm"
#define BERT TEST_SOURCE_DIR "/golden/model/tiny_bert"

// ---- the library, disturbed ------------------------------------------------------------------------------------------------

typedef enum product_kind { ROWS, GRADIENT } product_kind;

typedef struct disturbance {
    product_kind kind;
    int64_t least_rows, most_rows; // of products that are changed
    int64_t columns;               // 0: any
    int least_threads;
    int64_t row; // whose bit is changed
    bool fails;  // the library reports an error instead
} disturbance;

static const disturbance *disturb; // NULL: the library as it is
static size_t executed;            // products since the count was cleared

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                     const dnnl_exec_arg_t *arguments) {
    static dnnl_status_t (*library)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *);
    if (!library) {
        void *symbol = dlsym(RTLD_NEXT, "dnnl_primitive_execute");
        memcpy(&library, &symbol, sizeof library);
    }
    dnnl_status_t code = library(primitive, stream, count, arguments);
    dnnl_memory_t source = NULL, to = NULL;
    for (int i = 0; i < count; i++) {
        if (arguments[i].arg == DNNL_ARG_SRC) source = arguments[i].memory;
        if (arguments[i].arg == DNNL_ARG_DST) to = arguments[i].memory;
    }
    bool is_product = count == 4 && source && to; // packing a weight has two arguments
    executed += is_product;
    if (code != dnnl_success || !is_product || !disturb) return code;
    const dnnl_memory_desc_t *from_layout, *layout;
    void *numbers;
    if (dnnl_memory_get_memory_desc(source, &from_layout) != dnnl_success ||
        dnnl_memory_get_memory_desc(to, &layout) != dnnl_success || dnnl_memory_get_data_handle(to, &numbers) != dnnl_success)
        return dnnl_runtime_error;
    // The weight gradient reads its source by columns. Its rows are what it sums over.
    product_kind kind = from_layout->format_desc.blocking.strides[0] == 1 && from_layout->dims[0] > 1 ? GRADIENT : ROWS;
    int64_t rows = kind == ROWS ? layout->dims[0] : from_layout->dims[1];
    if (kind != disturb->kind || rows < disturb->least_rows || rows > disturb->most_rows ||
        (disturb->columns && disturb->columns != layout->dims[1]) || omp_get_max_threads() < disturb->least_threads)
        return code;
    if (disturb->fails) return dnnl_runtime_error;
    ((uint32_t *)numbers)[disturb->row * layout->dims[1] + layout->dims[1] / 2] ^= 1;
    return code;
}

// Where the library does not keep the promise by itself, a difference that is added proves nothing.
static void need_a_library_that_keeps_the_promise(void) {
    matmul *products;
    bool invariant;
    disturb = NULL;
    assert_ok(matmul_create(&products, PRECISION_FLOAT32, 2, false));
    assert_ok(matmul_self_test(products, &(linear){.out = 40, .in = 24}, 256, 256, &invariant));
    matmul_free(products);
    if (invariant) return;
    print_message("skip: oneDNN's products depend on their batch on this instruction set\n");
    skip();
}

// ---- tests -----------------------------------------------------------------------------------------------------------------

static void the_self_test_sees_every_kind_of_difference(void **state) {
    (void)state;
    enum { OUT = 40, IN = 24, MOST = 1 << 20 };
    static const struct {
        const char *what;
        disturbance how;
    } cases[] = {
        {"large batches", {ROWS, 200, MOST, OUT, 1, 3, false}},
        {"one row alone", {ROWS, 1, 1, OUT, 1, 0, false}},
        {"pairs", {ROWS, 2, 2, OUT, 1, 1, false}},
        {"batches of a middle size", {ROWS, 60, 70, OUT, 1, 59, false}},
        {"the last row of a full batch", {ROWS, 256, 256, OUT, 1, 255, false}},
        {"more than one thread", {ROWS, 1, MOST, OUT, 2, 0, false}},
        {"the way back on more than one thread", {ROWS, 1, MOST, IN, 2, 0, false}},
        {"weight gradients on more than one thread", {GRADIENT, 1, MOST, IN, 2, 7, false}},
        {"deep weight gradients on more than one thread", {GRADIENT, 900, MOST, IN, 2, 39, false}},
    };
    need_a_library_that_keeps_the_promise();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        matmul *products;
        bool invariant;
        disturb = NULL;
        assert_ok(matmul_create(&products, PRECISION_FLOAT32, 2, false));
        assert_ok(matmul_self_test(products, &(linear){.out = OUT, .in = IN}, 256, MATMUL_DEPTH, &invariant));
        assert_true(invariant);
        disturb = &cases[i].how;
        assert_ok(matmul_self_test(products, &(linear){.out = OUT, .in = IN}, 256, MATMUL_DEPTH, &invariant));
        if (invariant) fail_msg("the self-test does not see a difference in %s", cases[i].what);
        matmul_free(products);
    }
    disturb = NULL;
}

static void a_self_test_that_cannot_finish_has_not_passed(void **state) {
    (void)state;
    static const disturbance fails = {.kind = ROWS, .least_rows = 13, .most_rows = 13, .fails = true};
    need_a_library_that_keeps_the_promise();
    matmul *products;
    bool invariant = true;
    assert_ok(matmul_create(&products, PRECISION_FLOAT32, 1, false));
    disturb = &fails;
    assert_int_equal(matmul_self_test(products, &(linear){.out = 40, .in = 24}, 256, 0, &invariant), STATUS_FAILED);
    assert_false(invariant);
    matmul_free(products);

    settings s;
    language_model lm;
    assert_ok(settings_load(&s, NULL, (const char *const[]){"trainer.precision=float32"}, 1));
    assert_int_equal(run_open_model(&products, &lm, &s, TINY, false), STATUS_FAILED);
    assert_null(products);
    settings_free(&s);
    disturb = NULL;
}

// The head of tiny_lm has 288 columns, its layers have others.
static const disturbance in_the_head = {.kind = ROWS, .least_rows = 100, .most_rows = 1 << 20, .columns = 288};
static const disturbance in_large_batches = {.kind = ROWS, .least_rows = 100, .most_rows = 1 << 20};

static void models_and_encoders_fall_back(void **state) {
    (void)state;
    need_a_library_that_keeps_the_promise();
    settings s;
    matmul *products;
    language_model lm;
    encoder *e;
    assert_ok(settings_load(&s, NULL, (const char *const[]){"trainer.precision=float32", "trainer.threads=2"}, 2));
    for (int head = 0; head < 2; head++)
        for (int trainable = 0; trainable < 2; trainable++) {
            disturb = NULL;
            assert_ok(run_open_model(&products, &lm, &s, TINY, trainable));
            assert_false(matmul_is_fixed_order(products));
            language_model_close(&lm), matmul_free(products);
            disturb = head ? &in_the_head : &in_large_batches;
            assert_ok(run_open_model(&products, &lm, &s, TINY, trainable));
            assert_true(matmul_is_fixed_order(products));
            assert_non_null(strstr(matmul_description(products), "fixed-order kernel (oneDNN "));
            language_model_close(&lm), matmul_free(products);
        }
    disturb = NULL;
    assert_ok(run_open_encoder(&products, &e, BERT, 2, 512));
    assert_false(matmul_is_fixed_order(products));
    encoder_close(e), matmul_free(products);
    disturb = &in_large_batches;
    assert_ok(run_open_encoder(&products, &e, BERT, 2, 512));
    assert_true(matmul_is_fixed_order(products));
    encoder_close(e), matmul_free(products);
    disturb = NULL;
    settings_free(&s);
}

typedef struct said {
    bool products, encoder;
    size_t executed; // products of the library when the run was introduced
} said;

static void hear(void *context, const char *line) {
    said *heard = context;
    heard->products |= !strncmp(line, "note: products run on the fixed-order kernel (", 46);
    heard->encoder |= !strncmp(line, "note: the encoder's products run on the fixed-order kernel (", 60);
    if (!strncmp(line, "run folder: ", 12) && heard->executed == 0) heard->executed = executed;
}

static char *query(sqlite3 *db, const char *sql) {
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(row, 0);
    char *copy = strdup(text ? (const char *)text : "null");
    sqlite3_finalize(row);
    return copy;
}

static void a_run_falls_back_and_says_so(void **state) {
    (void)state;
    need_a_library_that_keeps_the_promise();
    static const char *const assignments[] = {"actor_rollout_ref.model.path=" TINY,
                                              "data.train_files=" TINY "/train.jsonl",
                                              "data.prompt_key=prompt",
                                              "data.prompt_template=\"{problem}\\n\"",
                                              "algorithm.dsdr.encoder=" BERT,
                                              "data.train_batch_size=4",
                                              "actor_rollout_ref.rollout.n=4",
                                              "actor_rollout_ref.actor.optim.lr=1e-3",
                                              "data.max_prompt_length=64",
                                              "data.max_response_length=16",
                                              "trainer.total_training_steps=3",
                                              "trainer.probe_freq=1",
                                              "trainer.threads=2",
                                              "trainer.precision=float32"};
    static const char folder[] = TEST_BINARY_DIR "/fallback_run";
    folder_remove(folder);
    settings s;
    said heard = {0};
    training_options options = {.folder = folder, .line = hear, .line_context = &heard};
    training_result result;
    assert_ok(settings_load(&s, NULL, assignments, sizeof assignments / sizeof *assignments));
    disturb = &in_large_batches, executed = 0;
    assert_ok(trainer_run(&s, &options, &result));
    disturb = NULL;
    settings_free(&s);
    assert_true(heard.products && heard.encoder);
    assert_true(heard.executed > 0);            // the self-tests' own
    assert_int_equal(executed, heard.executed); // none after them
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(TEST_BINARY_DIR "/fallback_run/run.db", &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    static const struct {
        const char *sql, *begins;
    } facts[] = {
        {"select value from run where key = 'products'", "fixed-order kernel (oneDNN "},
        {"select value from run where key = 'encoder_products'", "fixed-order kernel (oneDNN "},
        {"select count(*) from metrics where name = 'training/train_rollout_logprob_abs_diff_max' and value = 0", "3"},
        {"select min(value) > 50 from metrics where name = 'training/train_rollout_logprob_tokens'", "1"},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        char *found = query(db, facts[i].sql);
        if (strncmp(found, facts[i].begins, strlen(facts[i].begins))) fail_msg("%s: %s", facts[i].sql, found);
        free(found);
    }
    sqlite3_close(db);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_self_test_sees_every_kind_of_difference),
        cmocka_unit_test(a_self_test_that_cannot_finish_has_not_passed),
        cmocka_unit_test(models_and_encoders_fall_back),
        cmocka_unit_test(a_run_falls_back_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
