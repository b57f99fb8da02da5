// The self-test of products: what oneDNN does not promise is looked at before it is relied on. See tensor/matmul.h.
//
// Where any bit differs the engine must not be used: run/open_model.c and run/scoring.c then take the fixed-order kernel. The
// numbers tried are made up, not the model's: weights that are zero today would hide a difference that appears tomorrow.
#include <stdlib.h>
#include <string.h>

#include "tensor/matmul.h"

// What one engine makes of the same operands.
typedef struct results {
    void *y, *dx; // [rows, out] and [rows, in], in float32 or rounded; dx and dw only with a depth
    float *dw;    // [out, in]
} results;

typedef struct self_test {
    matmul *products;
    linear weight;
    size_t rows, depth;    // of y and dx; of dw
    float *values;         // numbers to be packed or rounded
    unsigned char *x, *dy; // [rows or depth, in], [the same, out] operands
    unsigned char *moved;  // [rows, in] rows in another batch
    results all, other;    // of all rows on all threads; of a part of them or on one thread
} self_test;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// Numbers in [-1, 1), the same in every run.
static void fill(float *x, size_t count, uint32_t salt) {
    for (size_t i = 0; i < count; i++) x[i] = (float)((int32_t)(((uint32_t)i + salt) * 2654435761u) >> 8) * 0x1p-23f;
}

// Takes `count` numbers of `bytes` each; *failed stays true once memory was out.
static void *take(size_t count, size_t bytes, bool *failed) {
    void *memory = count > 0 ? aligned_alloc(64, (count * bytes + 63) / 64 * 64) : NULL;
    *failed |= count > 0 && !memory;
    return memory;
}

static status open(self_test *t) {
    size_t out = t->weight.out, in = t->weight.in, most = larger(t->rows, t->depth), room = matmul_room(most);
    size_t weights = t->depth ? out * in : 0, number = precision_bytes(matmul_precision(t->products));
    bool failed = false;
    t->values = take(larger(out * in, most * larger(out, in)), 4, &failed);
    t->x = take(room * in, number, &failed), t->dy = take(t->depth ? room * out : 0, number, &failed);
    t->moved = take(room * in, number, &failed);
    t->weight.forward = take(linear_bytes(t->products, out, in), 1, &failed);
    t->weight.backward = take(t->depth ? linear_bytes(t->products, out, in) : 0, 1, &failed);
    for (results *r = &t->all; r; r = r == &t->all ? &t->other : NULL) {
        r->y = take(room * out, 4, &failed);
        r->dx = take(t->depth ? room * in : 0, 4, &failed), r->dw = take(weights, 4, &failed);
    }
    if (failed) return status_set(STATUS_NO_MEMORY, "out of memory in the self-test of products");
    fill(t->values, out * in, 0);
    TRY(linear_pack(t->products, &t->weight, t->values));
    fill(t->values, most * in, 77);
    numbers_round(t->x, t->values, most * in, matmul_precision(t->products));
    if (!t->depth) return STATUS_OK;
    fill(t->values, most * out, 991);
    numbers_round(t->dy, t->values, most * out, matmul_precision(t->products));
    return STATUS_OK;
}

static void close(self_test *t) {
    free(t->values), free(t->x), free(t->dy), free(t->moved);
    free(t->weight.forward), free(t->weight.backward);
    free(t->all.y), free(t->all.dx), free(t->all.dw);
    free(t->other.y), free(t->other.dx), free(t->other.dw);
}

static status compute(const self_test *t, matmul *m, const results *r) {
    const linear *l = &t->weight;
    TRY(linear_forward(m, l, r->y, t->x, t->rows));
    if (!t->depth) return STATUS_OK;
    memset(r->dw, 0, l->out * l->in * sizeof *r->dw);
    TRY(linear_backward_weight(m, l->out, l->in, r->dw, t->dy, t->x, t->depth));
    return linear_backward_input(m, l, r->dx, t->dy, t->rows);
}

static size_t bytes_of(const self_test *t, bool rounds) { return rounds ? precision_bytes(matmul_precision(t->products)) : 4; }

// Cuts the rows into batches of many sizes and looks at every row again. Backward products see the same rows however the work is
// arranged; their turn comes in test_threads.
static status test_rows(const self_test *t, bool *invariant) {
    static const size_t counts[] = {1, 2, 3, 5, 8, 13, 20, 37, 64, 100, MATMUL_ROWS};
    size_t row = t->weight.in * precision_bytes(matmul_precision(t->products));
    size_t row_of_y = t->weight.out * bytes_of(t, t->weight.rounds_y);
    for (size_t i = 0, first = 0; first < t->rows && *invariant; i++) {
        size_t count = smaller(counts[i], t->rows - first);
        memcpy(t->moved, t->x + first * row, count * row);
        TRY(linear_forward(t->products, &t->weight, t->other.y, t->moved, count));
        *invariant = !memcmp(t->other.y, (unsigned char *)t->all.y + first * row_of_y, count * row_of_y);
        first += count;
    }
    return STATUS_OK;
}

static status test_threads(const self_test *t, bool *invariant) {
    const linear *l = &t->weight;
    if (matmul_threads(t->products) == 1 || !*invariant) return STATUS_OK;
    matmul *single;
    TRY(matmul_create(&single, matmul_precision(t->products), 1, false));
    status code = compute(t, single, &t->other);
    matmul_free(single);
    matmul_use_threads(t->products);
    TRY(code);
    *invariant = !memcmp(t->all.y, t->other.y, t->rows * l->out * bytes_of(t, l->rounds_y)) &&
                 (!t->depth || (!memcmp(t->all.dx, t->other.dx, t->rows * l->in * bytes_of(t, l->rounds_dx)) &&
                                !memcmp(t->all.dw, t->other.dw, l->out * l->in * sizeof *t->all.dw)));
    return STATUS_OK;
}

status matmul_self_test(matmul *m, const linear *l, size_t rows, size_t depth, bool *invariant) {
    *invariant = true;
    if (matmul_is_fixed_order(m)) return STATUS_OK;
    self_test t = {.products = m,
                   .weight = {.out = l->out, .in = l->in, .rounds_y = l->rounds_y, .rounds_dx = l->rounds_dx},
                   .rows = smaller(rows, MATMUL_ROWS),
                   .depth = smaller(depth, MATMUL_DEPTH)};
    status code = open(&t);
    if (code == STATUS_OK) code = compute(&t, m, &t.all);
    if (code == STATUS_OK) code = test_rows(&t, invariant);
    if (code == STATUS_OK) code = test_threads(&t, invariant);
    close(&t);
    if (code != STATUS_OK) *invariant = false;
    return code;
}
