// tensor/: matrix products against sums in double, and their promises about bits: of a row in any batch, of weight gradients on
// any number of threads, of the fixed-order kernel in everything.
#include "assert_ok.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/random.h"
#include "tensor/matmul.h"

enum { MOST_ROWS = 700 };
static const size_t shapes[][2] = {{1, 1}, {16, 48}, {97, 33}, {160, 64}, {200, 130}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

// A matrix in the engine's precision and the same numbers in float32.
typedef struct matrix {
    float *values;
    void *numbers;
    size_t rows, columns, bytes;
} matrix;

static void *take(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

// Room for what a product over `rows` rows may touch.
static matrix matrix_create(size_t rows, size_t columns, precision p, uint32_t salt) {
    size_t room = matmul_room(rows);
    matrix m = {.rows = rows, .columns = columns, .bytes = room * columns * precision_bytes(p)};
    m.values = take(room * columns * sizeof *m.values), m.numbers = take(m.bytes);
    for (size_t i = 0; i < rows * columns; i++)
        m.values[i] = number_rounded((float)random_uniform(1, RANDOM_TEST, i, salt, 0) * 2 - 1, p);
    numbers_round(m.numbers, m.values, rows * columns, p);
    return m;
}

// What lies beyond the rows is whatever it is: here NaN.
static void spoil_padding(const matrix *m, precision p) {
    size_t used = m->rows * m->columns * precision_bytes(p);
    memset((unsigned char *)m->numbers + used, 0xFF, m->bytes - used);
}

static void matrix_free(matrix *m) { free(m->values), free(m->numbers); }

typedef struct engine {
    matmul *products;
    linear weight;
    matrix w; // [out, in]
} engine;

static void engine_open(engine *e, size_t out, size_t in, precision p, int threads, bool fixed_order) {
    assert_ok(matmul_create(&e->products, p, threads, fixed_order));
    e->w = matrix_create(out, in, p, 3);
    e->weight = (linear){.out = out, .in = in};
    size_t bytes = linear_bytes(e->products, out, in);
    assert_true(bytes % 64 == 0);
    e->weight.forward = take(bytes), e->weight.backward = take(bytes);
    assert_ok(linear_pack(e->products, &e->weight, e->w.values));
}

static void engine_close(engine *e) {
    free(e->weight.forward), free(e->weight.backward);
    matrix_free(&e->w);
    matmul_free(e->products);
}

static void assert_close(const float *found, double expected, double magnitude, size_t at) {
    if (!(fabs((double)found[at] - expected) <= 1e-6 * magnitude + 1e-30))
        fail_msg("number %zu is %.9g, not %.9g", at, (double)found[at], expected);
}

// y = x W^T, dx = dy W and dw += dy^T x, each number against its sum in double.
static void check_products(engine *e, size_t rows) {
    precision p = matmul_precision(e->products);
    size_t out = e->weight.out, in = e->weight.in;
    matrix x = matrix_create(rows, in, p, 1), dy = matrix_create(rows, out, p, 2);
    size_t room = matmul_room(rows);
    float *y = take(room * out * 4), *dx = take(room * in * 4), *dw = take(out * in * 4);
    spoil_padding(&x, p), spoil_padding(&dy, p);
    assert_ok(linear_forward(e->products, &e->weight, y, x.numbers, rows));
    assert_ok(linear_backward_input(e->products, &e->weight, dx, dy.numbers, rows));
    for (size_t i = 0; i < out * in; i++) dw[i] = (float)(i % 5);
    spoil_padding(&x, p), spoil_padding(&dy, p);
    assert_ok(linear_backward_weight(e->products, out, in, dw, dy.numbers, x.numbers, rows));
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < out; o++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < in; i++) {
                double term = (double)x.values[r * in + i] * (double)e->w.values[o * in + i];
                sum += term, size += fabs(term);
            }
            assert_close(y, sum, size, r * out + o);
        }
        for (size_t i = 0; i < in; i++) {
            double sum = 0, size = 0;
            for (size_t o = 0; o < out; o++) {
                double term = (double)dy.values[r * out + o] * (double)e->w.values[o * in + i];
                sum += term, size += fabs(term);
            }
            assert_close(dx, sum, size, r * in + i);
        }
    }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = (double)((o * in + i) % 5), size = sum;
            for (size_t r = 0; r < rows; r++) {
                double term = (double)dy.values[r * out + o] * (double)x.values[r * in + i];
                sum += term, size += fabs(term);
            }
            assert_close(dw, sum, size, o * in + i);
        }
    free(y), free(dx), free(dw);
    matrix_free(&x), matrix_free(&dy);
}

