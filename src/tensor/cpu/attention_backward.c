// Attention of query rows over runs of keys and values, backward. Contracts are in tensor/ops.h; the forward is attention.c.
//
// With p = softmax(scale q k), o = sum_j p_j v_j and d = do:   dv_j += p_j d,   dp_j = d . v_j,
// ds_j = p_j (dp_j - d . o) scale,   dq = sum_j ds_j k_j,   dk_j += ds_j q.
//
// Rows are worked on a few at a time: their p and ds are laid out side by side, and a gradient of a key or value then takes the
// terms of all of them in one visit. An element's additions keep one order whatever the tiles: rows in order, heads in order.
//
// Where keys and values are kept in bfloat16, all five products take their operands in it, two terms at a time
// (attention_tiles.h): do comes in it, q is rounded as it is loaded, p and ds after the softmax. Sums stay float32.
#include <stdbool.h>
#include <string.h>

#include "tensor/cpu/attention_tiles.h"

enum { TILE_KEYS = 4, TILE_TERMS = TILE_ROWS * TILE_HEADS };

size_t attention_backward_scratch_floats(const attention_shape *s, size_t longest_prefix, size_t longest_own) {
    size_t stride = attention_round(s->width), tokens = attention_round(longest_prefix) + attention_round(longest_own);
    // keys by rows and values by blocks, of both runs; p and ds of a tile, ds also as weights of keys; q, dy, y and dq of a tile,
    // the first two also as rows and as pairs of what they are multiplied as
    return tokens * (stride + s->width) + 3 * TILE_TERMS * tokens + 8 * TILE_TERMS * stride;
}

// Number d of 16 keys of a block, and 16 numbers from d on of the value of key j; in float32.
static f32x16 load_key(const void *block, size_t d, precision p) {
    if (p == PRECISION_FLOAT32) return vector_load((const float *)block + d * LANES);
    u32x16 pairs = vector_load_pairs((const uint16_t *)block + d / 2 * 2 * LANES);
    return d % 2 ? vector_second(pairs) : vector_first(pairs);
}
static f32x16 load_value(const void *values, size_t j, size_t d, size_t stride, precision p) {
    if (p == PRECISION_FLOAT32) return vector_load((const float *)values + j * stride + d);
    u32x16 pairs = vector_load_pairs((const uint16_t *)values + j / 2 * 2 * stride + 2 * d);
    return j % 2 ? vector_second(pairs) : vector_first(pairs);
}

// The keys of one head as rows, as values are kept, and its values as blocks, as keys are (tensor/ops.h).
static void turn_run(const attention_shape *s, const attention_run *run, size_t kv_head, size_t count, void *key_rows,
                     void *value_blocks) {
    size_t width = s->width, stride = attention_round(width);
    const void *keys = number_at(run->keys, kv_head * run->capacity * width, s->kept);
    const void *values = number_at(run->values, kv_head * run->capacity * stride, s->kept);
    for (size_t j = 0; j < count; j += LANES)
        for (size_t d = 0; d < width; d += LANES) {
            size_t n = smaller(LANES, width - d), here = smaller(LANES, count - j);
            f32x16 tile[LANES];
            for (size_t i = 0; i < LANES; i++)
                tile[i] = i < n ? load_key(number_at(keys, j * width, s->kept), d + i, s->kept) : vector_all(0.0f);
            vector_transpose(tile);
            for (size_t i = 0; i < LANES; i++)
                if (s->kept == PRECISION_FLOAT32)
                    vector_store((float *)key_rows + (j + i) * stride + d, tile[i]);
                else if (i % 2 == 0)
                    vector_store_pairs((uint16_t *)key_rows + (j + i) * stride + 2 * d, vector_pairs(tile[i], tile[i + 1]));
            for (size_t i = 0; i < LANES; i++)
                tile[i] = i < here ? load_value(values, j + i, d, stride, s->kept) : vector_all(0.0f);
            vector_transpose(tile);
            for (size_t i = 0; i < n; i++)
                if (s->kept == PRECISION_FLOAT32)
                    vector_store((float *)value_blocks + j * width + (d + i) * LANES, tile[i]);
                else if (i % 2 == 0)
                    vector_store_pairs((uint16_t *)value_blocks + j * width + (d + i) * LANES,
                                       vector_pairs(tile[i], tile[i + 1]));
        }
}

