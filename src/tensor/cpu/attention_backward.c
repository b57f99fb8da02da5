// Attention of query rows over runs of keys and values, backward. Contracts are in tensor/ops.h; the forward is attention.c.
//
// With p = softmax(scale q k), o = sum_j p_j v_j and d = do:   dv_j += p_j d,   dp_j = d . v_j,
// ds_j = p_j (dp_j - d . o) scale,   dq = sum_j ds_j k_j,   dk_j += ds_j q.
//
// Rows are worked on a few at a time: their p and ds are laid out side by side, and a gradient of a key or value then takes the
// terms of all of them in one visit. An element's additions keep one order whatever the tiles: rows in order, heads in order.
#include <stdbool.h>
#include <string.h>

#include "tensor/cpu/attention_tiles.h"

enum { TILE_KEYS = 4, TILE_TERMS = TILE_ROWS * TILE_HEADS };

size_t attention_backward_scratch_floats(const attention_shape *s, size_t longest_prefix, size_t longest_own) {
    size_t stride = attention_round(s->width), tokens = attention_round(longest_prefix) + attention_round(longest_own);
    // keys by rows and values by blocks, of both runs; p and ds of a tile; q, dy, y and dq of a tile
    return tokens * (stride + s->width) + 2 * TILE_TERMS * tokens + 4 * TILE_TERMS * stride;
}

// The keys of one head as rows [count][stride] with zero padding, and its values as blocks [count/16][D][16].
static void turn_run(const attention_shape *s, const attention_run *run, size_t kv_head, size_t count, float *key_rows,
                     float *value_blocks) {
    size_t width = s->width, stride = attention_round(width);
    size_t key = kv_head * run->capacity * width, value = kv_head * run->capacity * stride;
    for (size_t j = 0; j < count; j += LANES)
        for (size_t d = 0; d < width; d += LANES) {
            size_t n = smaller(LANES, width - d), here = smaller(LANES, count - j);
            f32x16 tile[LANES];
            for (size_t i = 0; i < LANES; i++)
                tile[i] = i < n ? vector_load_numbers(run->keys, key + j * width + (d + i) * LANES, s->kept) : vector_all(0.0f);
            vector_transpose(tile);
            for (size_t i = 0; i < LANES; i++) vector_store(key_rows + (j + i) * stride + d, tile[i]);
            for (size_t i = 0; i < LANES; i++)
                tile[i] = i < here ? vector_load_numbers(run->values, value + (j + i) * stride + d, s->kept) : vector_all(0.0f);
            vector_transpose(tile);
            for (size_t i = 0; i < n; i++) vector_store(value_blocks + j * width + (d + i) * LANES, tile[i]);
        }
}

// rows[j][0 .. 16 vectors) += sum over terms in order of weight[t][j] * x[t], for `keys` rows that are row_stride numbers apart;
// of the last vector the first `last` lanes.
VECTOR_INLINE void spread_tile(float *rows, size_t row_stride, size_t keys, const float *weight, size_t weight_stride,
                               const float *x, size_t x_stride, size_t terms, size_t vectors, size_t last) {
    f32x16 sum[TILE_KEYS][TILE_VECTORS];
    for (size_t j = 0; j < keys; j++)
        for (size_t v = 0; v < vectors; v++) {
            const float *at = rows + j * row_stride + v * LANES;
            sum[j][v] = vector_load_part(at, v + 1 < vectors ? LANES : last, 0.0f);
        }
    for (size_t t = 0; t < terms; t++) {
        f32x16 term[TILE_VECTORS];
        for (size_t v = 0; v < vectors; v++) term[v] = vector_load(x + t * x_stride + v * LANES);
        for (size_t j = 0; j < keys; j++) {
            f32x16 w = vector_all(weight[t * weight_stride + j]);
            for (size_t v = 0; v < vectors; v++) sum[j][v] += w * term[v];
        }
    }
    for (size_t j = 0; j < keys; j++)
        for (size_t v = 0; v < vectors; v++) {
            float *at = rows + j * row_stride + v * LANES;
            vector_store_part(at, sum[j][v], v + 1 < vectors ? LANES : last);
        }
}

