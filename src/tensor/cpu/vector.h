// Sixteen float32 lanes as a compiler vector: one AVX-512 register, or as many narrower ones as the machine has.
// Lane arithmetic is the same on every instruction set; sums over lanes have one fixed order.
#ifndef DSDR_TENSOR_CPU_VECTOR_H
#define DSDR_TENSOR_CPU_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tensor/ops.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));

#define VECTOR_INLINE static inline __attribute__((always_inline, unused))

VECTOR_INLINE f32x16 vector_load(const float *x) {
    f32x16 v;
    memcpy(&v, x, sizeof v);
    return v;
}
VECTOR_INLINE void vector_store(float *y, f32x16 v) { memcpy(y, &v, sizeof v); }
VECTOR_INLINE f32x16 vector_all(float x) { return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

// The first `count` <= 16 numbers, `rest` in the other lanes. A whole vector is told apart: copying a number of bytes that the
// compiler does not know costs more than all the arithmetic of a row kernel.
VECTOR_INLINE f32x16 vector_load_part(const float *x, size_t count, float rest) {
    if (count == 16) return vector_load(x);
    f32x16 v = vector_all(rest);
    memcpy(&v, x, count * sizeof(float));
    return v;
}
VECTOR_INLINE void vector_store_part(float *y, f32x16 v, size_t count) {
    if (count == 16)
        vector_store(y, v);
    else
        memcpy(y, &v, count * sizeof(float));
}

VECTOR_INLINE f32x16 vector_select(i32x16 mask, f32x16 yes, f32x16 no) {
    return (f32x16)((mask & (i32x16)yes) | (~mask & (i32x16)no));
}
VECTOR_INLINE f32x16 vector_max(f32x16 a, f32x16 b) { return vector_select((i32x16)(a > b), a, b); }

// Lanes i + 8, i + 4 and i + 2: sums and maxima over lanes fold in halves, always in this order.
#define VECTOR_FOLD_8 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15
#define VECTOR_FOLD_4 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7
#define VECTOR_FOLD_2 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3
VECTOR_INLINE float vector_sum(f32x16 v) {
    v += __builtin_shufflevector(v, v, VECTOR_FOLD_8);
    v += __builtin_shufflevector(v, v, VECTOR_FOLD_4);
    v += __builtin_shufflevector(v, v, VECTOR_FOLD_2);
    return v[0] + v[1];
}
VECTOR_INLINE float vector_largest(f32x16 v) {
    v = vector_max(v, __builtin_shufflevector(v, v, VECTOR_FOLD_8));
    v = vector_max(v, __builtin_shufflevector(v, v, VECTOR_FOLD_4));
    v = vector_max(v, __builtin_shufflevector(v, v, VECTOR_FOLD_2));
    return v[0] > v[1] ? v[0] : v[1];
}

// Sixteen numbers of 16 bits widened by zeros, and cut to their low halves: one instruction each where the compiler would make
// six.
VECTOR_INLINE u32x16 vector_widen(u16x16 v) {
#ifdef __AVX512F__
    return (u32x16)_mm512_cvtepu16_epi32((__m256i)v);
#else
    return __builtin_convertvector(v, u32x16);
#endif
}
VECTOR_INLINE u16x16 vector_narrow(u32x16 v) {
#ifdef __AVX512F__
    return (u16x16)_mm512_cvtepi32_epi16((__m512i)v);
#else
    return __builtin_convertvector(v, u16x16);
#endif
}

// Bit patterns of bfloat16: round to nearest even; NaN keeps its sign and becomes quiet; what is smaller than a normal number
// becomes zero, for so does the instruction.
VECTOR_INLINE u16x16 vector_to_bfloat16(f32x16 v) {
#ifdef __AVX512BF16__
    return (u16x16)_mm512_cvtneps_pbh((__m512)v);
#else
    u32x16 bits = (u32x16)v;
    u32x16 rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    u32x16 quiet = bits | 0x400000u;
    u32x16 is_nan = (u32x16)(v != v), is_small = (u32x16)((bits & 0x7F800000u) == 0);
    rounded = (is_small & bits & 0x80000000u) | (~is_small & rounded);
    return vector_narrow(((is_nan & quiet) | (~is_nan & rounded)) >> 16);
#endif
}
VECTOR_INLINE f32x16 vector_from_bfloat16(u16x16 v) { return (f32x16)(vector_widen(v) << 16); }

// The first `count` <= 16 numbers in precision p from number `index` of x on, zero in the other lanes.
VECTOR_INLINE f32x16 vector_load_numbers(const void *x, size_t index, size_t count, precision p) {
    if (p == PRECISION_FLOAT32) return vector_load_part((const float *)x + index, count, 0.0f);
    u16x16 bits = {0};
    if (count == 16)
        memcpy(&bits, (const uint16_t *)x + index, sizeof bits);
    else
        memcpy(&bits, (const uint16_t *)x + index, count * sizeof(uint16_t));
    return vector_from_bfloat16(bits);
}
// Rounds the first `count` <= 16 lanes to precision p and stores them there.
VECTOR_INLINE void vector_store_numbers(void *y, size_t index, f32x16 v, size_t count, precision p) {
    if (p == PRECISION_FLOAT32) {
        vector_store_part((float *)y + index, v, count);
    } else {
        u16x16 bits = vector_to_bfloat16(v);
        if (count == 16)
            memcpy((uint16_t *)y + index, &bits, sizeof bits);
        else
            memcpy((uint16_t *)y + index, &bits, count * sizeof(uint16_t));
    }
}

// Stores sixteen numbers in every other place of 32, the even or the odd ones; the places between are not touched.
VECTOR_INLINE void vector_store_alternate(uint16_t *y, u16x16 v, bool odd) {
#ifdef __AVX512BW__
    u32x16 wide = vector_widen(v);
    _mm512_mask_storeu_epi16(y, odd ? 0xAAAAAAAAu : 0x55555555u, (__m512i)(odd ? wide << 16 : wide));
#else
    for (size_t i = 0; i < 16; i++) y[2 * i + odd] = v[i];
#endif
}

VECTOR_INLINE f32x16 vector_rounded(f32x16 v) { return vector_from_bfloat16(vector_to_bfloat16(v)); }

// Sixteen pairs of bfloat16 numbers, the first of a pair in the low half of a lane.
VECTOR_INLINE void vector_store_pairs(void *y, u32x16 v) { memcpy(y, &v, sizeof v); }
VECTOR_INLINE u32x16 vector_load_pairs(const void *x) {
    u32x16 v;
    memcpy(&v, x, sizeof v);
    return v;
}
VECTOR_INLINE u32x16 vector_all_bits(uint32_t x) { return (u32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
VECTOR_INLINE u32x16 vector_all_pairs(const void *x) { // one pair in all lanes
    uint32_t pair;
    memcpy(&pair, x, sizeof pair);
    return vector_all_bits(pair);
}
// Pairs of numbers that are bfloat16 already.
VECTOR_INLINE u32x16 vector_pairs(f32x16 first, f32x16 second) { return (u32x16)first >> 16 | ((u32x16)second & 0xFFFF0000u); }
VECTOR_INLINE f32x16 vector_first(u32x16 pairs) { return (f32x16)(pairs << 16); }
VECTOR_INLINE f32x16 vector_second(u32x16 pairs) { return (f32x16)(pairs & 0xFFFF0000u); }

// sum + a_first b_first + a_second b_second: one instruction where the CPU has it. Its bits are those of one instruction set.
VECTOR_INLINE f32x16 vector_dot_pairs(f32x16 sum, u32x16 a, u32x16 b) {
#ifdef __AVX512BF16__
    return (f32x16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    sum += vector_second(a) * vector_second(b);
    return sum + vector_first(a) * vector_first(b);
#endif
}

// exp(x) to about 1 unit in the last place; 0 below -87.3, infinity above 88.7; NaN stays NaN.
VECTOR_INLINE f32x16 vector_exp(f32x16 x) {
    const f32x16 magic = vector_all(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer
    f32x16 clamped = vector_select((i32x16)(x < vector_all(-87.33654f)), vector_all(-87.33654f), x);
    clamped = vector_select((i32x16)(clamped > vector_all(88.72283f)), vector_all(88.72283f), clamped);
    f32x16 shifted = clamped * vector_all(1.44269504f) + magic;
    f32x16 n = shifted - magic;
    f32x16 r = clamped - n * vector_all(0.693359375f);
    r = r - n * vector_all(-2.12194440e-4f);
    f32x16 p = vector_all(1.9875691500e-4f);
    p = p * r + vector_all(1.3981999507e-3f);
    p = p * r + vector_all(8.3334519073e-3f);
    p = p * r + vector_all(4.1665795894e-2f);
    p = p * r + vector_all(1.6666665459e-1f);
    p = p * r + vector_all(5.0000001201e-1f);
    p = p * (r * r) + r + vector_all(1.0f);
    i32x16 power = ((i32x16)shifted - (i32x16)magic);
    // 2^power in two factors, so that 2^128 of the largest arguments does not overflow early
    i32x16 half = power >> 1;
    f32x16 y = p * (f32x16)((half + 127) << 23) * (f32x16)((power - half + 127) << 23);
    y = vector_select((i32x16)(x < vector_all(-87.33654f)), vector_all(0.0f), y);
    y = vector_select((i32x16)(x > vector_all(88.72283f)), vector_all(__builtin_inff()), y);
    return vector_select((i32x16)(x != x), x, y);
}

// The same bits as vector_exp for x <= 0 (negative infinity included), and NaN for NaN, in fewer steps: for softmax and erfc.
VECTOR_INLINE f32x16 vector_exp_negative(f32x16 x) {
    const f32x16 magic = vector_all(12582912.0f);
    i32x16 vanishes = (i32x16)(x < vector_all(-87.33654f));
    f32x16 clamped = vector_select(vanishes, vector_all(-87.33654f), x);
    f32x16 shifted = clamped * vector_all(1.44269504f) + magic;
    f32x16 n = shifted - magic;
    f32x16 r = clamped - n * vector_all(0.693359375f);
    r = r - n * vector_all(-2.12194440e-4f);
    f32x16 p = vector_all(1.9875691500e-4f);
    p = p * r + vector_all(1.3981999507e-3f);
    p = p * r + vector_all(8.3334519073e-3f);
    p = p * r + vector_all(4.1665795894e-2f);
    p = p * r + vector_all(1.6666665459e-1f);
    p = p * r + vector_all(5.0000001201e-1f);
    p = p * (r * r) + r + vector_all(1.0f);
    // The power is at least -126: one factor, read off the rounded number's own bits, and one rounding as in two steps.
    f32x16 y = p * (f32x16)(((i32x16)shifted - (i32x16)magic + 127) << 23);
    return (f32x16)(~vanishes & (i32x16)y);
}

// Rows `step` apart exchange the numbers `step` apart.
#define VECTOR_EXCHANGE(rows, step, low, high)                                                                                   \
    for (int i = 0; i < 16; i++)                                                                                                 \
        if (!(i & (step))) {                                                                                                     \
            f32x16 a = (rows)[i], b = (rows)[i + (step)];                                                                        \
            (rows)[i] = __builtin_shufflevector(a, b, low), (rows)[i + (step)] = __builtin_shufflevector(a, b, high);            \
        }
#define VECTOR_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define VECTOR_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define VECTOR_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define VECTOR_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define VECTOR_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define VECTOR_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define VECTOR_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define VECTOR_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31

// Turns 16 rows of 16 numbers: row i of the result holds number i of every row.
VECTOR_INLINE void vector_transpose(f32x16 *rows) {
    VECTOR_EXCHANGE(rows, 1, VECTOR_LOW_1, VECTOR_HIGH_1)
    VECTOR_EXCHANGE(rows, 2, VECTOR_LOW_2, VECTOR_HIGH_2)
    VECTOR_EXCHANGE(rows, 4, VECTOR_LOW_4, VECTOR_HIGH_4)
    VECTOR_EXCHANGE(rows, 8, VECTOR_LOW_8, VECTOR_HIGH_8)
}

#endif