// What a gradient of keys or values is a sum of: weights [terms][weight_stride] and vectors [terms][x_stride] of one tile, in
// float32. In bfloat16 each holds pairs of terms: those of terms t and t + 1, t even, stand where in float32 those of t do.
typedef struct spread {
    const void *weight, *x;
    size_t weight_stride, x_stride, terms;
} spread;

// rows[j][0 .. 16 vectors) += sum over terms in order of weight[t][j] * x[t], for `keys` rows that are row_stride numbers apart;
// of the last vector the first `last` lanes. first: number of the first key; at: of the first lane.
VECTOR_INLINE void spread_tile(float *rows, size_t row_stride, size_t keys, const spread *s, precision p, size_t first, size_t at,
                               size_t vectors, size_t last) {
    f32x16 sum[TILE_KEYS][TILE_VECTORS];
    for (size_t j = 0; j < keys; j++)
        for (size_t v = 0; v < vectors; v++) {
            const float *from = rows + j * row_stride + v * LANES;
            sum[j][v] = vector_load_part(from, v + 1 < vectors ? LANES : last, 0.0f);
        }
    for (size_t t = 0; t < s->terms; t += p == PRECISION_FLOAT32 ? 1 : 2) {
        const float *weight = (const float *)s->weight + t * s->weight_stride + first;
        const float *x = (const float *)s->x + t * s->x_stride + at;
        for (size_t v = 0; v < vectors; v++)
            for (size_t j = 0; j < keys; j++)
                sum[j][v] = p == PRECISION_FLOAT32
                                ? sum[j][v] + vector_all(weight[j]) * vector_load(x + v * LANES)
                                : vector_dot_pairs(sum[j][v], vector_all_pairs(weight + j), vector_load_pairs(x + v * LANES));
    }
    for (size_t j = 0; j < keys; j++)
        for (size_t v = 0; v < vectors; v++) {
            float *to = rows + j * row_stride + v * LANES;
            vector_store_part(to, sum[j][v], v + 1 < vectors ? LANES : last);
        }
}

VECTOR_INLINE void spread_keys(float *rows, size_t row_stride, size_t count, const spread *s, precision p, size_t width) {
    for (size_t d = 0; d < width;) {
        bool full = width - d >= TILE_VECTORS * LANES;
        size_t last = smaller(LANES, width - d), j = 0;
        for (; j + TILE_KEYS <= count; j += TILE_KEYS)
            if (full)
                spread_tile(rows + j * row_stride + d, row_stride, TILE_KEYS, s, p, j, d, TILE_VECTORS, LANES);
            else
                spread_tile(rows + j * row_stride + d, row_stride, TILE_KEYS, s, p, j, d, 1, last);
        for (; j < count; j++)
            if (full)
                spread_tile(rows + j * row_stride + d, row_stride, 1, s, p, j, d, TILE_VECTORS, LANES);
            else
                spread_tile(rows + j * row_stride + d, row_stride, 1, s, p, j, d, 1, last);
        d += full ? TILE_VECTORS * LANES : LANES;
    }
}

// rows[j][0..width) += sum over terms in order of weight[t][j] * x[t][0..width); x is padded to a multiple of 16.
static void spread_rows(float *rows, size_t row_stride, size_t count, const spread *s, precision p, size_t width) {
    if (p == PRECISION_FLOAT32)
        spread_keys(rows, row_stride, count, s, PRECISION_FLOAT32, width);
    else
        spread_keys(rows, row_stride, count, s, PRECISION_BFLOAT16, width);
}

// One head of a run of keys, and what a tile of rows leaves there.
typedef struct backward_run {
    const void *key_blocks, *key_rows, *value_blocks;
    size_t count;           // keys that the tile's last row sees
    float *dkeys, *dvalues; // this head's column of [tokens][K*D]
    float *p, *ds;          // [terms][room]
    void *ds_rows;          // [terms][room], ds in the precision of keys
    size_t room;
} backward_run;

