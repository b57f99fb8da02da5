// The transformer itself: rows of tokens in, hidden states out; and the way back.
//
// There is one forward. Sampling calls it with one new row for each running rollout and keeps no activations; training calls
// it with all rows and keeps them. A row's result has the same bits in both.
//
// A row is token `index` of a sequence's own run; before it the sequence may have a prefix: the prompt's keys and values,
// computed once and shared by all rollouts of a group.
#ifndef DSDR_MODEL_TRANSFORMER_H
#define DSDR_MODEL_TRANSFORMER_H

#include "model/model.h"

// Keys and values of one run of tokens, of all layers.
typedef struct kv_cache {
    unsigned char *memory; // kv_cache_bytes(model, capacity)
    size_t capacity;       // tokens, a multiple of ATTENTION_LANES
    size_t length;         // tokens stored
} kv_cache;

size_t kv_cache_bytes(const model *m, size_t capacity);
attention_run kv_cache_run(const model *m, const kv_cache *cache, size_t layer);

// Gradients of a run's keys (before the rotation is undone) and values, [layers][2][tokens][K*D].
typedef struct kv_gradient {
    float *memory;
    size_t tokens;
} kv_gradient;

static inline size_t kv_gradient_floats(const model_config *c, size_t tokens) {
    return c->layers * 2 * tokens * c->kv_heads * c->head_width;
}

typedef struct sequence {
    const kv_cache *prefix; // NULL: none
    kv_cache *own;
    kv_gradient *prefix_gradient; // backward: accumulated (+=); NULL without prefix
    kv_gradient *own_gradient;    // backward: what later rows of other calls have left for this run; NULL: nothing
} sequence;

// What one call computes. Rows of one sequence follow one another, index by index.
typedef struct row_batch {
    size_t rows;
    const int32_t *token;    // [rows]
    const int32_t *sequence; // [rows] into `sequences`
    const int32_t *index;    // [rows] position in the sequence's own run
    const sequence *sequences;
} row_batch;

// What a forward keeps for the backward. What row kernels can make again (norms, rotation, SwiGLU) is never kept.
typedef enum activations_kept {
    KEPT_NOTHING, // no backward will follow
    KEPT_INPUTS,  // each layer's input; the backward computes the rest of a layer again, to the same bits
    KEPT_ALL,
} activations_kept;

typedef struct layer_activations {
    float *input;        // [B, C] the residual stream before the layer
    void *qkv;           // [B, (H + 2K) D] before head norms and rotation, in the products' precision
    void *attention_out; // [B, H D] in the products' precision
    float *statistics;   // [B, H, 2]; NULL without backward
    float *middle;       // [B, C] the residual stream between attention and feed-forward
    void *gate_up;       // [B, 2F] in the products' precision
} layer_activations;

// Working memory of a forward over at most `capacity` rows. What is not kept is one place that all layers share.
typedef struct activations {
    size_t capacity, longest; // rows; longest sequence that a row may see
    activations_kept kept;
    layer_activations *layers; // [config.layers]
    float *output;             // [B, C] after the last layer, before the final norm
    void *normed, *gated;      // [B, C], [B, F] operands of products
    float *delta, *rotated, *angles;
    int32_t *position;
    attention_row *attention_rows;
    float *scratch;
    size_t scratch_stride;
} activations;

// Takes it from `memory`; `capacity` rows are rounded up as products want it. The caller checks that the arena was large enough.
void activations_place(activations *a, arena *memory, const model *m, size_t capacity, size_t longest, activations_kept kept);

// Computes batch->rows rows into a->output and appends their keys and values to their sequences' own runs (own->length grows).
status transformer_forward(const model *m, activations *a, const row_batch *batch);

// Working memory of a backward over at most `capacity` rows.
typedef struct backward_memory {
    float *d_stream, *d_normed, *d_query, *d_key, *d_value, *d_qkv;
    float *inverse;                 // [B] scratch of norms
    void *d_gated, *d_attention;    // what products make of operands, in their precision
    void *d_number, *d_wide_number; // operands of products: d_stream; gradients by gate and up, or by q, k and v
    attention_block *blocks;
    float *scratch;
    size_t scratch_stride;
} backward_memory;

void backward_place(backward_memory *b, arena *memory, const model *m, size_t capacity, size_t longest_prefix,
                    size_t longest_own);

// The way back through transformer_forward of the same batch, with the activations it kept. On entry b->d_stream[B, C] is the
// gradient by a->output; it is consumed. gradients [table.total] +=: all parameters but the final norm and, untied, the head.
// Each sequence's rows must start at index 0 and be complete.
status transformer_backward(const model *m, activations *a, backward_memory *b, const row_batch *batch, float *gradients);

#endif
