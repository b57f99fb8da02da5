// Products in one fixed order of additions, whatever the number of rows or threads: the fallback of tensor/matmul.h.
#ifndef DSDR_TENSOR_CPU_FIXED_ORDER_H
#define DSDR_TENSOR_CPU_FIXED_ORDER_H

#include "tensor/ops.h"

// A matrix b[K, N] is packed into panels of a few columns, each [K][columns of a panel] and padded with zeros, in precision p.
size_t fixed_order_bytes(size_t inner, size_t columns, precision p);
// Number (k, n) of b is from[k * inner_stride + n * column_stride].
void fixed_order_pack(void *packed, const float *from, size_t inner, size_t columns, size_t inner_stride, size_t column_stride,
                      precision p);

// y[rows, N] = x[rows, K] b[K, N]; x and b in precision p. Each number of y is one chain of multiply-adds from k = 0 on, rounded
// to precision `to` in the end.
void fixed_order_product(void *y, precision to, const void *x, const void *packed, size_t rows, size_t inner, size_t columns,
                         precision p);
// c[M, N] += a[rows, M]^T b[rows, N], a and b plain, in precision p; rows in order.
void fixed_order_accumulate(float *c, const void *a, const void *b, size_t rows, size_t height, size_t columns, precision p);

#endif
