// Attention of single query rows over runs of keys and values, forward and backward. Contracts are in tensor/ops.h.
//
// One row is one unit of work, the same code in sampling and in training: every query-key product is a chain of D additions in
// one lane, scores are taken in blocks of 16 keys from the start of each run, and sums over keys run in the order of the keys.
// Which rows share a call, and how many threads there are, cannot change a bit.
//
// A few query heads share each key/value head (grouped-query attention); the tiles below handle up to four of them at once so
// that a loaded key serves them all. A tile's lanes never mix, so its shape does not change a bit either.
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

#include "tensor/cpu/vector.h"

enum { LANES = ATTENTION_LANES, TILE_HEADS = 4, TILE_VECTORS = 4 };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void attention_store(const attention_shape *s, const attention_run *run, size_t index, const float *key, const float *value) {
    size_t width = s->width, value_stride = attention_round(width);
    for (size_t h = 0; h < s->kv_heads; h++) {
        float *block = run->keys + (h * run->capacity + index / LANES * LANES) * width + index % LANES;
        for (size_t d = 0; d < width; d++) block[d * LANES] = key[h * width + d];
        float *to = run->values + (h * run->capacity + index) * value_stride;
        memcpy(to, value + h * width, width * sizeof(float));
        for (size_t d = width; d < value_stride; d++) to[d] = 0.0f;
    }
}

void attention_store_block(const attention_shape *s, const attention_run *run, size_t first, size_t count, const float *keys,
                           const float *values, size_t stride) {
    size_t width = s->width, value_stride = attention_round(width);
    for (size_t h = 0; h < s->kv_heads; h++) {
        float *block = run->keys + (h * run->capacity + first) * width;
        for (size_t d = 0; d < width; d += LANES) {
            size_t n = smaller(LANES, width - d);
            f32x16 rows[LANES];
            for (size_t j = 0; j < LANES; j++)
                rows[j] = j >= count   ? vector_all(0.0f)
                          : n == LANES ? vector_load(keys + j * stride + h * width + d)
                                       : vector_load_part(keys + j * stride + h * width + d, n, 0.0f);
            vector_transpose(rows);
            for (size_t i = 0; i < n; i++) vector_store(block + (d + i) * LANES, rows[i]);
        }
        for (size_t j = 0; j < count; j++) {
            float *to = run->values + (h * run->capacity + first + j) * value_stride;
            memcpy(to, values + j * stride + h * width, width * sizeof(float));
            for (size_t d = width; d < value_stride; d++) to[d] = 0.0f;
        }
    }
}

// ---- products with blocks of keys ----------------------------------------------------------------------------------------

