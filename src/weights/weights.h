// Model weights on disk: safetensors files, GGUF files and Hugging Face folders, read through one door.
//
// A file is mapped, its header is checked completely (every length, offset, count and product against the file's size), and its
// tensors are views into the mapping: opening costs time and memory in proportion to the header, never to the data. Values
// are converted to float32 on request, exactly as the format defines them.
//
// Formats: safetensors (8-byte header length, JSON, data), GGUF versions 2 and 3, little endian.
// Metadata of GGUF files is read with weights/gguf.h; files are written with weights/safetensors_write.h.
#ifndef DSDR_WEIGHTS_WEIGHTS_H
#define DSDR_WEIGHTS_WEIGHTS_H

#include <stddef.h>

#include "base/status.h"

// X(name, elements of a block, bytes of a block). Quantized types are those of ggml; a block's elements are consecutive.
// I64, I32 and U8 are listed with their sizes but hold no weights: reading them as float32 is refused.
#define WEIGHTS_DTYPE_TABLE(X)                                                                                                   \
    X(F32, 1, 4)                                                                                                                 \
    X(F16, 1, 2)                                                                                                                 \
    X(BF16, 1, 2)                                                                                                                \
    X(Q8_0, 32, 34)                                                                                                              \
    X(Q4_0, 32, 18)                                                                                                              \
    X(Q4_1, 32, 20)                                                                                                              \
    X(Q5_0, 32, 22)                                                                                                              \
    X(Q5_1, 32, 24)                                                                                                              \
    X(Q4_K, 256, 144)                                                                                                            \
    X(Q5_K, 256, 176)                                                                                                            \
    X(Q6_K, 256, 210)                                                                                                            \
    X(I64, 1, 8)                                                                                                                 \
    X(I32, 1, 4)                                                                                                                 \
    X(U8, 1, 1)

typedef enum weights_dtype {
#define X(name, elements, bytes) WEIGHTS_##name,
    WEIGHTS_DTYPE_TABLE(X)
#undef X
        WEIGHTS_OTHER, // a type that is listed by name only: weights_tensor.dtype_name tells which
} weights_dtype;

typedef enum weights_format { WEIGHTS_SAFETENSORS, WEIGHTS_GGUF } weights_format;

enum { WEIGHTS_MAX_RANK = 8 };

typedef struct weights_tensor {
    const char *name; // NUL-terminated, printable; unique in the file
    weights_dtype dtype;
    const char *dtype_name;         // as the file spells it: "F32", "Q4_1", "F8_E4M3", "IQ4_NL", ...
    size_t rank;                    // 0 for a scalar, at most WEIGHTS_MAX_RANK
    size_t shape[WEIGHTS_MAX_RANK]; // row-major, slowest first (the reverse of GGUF's ne); 1 beyond the rank
    size_t count;                   // elements: the product of the shape
    size_t bytes;                   // of data; 0 for a type of unknown size
    const unsigned char *data;      // in the mapping, of no particular alignment; NULL when bytes is 0
    const char *path;               // the file that holds it (a shard of a folder), for messages
} weights_tensor;

typedef struct weights_file weights_file;

// Opens `path`: a .safetensors file, a .gguf file (told apart by content), an index (*.safetensors.index.json) with its shards
// beside it, or a Hugging Face folder holding model.safetensors or, failing that, model.safetensors.index.json.
// On failure *out is NULL and the message names the file, the tensor or key, and what is wrong with it: STATUS_INVALID for a
// missing, truncated or inconsistent file, STATUS_UNSUPPORTED for one that is understood but refused (big-endian GGUF, ...).
status weights_open(weights_file **out, const char *path);

// The same for one safetensors or GGUF file that lies in memory: `bytes` is borrowed until weights_close, `name` is for messages.
status weights_open_bytes(weights_file **out, const unsigned char *bytes, size_t size, const char *name);

void weights_close(weights_file *file); // NULL is fine; every tensor, name and view obtained from the file ends with it

weights_format weights_file_format(const weights_file *file);
const char *weights_file_path(const weights_file *file); // as given to weights_open

// Tensors in the order of the header (shards in the order of their names). `at` needs i < count; `find` is NULL when absent.
size_t weights_count(const weights_file *file);
const weights_tensor *weights_at(const weights_file *file, size_t i);
const weights_tensor *weights_find(const weights_file *file, const char *name);

// out[0 .. count) = elements [first, first + count) of the tensor as float32, in row-major order. Neither end needs to be
// aligned to blocks. The bits are those that the format defines (each product and sum rounded once, in the order of ggml's
// reference), whatever the range and the number of threads. NaN and infinities are passed on; see weights_check_finite.
// Long ranges are spread over OpenMP threads. Failure (nothing written): a range beyond the tensor, a type without float32
// values.
status weights_read_f32(const weights_tensor *tensor, size_t first, size_t count, float *out);

// STATUS_INVALID naming file, tensor and the first element that is NaN or infinite; STATUS_OK when all are finite.
status weights_check_finite(const weights_tensor *tensor);

// "F32", "Q4_1", ...; "other" for WEIGHTS_OTHER.
const char *weights_dtype_name(weights_dtype dtype);
size_t weights_block_elements(weights_dtype dtype); // 0 for WEIGHTS_OTHER
size_t weights_block_bytes(weights_dtype dtype);    // 0 for WEIGHTS_OTHER

#endif
