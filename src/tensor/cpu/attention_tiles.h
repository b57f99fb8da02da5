// Tiles of a few query heads over blocks of keys: what attention's forward and backward are made of. Private to tensor/cpu/.
//
// A few query heads share each key/value head (grouped-query attention); a tile takes up to four of them at once, so that a
// loaded key serves them all. A tile's lanes never mix, so its shape does not change a bit.
#ifndef DSDR_TENSOR_CPU_ATTENTION_TILES_H
#define DSDR_TENSOR_CPU_ATTENTION_TILES_H

#include <omp.h>
#include <string.h>

#include "tensor/cpu/vector.h"
#include "tensor/ops.h"

enum { LANES = ATTENTION_LANES, TILE_HEADS = 4, TILE_VECTORS = 4, TILE_ROWS = 4 };

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t thread_number(void) { return (size_t)omp_get_thread_num(); }

// What is kept in bfloat16 is multiplied in pairs: two numbers of a key with two of a query, values of two keys with their two
// weights (vector_dot_pairs). So the numbers of a pair lie side by side (tensor/ops.h).

// out[h][v * 16 ..] = x[h] . block v, for `heads` rows x in precision p and `vectors` blocks of 16 keys that follow one another.
VECTOR_INLINE void dot_tile(const void *const *x, size_t heads, const void *blocks, precision p, size_t vectors, size_t width,
                            float *const *out, size_t at) {
    f32x16 sum[TILE_HEADS][TILE_VECTORS];
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_all(0.0f);
    if (p == PRECISION_FLOAT32) {
        for (size_t d = 0; d < width; d++) {
            f32x16 key[TILE_VECTORS];
            for (size_t v = 0; v < vectors; v++) key[v] = vector_load((const float *)blocks + ((at + v) * width + d) * LANES);
            for (size_t h = 0; h < heads; h++) {
                f32x16 q = vector_all(((const float *)x[h])[d]);
                for (size_t v = 0; v < vectors; v++) sum[h][v] += q * key[v];
            }
        }
    } else {
        for (size_t d = 0; d < width; d += 2) {
            u32x16 key[TILE_VECTORS];
            for (size_t v = 0; v < vectors; v++)
                key[v] = vector_load_pairs((const uint16_t *)blocks + ((at + v) * width + d) * LANES);
            for (size_t h = 0; h < heads; h++) {
                u32x16 q = vector_all_pairs((const uint16_t *)x[h] + d);
                for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_dot_pairs(sum[h][v], q, key[v]);
            }
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) vector_store(out[h] + (at + v) * LANES, sum[h][v]);
}

#define FOR_TILE_HEADS(heads, call)                                                                                              \
    switch (heads) {                                                                                                             \
    case 1: {                                                                                                                    \
        enum { N = 1 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    case 2: {                                                                                                                    \
        enum { N = 2 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    case 3: {                                                                                                                    \
        enum { N = 3 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    default: {                                                                                                                   \
        enum { N = 4 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    }

VECTOR_INLINE void dot_blocks(const void *const *x, size_t heads, const void *blocks, precision p, size_t vectors, size_t width,
                              float *const *out) {
    size_t v = 0;
    for (; v + TILE_VECTORS <= vectors; v += TILE_VECTORS)
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks, p, TILE_VECTORS, width, out, v))
    switch (vectors - v) { // together: one block alone waits for its own sums
    case 3:
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks, p, 3, width, out, v)) break;
    case 2:
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks, p, 2, width, out, v)) break;
    case 1:
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks, p, 1, width, out, v)) break;
    default:
        break;
    }
}

// out[h][0 .. round(count)) = x[h] . key j; lanes beyond `count` are whatever the run holds there.
static inline void dot_keys(const void *const *x, size_t heads, const void *blocks, precision p, size_t count, size_t width,
                            float *const *out) {
    size_t vectors = attention_round(count) / LANES;
    if (p == PRECISION_FLOAT32)
        dot_blocks(x, heads, blocks, PRECISION_FLOAT32, vectors, width, out);
    else
        dot_blocks(x, heads, blocks, PRECISION_BFLOAT16, vectors, width, out);
}

// out[h][16 at .. 16 (at + vectors)) += sum over keys j in order of weight[h][j] * rows[j][..], weights in precision p. Of the
// pair of an odd last key the second half counts as zero, whatever it is; so must its weight.
VECTOR_INLINE void mix_tile(float *const *out, size_t heads, const void *const *weight, const void *rows, precision p,
                            size_t stride, size_t count, size_t vectors, size_t at) {
    f32x16 sum[TILE_HEADS][TILE_VECTORS];
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_load(out[h] + (at + v) * LANES);
    if (p == PRECISION_FLOAT32) {
        for (size_t j = 0; j < count; j++) {
            f32x16 row[TILE_VECTORS];
            for (size_t v = 0; v < vectors; v++) row[v] = vector_load((const float *)rows + j * stride + (at + v) * LANES);
            for (size_t h = 0; h < heads; h++) {
                f32x16 w = vector_all(((const float *)weight[h])[j]);
                for (size_t v = 0; v < vectors; v++) sum[h][v] += w * row[v];
            }
        }
    } else {
        for (size_t j = 0; j < count; j += 2) {
            u32x16 row[TILE_VECTORS];
            for (size_t v = 0; v < vectors; v++)
                row[v] = vector_load_pairs((const uint16_t *)rows + j * stride + (at + v) * 2 * LANES);
            if (j + 1 == count)
                for (size_t v = 0; v < vectors; v++) row[v] &= 0xFFFFu;
            for (size_t h = 0; h < heads; h++) {
                u32x16 w = vector_all_pairs((const uint16_t *)weight[h] + j);
                for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_dot_pairs(sum[h][v], w, row[v]);
            }
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) vector_store(out[h] + (at + v) * LANES, sum[h][v]);
}

VECTOR_INLINE void mix_blocks(float *const *out, size_t heads, const void *const *weight, const void *rows, precision p,
                              size_t stride, size_t count) {
    size_t vectors = stride / LANES, v = 0;
    for (; v + TILE_VECTORS <= vectors; v += TILE_VECTORS)
        FOR_TILE_HEADS(heads, mix_tile(out, N, weight, rows, p, stride, count, TILE_VECTORS, v))
    for (; v < vectors; v++) FOR_TILE_HEADS(heads, mix_tile(out, N, weight, rows, p, stride, count, 1, v))
}

// out[h][0..stride) += sum over keys in order; `stride` is a multiple of 16.
static inline void mix_rows(float *const *out, size_t heads, const void *const *weight, const void *rows, precision p,
                            size_t stride, size_t count) {
    if (p == PRECISION_FLOAT32)
        mix_blocks(out, heads, weight, rows, PRECISION_FLOAT32, stride, count);
    else
        mix_blocks(out, heads, weight, rows, PRECISION_BFLOAT16, stride, count);
}

#endif
