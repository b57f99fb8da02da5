// tensor/: attention, forward and backward, against sums in double over the same keys; over two runs of any lengths.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "base/random.h"
#include "tensor/cpu/vector.h"
#include "tensor/ops.h"

enum { PREFIX = 53, OWN = 39, TOKENS = PREFIX + OWN, MOST = 8 * 64, KEY = 2 * 64 };

// A prompt of PREFIX tokens and a response of OWN rows that sees it; all arrays by token or row, float32.
typedef struct problem {
    attention_shape shape;
    float q[OWN * MOST], dy[OWN * MOST], keys[TOKENS * KEY], values[TOKENS * KEY];
} problem;

static float draw(uint32_t salt, size_t i) { return (float)random_uniform(5, RANDOM_TEST, i, salt, 0) * 2 - 1; }

static void problem_fill(problem *p, size_t heads, size_t kv_heads, size_t width, precision kept) {
    p->shape = (attention_shape){
        .heads = heads, .kv_heads = kv_heads, .width = width, .scale = 1.0f / sqrtf((float)width), .kept = kept};
    for (size_t i = 0; i < OWN * MOST; i++) p->q[i] = 3 * draw(1, i), p->dy[i] = number_rounded(draw(2, i), kept);
    for (size_t i = 0; i < TOKENS * KEY; i++)
        p->keys[i] = number_rounded(draw(3, i), kept), p->values[i] = number_rounded(draw(4, i), kept);
}

static void *take(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0xFF, bytes); // NaN wherever nothing is stored
    return memory;
}

static attention_run store(const problem *p, size_t first, size_t count) {
    const attention_shape *s = &p->shape;
    size_t capacity = attention_round(count), key = s->kv_heads * s->width;
    attention_run run = {
        .keys = take(attention_key_bytes(s, capacity)), .values = take(attention_value_bytes(s, capacity)), .capacity = capacity};
    memset(run.values, 0, attention_value_bytes(s, capacity)); // the padding of a value is zero
    for (size_t t = 0; t < count; t++)
        attention_store(s, &run, t, p->keys + (first + t) * key, p->values + (first + t) * key, PRECISION_FLOAT32);
    return run;
}

// What comes out: y and dq by row, dk and dv by token.
typedef struct outcome {
    double y[OWN * MOST], dq[OWN * MOST], dk[TOKENS * KEY], dv[TOKENS * KEY];
} outcome;

static void compute(const problem *p, outcome *o, precision rounded) {
    const attention_shape *s = &p->shape;
    size_t query = s->heads * s->width, key = s->kv_heads * s->width;
    attention_run prefix = store(p, 0, PREFIX), own = store(p, PREFIX, OWN);
    attention_row rows[OWN];
    for (size_t r = 0; r < OWN; r++)
        rows[r] = (attention_row){.prefix = prefix, .own = own, .prefix_count = PREFIX, .own_count = r + 1};
    size_t forward = attention_scratch_floats(s, TOKENS), backward = attention_backward_scratch_floats(s, PREFIX, OWN);
    size_t each = attention_round(forward > backward ? forward : backward);
    float *scratch = take(each * 4 * (size_t)omp_get_max_threads()), *statistics = take(OWN * s->heads * 2 * 4);
    void *y = take(OWN * query * 4);
    float *dq = take(OWN * query * 4), *dk = calloc(TOKENS * key, 4), *dv = calloc(TOKENS * key, 4);
    attention_forward(s, y, statistics, p->q, query, rows, OWN, scratch, each, rounded);
    const attention_block block = {.count = OWN,
                                   .prefix = prefix,
                                   .own = own,
                                   .prefix_count = PREFIX,
                                   .dprefix_keys = dk,
                                   .dprefix_values = dv,
                                   .down_keys = dk + PREFIX * key,
                                   .down_values = dv + PREFIX * key};
    void *dy = take(OWN * query * 4);
    numbers_round(dy, p->dy, OWN * query, rounded);
    attention_backward(s, dq, dy, y, statistics, p->q, query, &block, 1, scratch, each, rounded);
    for (size_t i = 0; i < OWN * query; i++) {
        uint32_t bits = rounded == PRECISION_FLOAT32 ? 0 : (uint32_t)((uint16_t *)y)[i] << 16;
        float number;
        memcpy(&number, &bits, sizeof number);
        o->y[i] = rounded == PRECISION_FLOAT32 ? (double)((float *)y)[i] : (double)number;
        o->dq[i] = (double)dq[i];
    }
    for (size_t i = 0; i < TOKENS * key; i++) o->dk[i] = (double)dk[i], o->dv[i] = (double)dv[i];
    free(prefix.keys), free(prefix.values), free(own.keys), free(own.values);
    free(scratch), free(statistics), free(y), free(dy), free(dq), free(dk), free(dv);
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

// The same by the definition.
static void expect(const problem *p, outcome *o) {
    const attention_shape *s = &p->shape;
    size_t width = s->width, query = s->heads * width, key = s->kv_heads * width;
    *o = (outcome){0};
    for (size_t r = 0; r < OWN; r++)
        for (size_t h = 0; h < s->heads; h++) {
            size_t seen = PREFIX + r + 1, at = r * query + h * width, column = h / (s->heads / s->kv_heads) * width;
            double w[TOKENS], total = 0, along = 0;
            for (size_t j = 0; j < seen; j++)
                total += w[j] = exp((double)s->scale * dot(p->q + at, p->keys + j * key + column, width));
            for (size_t j = 0; j < seen; j++) {
                w[j] /= total;
                for (size_t d = 0; d < width; d++) {
                    o->y[at + d] += w[j] * (double)p->values[j * key + column + d];
                    o->dv[j * key + column + d] += w[j] * (double)p->dy[at + d];
                }
                along += w[j] * dot(p->dy + at, p->values + j * key + column, width);
            }
            for (size_t j = 0; j < seen; j++) {
                double ds = (double)s->scale * w[j] * (dot(p->dy + at, p->values + j * key + column, width) - along);
                for (size_t d = 0; d < width; d++) {
                    o->dq[at + d] += ds * (double)p->keys[j * key + column + d];
                    o->dk[j * key + column + d] += ds * (double)p->q[at + d];
                }
            }
        }
}

static void assert_near(const char *what, const double *found, const double *expected, size_t count, double tolerance) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < count; i++)
        error += (found[i] - expected[i]) * (found[i] - expected[i]), norm += expected[i] * expected[i];
    assert_true(norm > 0);
    if (!(sqrt(error) <= tolerance * sqrt(norm))) fail_msg("%s: relative error %.3g", what, sqrt(error / norm));
}

