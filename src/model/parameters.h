// The parameter table: one list of tensors drives layout, loading, saving, gradients and the optimizer.
//
// All parameters lie in one float32 array, in the order of the table, each tensor at a multiple of 16 numbers. q, k and v
// follow one another, and so do gate and up, so that each threesome and pair is one matrix for the products.
#ifndef DSDR_MODEL_PARAMETERS_H
#define DSDR_MODEL_PARAMETERS_H

#include <stddef.h>

#include "base/status.h"
#include "model/config.h"

typedef enum parameter_kind {
    PARAMETER_EMBEDDING,
    PARAMETER_MATRIX, // [out, in]
    PARAMETER_GAIN,   // of a norm
    PARAMETER_BIAS,
} parameter_kind;

typedef struct parameter {
    char name[96];      // Hugging Face's name, "model.layers.3.self_attn.q_proj.weight"
    char gguf_name[64]; // "blk.3.attn_q.weight"
    parameter_kind kind;
    size_t rank, shape[2]; // row-major
    size_t offset, count;  // numbers in the array
    size_t rotated_heads;  // q and k: GGUF stores their rows permuted, this many heads; 0 otherwise
} parameter;

// Offsets of one layer's parameters; SIZE_MAX where the config has none.
typedef struct layer_offsets {
    size_t attention_norm, qkv, qkv_bias, q_norm, k_norm, output, feed_forward_norm, gate_up, down;
} layer_offsets;

typedef struct parameter_table {
    parameter *items;
    size_t count;
    size_t total;                       // numbers in the array, padding included
    size_t embedding, final_norm, head; // offsets; head == embedding when tied
    layer_offsets *layers;
} parameter_table;

status parameter_table_create(parameter_table *out, const model_config *config);
void parameter_table_free(parameter_table *table);

// Parameters without padding: what people call the size of the model.
size_t parameter_table_numbers(const parameter_table *table);

#endif
