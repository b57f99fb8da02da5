// tensor/: row kernels in both precisions: rounding against its definition, and that widths which do not fill a vector are
// neither cut short nor overrun. Their values inside a model are compared with PyTorch's in test_model_forward and
// test_model_backward.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assert_ok.h"
#include "base/random.h"
#include "tensor/ops.h"

enum { MOST = 100, GUARD = 64 };

static float draw(uint32_t salt, size_t i) { return (float)random_uniform(9, RANDOM_TEST, i, salt, 0) * 8 - 4; }

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static float number_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Number i of x, which is in precision p.
static double number_in(const void *x, size_t i, precision p) {
    return (double)(p == PRECISION_FLOAT32 ? ((const float *)x)[i] : number_of((uint32_t)((const uint16_t *)x)[i] << 16));
}

// To nearest, ties to even; what is below the normal numbers is zero with its sign; NaN keeps its sign and becomes quiet.
static uint16_t rounded_by_definition(uint32_t bits) {
    if ((bits & 0x7F800000u) == 0) return (uint16_t)(bits >> 16 & 0x8000u);
    if ((bits & 0x7F800000u) == 0x7F800000u && (bits & 0x7FFFFFu)) return (uint16_t)(bits >> 16 | 0x40u);
    uint32_t lower = bits & 0xFFFFu, upper = bits >> 16;
    return (uint16_t)(upper + (lower > 0x8000u || (lower == 0x8000u && (upper & 1u))));
}

