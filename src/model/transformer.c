// The forward and backward of the transformer's layers. See transformer.h; each backward is derived in docs/numerics.md.
#include "model/transformer.h"

#include <string.h>

#include "tensor/parallel.h"

size_t kv_cache_bytes(const model *m, size_t capacity) {
    attention_shape s = model_attention(m);
    return m->config.layers * (attention_key_bytes(&s, capacity) + attention_value_bytes(&s, capacity));
}

attention_run kv_cache_run(const model *m, const kv_cache *cache, size_t layer) {
    attention_shape s = model_attention(m);
    size_t keys = attention_key_bytes(&s, cache->capacity), values = attention_value_bytes(&s, cache->capacity);
    unsigned char *at = cache->memory + layer * (keys + values);
    return (attention_run){.keys = at, .values = at + keys, .capacity = cache->capacity};
}

// ---- memory --------------------------------------------------------------------------------------------------------------

typedef struct widths {
    size_t hidden, query, key, qkv, feed_forward;
} widths;

static widths widths_of(const model_config *c) {
    size_t q = c->heads * c->head_width, k = c->kv_heads * c->head_width;
    return (widths){.hidden = c->hidden, .query = q, .key = k, .qkv = q + 2 * k, .feed_forward = c->feed_forward};
}

void activations_place(activations *a, arena *memory, const model *m, size_t capacity, size_t longest, activations_kept kept) {
    const model_config *c = &m->config;
    widths w = widths_of(c);
    size_t rows = matmul_room(capacity), number = precision_bytes(matmul_precision(m->products));
    attention_shape shape = model_attention(m);
    *a = (activations){.capacity = rows, .longest = longest, .kept = kept};
    a->layers = arena_take_array(memory, c->layers, sizeof *a->layers);
    layer_activations x;
    for (size_t l = 0; l < c->layers; l++) {
        if (l == 0 || kept != KEPT_NOTHING) x.input = arena_take_array(memory, rows * w.hidden, 4);
        if (l == 0 || kept == KEPT_ALL) {
            x.qkv = arena_take_array(memory, rows * w.qkv, number);
            x.attention_out = arena_take_array(memory, rows * w.query, number);
            x.statistics = kept == KEPT_NOTHING ? NULL : arena_take_array(memory, rows * c->heads * 2, 4);
            x.middle = arena_take_array(memory, rows * w.hidden, 4);
            x.gate_up = arena_take_array(memory, rows * 2 * w.feed_forward, number);
        }
        if (a->layers) a->layers[l] = x;
    }
    a->output = arena_take_array(memory, rows * w.hidden, 4);
    a->normed = arena_take_array(memory, rows * w.hidden, number);
    a->gated = arena_take_array(memory, rows * w.feed_forward, number);
    a->delta = arena_take_array(memory, rows * w.hidden, 4);
    a->rotated = arena_take_array(memory, rows * (w.query + w.key), 4);
    a->angles = arena_take_array(memory, rows * c->head_width, 4);
    a->position = arena_take_array(memory, rows, sizeof *a->position);
    a->attention_rows = arena_take_array(memory, rows, sizeof *a->attention_rows);
    a->scratch_stride = attention_round(attention_scratch_floats(&shape, longest));
    a->scratch = arena_take_array(memory, a->scratch_stride * (size_t)matmul_threads(m->products), 4);
}

void backward_place(backward_memory *b, arena *memory, const model *m, size_t capacity, size_t longest_prefix,
                    size_t longest_own) {
    widths w = widths_of(&m->config);
    attention_shape shape = model_attention(m);
    size_t rows = matmul_room(capacity), number = precision_bytes(matmul_precision(m->products));
    size_t widest = 2 * w.feed_forward > w.qkv ? 2 * w.feed_forward : w.qkv;
    b->d_stream = arena_take_array(memory, rows * w.hidden, 4);
    b->inverse = arena_take_array(memory, rows, 4);
    b->d_normed = arena_take_array(memory, rows * w.hidden, 4);
    b->d_gated = arena_take_array(memory, rows * w.feed_forward, number);
    b->d_attention = arena_take_array(memory, rows * w.query, number);
    b->d_query = arena_take_array(memory, rows * w.query, 4);
    b->d_key = arena_take_array(memory, rows * w.key, 4);
    b->d_value = arena_take_array(memory, rows * w.key, 4);
    b->d_qkv = arena_take_array(memory, rows * w.qkv, 4);
    b->d_number = arena_take_array(memory, rows * w.hidden, number);
    b->d_wide_number = arena_take_array(memory, rows * widest, number);
    b->blocks = arena_take_array(memory, rows, sizeof *b->blocks);
    b->scratch_stride = attention_round(attention_backward_scratch_floats(&shape, longest_prefix, longest_own));
    b->scratch = arena_take_array(memory, b->scratch_stride * (size_t)matmul_threads(m->products), 4);
}

