// The number of threads of OpenMP belongs to the calling thread and is set when products are created, while a handle's working
// memory is planned for the number that it was opened with: each call therefore sets that number and gives back the caller's.
#ifndef DSDR_API_THREADS_H
#define DSDR_API_THREADS_H

#include <omp.h>

#include "tensor/matmul.h"

// Returns the caller's number of threads, to be given back.
static inline int api_threads_take(const matmul *products) {
    int before = omp_get_max_threads();
    omp_set_num_threads(matmul_threads(products));
    return before;
}

static inline void api_threads_give(int before) { omp_set_num_threads(before); }

#endif