// rows[j][0..width) += sum over terms in order of weight[t][j] * x[t][0..width); x is padded to a multiple of 16.
static void spread_rows(float *rows, size_t row_stride, size_t count, const float *weight, size_t weight_stride, const float *x,
                        size_t terms, size_t width) {
    size_t stride = attention_round(width);
    for (size_t d = 0; d < width;) {
        bool full = width - d >= TILE_VECTORS * LANES;
        size_t last = smaller(LANES, width - d), j = 0;
        for (; j + TILE_KEYS <= count; j += TILE_KEYS)
            if (full)
                spread_tile(rows + j * row_stride + d, row_stride, TILE_KEYS, weight + j, weight_stride, x + d, stride, terms,
                            TILE_VECTORS, LANES);
            else
                spread_tile(rows + j * row_stride + d, row_stride, TILE_KEYS, weight + j, weight_stride, x + d, stride, terms, 1,
                            last);
        for (; j < count; j++)
            if (full)
                spread_tile(rows + j * row_stride + d, row_stride, 1, weight + j, weight_stride, x + d, stride, terms,
                            TILE_VECTORS, LANES);
            else
                spread_tile(rows + j * row_stride + d, row_stride, 1, weight + j, weight_stride, x + d, stride, terms, 1, last);
        d += full ? TILE_VECTORS * LANES : LANES;
    }
}

// One head of a run of keys, and what a tile of rows leaves there.
typedef struct backward_run {
    const void *key_blocks; // as kept
    const float *key_rows, *value_blocks;
    size_t count;           // keys that the tile's last row sees
    float *dkeys, *dvalues; // this head's column of [tokens][K*D]
    float *p, *ds;          // [terms][room]
    size_t room;
} backward_run;

// Query rows of a tile, terms = rows x heads, each vector padded to a multiple of 16.
typedef struct backward_tile {
    size_t rows, heads;
    float *q, *dy, *y, *dq;                                           // [terms][stride]
    float largest[TILE_TERMS], inverse[TILE_TERMS], down[TILE_TERMS]; // inverse of the sum of exponentials; dy . y
} backward_tile;

// p and ds of one row's heads; keys from `seen` on are hidden from the row, and zero.
static void backward_scores(const attention_shape *s, const backward_run *run, const backward_tile *t, size_t row, size_t seen) {
    size_t stride = attention_round(s->width), first = row * t->heads;
    const float *q[TILE_HEADS], *dy[TILE_HEADS];
    float *p[TILE_HEADS], *ds[TILE_HEADS];
    for (size_t h = 0; h < t->heads; h++) {
        q[h] = t->q + (first + h) * stride, dy[h] = t->dy + (first + h) * stride;
        p[h] = run->p + (first + h) * run->room, ds[h] = run->ds + (first + h) * run->room;
    }
    dot_keys(q, t->heads, run->key_blocks, s->kept, seen, s->width, p);
    dot_keys(dy, t->heads, run->value_blocks, PRECISION_FLOAT32, seen, s->width, ds);
    for (size_t h = 0; h < t->heads; h++) {
        f32x16 largest = vector_all(t->largest[first + h]), inverse = vector_all(t->inverse[first + h]),
               down = vector_all(t->down[first + h]), scale = vector_all(s->scale);
        for (size_t j = 0; j < seen; j += LANES) {
            f32x16 probability = vector_exp_negative(vector_load(p[h] + j) * scale - largest) * inverse;
            vector_store(p[h] + j, probability);
            vector_store(ds[h] + j, probability * (vector_load(ds[h] + j) - down) * scale);
        }
        for (size_t j = seen; j < attention_round(run->count); j++) p[h][j] = ds[h][j] = 0.0f;
    }
}

