// Loops over rows on all threads, or on one where there is little to do.
//
// A parallel region that its own `if` clause switches off still opens a team of one thread, which takes memory each time; here it
// is not entered. The body must be a call of a function that is not inlined (ROW_FUNCTION): then both loops run one and the same
// code, and a row has the same bits in a large call and in a small one.
#ifndef DSDR_TENSOR_PARALLEL_H
#define DSDR_TENSOR_PARALLEL_H

#define ROW_FUNCTION static __attribute__((noinline)) void

// call for at = 0, step, 2 step, ... below count
#define FOR_EACH(at, count, step, parallel, call)                                                                                \
    do {                                                                                                                         \
        if (parallel) {                                                                                                          \
            _Pragma("omp parallel for schedule(static)") for (size_t at = 0; at < (count); at += (step)) call;                   \
        } else {                                                                                                                 \
            for (size_t at = 0; at < (count); at += (step)) call;                                                                \
        }                                                                                                                        \
    } while (0)

#endif
