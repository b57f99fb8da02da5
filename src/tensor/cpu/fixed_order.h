// Products in one fixed order of additions, whatever the number of rows or threads: the fallback of tensor/matmul.h.
#ifndef DSDR_TENSOR_CPU_FIXED_ORDER_H
#define DSDR_TENSOR_CPU_FIXED_ORDER_H

#include "tensor/ops.h"

// y[rows, N] = x[rows, K] b[K, N]; x and b in precision p; k runs in order in each lane.
void fixed_order_product(float *y, const void *x, const void *b, size_t rows, size_t inner, size_t columns, precision p);
// c[M, N] += a[rows, M]^T b[rows, N]; rows in order.
void fixed_order_accumulate(float *c, const void *a, const void *b, size_t rows, size_t height, size_t columns, precision p);

#endif
