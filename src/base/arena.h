// Arenas: memory of a planned size that is given out in order and given back all at once.
#ifndef DSDR_BASE_ARENA_H
#define DSDR_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

#define ARENA_ALIGNMENT 64 // bytes; one cache line, one AVX-512 register

typedef struct arena {
    unsigned char *memory; // zero-filled when created
    size_t capacity, used; // bytes
} arena;

// Reserves `capacity` bytes (rounded up to pages), zero-filled. On failure *a is empty and arena_free is harmless.
status arena_create(arena *a, size_t capacity, const char *purpose);
void arena_free(arena *a);

// The next `bytes` bytes, 64-byte aligned; NULL when the arena is full (a planning error: check it).
// Memory handed out for the first time is zero; after arena_reset it holds what it held.
void *arena_take(arena *a, size_t bytes);

// Bytes that arena_take(bytes) uses: for planning a capacity.
size_t arena_size(size_t bytes);

// Gives back everything taken after `mark` (a former value of a->used; 0 for all).
static inline void arena_reset(arena *a, size_t mark) { a->used = mark; }

#endif