// seen[row]: keys of the run that the row sees.
static void backward_tile_run(const attention_shape *s, const backward_run *run, const backward_tile *t, const size_t *seen) {
    size_t stride = attention_round(s->width), terms = t->rows * t->heads;
    if (run->count == 0) return;
    for (size_t row = 0; row < t->rows; row++) {
        const float *ds[TILE_HEADS];
        float *dq[TILE_HEADS];
        backward_scores(s, run, t, row, seen[row]);
        for (size_t h = 0; h < t->heads; h++)
            ds[h] = run->ds + (row * t->heads + h) * run->room, dq[h] = t->dq + (row * t->heads + h) * stride;
        mix_rows(dq, t->heads, ds, run->key_rows, PRECISION_FLOAT32, stride, seen[row]);
    }
    spread_rows(run->dvalues, s->kv_heads * s->width, run->count, run->p, run->room, t->dy, terms, s->width);
    spread_rows(run->dkeys, s->kv_heads * s->width, run->count, run->ds, run->room, t->q, terms, s->width);
}

// Copies a head's vector of width D into a padded one, and zero behind it.
static void load_padded(float *to, const void *from, size_t index, size_t width, precision p) {
    memset(to, 0, attention_round(width) * sizeof(float));
    if (p == PRECISION_FLOAT32) {
        memcpy(to, (const float *)from + index, width * sizeof(float));
    } else {
        for (size_t d = 0; d < width; d++) {
            uint32_t bits = (uint32_t)((const uint16_t *)from)[index + d] << 16;
            memcpy(to + d, &bits, sizeof bits);
        }
    }
}

// What attention_backward was called with.
typedef struct backward_call {
    const attention_shape *shape;
    float *dq;
    const float *dy, *statistics, *q;
    const void *y;
    size_t q_stride;
    precision p;
} backward_call;

static void backward_load(const backward_call *c, backward_tile *t, size_t first_row, size_t head) {
    const attention_shape *s = c->shape;
    size_t width = s->width, stride = attention_round(width);
    for (size_t i = 0; i < t->rows * t->heads; i++) {
        size_t row = first_row + i / t->heads, at = row * s->heads + head + i % t->heads;
        load_padded(t->q + i * stride, c->q, row * c->q_stride + (head + i % t->heads) * width, width, PRECISION_FLOAT32);
        load_padded(t->dy + i * stride, c->dy, at * width, width, PRECISION_FLOAT32);
        load_padded(t->y + i * stride, c->y, at * width, width, c->p);
        memset(t->dq + i * stride, 0, stride * sizeof(float));
        f32x16 sum = vector_all(0.0f);
        for (size_t d = 0; d < stride; d += LANES)
            sum += vector_load(t->dy + i * stride + d) * vector_load(t->y + i * stride + d);
        t->down[i] = vector_sum(sum);
        t->largest[i] = c->statistics[2 * at];
        t->inverse[i] = 1.0f / c->statistics[2 * at + 1];
    }
}

// One key/value head of a block whose runs are turned.
static void backward_block(const backward_call *c, const attention_block *b, size_t kv_head, backward_run *run,
                           backward_tile *t) {
    const attention_shape *s = c->shape;
    size_t width = s->width, stride = attention_round(width), shared = s->heads / s->kv_heads;
    for (size_t i = 0; i < b->count; i += TILE_ROWS)
        for (size_t first = 0; first < shared; first += TILE_HEADS) {
            size_t head = kv_head * shared + first, seen[2][TILE_ROWS];
            t->rows = smaller(TILE_ROWS, b->count - i), t->heads = smaller(TILE_HEADS, shared - first);
            for (size_t row = 0; row < t->rows; row++) seen[0][row] = b->prefix_count, seen[1][row] = b->own_start + i + row + 1;
            run[0].count = b->prefix_count, run[1].count = seen[1][t->rows - 1];
            backward_load(c, t, b->first + i, head);
            for (size_t r = 0; r < 2; r++) backward_tile_run(s, &run[r], t, seen[r]);
            for (size_t k = 0; k < t->rows * t->heads; k++)
                memcpy(c->dq + ((b->first + i + k / t->heads) * s->heads + head + k % t->heads) * width, t->dq + k * stride,
                       width * sizeof(float));
        }
}