static void products_equal_sums_in_double(void **state) {
    (void)state;
    static const size_t rows[] = {1, 2, 7, 9, 33, 65, 130};
    for (int variant = 0; variant < 4; variant++)
        for (size_t s = 0; s < SHAPES; s++) {
            engine e;
            engine_open(&e, shapes[s][0], shapes[s][1], variant & 1 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, 2, variant & 2);
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_products(&e, rows[i]);
            engine_close(&e);
        }
}

// Every number of rows from 1 up, and some above MATMUL_ROWS, taken from another place of a full batch each time.
static void check_rows(precision p, bool fixed_order, bool rounds, int threads, size_t out, size_t in) {
    engine e;
    engine_open(&e, out, in, p, threads, fixed_order);
    e.weight.rounds_y = e.weight.rounds_dx = rounds;
    bool invariant;
    assert_ok(matmul_self_test(e.products, &e.weight, MOST_ROWS, MATMUL_DEPTH, &invariant));
    assert_true(invariant || !matmul_is_fixed_order(e.products));
    matrix x = matrix_create(MOST_ROWS, in, p, 1), part = matrix_create(MOST_ROWS, in, p, 1);
    size_t room = matmul_room(MOST_ROWS), row = in * precision_bytes(p);
    size_t row_of_y = out * (rounds ? precision_bytes(p) : 4);
    unsigned char *whole = take(room * row_of_y), *some = take(room * row_of_y);
    assert_ok(linear_forward(e.products, &e.weight, whole, x.numbers, MOST_ROWS));
    for (size_t rows = 1; rows < MOST_ROWS && invariant; rows += rows < 130 ? 1 : 29) {
        size_t first = rows * 7 % (MOST_ROWS - rows + 1);
        memcpy(part.numbers, (unsigned char *)x.numbers + first * row, rows * row);
        assert_ok(linear_forward(e.products, &e.weight, some, part.numbers, rows));
        if (memcmp(some, whole + first * row_of_y, rows * row_of_y) != 0)
            fail_msg("%s, %s, W[%zu, %zu]: the self-test passed, but %zu rows have other bits than in a batch of %d",
                     matmul_description(e.products), precision_name(p), out, in, rows, MOST_ROWS);
    }
    free(whole), free(some);
    matrix_free(&x), matrix_free(&part);
    engine_close(&e);
}

static void a_row_has_the_same_bits_in_every_number_of_rows(void **state) {
    (void)state;
    for (int variant = 0; variant < 8; variant++)
        for (size_t s = 0; s < SHAPES; s++)
            check_rows(variant & 1 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, variant & 2, variant & 4, 1 + (int)(s % 2),
                       shapes[s][0], shapes[s][1]);
}

// Both ways; in float32 there is nothing to round.
static void a_rounded_product_is_the_product_rounded(void **state) {
    (void)state;
    enum { ROWS = 70 };
    for (int variant = 0; variant < 4; variant++)
        for (size_t s = 0; s < SHAPES; s++) {
            precision p = variant & 1 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
            size_t out = shapes[s][0], in = shapes[s][1], widest = out > in ? out : in, room = matmul_room(ROWS);
            engine e;
            engine_open(&e, out, in, p, 2, variant & 2);
            matrix x = matrix_create(ROWS, in, p, 1), dy = matrix_create(ROWS, out, p, 2);
            float *wide = take(room * widest * 4);
            void *expected = take(room * widest * 4), *found = take(room * widest * 4);
            for (int back = 0; back < 2; back++) {
                size_t columns = back ? in : out, bytes = ROWS * columns * precision_bytes(p);
                e.weight.rounds_y = e.weight.rounds_dx = false;
                assert_ok(back ? linear_backward_input(e.products, &e.weight, wide, dy.numbers, ROWS)
                               : linear_forward(e.products, &e.weight, wide, x.numbers, ROWS));
                numbers_round(expected, wide, ROWS * columns, p);
                e.weight.rounds_y = e.weight.rounds_dx = true;
                assert_ok(back ? linear_backward_input(e.products, &e.weight, found, dy.numbers, ROWS)
                               : linear_forward(e.products, &e.weight, found, x.numbers, ROWS));
                assert_memory_equal(found, expected, bytes);
            }
            free(wide), free(expected), free(found);
            matrix_free(&x), matrix_free(&dy);
            engine_close(&e);
        }
}

