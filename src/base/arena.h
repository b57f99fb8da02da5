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
// An arena without memory ({0}) counts: it gives NULL and adds up in `used` what it would have given. So the function that takes
// the memory of an object also says how much that is.
void *arena_take(arena *a, size_t bytes);

// `count` things of `size` bytes each; count * size must fit a size_t.
static inline void *arena_take_array(arena *a, size_t count, size_t size) { return arena_take(a, count * size); }

// Bytes that arena_take(bytes) uses: for planning a capacity.
size_t arena_size(size_t bytes);

// Has the system hand over all pages, so that a later write can neither fail nor wait. Changes no content.
void arena_touch(const arena *a);

// Gives back everything taken after `mark` (a former value of a->used; 0 for all).
static inline void arena_reset(arena *a, size_t mark) { a->used = mark; }

#endif