// out[h][v * 16 ..] = x[h] . block v, for `heads` rows x and `vectors` blocks [D][16] that follow one another.
VECTOR_INLINE void dot_tile(const float *const *x, size_t heads, const float *blocks, size_t vectors, size_t width,
                            float *const *out) {
    f32x16 sum[TILE_HEADS][TILE_VECTORS];
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_all(0.0f);
    for (size_t d = 0; d < width; d++) {
        f32x16 key[TILE_VECTORS];
        for (size_t v = 0; v < vectors; v++) key[v] = vector_load(blocks + (v * width + d) * LANES);
        for (size_t h = 0; h < heads; h++) {
            f32x16 q = vector_all(x[h][d]);
            for (size_t v = 0; v < vectors; v++) sum[h][v] += q * key[v];
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) vector_store(out[h] + v * LANES, sum[h][v]);
}

#define FOR_TILE_HEADS(heads, call)                                                                                              \
    switch (heads) {                                                                                                             \
    case 1: {                                                                                                                    \
        enum { N = 1 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    case 2: {                                                                                                                    \
        enum { N = 2 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    case 3: {                                                                                                                    \
        enum { N = 3 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    default: {                                                                                                                   \
        enum { N = 4 };                                                                                                          \
        call;                                                                                                                    \
    } break;                                                                                                                     \
    }

// out[h][0 .. round(count)) = x[h] . key j; lanes beyond `count` are whatever the run holds there.
static void dot_keys(const float *const *x, size_t heads, const float *blocks, size_t count, size_t width, float *const *out) {
    size_t vectors = attention_round(count) / LANES, v = 0;
    float *to[TILE_HEADS];
    for (; v + TILE_VECTORS <= vectors; v += TILE_VECTORS) {
        for (size_t h = 0; h < heads; h++) to[h] = out[h] + v * LANES;
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks + v * LANES * width, TILE_VECTORS, width, to))
    }
    for (; v < vectors; v++) {
        for (size_t h = 0; h < heads; h++) to[h] = out[h] + v * LANES;
        FOR_TILE_HEADS(heads, dot_tile(x, N, blocks + v * LANES * width, 1, width, to))
    }
}

// out[h][d..d+16*vectors) += sum over keys j in order of weight[h][j] * rows[j][d..]
VECTOR_INLINE void mix_tile(float *const *out, size_t heads, const float *const *weight, const float *rows, size_t row_stride,
                            size_t count, size_t vectors) {
    f32x16 sum[TILE_HEADS][TILE_VECTORS];
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) sum[h][v] = vector_load(out[h] + v * LANES);
    for (size_t j = 0; j < count; j++) {
        f32x16 row[TILE_VECTORS];
        for (size_t v = 0; v < vectors; v++) row[v] = vector_load(rows + j * row_stride + v * LANES);
        for (size_t h = 0; h < heads; h++) {
            f32x16 w = vector_all(weight[h][j]);
            for (size_t v = 0; v < vectors; v++) sum[h][v] += w * row[v];
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t v = 0; v < vectors; v++) vector_store(out[h] + v * LANES, sum[h][v]);
}

// out[h][0..stride) += sum over keys in order; `stride` is a multiple of 16.
static void mix_rows(float *const *out, size_t heads, const float *const *weight, const float *rows, size_t stride,
                     size_t count) {
    float *to[TILE_HEADS];
    size_t vectors = stride / LANES, v = 0;
    for (; v + TILE_VECTORS <= vectors; v += TILE_VECTORS) {
        for (size_t h = 0; h < heads; h++) to[h] = out[h] + v * LANES;
        FOR_TILE_HEADS(heads, mix_tile(to, N, weight, rows + v * LANES, stride, count, TILE_VECTORS))
    }
    for (; v < vectors; v++) {
        for (size_t h = 0; h < heads; h++) to[h] = out[h] + v * LANES;
        FOR_TILE_HEADS(heads, mix_tile(to, N, weight, rows + v * LANES, stride, count, 1))
    }
}

// ---- forward -------------------------------------------------------------------------------------------------------------

size_t attention_scratch_floats(const attention_shape *s, size_t longest) {
    // per head of a tile: scores of both runs, each rounded up to a block; and the output
    return TILE_HEADS * (attention_round(longest) + 2 * LANES + attention_round(s->width));
}

// Scales the scores of one run and finds their largest; lanes beyond `count` become -infinity.
static f32x16 scale_scores(float *score, size_t count, float scale, f32x16 top) {
    for (size_t j = count; j < attention_round(count); j++) score[j] = -INFINITY;
    for (size_t j = 0; j < count; j += LANES) {
        f32x16 v = vector_load(score + j) * vector_all(scale);
        vector_store(score + j, v);
        top = vector_max(v, top);
    }
    return top;
}

static f32x16 exponentials(float *score, size_t count, float largest, f32x16 sum) {
    for (size_t j = 0; j < count; j += LANES) {
        f32x16 e = vector_exp_negative(vector_load(score + j) - vector_all(largest));
        vector_store(score + j, e);
        sum += e;
    }
    return sum;
}

static void attention_heads(const attention_shape *s, const attention_row *row, size_t kv_head, const float *const *q,
                            size_t heads, float *scratch, float *statistics, float *const *out) {
    size_t width = s->width, value_stride = attention_round(width);
    size_t prefix_room = attention_round(row->prefix_count), own_room = attention_round(row->own_count);
    float *prefix_score[TILE_HEADS], *own_score[TILE_HEADS];
    for (size_t h = 0; h < heads; h++) {
        prefix_score[h] = scratch + h * (prefix_room + own_room);
        own_score[h] = prefix_score[h] + prefix_room;
    }
    if (row->prefix_count > 0)
        dot_keys(q, heads, row->prefix.keys + kv_head * row->prefix.capacity * width, row->prefix_count, width, prefix_score);
    dot_keys(q, heads, row->own.keys + kv_head * row->own.capacity * width, row->own_count, width, own_score);
    float total[TILE_HEADS];
    for (size_t h = 0; h < heads; h++) {
        f32x16 top = scale_scores(prefix_score[h], row->prefix_count, s->scale, vector_all(-INFINITY));
        float largest = vector_largest(scale_scores(own_score[h], row->own_count, s->scale, top));
        f32x16 sum = exponentials(prefix_score[h], row->prefix_count, largest, vector_all(0.0f));
        total[h] = vector_sum(exponentials(own_score[h], row->own_count, largest, sum));
        if (statistics) statistics[2 * h] = largest, statistics[2 * h + 1] = total[h];
        memset(out[h], 0, value_stride * sizeof(float));
    }
    if (row->prefix_count > 0)
        mix_rows(out, heads, (const float *const *)prefix_score,
                 row->prefix.values + kv_head * row->prefix.capacity * value_stride, value_stride, row->prefix_count);
    mix_rows(out, heads, (const float *const *)own_score, row->own.values + kv_head * row->own.capacity * value_stride,
             value_stride, row->own_count);
    for (size_t h = 0; h < heads; h++) {
        float inverse = 1.0f / total[h];
        for (size_t d = 0; d < value_stride; d++) out[h][d] *= inverse;
    }
}

#ifdef _OPENMP
#include <omp.h>
static size_t thread_number(void) { return (size_t)omp_get_thread_num(); }
#else
static size_t thread_number(void) { return 0; }
#endif

void attention_forward(const attention_shape *s, void *y, float *statistics, const float *q, size_t q_stride,
                       const attention_row *row, size_t rows, float *scratch, size_t scratch_stride, precision p) {
    size_t shared = s->heads / s->kv_heads, width = s->width, value_stride = attention_round(width);
#pragma omp parallel for schedule(dynamic, 4) if (rows * s->kv_heads > 1)
    for (size_t unit = 0; unit < rows * s->kv_heads; unit++) {
        // Neighbouring units are rows of one key/value head: rollouts of a group then find their prompt's keys in cache.
        size_t kv_head = unit / rows, r = unit % rows;
        float *mine = scratch + thread_number() * scratch_stride;
        for (size_t first = 0; first < shared; first += TILE_HEADS) {
            size_t heads = smaller(TILE_HEADS, shared - first), head = kv_head * shared + first;
            const float *queries[TILE_HEADS];
            float *out[TILE_HEADS];
            for (size_t h = 0; h < heads; h++) {
                queries[h] = q + r * q_stride + (head + h) * width;
                out[h] = mine + h * value_stride;
            }
            attention_heads(s, &row[r], kv_head, queries, heads, mine + TILE_HEADS * value_stride,
                            statistics ? statistics + (r * s->heads + head) * 2 : NULL, out);
            for (size_t h = 0; h < heads; h++)
                numbers_round((unsigned char *)y + (r * s->heads + head + h) * width * precision_bytes(p), out[h], width, p);
        }
    }
}

// ---- backward ------------------------------------------------------------------------------------------------------------
//
// With p = softmax(scale q k), o = sum_j p_j v_j and d = do:   dv_j += p_j d,   dp_j = d . v_j,
// ds_j = p_j (dp_j - d . o) scale,   dq = sum_j ds_j k_j,   dk_j += ds_j q.

size_t attention_backward_scratch_floats(const attention_shape *s, size_t longest_prefix, size_t longest_own) {
    size_t stride = attention_round(s->width), tokens = attention_round(longest_prefix) + attention_round(longest_own);
    // keys by rows and values by blocks, of both runs; p and ds of a tile; dq, dy and y of a tile
    return tokens * (stride + s->width) + 2 * TILE_HEADS * tokens + 3 * TILE_HEADS * stride;
}

// The keys of one head as rows [count][stride] with zero padding, and its values as blocks [count/16][D][16].
static void turn_run(const attention_run *run, size_t kv_head, size_t count, size_t width, float *key_rows, float *value_blocks) {
    size_t stride = attention_round(width);
    const float *keys = run->keys + kv_head * run->capacity * width, *values = run->values + kv_head * run->capacity * stride;
    for (size_t j = 0; j < attention_round(count); j++) {
        const float *block = keys + j / LANES * LANES * width + j % LANES;
        float *to = value_blocks + j / LANES * LANES * width + j % LANES;
        for (size_t d = 0; d < width; d++) {
            key_rows[j * stride + d] = j < count ? block[d * LANES] : 0.0f;
            to[d * LANES] = j < count ? values[j * stride + d] : 0.0f;
        }
        for (size_t d = width; d < stride; d++) key_rows[j * stride + d] = 0.0f;
    }
}

// rows[j][0..width) += sum over heads in order of weight[h][j] * x[h]; row_stride numbers apart.
static void spread_rows(float *rows, size_t row_stride, size_t count, const float *const *weight, const float *const *x,
                        size_t heads, size_t width) {
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < width; i += LANES) {
            size_t n = smaller(LANES, width - i);
            float *to = rows + j * row_stride + i;
            f32x16 sum = n == LANES ? vector_load(to) : vector_load_part(to, n, 0.0f);
            for (size_t h = 0; h < heads; h++)
                sum += vector_all(weight[h][j]) * vector_load(x[h] + i); // x is padded to a multiple of 16
            vector_store_part(to, sum, n);
        }
}

typedef struct backward_run {
    const float *key_blocks, *key_rows, *value_blocks;
    size_t count;
    float *dkeys, *dvalues; // this head's column of [tokens][K*D]
    float *p[TILE_HEADS], *ds[TILE_HEADS];
} backward_run;

static void backward_row(const attention_shape *s, backward_run *run, size_t runs, const float *const *q, const float *const *dy,
                         const float *const *y, const float *statistics, size_t heads, float *const *dq) {
    size_t width = s->width, stride = attention_round(width);
    float down[TILE_HEADS];
    for (size_t h = 0; h < heads; h++) {
        f32x16 sum = vector_all(0.0f);
        for (size_t i = 0; i < stride; i += LANES) sum += vector_load(dy[h] + i) * vector_load(y[h] + i);
        down[h] = vector_sum(sum);
        memset(dq[h], 0, stride * sizeof(float));
    }
    for (size_t r = 0; r < runs; r++) {
        if (run[r].count == 0) continue;
        dot_keys(q, heads, run[r].key_blocks, run[r].count, width, run[r].p);
        dot_keys(dy, heads, run[r].value_blocks, run[r].count, width, run[r].ds);
        for (size_t h = 0; h < heads; h++) {
            f32x16 largest = vector_all(statistics[2 * h]), inverse = vector_all(1.0f / statistics[2 * h + 1]);
            for (size_t j = 0; j < run[r].count; j += LANES) {
                f32x16 p = vector_exp(vector_load(run[r].p[h] + j) * vector_all(s->scale) - largest) * inverse;
                f32x16 ds = p * (vector_load(run[r].ds[h] + j) - vector_all(down[h])) * vector_all(s->scale);
                vector_store(run[r].p[h] + j, p);
                vector_store(run[r].ds[h] + j, ds);
            }
        }
        mix_rows(dq, heads, (const float *const *)run[r].ds, run[r].key_rows, stride, run[r].count);
        spread_rows(run[r].dvalues, s->kv_heads * width, run[r].count, (const float *const *)run[r].p, dy, heads, width);
        spread_rows(run[r].dkeys, s->kv_heads * width, run[r].count, (const float *const *)run[r].ds, q, heads, width);
    }
}

// Copies head vectors of width D into padded rows, and zero behind them.
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

static void backward_block(const attention_shape *s, float *dq, const float *dy, const void *y, const float *statistics,
                           const float *q, size_t q_stride, const attention_block *b, size_t kv_head, float *scratch,
                           precision p) {
    size_t width = s->width, stride = attention_round(width), shared = s->heads / s->kv_heads;
    size_t own_total = b->own_start + b->count, prefix_room = attention_round(b->prefix_count),
           own_room = attention_round(own_total);
    float *at = scratch;
    float *prefix_rows = at, *prefix_values = (at += prefix_room * stride);
    float *own_rows = (at += prefix_room * width), *own_values = (at += own_room * stride);
    at += own_room * width;
    backward_run run[2] = {
        {.key_blocks = b->prefix_count ? b->prefix.keys + kv_head * b->prefix.capacity * width : NULL,
         .key_rows = prefix_rows,
         .value_blocks = prefix_values,
         .count = b->prefix_count,
         .dkeys = b->prefix_count ? b->dprefix_keys + kv_head * width : NULL,
         .dvalues = b->prefix_count ? b->dprefix_values + kv_head * width : NULL},
        {.key_blocks = b->own.keys + kv_head * b->own.capacity * width,
         .key_rows = own_rows,
         .value_blocks = own_values,
         .dkeys = b->down_keys + kv_head * width,
         .dvalues = b->down_values + kv_head * width},
    };
    if (b->prefix_count) turn_run(&b->prefix, kv_head, b->prefix_count, width, prefix_rows, prefix_values);
    turn_run(&b->own, kv_head, own_total, width, own_rows, own_values);
    for (size_t h = 0; h < TILE_HEADS; h++) {
        run[0].p[h] = at, at += prefix_room;
        run[0].ds[h] = at, at += prefix_room;
        run[1].p[h] = at, at += own_room;
        run[1].ds[h] = at, at += own_room;
    }
    float *padded_q[TILE_HEADS], *padded_dy[TILE_HEADS], *padded_y[TILE_HEADS], dq_tile[TILE_HEADS][512];
    for (size_t h = 0; h < TILE_HEADS; h++)
        padded_q[h] = at, padded_dy[h] = at + stride, padded_y[h] = at + 2 * stride, at += 3 * stride;
    for (size_t i = 0; i < b->count; i++) {
        size_t r = b->first + i;
        run[1].count = b->own_start + i + 1;
        for (size_t first = 0; first < shared; first += TILE_HEADS) {
            size_t heads = smaller(TILE_HEADS, shared - first), head = kv_head * shared + first;
            float *out[TILE_HEADS];
            for (size_t h = 0; h < heads; h++) {
                load_padded(padded_q[h], q, r * q_stride + (head + h) * width, width, PRECISION_FLOAT32);
                load_padded(padded_dy[h], dy, (r * s->heads + head + h) * width, width, PRECISION_FLOAT32);
                load_padded(padded_y[h], y, (r * s->heads + head + h) * width, width, p);
                out[h] = dq_tile[h];
            }
            backward_row(s, run, 2, (const float *const *)padded_q, (const float *const *)padded_dy,
                         (const float *const *)padded_y, statistics + (r * s->heads + head) * 2, heads, out);
            for (size_t h = 0; h < heads; h++) memcpy(dq + (r * s->heads + head + h) * width, out[h], width * sizeof(float));
        }
    }
}

void attention_backward(const attention_shape *s, float *dq, const float *dy, const void *y, const float *statistics,
                        const float *q, size_t q_stride, const attention_block *block, size_t blocks, float *scratch,
                        size_t scratch_stride, precision p) {
    // Blocks with one prefix add to the same gradients, so they stay with one thread, in order; heads are independent columns.
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t unit = 0; unit < blocks * s->kv_heads; unit++) {
        size_t first = unit / s->kv_heads, kv_head = unit % s->kv_heads;
        if (first > 0 && block[first].prefix_count > 0 && block[first].dprefix_keys == block[first - 1].dprefix_keys) continue;
        size_t end = first + 1;
        while (end < blocks && block[first].prefix_count > 0 && block[end].dprefix_keys == block[first].dprefix_keys) end++;
        for (size_t b = first; b < end; b++)
            backward_block(s, dq, dy, y, statistics, q, q_stride, &block[b], kv_head, scratch + thread_number() * scratch_stride,
                           p);
    }
}