// Deeper than MATMUL_DEPTH: the parts follow one another, and threads change nothing.
static void deep_weight_gradients_are_sums_of_their_parts_on_any_number_of_threads(void **state) {
    (void)state;
    enum { OUT = 40, IN = 24, ROWS = 2 * MATMUL_DEPTH + 300 };
    static const int threads[] = {1, 2, 3, 5, 16};
    for (int variant = 0; variant < 4; variant++) {
        precision p = variant & 1 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
        size_t number = precision_bytes(p), bytes = OUT * IN * 4;
        matrix x = matrix_create(ROWS, IN, p, 1), dy = matrix_create(ROWS, OUT, p, 2);
        float *expected = take(bytes), *found = take(bytes);
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            matmul *products;
            assert_ok(matmul_create(&products, p, threads[t], variant & 2));
            memset(found, 0, bytes);
            assert_ok(linear_backward_weight(products, OUT, IN, found, dy.numbers, x.numbers, ROWS));
            if (t == 0) {
                memset(expected, 0, bytes);
                for (size_t first = 0; first < ROWS; first += MATMUL_DEPTH)
                    assert_ok(linear_backward_weight(products, OUT, IN, expected,
                                                     (unsigned char *)dy.numbers + first * OUT * number,
                                                     (unsigned char *)x.numbers + first * IN * number,
                                                     ROWS - first < MATMUL_DEPTH ? ROWS - first : MATMUL_DEPTH));
            }
            bool invariant;
            assert_ok(matmul_self_test(products, &(linear){.out = OUT, .in = IN}, MOST_ROWS, MATMUL_DEPTH, &invariant));
            if (invariant && memcmp(expected, found, bytes) != 0)
                fail_msg("%s, %s: other bits with %d threads", matmul_description(products), precision_name(p), threads[t]);
            matmul_free(products);
        }
        free(expected), free(found);
        matrix_free(&x), matrix_free(&dy);
    }
}

static void the_fixed_order_kernel_has_the_same_bits_on_any_number_of_threads(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 5, 16};
    for (int bfloat16 = 0; bfloat16 < 2; bfloat16++)
        for (size_t s = 0; s < SHAPES; s++) {
            precision p = bfloat16 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
            size_t out = shapes[s][0], in = shapes[s][1], rows = 131, bytes = matmul_room(rows) * (out + in) * 4 + out * in * 4;
            matrix x = matrix_create(rows, in, p, 1), dy = matrix_create(rows, out, p, 2);
            float *expected = take(bytes), *found = take(bytes);
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
                engine e;
                engine_open(&e, out, in, p, threads[t], true);
                assert_int_equal(omp_get_max_threads(), threads[t]);
                memset(found, 0, bytes);
                float *dw = found, *y = dw + out * in, *dx = y + matmul_room(rows) * out;
                assert_ok(linear_forward(e.products, &e.weight, y, x.numbers, rows));
                assert_ok(linear_backward_input(e.products, &e.weight, dx, dy.numbers, rows));
                assert_ok(linear_backward_weight(e.products, out, in, dw, dy.numbers, x.numbers, rows));
                if (t == 0) memcpy(expected, found, bytes);
                assert_memory_equal(found, expected, bytes);
                engine_close(&e);
            }
            free(expected), free(found);
            matrix_free(&x), matrix_free(&dy);
        }
}

static void rounding_up_adds_few_rows_and_is_counted(void **state) {
    (void)state;
    size_t kinds = 0;
    for (size_t rows = 1; rows <= 3 * MATMUL_ROWS; rows++) {
        size_t padded = matmul_rows(rows);
        assert_true(padded >= rows && padded >= matmul_rows(rows - 1) && matmul_rows(padded) == padded);
        assert_true((padded - rows) * 16 <= rows);
        kinds += rows <= MATMUL_ROWS && padded != matmul_rows(rows - 1);
    }
    assert_int_equal(matmul_rows(0), 0);
    assert_true(kinds <= 96);

    engine e;
    engine_open(&e, 40, 24, PRECISION_FLOAT32, 1, false);
    matrix x = matrix_create(65, 24, PRECISION_FLOAT32, 1), dy = matrix_create(65, 40, PRECISION_FLOAT32, 2);
    float *y = take(matmul_room(65) * 40 * 4), *dw = take(40 * 24 * 4);
    memset(dw, 0, 40 * 24 * 4);
    assert_ok(linear_forward(e.products, &e.weight, y, x.numbers, 65));
    assert_ok(linear_backward_weight(e.products, 40, 24, dw, dy.numbers, x.numbers, 65));
    matmul_work work = matmul_totals(e.products);
    assert_int_equal(work.needed, 2 * 65 * 40 * 24);
    assert_int_equal(work.done, (68 + 72) * 40 * 24); // the gradient sums over a multiple of 8 rows
    free(y), free(dw);
    matrix_free(&x), matrix_free(&dy);
    engine_close(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_sums_in_double),
        cmocka_unit_test(a_row_has_the_same_bits_in_every_number_of_rows),
        cmocka_unit_test(a_rounded_product_is_the_product_rounded),
        cmocka_unit_test(deep_weight_gradients_are_sums_of_their_parts_on_any_number_of_threads),
        cmocka_unit_test(rounding_up_adds_few_rows_and_is_counted),
        cmocka_unit_test(the_fixed_order_kernel_has_the_same_bits_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