// ---- attention block -----------------------------------------------------------------------------------------------------

// a->normed = the norm of a layer's input.
static void norm_input(const model *m, size_t layer, activations *a, size_t rows) {
    rmsnorm_forward(a->normed, a->layers[layer].input, m->parameters + m->table.layers[layer].attention_norm,
                    (float)m->config.norm_eps, rows, m->config.hidden, matmul_precision(m->products));
    kernel_lap(m->clock, KERNEL_NORMS);
}

static rotation layer_rotation(const model *m, size_t layer) {
    const model_config *c = &m->config;
    const layer_offsets *o = &m->table.layers[layer];
    return (rotation){.heads = c->heads,
                      .kv_heads = c->kv_heads,
                      .width = c->head_width,
                      .q_gain = c->qk_norm ? m->parameters + o->q_norm : NULL,
                      .k_gain = c->qk_norm ? m->parameters + o->k_norm : NULL,
                      .eps = (float)c->norm_eps};
}

// Rotates row r, tells its attention what it sees, and stores the row's own key and value there.
ROW_FUNCTION rotate_and_store(const model *m, size_t layer, activations *a, const row_batch *batch, const rotation *turn,
                              size_t r) {
    widths w = widths_of(&m->config);
    attention_shape shape = model_attention(m);
    precision p = matmul_precision(m->products);
    size_t stride = w.query + w.key;
    const void *qkv = a->layers[layer].qkv;
    rotation_row(turn, a->rotated + r * stride, number_at(qkv, r * w.qkv, p), a->angles + r * m->config.head_width, p);
    const sequence *s = &batch->sequences[batch->sequence[r]];
    attention_row *row = &a->attention_rows[r];
    *row = (attention_row){.own = kv_cache_run(m, s->own, layer), .own_count = (size_t)batch->index[r] + 1};
    if (s->prefix) row->prefix = kv_cache_run(m, s->prefix, layer), row->prefix_count = s->prefix->length;
    attention_store(&shape, &row->own, (size_t)batch->index[r], a->rotated + r * stride + w.query,
                    number_at(qkv, r * w.qkv + stride, p), p);
}

