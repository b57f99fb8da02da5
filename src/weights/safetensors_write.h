// Writing safetensors files as Hugging Face does: for checkpoints and for optimizer state.
//
// Tensors are declared first, then their values stream in, in the declared order, as float32. Bytes depend on the declaration
// and the values alone (no time, no path). A file appears under its name only when it is complete and synced.
#ifndef DSDR_WEIGHTS_SAFETENSORS_WRITE_H
#define DSDR_WEIGHTS_SAFETENSORS_WRITE_H

#include <stddef.h>

#include "base/status.h"
#include "weights/weights.h"

typedef struct safetensors_entry {
    const char *name;    // printable UTF-8, unique, not empty, not "__metadata__"; read only during safetensors_create
    weights_dtype dtype; // WEIGHTS_F32 or WEIGHTS_BF16 (rounded to nearest, ties to even; NaN stays NaN)
    size_t rank;         // at most WEIGHTS_MAX_RANK
    size_t shape[WEIGHTS_MAX_RANK];
} safetensors_entry;

typedef struct safetensors_writer safetensors_writer;

// Starts writing `entries` (copied) to folder/stem.safetensors. With max_shard_bytes > 0, tensors are dealt in order into as few
// shards as keep each one's data within that size (a larger tensor has a shard of its own); more than one shard are named
// folder/stem-00001-of-0000N.safetensors, with folder/stem.safetensors.index.json. The folder must exist and be fresh: files of
// an earlier save with another number of shards are left as they are, and a stem.safetensors would be read instead of an index.
// Data lie in the declared order without gaps; some readers want each tensor at a multiple of its element's size, so declare
// F32 tensors before BF16 ones where both occur and a BF16 tensor has an odd number of elements.
// On failure *out is NULL.
status safetensors_create(safetensors_writer **out, const char *folder, const char *stem, const safetensors_entry *entries,
                          size_t count, size_t max_shard_bytes);

// Appends the next `count` elements; a call may end inside a tensor or go on into the next ones. More than declared is an error.
status safetensors_write(safetensors_writer *writer, const float *values, size_t count);

// Finishes: fails when elements are missing; else syncs and renames the last file, then writes the index if there is one.
// The writer is freed in either case. Shards completed before a failure stay; no index names them.
status safetensors_finish(safetensors_writer *writer);

// Gives up: removes the unfinished file and frees the writer. NULL is fine.
void safetensors_discard(safetensors_writer *writer);

#endif