static void bfloat16_is_rounded_as_defined(void **state) {
    (void)state;
    static const uint32_t lower[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
    enum { EACH = sizeof lower / sizeof *lower, ALL = 65536 * EACH };
    float *x = malloc(ALL * sizeof *x);
    uint16_t *y = malloc(ALL * sizeof *y);
    assert_true(x && y);
    for (uint32_t i = 0; i < ALL; i++) x[i] = number_of(i / EACH << 16 | lower[i % EACH]);
    numbers_round(y, x, ALL, PRECISION_BFLOAT16);
    for (size_t i = 0; i < ALL; i++)
        if (y[i] != rounded_by_definition(bits_of(x[i])))
            fail_msg("%08x is rounded to %04x, not %04x", bits_of(x[i]), y[i], rounded_by_definition(bits_of(x[i])));
    free(x), free(y);
}

// An output of `bytes` bytes between two guards.
typedef struct guarded {
    unsigned char memory[2 * GUARD + 2 * MOST * 4];
    size_t bytes;
} guarded;

static void *open_guarded(guarded *g, size_t bytes) {
    memset(g->memory, 0xA5, sizeof g->memory);
    g->bytes = bytes;
    return g->memory + GUARD;
}
static void assert_guarded(const guarded *g, const char *what, size_t width) {
    for (size_t i = 0; i < sizeof g->memory; i++)
        if ((i < GUARD || i >= GUARD + g->bytes) && g->memory[i] != 0xA5)
            fail_msg("%s of width %zu writes beside its output", what, width);
}

static void assert_near(const char *what, size_t width, size_t at, double found, double expected, precision p) {
    double tolerance = p == PRECISION_FLOAT32 ? 4e-6 : 0x1p-8;
    if (!(fabs(found - expected) <= tolerance * (fabs(expected) + 1e-3)))
        fail_msg("%s of width %zu: number %zu is %.9g, not %.9g", what, width, at, found, expected);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_swiglu(size_t width, precision p) {
    float wide[3 * MOST];
    uint32_t gate_up[2 * MOST], dy[MOST]; // room for either precision
    for (size_t i = 0; i < 2 * width; i++) wide[i] = draw(1, i);
    for (size_t i = 0; i < width; i++) wide[2 * width + i] = draw(2, i);
    numbers_round(gate_up, wide, 2 * width, p), numbers_round(dy, wide + 2 * width, width, p);
    guarded forward, backward, again;
    size_t bytes = width * precision_bytes(p);
    void *y = open_guarded(&forward, bytes), *dgate_up = open_guarded(&backward, 2 * bytes),
         *once_more = open_guarded(&again, bytes);
    swiglu_forward(y, gate_up, 1, width, p);
    swiglu_backward(dgate_up, once_more, dy, gate_up, 1, width, p);
    for (size_t i = 0; i < width; i++) {
        double g = number_in(gate_up, i, p), u = number_in(gate_up, width + i, p), d = number_in(dy, i, p), s = sigmoid(g);
        assert_near("swiglu_forward", width, i, number_in(y, i, p), g * s * u, p);
        assert_near("swiglu_backward (gate)", width, i, number_in(dgate_up, i, p), d * u * s * (1 + g * (1 - s)), p);
        assert_near("swiglu_backward (up)", width, i, number_in(dgate_up, width + i, p), d * g * s, p);
    }
    assert_memory_equal(y, once_more, bytes);
    assert_guarded(&forward, "swiglu_forward", width), assert_guarded(&backward, "swiglu_backward", width);
    assert_guarded(&again, "swiglu_backward", width);
}

static void check_norms(size_t width, precision p) {
    float x[MOST], gain[MOST], dy[MOST], dx[MOST], dgain[MOST] = {0}, inverse[1];
    double squares = 0, along = 0;
    for (size_t i = 0; i < width; i++) {
        x[i] = draw(3, i), gain[i] = draw(4, i), dy[i] = draw(5, i), dx[i] = draw(6, i);
        squares += (double)x[i] * (double)x[i];
    }
    double s = 1 / sqrt(squares / (double)width + 1e-5);
    for (size_t i = 0; i < width; i++) along += (double)gain[i] * (double)dy[i] * (double)x[i] * s / (double)width;
    guarded forward, backward;
    void *y = open_guarded(&forward, width * precision_bytes(p)), *rounded = open_guarded(&backward, width * precision_bytes(p));
    float before[MOST];
    memcpy(before, dx, sizeof before);
    rmsnorm_forward(y, x, gain, 1e-5f, 1, width, p);
    rmsnorm_backward(dx, rounded, dgain, dy, x, gain, 1e-5f, 1, width, inverse, p);
    for (size_t i = 0; i < width; i++) {
        double normed = (double)x[i] * s, expected = (double)before[i] + s * ((double)gain[i] * (double)dy[i] - normed * along);
        assert_near("rmsnorm_forward", width, i, number_in(y, i, p), normed * (double)gain[i], p);
        assert_true(fabs((double)dx[i] - expected) <= 1e-5 * (fabs((double)before[i]) + fabs(expected) + 1));
        assert_true(fabs((double)dgain[i] - (double)dy[i] * normed) <= 1e-5 * (fabs((double)dy[i] * normed) + 1));
        assert_true(number_in(rounded, i, p) == (double)number_rounded(dx[i], p));
    }
    assert_guarded(&forward, "rmsnorm_forward", width), assert_guarded(&backward, "rmsnorm_backward", width);
}

// A bias is added in float32 and the sum rounded once.
static void check_bias(size_t width, precision p) {
    float wide[MOST], bias[MOST];
    for (size_t i = 0; i < width; i++) wide[i] = number_rounded(draw(7, i), p), bias[i] = draw(8, i);
    guarded g;
    void *x = open_guarded(&g, width * precision_bytes(p));
    numbers_round(x, wide, width, p);
    bias_forward(x, bias, 1, width, p);
    for (size_t i = 0; i < width; i++) assert_true(number_in(x, i, p) == (double)number_rounded(wide[i] + bias[i], p));
    assert_guarded(&g, "bias_forward", width);
}

static void kernels_keep_to_rows_of_any_width(void **state) {
    (void)state;
    static const size_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, MOST};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (int p = PRECISION_FLOAT32; p <= PRECISION_BFLOAT16; p++) {
            guarded g;
            float x[MOST];
            for (size_t k = 0; k < widths[i]; k++) x[k] = draw(10, k);
            numbers_round(open_guarded(&g, widths[i] * precision_bytes((precision)p)), x, widths[i], (precision)p);
            assert_guarded(&g, "numbers_round", widths[i]);
            check_swiglu(widths[i], (precision)p);
            check_norms(widths[i], (precision)p);
            check_bias(widths[i], (precision)p);
        }
}

// Rotating rounded numbers is rotating what they stand for.
static void a_rotation_reads_either_precision(void **state) {
    (void)state;
    enum { HEADS = 3, KV = 1, WIDTH = 24, ROW = (HEADS + 2 * KV) * WIDTH, ROTATED = (HEADS + KV) * WIDTH };
    float wide[ROW], gain[WIDTH], angles[WIDTH], expected[ROTATED], found[ROTATED];
    uint16_t rounded[ROW];
    for (size_t i = 0; i < ROW; i++) wide[i] = number_rounded(draw(11, i), PRECISION_BFLOAT16);
    for (size_t i = 0; i < WIDTH; i++) gain[i] = draw(12, i);
    for (size_t i = 0; i < WIDTH / 2; i++) angles[i] = cosf(draw(13, i)), angles[WIDTH / 2 + i] = sinf(draw(13, i));
    numbers_round(rounded, wide, ROW, PRECISION_BFLOAT16);
    rotation turn = {.heads = HEADS, .kv_heads = KV, .width = WIDTH, .q_gain = gain, .k_gain = gain, .eps = 1e-6f};
    rotation_row(&turn, expected, wide, angles, PRECISION_FLOAT32);
    rotation_row(&turn, found, rounded, angles, PRECISION_BFLOAT16);
    assert_memory_equal(found, expected, sizeof expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bfloat16_is_rounded_as_defined),
        cmocka_unit_test(kernels_keep_to_rows_of_any_width),
        cmocka_unit_test(a_rotation_reads_either_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
