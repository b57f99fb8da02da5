// The metadata of a GGUF file: typed values under keys such as "llama.embedding_length" or "tokenizer.ggml.tokens".
//
// Every function takes the file that weights_open gave. Getters return STATUS_INVALID with a message naming file and key when
// the file is not GGUF, the key is missing, or the value has another type; the output is then untouched.
#ifndef DSDR_WEIGHTS_GGUF_H
#define DSDR_WEIGHTS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "weights/weights.h"

// The value types of the format, numbered as in the file.
typedef enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8 = 1,
    GGUF_U16 = 2,
    GGUF_I16 = 3,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10,
    GGUF_I64 = 11,
    GGUF_F64 = 12,
} gguf_type;

// A string of the file: `length` arbitrary bytes (NUL included) without a NUL behind them, alive as long as the file.
typedef struct gguf_text {
    const char *bytes;
    size_t length;
} gguf_text;

bool gguf_has(const weights_file *file, const char *key); // false, too, for a file that is not GGUF

// Keys in the order of the file, for listings. `key` is NUL-terminated. Elements: of an array; 1 otherwise.
typedef struct gguf_entry {
    const char *key;
    gguf_type type;         // GGUF_ARRAY for arrays
    gguf_type element_type; // of an array's elements; equal to `type` otherwise
    size_t elements;
} gguf_entry;
size_t gguf_count(const weights_file *file); // 0 for a file that is not GGUF
gguf_entry gguf_at(const weights_file *file, size_t i);

status gguf_get_string(const weights_file *file, const char *key, gguf_text *value);
status gguf_get_u64(const weights_file *file, const char *key, uint64_t *value); // any integer type; negative is an error
status gguf_get_f64(const weights_file *file, const char *key, double *value);   // any integer or real type
status gguf_get_bool(const weights_file *file, const char *key, bool *value);

// Arrays arrive in fresh memory that the caller frees with free(); NULL with *count 0 for an empty array. Its size is at most
// eight times the array's size in the file.
status gguf_get_strings(const weights_file *file, const char *key, gguf_text **values, size_t *count);
status gguf_get_i64s(const weights_file *file, const char *key, int64_t **values, size_t *count); // any integer type
status gguf_get_f64s(const weights_file *file, const char *key, double **values, size_t *count);  // any integer or real type

#endif
