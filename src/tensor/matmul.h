// Matrix products through oneDNN's matmul primitive: weights packed once, primitives cached by shape, rows padded to a bucket.
//
// Row invariance is a property of oneDNN's kernels that its documentation does not promise. matmul_self_test checks it on the
// shapes, precision and thread count in use; where it does not hold, products run on the fixed-order kernel of
// tensor/cpu/fixed_order.c, invariant by construction.
#ifndef DSDR_TENSOR_MATMUL_H
#define DSDR_TENSOR_MATMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/ops.h"

typedef struct matmul matmul; // one engine: precision, threads, cache of primitives, scratch memory; used by one caller at a time

// threads: of all kernels that this thread starts from here on (OpenMP), at least 1. fixed_order: oneDNN did not pass the
// self-test and is not used; nor is it where it has no products of this precision.
status matmul_create(matmul **out, precision p, int threads, bool fixed_order);
void matmul_free(matmul *m);
precision matmul_precision(const matmul *m);
int matmul_threads(const matmul *m);
bool matmul_is_fixed_order(const matmul *m);
// "oneDNN 2.6.3, instruction set 0xe7", or "fixed-order kernel (...)" with the reason.
const char *matmul_description(const matmul *m);
// Kernels that this thread starts from here on run on the engine's threads.
void matmul_use_threads(const matmul *m);

// Whether this CPU multiplies bfloat16 natively, so that PRECISION_BFLOAT16 is the faster one.
bool matmul_has_bfloat16(void);

// More rows than MATMUL_ROWS are computed in several products, so that none is larger than what matmul_self_test has seen.
enum { MATMUL_ROWS = 512 };
// Rows that a product over `rows` rows computes at most: up to 31 rows none is added, then fewer than one for 16 (33 become 34,
// 257 become 272). What it computes has one of a few shapes.
size_t matmul_rows(size_t rows);
// Rows of room that every operand of a product over `rows` rows needs, and of a gradient that sums over them.
enum { MATMUL_ROOM = 32 };
static inline size_t matmul_room(size_t rows) { return (rows + MATMUL_ROOM - 1) / MATMUL_ROOM * MATMUL_ROOM; }

// Multiply-adds since the engine was made: those of the rows that were asked for, and with the rows that rounding adds.
typedef struct matmul_work {
    uint64_t needed, done;
} matmul_work;
matmul_work matmul_totals(const matmul *m);

// A weight matrix W[out, in] as products want it. Memory is the caller's: linear_bytes for each of the two layouts.
typedef struct linear {
    size_t out, in;
    bool rounds_y, rounds_dx; // y = x W^T, dx = dy W are written in the engine's precision; else in float32
    void *forward;            // packed for y = x W^T
    void *backward;           // packed for dx = dy W; NULL for frozen weights
} linear;

size_t linear_bytes(const matmul *m, size_t out, size_t in); // of one layout, a multiple of 64
// Packs weight[out, in] (float32, rounded to the engine's precision) into both layouts, or the one that has memory.
status linear_pack(matmul *m, const linear *l, const float *weight);

// y[rows, out] = x[rows, in] W^T. x in the engine's precision, y in float32 or rounded once to it (rounds_y); x and y have
// matmul_room(rows) rows, and what lies beyond `rows` is overwritten (x with zeros).
status linear_forward(matmul *m, const linear *l, void *y, void *x, size_t rows);
// dx[rows, in] = dy[rows, out] W. As above.
status linear_backward_input(matmul *m, const linear *l, void *dx, void *dy, size_t rows);
// dw[out, in] += dy[rows, out]^T x[rows, in], in float32, MATMUL_DEPTH rows after another, each time rounded up to a multiple of
// 8 at least: the order of additions depends on `rows` alone. As above; dy too is overwritten with zeros beyond `rows`.
enum { MATMUL_DEPTH = 1024 };
status linear_backward_weight(matmul *m, size_t out, size_t in, float *dw, void *dy, void *x, size_t rows);

// Builds all that packing W (its memory is not looked at) and products over up to `rows` rows with it will need, and where it is
// trained (depth > 0) those of the way back, so that none is built later. It takes about matmul_prepared_bytes.
status matmul_prepare(matmul *m, const linear *l, size_t rows, size_t depth);
size_t matmul_prepared_bytes(const matmul *m, size_t rows, size_t depth);

// Whether products with such a W (its memory is not looked at) keep the promise on this machine: compares bits of y = x W^T over
// `rows` rows (MATMUL_ROWS at most) with those of each row computed alone, in a pair or in a batch of another size, and on a
// single thread. Where the weight is trained, `depth` is the number of rows that its gradient sums over in one call (MATMUL_DEPTH
// at most), and dx = dy W and the gradient on a single thread are compared as well; 0: it is not. *invariant is false where any
// bit differs.
status matmul_self_test(matmul *m, const linear *l, size_t rows, size_t depth, bool *invariant);

#endif