// Rounding to bfloat16 is off by at most 2^-9 of a number; errors of several roundings add up to no more than a few of it.
static void attention_and_its_gradients_equal_sums_in_double(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 16}, {6, 2, 24}, {4, 2, 64}, {5, 1, 40}, {8, 1, 8}};
    problem *p = malloc(sizeof *p);
    outcome *found = malloc(sizeof *found), *expected = malloc(sizeof *expected);
    assert_true(p && found && expected);
    for (int wide = 0; wide < 2; wide++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            precision kept = wide ? PRECISION_FLOAT32 : PRECISION_BFLOAT16;
            double tolerance = wide ? 2e-6 : 4 * 0x1p-9;
            problem_fill(p, shapes[i][0], shapes[i][1], shapes[i][2], kept);
            size_t query = p->shape.heads * p->shape.width, key = p->shape.kv_heads * p->shape.width;
            compute(p, found, kept);
            expect(p, expected);
            assert_near("y", found->y, expected->y, OWN * query, tolerance);
            assert_near("dq", found->dq, expected->dq, OWN * query, tolerance);
            assert_near("dk", found->dk, expected->dk, TOKENS * key, tolerance);
            assert_near("dv", found->dv, expected->dv, TOKENS * key, tolerance);
        }
    free(p), free(found), free(expected);
}

// sum + a_second b_second + a_first b_first, each step rounded once.
static void products_of_pairs_equal_their_scalar_twin(void **state) {
    (void)state;
#ifndef __AVX512BF16__
    printf("skip: products of pairs have no instruction here\n");
    skip();
#endif
    for (uint32_t n = 0; n < 2000; n++) {
        float numbers[64], sum[16];
        uint16_t bits[64];
        for (uint32_t i = 0; i < 64; i++) numbers[i] = draw(n + 10, i) * exp2f((float)(i * 7 % 13) - 6);
        for (uint32_t i = 0; i < 16; i++) sum[i] = draw(n + 10, 64 + i);
        numbers_round(bits, numbers, 64, PRECISION_BFLOAT16);
        f32x16 found = vector_dot_pairs(vector_load(sum), vector_load_pairs(bits), vector_load_pairs(bits + 32));
        for (uint32_t i = 0; i < 16; i++) {
            float a = number_rounded(numbers[2 * i], PRECISION_BFLOAT16),
                  b = number_rounded(numbers[32 + 2 * i], PRECISION_BFLOAT16),
                  c = number_rounded(numbers[2 * i + 1], PRECISION_BFLOAT16),
                  d = number_rounded(numbers[33 + 2 * i], PRECISION_BFLOAT16), expected = fmaf(a, b, fmaf(c, d, sum[i])),
                  lane = found[i];
            assert_memory_equal(&lane, &expected, sizeof lane);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_and_its_gradients_equal_sums_in_double),
        cmocka_unit_test(products_of_pairs_equal_their_scalar_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