// a->normed holds the norm of the layer's input, which belongs to whoever made the input, and then that of the layer's middle.
static status attention_layer_forward(const model *m, size_t layer, activations *a, const row_batch *batch,
                                      const layer_activations *x) {
    const model_config *c = &m->config;
    const layer_offsets *o = &m->table.layers[layer];
    widths w = widths_of(c);
    attention_shape shape = model_attention(m);
    precision p = matmul_precision(m->products);
    size_t rows = batch->rows, stride = w.query + w.key;
    TRY(linear_forward(m->products, &m->layers[layer].qkv, x->qkv, a->normed, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    if (c->qkv_bias) bias_forward(x->qkv, m->parameters + o->qkv_bias, rows, w.qkv, p);
    rotation turn = layer_rotation(m, layer);
    FOR_EACH(r, rows, 1, rows > 16, rotate_and_store(m, layer, a, batch, &turn, r));
    kernel_lap(m->clock, KERNEL_ROTATION);
    attention_forward(&shape, x->attention_out, x->statistics, a->rotated, stride, a->attention_rows, rows, a->scratch,
                      a->scratch_stride, p);
    kernel_lap(m->clock, KERNEL_ATTENTION);
    TRY(linear_forward(m->products, &m->layers[layer].output, a->delta, x->attention_out, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    residual_norm_forward(a->normed, x->middle, x->input, a->delta, m->parameters + o->feed_forward_norm, (float)c->norm_eps,
                          rows, w.hidden, p);
    kernel_lap(m->clock, KERNEL_NORMS);
    return STATUS_OK;
}

// Runs of rows that belong to one sequence, with the places of their gradients. Returns how many.
static size_t gather_blocks(const model *m, size_t layer, backward_memory *b, const row_batch *batch) {
    const model_config *c = &m->config;
    widths w = widths_of(c);
    size_t count = 0;
    for (size_t r = 0; r < batch->rows;) {
        size_t first = r;
        const sequence *s = &batch->sequences[batch->sequence[r]];
        while (r < batch->rows && batch->sequence[r] == batch->sequence[first]) r++;
        attention_block *block = &b->blocks[count++];
        *block = (attention_block){.first = first,
                                   .count = r - first,
                                   .own = kv_cache_run(m, s->own, layer),
                                   .down_keys = b->d_key + first * w.key,
                                   .down_values = b->d_value + first * w.key};
        if (s->prefix) {
            size_t tokens = s->prefix->length;
            block->prefix = kv_cache_run(m, s->prefix, layer), block->prefix_count = tokens;
            block->dprefix_keys = s->prefix_gradient->memory + layer * 2 * tokens * w.key;
            block->dprefix_values = block->dprefix_keys + tokens * w.key;
        }
        size_t bytes = (r - first) * w.key * sizeof(float);
        if (s->own_gradient) {
            const float *left = s->own_gradient->memory + layer * 2 * s->own_gradient->tokens * w.key;
            memcpy(block->down_keys, left, bytes);
            memcpy(block->down_values, left + s->own_gradient->tokens * w.key, bytes);
        } else {
            memset(block->down_keys, 0, bytes);
            memset(block->down_values, 0, bytes);
        }
    }
    return count;
}

static status attention_layer_backward(const model *m, size_t layer, activations *a, backward_memory *b, const row_batch *batch,
                                       float *gradients) {
    const model_config *c = &m->config;
    const layer_offsets *o = &m->table.layers[layer];
    const layer_activations *x = &a->layers[layer];
    widths w = widths_of(c);
    attention_shape shape = model_attention(m);
    precision p = matmul_precision(m->products);
    size_t rows = batch->rows, stride = w.query + w.key;
    // middle = input + W_o attention_out
    TRY(linear_backward_weight(m->products, w.hidden, w.query, gradients + o->output, b->d_number, x->attention_out, rows));
    TRY(linear_backward_input(m->products, &m->layers[layer].output, b->d_attention, b->d_number, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    rotation turn = layer_rotation(m, layer);
    rotation_forward(&turn, a->rotated, x->qkv, a->angles, rows, p);
    size_t blocks = gather_blocks(m, layer, b, batch);
    kernel_lap(m->clock, KERNEL_ROTATION);
    attention_backward(&shape, b->d_query, b->d_attention, x->attention_out, x->statistics, a->rotated, stride, b->blocks, blocks,
                       b->scratch, b->scratch_stride, p);
    kernel_lap(m->clock, KERNEL_ATTENTION);
    rotation_backward(&turn, b->d_qkv, b->d_query, b->d_key, b->d_value, x->qkv, a->angles, gradients + o->q_norm,
                      gradients + o->k_norm, a->rotated, rows, p);
    // qkv = W_qkv norm(input) + bias
    if (c->qkv_bias) bias_backward(gradients + o->qkv_bias, b->d_qkv, rows, w.qkv);
    numbers_round(b->d_wide_number, b->d_qkv, rows * w.qkv, p);
    kernel_lap(m->clock, KERNEL_ROTATION);
    norm_input(m, layer, a, rows);
    TRY(linear_backward_weight(m->products, w.qkv, w.hidden, gradients + o->qkv, b->d_wide_number, a->normed, rows));
    TRY(linear_backward_input(m->products, &m->layers[layer].qkv, b->d_normed, b->d_wide_number, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    rmsnorm_backward(b->d_stream, b->d_number, gradients + o->attention_norm, b->d_normed, x->input,
                     m->parameters + o->attention_norm, (float)c->norm_eps, rows, w.hidden, b->inverse, p);
    kernel_lap(m->clock, KERNEL_NORMS);
    return STATUS_OK;
}

// ---- feed-forward block --------------------------------------------------------------------------------------------------

// a->normed holds the norm of the layer's middle.
static status gate_up_forward(const model *m, size_t layer, activations *a, size_t rows) {
    TRY(linear_forward(m->products, &m->layers[layer].gate_up, a->layers[layer].gate_up, a->normed, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    return STATUS_OK;
}

// As above. The output is the next layer's input, and its norm goes with it.
static status feed_forward_forward(const model *m, size_t layer, activations *a, size_t rows) {
    const model_config *c = &m->config;
    const layer_activations *x = &a->layers[layer];
    precision p = matmul_precision(m->products);
    TRY(gate_up_forward(m, layer, a, rows));
    swiglu_forward(a->gated, x->gate_up, rows, c->feed_forward, p);
    kernel_lap(m->clock, KERNEL_ACTIVATION);
    TRY(linear_forward(m->products, &m->layers[layer].down, a->delta, a->gated, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    if (layer + 1 < c->layers) {
        const layer_activations *next = &a->layers[layer + 1];
        residual_norm_forward(a->normed, next->input, x->middle, a->delta,
                              m->parameters + m->table.layers[layer + 1].attention_norm, (float)c->norm_eps, rows, c->hidden, p);
    } else {
        add_forward(a->output, x->middle, a->delta, rows, c->hidden);
    }
    kernel_lap(m->clock, KERNEL_NORMS);
    return STATUS_OK;
}

static status feed_forward_backward(const model *m, size_t layer, activations *a, backward_memory *b, size_t rows,
                                    float *gradients) {
    const model_config *c = &m->config;
    const layer_offsets *o = &m->table.layers[layer];
    const layer_activations *x = &a->layers[layer];
    precision p = matmul_precision(m->products);
    // output = middle + W_down swiglu(W_gate_up norm(middle))
    TRY(linear_backward_input(m->products, &m->layers[layer].down, b->d_gated, b->d_number, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    swiglu_backward(b->d_wide_number, a->gated, b->d_gated, x->gate_up, rows, c->feed_forward, p);
    kernel_lap(m->clock, KERNEL_ACTIVATION);
    TRY(linear_backward_weight(m->products, c->hidden, c->feed_forward, gradients + o->down, b->d_number, a->gated, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    rmsnorm_forward(a->normed, x->middle, m->parameters + o->feed_forward_norm, (float)c->norm_eps, rows, c->hidden, p);
    kernel_lap(m->clock, KERNEL_NORMS);
    TRY(linear_backward_weight(m->products, 2 * c->feed_forward, c->hidden, gradients + o->gate_up, b->d_wide_number, a->normed,
                               rows));
    TRY(linear_backward_input(m->products, &m->layers[layer].gate_up, b->d_normed, b->d_wide_number, rows));
    kernel_lap(m->clock, KERNEL_PRODUCTS);
    rmsnorm_backward(b->d_stream, b->d_number, gradients + o->feed_forward_norm, b->d_normed, x->middle,
                     m->parameters + o->feed_forward_norm, (float)c->norm_eps, rows, c->hidden, b->inverse, p);
    kernel_lap(m->clock, KERNEL_NORMS);
    return STATUS_OK;
}

// ---- all layers ----------------------------------------------------------------------------------------------------------

status transformer_forward(const model *m, activations *a, const row_batch *batch) {
    const model_config *c = &m->config;
    if (batch->rows > a->capacity)
        return status_set(STATUS_FAILED, "%zu rows in a forward planned for %zu", batch->rows, a->capacity);
    for (size_t r = 0; r < batch->rows; r++) {
        const sequence *s = &batch->sequences[batch->sequence[r]];
        size_t before = s->prefix ? s->prefix->length : 0, index = (size_t)batch->index[r];
        if (index >= s->own->capacity || before + index >= a->longest)
            return status_set(STATUS_FAILED, "a sequence of %zu tokens in a forward planned for %zu", before + index + 1,
                              a->longest);
        a->position[r] = (int32_t)(before + index);
    }
    kernel_lap(m->clock, KERNEL_BOOKKEEPING);
    rope_table(a->angles, a->position, m->inverse_frequency, batch->rows, c->head_width);
    kernel_lap(m->clock, KERNEL_ROTATION);
    embedding_forward(a->layers[0].input, m->parameters + m->table.embedding, batch->token, batch->rows, c->hidden);
    kernel_lap(m->clock, KERNEL_EMBEDDING);
    norm_input(m, 0, a, batch->rows);
    for (size_t l = 0; l < c->layers; l++) {
        TRY(attention_layer_forward(m, l, a, batch, &a->layers[l]));
        TRY(feed_forward_forward(m, l, a, batch->rows));
    }
    for (size_t r = 0; r < batch->rows; r++) {
        kv_cache *own = batch->sequences[batch->sequence[r]].own;
        if ((size_t)batch->index[r] + 1 > own->length) own->length = (size_t)batch->index[r] + 1;
    }
    kernel_lap(m->clock, KERNEL_BOOKKEEPING);
    return STATUS_OK;
}

// Makes again what a layer's forward left when only its input was kept. Keys and values are stored once more, the same.
static status recompute_layer(const model *m, size_t layer, activations *a, const row_batch *batch) {
    norm_input(m, layer, a, batch->rows);
    TRY(attention_layer_forward(m, layer, a, batch, &a->layers[layer]));
    return gate_up_forward(m, layer, a, batch->rows);
}

status transformer_backward(const model *m, activations *a, backward_memory *b, const row_batch *batch, float *gradients) {
    // d_number is d_stream as the next product wants it; each half of a layer leaves it so for the one before.
    numbers_round(b->d_number, b->d_stream, batch->rows * m->config.hidden, matmul_precision(m->products));
    kernel_lap(m->clock, KERNEL_NORMS);
    for (size_t l = m->config.layers; l-- > 0;) {
        if (a->kept == KEPT_INPUTS) TRY(recompute_layer(m, l, a, batch));
        TRY(feed_forward_backward(m, l, a, b, batch->rows, gradients));
        TRY(attention_layer_backward(m, l, a, b, batch, gradients));
    }
    embedding_backward(gradients + m->table.embedding, b->d_stream, batch->token, batch->rows, m->config.hidden);
    kernel_lap(m->clock, KERNEL_EMBEDDING);
    return STATUS_OK;
}