// One key/value head of blocks that have one prefix, in order.
static void backward_blocks(const backward_call *c, const attention_block *block, size_t blocks, size_t kv_head, float *scratch) {
    const attention_shape *s = c->shape;
    size_t width = s->width, stride = attention_round(width), prefix_room = attention_round(block->prefix_count), own_room = 0;
    for (size_t b = 0; b < blocks; b++)
        if (attention_round(block[b].own_start + block[b].count) > own_room)
            own_room = attention_round(block[b].own_start + block[b].count);
    float *prefix_rows = scratch, *prefix_values = prefix_rows + prefix_room * stride;
    float *own_rows = prefix_values + prefix_room * width, *own_values = own_rows + own_room * stride;
    backward_tile t = {.q = own_values + own_room * width};
    t.dy = t.q + TILE_TERMS * stride, t.y = t.dy + TILE_TERMS * stride, t.dq = t.y + TILE_TERMS * stride;
    float *prefix_p = t.dq + TILE_TERMS * stride, *prefix_ds = prefix_p + TILE_TERMS * prefix_room;
    float *own_p = prefix_ds + TILE_TERMS * prefix_room, *own_ds = own_p + TILE_TERMS * own_room;
    if (block->prefix_count) turn_run(s, &block->prefix, kv_head, block->prefix_count, prefix_rows, prefix_values);
    for (size_t b = 0; b < blocks; b++) {
        const attention_block *one = &block[b];
        turn_run(s, &one->own, kv_head, one->own_start + one->count, own_rows, own_values);
        backward_run run[2] = {
            {.key_blocks = one->prefix_count ? kept_at(one->prefix.keys, kv_head * one->prefix.capacity * width, s->kept) : NULL,
             .key_rows = prefix_rows,
             .value_blocks = prefix_values,
             .dkeys = one->prefix_count ? one->dprefix_keys + kv_head * width : NULL,
             .dvalues = one->prefix_count ? one->dprefix_values + kv_head * width : NULL,
             .p = prefix_p,
             .ds = prefix_ds,
             .room = prefix_room},
            {.key_blocks = kept_at(one->own.keys, kv_head * one->own.capacity * width, s->kept),
             .key_rows = own_rows,
             .value_blocks = own_values,
             .dkeys = one->down_keys + kv_head * width,
             .dvalues = one->down_values + kv_head * width,
             .p = own_p,
             .ds = own_ds,
             .room = own_room},
        };
        backward_block(c, one, kv_head, run, &t);
    }
}

void attention_backward(const attention_shape *s, float *dq, const float *dy, const void *y, const float *statistics,
                        const float *q, size_t q_stride, const attention_block *block, size_t blocks, float *scratch,
                        size_t scratch_stride, precision p) {
    const backward_call call = {
        .shape = s, .dq = dq, .dy = dy, .statistics = statistics, .q = q, .y = y, .q_stride = q_stride, .p = p};
    // Blocks with one prefix add to the same gradients, so they stay with one thread, in order; heads are independent columns.
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t unit = 0; unit < blocks * s->kv_heads; unit++) {
        size_t first = unit / s->kv_heads, kv_head = unit % s->kv_heads;
        if (first > 0 && block[first].prefix_count > 0 && block[first].dprefix_keys == block[first - 1].dprefix_keys) continue;
        size_t end = first + 1;
        while (end < blocks && block[first].prefix_count > 0 && block[end].dprefix_keys == block[first].dprefix_keys) end++;
        backward_blocks(&call, block + first, end - first, kv_head, scratch + thread_number() * scratch_stride);
    }
}
