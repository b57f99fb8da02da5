// What the files of this room share: the open file and the steps that both formats take while parsing.
#ifndef DSDR_WEIGHTS_INTERNAL_H
#define DSDR_WEIGHTS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "weights/gguf.h"
#include "weights/weights.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "both formats are little endian and read in place");

// One file: the only one, or a shard.
typedef struct weights_part {
    char *path;
    file_map map;
    bool borrowed; // the bytes belong to the caller of weights_open_bytes
} weights_part;

// A metadata value of a GGUF file, checked to lie within the mapping.
typedef struct gguf_pair {
    const char *key;
    gguf_type type, element_type; // equal unless type is GGUF_ARRAY
    size_t elements;
    const unsigned char *bytes; // the value; for a string, its text; for an array, its first element
    size_t size;                // bytes of the value, of the text, of all elements
} gguf_pair;

struct weights_file {
    char *path;
    weights_format format;
    weights_part *parts;
    size_t part_count;
    weights_tensor *tensors; // in the order of the headers
    size_t tensor_count, tensor_capacity;
    const weights_tensor **by_name; // sorted
    gguf_pair *pairs;
    size_t pair_count;
    const gguf_pair **pairs_by_key; // sorted
    char **texts;                   // names and keys, owned
    size_t text_count, text_capacity;
};

// Whether a name is free of control characters (NUL too), which would falsify messages.
bool weights_is_printable(const char *bytes, size_t length);

// Keeps a NUL-terminated copy of a tensor's name or a key until the file is closed. Refuses empty and unprintable
// ones; `what` ("tensor name", ...) is for that message.
status weights_keep_text(weights_file *file, const weights_part *part, const char *what, const char *bytes, size_t length,
                         const char **text);

// Sets t->count from t->rank and t->shape, refusing products that overflow.
status weights_set_count(weights_tensor *tensor);

// Bytes of tensor->count elements of tensor->dtype (not WEIGHTS_OTHER). False when they are no whole number of blocks in each
// row or overflow.
bool weights_data_bytes(const weights_tensor *tensor, size_t *bytes);

status weights_add_tensor(weights_file *file, const weights_tensor *tensor);

// Checks that the data of tensors [first, file->tensor_count) do not overlap and, with `gapless`, fill [begin, end) exactly.
status weights_check_layout(const weights_file *file, size_t first, const unsigned char *begin, const unsigned char *end,
                            bool gapless);

// The parsers: each appends the part's tensors (and metadata) to the file.
status safetensors_parse(weights_file *file, const weights_part *part);
status gguf_parse(weights_file *file, const weights_part *part);
void gguf_free(weights_file *file);

// Grows an array to hold `needed` elements of `size` bytes; unchanged on failure.
status weights_grow(void **array, size_t *capacity, size_t needed, size_t size);

static inline uint32_t load_u32(const unsigned char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint64_t load_u64(const unsigned char *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

#endif