// Query rows of a tile, terms = rows x heads, each vector padded to a multiple of 16.
typedef struct backward_tile {
    size_t rows, heads;
    float *q, *dy, *y, *dq;                                           // [terms][stride]; q and dy as they are multiplied, and
    void *q_rows, *dy_rows;                                           // [terms][stride] in the precision of keys
    float *q_terms, *dy_terms;                                        // as a spread wants them
    float largest[TILE_TERMS], inverse[TILE_TERMS], down[TILE_TERMS]; // inverse of the sum of exponentials; dy . y
} backward_tile;

// p and ds of one row's heads; keys from `seen` on are hidden from the row, and zero.
static void backward_scores(const attention_shape *s, const backward_run *run, const backward_tile *t, size_t row, size_t seen) {
    size_t stride = attention_round(s->width), first = row * t->heads;
    const void *q[TILE_HEADS], *dy[TILE_HEADS];
    float *p[TILE_HEADS], *ds[TILE_HEADS];
    for (size_t h = 0; h < t->heads; h++) {
        q[h] = number_at(t->q_rows, (first + h) * stride, s->kept), dy[h] = number_at(t->dy_rows, (first + h) * stride, s->kept);
        p[h] = run->p + (first + h) * run->room, ds[h] = run->ds + (first + h) * run->room;
    }
    dot_keys(q, t->heads, run->key_blocks, s->kept, seen, s->width, p);
    dot_keys(dy, t->heads, run->value_blocks, s->kept, seen, s->width, ds);
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

// x[terms][stride], `count` numbers of each, becomes pairs of terms in the place of the even ones (spread); it has room for an
// even number of terms. rows (NULL: not wanted): the same numbers in bfloat16.
static void pair_terms(float *pairs, const float *x, size_t stride, size_t terms, size_t count, uint16_t *rows) {
    for (size_t t = 0; t < terms; t += 2)
        for (size_t j = 0; j < count; j += LANES) {
            f32x16 first = vector_rounded(vector_load(x + t * stride + j)), second = vector_all(0.0f);
            if (t + 1 < terms) second = vector_rounded(vector_load(x + (t + 1) * stride + j));
            if (rows) {
                u16x16 one = vector_to_bfloat16(first), other = vector_to_bfloat16(second);
                memcpy(rows + t * stride + j, &one, sizeof one);
                memcpy(rows + (t + 1) * stride + j, &other, sizeof other);
            }
            vector_store_pairs(pairs + t * stride + j, vector_pairs(first, second));
        }
}

// seen[row]: keys of the run that the row sees.
static void backward_tile_run(const attention_shape *s, const backward_run *run, const backward_tile *t, const size_t *seen) {
    size_t stride = attention_round(s->width), terms = t->rows * t->heads, room = run->room;
    if (run->count == 0) return;
    for (size_t row = 0; row < t->rows; row++) backward_scores(s, run, t, row, seen[row]);
    if (s->kept != PRECISION_FLOAT32) {
        pair_terms(run->p, run->p, room, terms, run->count, NULL);
        pair_terms(run->ds, run->ds, room, terms, run->count, run->ds_rows);
    }
    for (size_t row = 0; row < t->rows; row++) {
        const void *ds[TILE_HEADS];
        float *dq[TILE_HEADS];
        for (size_t h = 0; h < t->heads; h++) {
            size_t term = row * t->heads + h;
            ds[h] = number_at(run->ds_rows, term * room, s->kept), dq[h] = t->dq + term * stride;
        }
        mix_rows(dq, t->heads, ds, run->key_rows, s->kept, stride, seen[row]);
    }
    spread to_values = {.weight = run->p, .weight_stride = room, .x = t->dy_terms, .x_stride = stride, .terms = terms};
    spread to_keys = {.weight = run->ds, .weight_stride = room, .x = t->q_terms, .x_stride = stride, .terms = terms};
    spread_rows(run->dvalues, s->kv_heads * s->width, run->count, &to_values, s->kept, s->width);
    spread_rows(run->dkeys, s->kv_heads * s->width, run->count, &to_keys, s->kept, s->width);
}

// Copies a head's vector of width D into a padded one, and zero behind it.
static void load_padded(float *to, const void *from, size_t index, size_t width, precision p) {
    for (size_t d = 0; d < width; d += LANES)
        vector_store(to + d, vector_load_numbers(from, index + d, smaller(LANES, width - d), p));
}

// What attention_backward was called with.
typedef struct backward_call {
    const attention_shape *shape;
    float *dq;
    const float *statistics, *q;
    const void *dy, *y;
    size_t q_stride;
    precision p;
} backward_call;

static void backward_load(const backward_call *c, backward_tile *t, size_t first_row, size_t head) {
    const attention_shape *s = c->shape;
    size_t width = s->width, stride = attention_round(width), terms = t->rows * t->heads;
    for (size_t i = 0; i < terms; i++) {
        size_t row = first_row + i / t->heads, at = row * s->heads + head + i % t->heads;
        load_padded(t->q + i * stride, c->q, row * c->q_stride + (head + i % t->heads) * width, width, PRECISION_FLOAT32);
        load_padded(t->dy + i * stride, c->dy, at * width, width, c->p);
        load_padded(t->y + i * stride, c->y, at * width, width, c->p);
        memset(t->dq + i * stride, 0, stride * sizeof(float));
        f32x16 sum = vector_all(0.0f);
        for (size_t d = 0; d < stride; d += LANES)
            sum += vector_load(t->dy + i * stride + d) * vector_load(t->y + i * stride + d);
        t->down[i] = vector_sum(sum);
        t->largest[i] = c->statistics[2 * at];
        t->inverse[i] = 1.0f / c->statistics[2 * at + 1];
    }
    if (s->kept == PRECISION_FLOAT32) return;
    pair_terms(t->q_terms, t->q, stride, terms, stride, t->q_rows);
    pair_terms(t->dy_terms, t->dy, stride, terms, stride, t->dy_rows);
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
    size_t tile = TILE_TERMS * stride;
    float *prefix_rows = scratch, *prefix_values = prefix_rows + prefix_room * stride;
    float *own_rows = prefix_values + prefix_room * width, *own_values = own_rows + own_room * stride;
    backward_tile t = {.q = own_values + own_room * width};
    t.dy = t.q + tile, t.y = t.dy + tile, t.dq = t.y + tile;
    t.q_rows = t.q_terms = t.q, t.dy_rows = t.dy_terms = t.dy;
    float *prefix_p = t.dq + tile, *prefix_ds = prefix_p + TILE_TERMS * prefix_room;
    float *own_p = prefix_ds + TILE_TERMS * prefix_room, *own_ds = own_p + TILE_TERMS * own_room;
    void *prefix_ds_rows = prefix_ds, *own_ds_rows = own_ds;
    if (s->kept != PRECISION_FLOAT32) { // what is multiplied is in other places than what was computed
        float *more = own_ds + TILE_TERMS * own_room;
        prefix_ds_rows = more, own_ds_rows = more + TILE_TERMS * prefix_room;
        more += TILE_TERMS * (prefix_room + own_room);
        t.q_rows = more, t.dy_rows = more + tile, t.q_terms = more + 2 * tile, t.dy_terms = more + 3 * tile;
    }
    if (block->prefix_count) turn_run(s, &block->prefix, kv_head, block->prefix_count, prefix_rows, prefix_values);
    for (size_t b = 0; b < blocks; b++) {
        const attention_block *one = &block[b];
        turn_run(s, &one->own, kv_head, one->own_start + one->count, own_rows, own_values);
        backward_run run[2] = {
            {.key_blocks =
                 one->prefix_count ? number_at(one->prefix.keys, kv_head * one->prefix.capacity * width, s->kept) : NULL,
             .key_rows = prefix_rows,
             .value_blocks = prefix_values,
             .dkeys = one->prefix_count ? one->dprefix_keys + kv_head * width : NULL,
             .dvalues = one->prefix_count ? one->dprefix_values + kv_head * width : NULL,
             .p = prefix_p,
             .ds = prefix_ds,
             .ds_rows = prefix_ds_rows,
             .room = prefix_room},
            {.key_blocks = number_at(one->own.keys, kv_head * one->own.capacity * width, s->kept),
             .key_rows = own_rows,
             .value_blocks = own_values,
             .dkeys = one->down_keys + kv_head * width,
             .dvalues = one->down_values + kv_head * width,
             .p = own_p,
             .ds = own_ds,
             .ds_rows = own_ds_rows,
             .room = own_room},
        };
        backward_block(c, one, kv_head, run, &t);
    }
}

void attention_backward(const attention_shape *s, float *dq, const void *dy, const void *y, const float *statistics,
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
