// Where the time of a pass goes, by kind of kernel.
//
// The thread that drives a pass marks the end of each kernel with kernel_lap, which books everything since the mark before under
// that kernel: between two marks nothing is lost and nothing is counted twice. A mark costs a reading of the clock.
#ifndef DSDR_TENSOR_CLOCK_H
#define DSDR_TENSOR_CLOCK_H

#include <stdint.h>
#include <time.h>

// KERNEL_X, name in the metrics
#define KERNEL_TABLE(X)                                                                                                          \
    X(PRODUCTS, "products") /* matrix products, forward and backward */                                                          \
    X(ATTENTION, "attention")                                                                                                    \
    X(ROTATION, "rotation")     /* head norms, rotary embedding, storing keys and values; and back */                            \
    X(NORMS, "norms")           /* RMSNorm with the addition to the residual stream */                                           \
    X(ACTIVATION, "activation") /* SwiGLU */                                                                                     \
    X(EMBEDDING, "embedding")                                                                                                    \
    X(SOFTMAX, "softmax")         /* the head's rows: log-sum-exp, drawing, objective, gradient of logits */                     \
    X(OPTIMIZER, "optimizer")     /* clearing gradients, norm, AdamW */                                                          \
    X(PACKING, "packing")         /* weights into the layout of products */                                                      \
    X(BOOKKEEPING, "bookkeeping") /* building batches, decoding text, looking for stops */

typedef enum kernel {
#define X(name, text) KERNEL_##name,
    KERNEL_TABLE(X)
#undef X
        KERNEL_COUNT
} kernel;

typedef struct kernel_clock {
    int64_t mark; // nanoseconds
    int64_t nanoseconds[KERNEL_COUNT];
} kernel_clock;

static inline int64_t kernel_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Sets the mark; what came before is booked nowhere. Clocks may be NULL: then nothing is measured.
static inline void kernel_mark(kernel_clock *c) {
    if (c) c->mark = kernel_now();
}

static inline void kernel_lap(kernel_clock *c, kernel which) {
    if (!c) return;
    int64_t now = kernel_now();
    c->nanoseconds[which] += now - c->mark;
    c->mark = now;
}

#endif
