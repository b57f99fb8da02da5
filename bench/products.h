// The ceiling of a benchmark: a model's matrix products alone, in order, with nothing between them.
//
// This is written against oneDNN directly and shares no code with tensor/matmul.h, so that a slow wrapper cannot lower the
// ceiling that it is measured against. oneDNN chooses the layout of the weights for each product; each matrix of the model has
// its own memory, as in the model, so that it is read from where the model's would be. Activations share one source and one
// destination.
#ifndef DSDR_BENCH_PRODUCTS_H
#define DSDR_BENCH_PRODUCTS_H

#include <stddef.h>

#include "base/status.h"
#include "model/config.h"
#include "tensor/ops.h"

typedef struct products products;

// An empty sequence on `p` operands. Uses the threads that OpenMP is set to.
status products_create(products **out, precision p);
void products_free(products *s); // NULL is fine

// Appends y[rows, out] = x[rows, in] W, y in precision `to`. Products of the same `matrix` (a number of the caller's choice) read
// the same memory.
status products_add_rows(products *s, size_t matrix, size_t rows, size_t out, size_t in, precision to);
// Appends dW[out, in] += dy[rows, out]^T x[rows, in], in float32.
status products_add_weight(products *s, size_t matrix, size_t rows, size_t out, size_t in);

// Appends what a causal language model multiplies for `rows` rows: all layers forward, the head in blocks of `head_block` rows
// for `head_rows` of them, and with `backward` the way back: both products of each matrix, layer by layer. Results are in the
// precision that the model takes them in: qkv, gate_up and the gradients by the inputs of the output and down matrices in that of
// operands, all others in float32.
status products_add_model(products *s, const model_config *c, size_t rows, size_t head_rows, size_t head_block, bool backward);

// Runs the sequence once and gives the seconds it took. The first run touches all memory: not to be counted.
status products_run(products *s, double *seconds);

#endif
