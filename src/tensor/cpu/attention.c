// Attention of single query rows over runs of keys and values, forward. Contracts are in tensor/ops.h.
//
// A row's result is the same code in sampling and in training: every query-key product is a chain of D additions in one lane,
// scores are taken in blocks of 16 keys from the start of each run, and sums over keys run in the order of the keys. Which rows
// share a call, and how many threads there are, cannot change a bit.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/cpu/attention_tiles.h"

// ---- storing -------------------------------------------------------------------------------------------------------------

// One lane of a block of keys.
static void store_lane(const attention_shape *s, const attention_run *run, size_t kv_head, size_t index, const float *key) {
    size_t width = s->width, at = (kv_head * run->capacity + index / LANES * LANES) * width, lane = index % LANES;
    if (s->kept == PRECISION_FLOAT32) {
        float *block = (float *)run->keys + at;
        for (size_t d = 0; d < width; d++) block[d * LANES + lane] = key[d];
        return;
    }
    uint32_t *block = (uint32_t *)run->keys + at / 2;
    for (size_t d = 0; d < width; d += LANES) {
        size_t n = smaller(LANES, width - d);
        u16x16 bits = vector_to_bfloat16(vector_load_part(key + d, n, 0.0f));
        uint32_t pairs[LANES / 2];
        memcpy(pairs, &bits, sizeof pairs);
        for (size_t i = 0; i < n / 2; i++) block[(d / 2 + i) * LANES + lane] = pairs[i];
    }
}

// value[D] in precision p.
static void store_value(const attention_shape *s, const attention_run *run, size_t kv_head, size_t index, const void *value,
                        precision p) {
    size_t stride = attention_round(s->width);
    for (size_t d = 0; d < s->width; d += LANES) {
        f32x16 v = vector_load_numbers(value, d, smaller(LANES, s->width - d), p);
        if (s->kept == PRECISION_FLOAT32) {
            vector_store((float *)run->values + (kv_head * run->capacity + index) * stride + d, v);
        } else { // every other number: its neighbours belong to the key beside it
            uint16_t *to = (uint16_t *)run->values + (kv_head * run->capacity + index / 2 * 2) * stride + 2 * d;
            vector_store_alternate(to, vector_to_bfloat16(v), index % 2);
        }
    }
}

void attention_store(const attention_shape *s, const attention_run *run, size_t index, const float *key, const void *value,
                     precision p) {
    for (size_t h = 0; h < s->kv_heads; h++) {
        store_lane(s, run, h, index, key + h * s->width);
        store_value(s, run, h, index, number_at(value, h * s->width, p), p);
    }
}

void attention_store_block(const attention_shape *s, const attention_run *run, size_t first, size_t count, const float *keys,
                           const float *values, size_t stride) {
    size_t width = s->width;
    for (size_t h = 0; h < s->kv_heads; h++) {
        for (size_t d = 0; d < width; d += LANES) {
            size_t n = smaller(LANES, width - d);
            f32x16 rows[LANES];
            for (size_t j = 0; j < LANES; j++)
                rows[j] = j < count ? vector_load_part(keys + j * stride + h * width + d, n, 0.0f) : vector_all(0.0f);
            vector_transpose(rows);
            for (size_t i = 0; i < n; i++)
                vector_store((float *)run->keys + (h * run->capacity + first) * width + (d + i) * LANES, rows[i]);
        }
        for (size_t j = 0; j < count; j++) store_value(s, run, h, first + j, values + j * stride + h * width, PRECISION_FLOAT32);
    }
}

// ---- forward -------------------------------------------------------------------------------------------------------------
//
// A few rows go through the keys together, a chunk of keys at a time, so that a chunk that several of them see (a group's prompt)
// stays in the nearest cache. Every row still meets its keys in their order.

enum { CHUNK_KEYS = 64 };

size_t attention_scratch_floats(const attention_shape *s, size_t longest) {
    // per row and head of a tile: scores of both runs, each rounded up to a block; the output; and the query as it is multiplied
    return TILE_ROWS * TILE_HEADS * (attention_round(longest) + 2 * LANES + 2 * attention_round(s->width));
}

// The largest of the scores of one run and of `top`; lanes beyond `count` become -infinity.
static f32x16 largest_score(float *score, size_t count, f32x16 top) {
    for (size_t j = count; j < attention_round(count); j++) score[j] = -INFINITY;
    for (size_t j = 0; j < count; j += LANES) top = vector_max(vector_load(score + j), top);
    return top;
}

// Scores become exponentials of what they are, scaled, below the largest; in precision p, in the same place. They are added up as
// they then are.
static f32x16 exponentials(float *score, size_t count, float scale, float largest, f32x16 sum, precision p) {
    for (size_t j = 0; j < count; j += LANES) {
        f32x16 e = vector_exp_negative(vector_load(score + j) * vector_all(scale) - vector_all(largest));
        if (p == PRECISION_FLOAT32) {
            vector_store(score + j, e);
        } else {
            u16x16 bits = vector_to_bfloat16(e);
            memcpy((uint16_t *)score + j, &bits, sizeof bits);
            e = vector_from_bfloat16(bits);
        }
        sum += e;
    }
    return sum;
}

// A row on its way through one key/value head: what it sees, its queries, where its scores and its output go.
typedef struct forward_row {
    const void *keys[2], *values[2]; // of the prefix and of its own run
    size_t count[2];
    const void *q[TILE_HEADS]; // in the precision of keys
    float *score[2][TILE_HEADS], *out[TILE_HEADS];
} forward_row;

// Asks for a run's keys or values from key `first` to the end of its chunk, which will be read soon. Runs are short and many, too
// short for the processor to foresee.
VECTOR_INLINE void prefetch(const void *x, size_t first, size_t count, size_t stride, precision kept) {
    if (first >= count) return;
    const unsigned char *at = number_at(x, first * stride, kept);
    size_t bytes = attention_round(smaller(CHUNK_KEYS, count - first)) * stride * precision_bytes(kept);
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

// (Inlined: gcc takes a call of a function that does nothing but prefetch for one without effect.)
// While row r is at work on a chunk of a run: what comes next of the keys, and the chunk's values; of a prefix that a tile's rows
// share, once. Scores of the prefix leave time to fetch the row's own keys.
VECTOR_INLINE void forward_prefetch(const forward_row *row, size_t rows, size_t r, size_t run, size_t first, size_t width,
                                    precision kept) {
    const forward_row *one = &row[r], *next = r + 1 < rows ? &row[r + 1] : NULL;
    if (next && next->keys[run] != one->keys[run])
        prefetch(next->keys[run], first, next->count[run], width, kept);
    else
        prefetch(one->keys[run], first + CHUNK_KEYS, one->count[run], width, kept);
    if (r == 0 || row[r - 1].values[run] != one->values[run])
        prefetch(one->values[run], first, one->count[run], attention_round(width), kept);
    if (run == 0) prefetch(one->keys[1], first, one->count[1], width, kept);
}

static void forward_scores(const forward_row *row, size_t rows, size_t run, size_t heads, size_t width, precision kept) {
    for (size_t first = 0, more = 1; more; first += CHUNK_KEYS) {
        more = 0;
        for (size_t r = 0; r < rows; r++) {
            const forward_row *one = &row[r];
            if (first >= one->count[run]) continue;
            float *to[TILE_HEADS];
            for (size_t h = 0; h < heads; h++) to[h] = one->score[run][h] + first;
            forward_prefetch(row, rows, r, run, first, width, kept);
            dot_keys(one->q, heads, number_at(one->keys[run], first * width, kept), kept,
                     smaller(CHUNK_KEYS, one->count[run] - first), width, to);
            more = 1;
        }
    }
}

static void forward_mix(const forward_row *row, size_t rows, size_t run, size_t heads, size_t stride, precision kept) {
    for (size_t first = 0, more = 1; more; first += CHUNK_KEYS) {
        more = 0;
        for (size_t r = 0; r < rows; r++) {
            const forward_row *one = &row[r];
            if (first >= one->count[run]) continue;
            const void *weight[TILE_HEADS];
            for (size_t h = 0; h < heads; h++) weight[h] = number_at(one->score[run][h], first, kept);
            mix_rows(one->out, heads, weight, number_at(one->values[run], first * stride, kept), kept, stride,
                     smaller(CHUNK_KEYS, one->count[run] - first));
            more = 1;
        }
    }
}

// The scores become exponentials; the output is zero, and `inverse` what it has to be multiplied by in the end.
static void forward_softmax(const attention_shape *s, const forward_row *row, size_t heads, float *statistics, float *inverse) {
    for (size_t h = 0; h < heads; h++) {
        f32x16 top = largest_score(row->score[0][h], row->count[0], vector_all(-INFINITY));
        float largest = vector_largest(largest_score(row->score[1][h], row->count[1], top)) * s->scale;
        f32x16 sum = exponentials(row->score[0][h], row->count[0], s->scale, largest, vector_all(0.0f), s->kept);
        float total = vector_sum(exponentials(row->score[1][h], row->count[1], s->scale, largest, sum, s->kept));
        if (statistics) statistics[2 * h] = largest, statistics[2 * h + 1] = total;
        inverse[h] = 1.0f / total;
        memset(row->out[h], 0, attention_round(s->width) * sizeof(float));
    }
}

// What attention_forward was called with.
typedef struct forward_call {
    const attention_shape *shape;
    void *y;
    float *statistics;
    const float *q;
    size_t q_stride;
    const attention_row *row;
    precision p;
} forward_call;

// Rows first .. first + rows - 1 of the call, query heads head .. head + heads - 1 of one key/value head.
static __attribute__((noinline)) void forward_tile(const forward_call *c, size_t first, size_t rows, size_t kv_head, size_t head,
                                                   size_t heads, float *scratch) {
    const attention_shape *s = c->shape;
    size_t width = s->width, stride = attention_round(width);
    forward_row tile[TILE_ROWS];
    float *at = scratch;
    for (size_t r = 0; r < rows; r++) {
        const attention_row *seen = &c->row[first + r];
        const attention_run *runs[2] = {&seen->prefix, &seen->own};
        forward_row *one = &tile[r];
        one->count[0] = seen->prefix_count, one->count[1] = seen->own_count;
        for (size_t run = 0; run < 2; run++) {
            bool some = one->count[run] > 0;
            one->keys[run] = some ? number_at(runs[run]->keys, kv_head * runs[run]->capacity * width, s->kept) : NULL;
            one->values[run] = some ? number_at(runs[run]->values, kv_head * runs[run]->capacity * stride, s->kept) : NULL;
            for (size_t h = 0; h < heads; h++) one->score[run][h] = at, at += attention_round(one->count[run]);
        }
        for (size_t h = 0; h < heads; h++) {
            const float *q = c->q + (first + r) * c->q_stride + (head + h) * width;
            one->q[h] = q, one->out[h] = at, at += stride;
            if (s->kept == PRECISION_FLOAT32) continue;
            for (size_t d = 0; d < width; d += LANES)
                vector_store_numbers(at, d, vector_load_part(q + d, smaller(LANES, width - d), 0.0f), LANES, s->kept);
            one->q[h] = at, at += stride;
        }
    }
    float inverse[TILE_ROWS][TILE_HEADS];
    for (size_t run = 0; run < 2; run++) forward_scores(tile, rows, run, heads, width, s->kept);
    for (size_t r = 0; r < rows; r++)
        forward_softmax(s, &tile[r], heads, c->statistics ? c->statistics + ((first + r) * s->heads + head) * 2 : NULL,
                        inverse[r]);
    for (size_t run = 0; run < 2; run++) forward_mix(tile, rows, run, heads, stride, s->kept);
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++) {
            size_t to = ((first + r) * s->heads + head + h) * width;
            for (size_t d = 0; d < width; d += LANES)
                vector_store_numbers(c->y, to + d, vector_load(tile[r].out[h] + d) * vector_all(inverse[r][h]),
                                     smaller(LANES, width - d), c->p);
        }
}

// Unit `unit` of `tiles` for each key/value head. Neighbouring units are rows of one key/value head: rollouts of a group then
// find their prompt's keys in cache.
static void forward_unit(const forward_call *c, size_t unit, size_t tiles, size_t rows, float *scratch) {
    size_t shared = c->shape->heads / c->shape->kv_heads, kv_head = unit / tiles, at = unit % tiles * TILE_ROWS;
    for (size_t first = 0; first < shared; first += TILE_HEADS)
        forward_tile(c, at, smaller(TILE_ROWS, rows - at), kv_head, kv_head * shared + first, smaller(TILE_HEADS, shared - first),
                     scratch);
}

void attention_forward(const attention_shape *s, void *y, float *statistics, const float *q, size_t q_stride,
                       const attention_row *row, size_t rows, float *scratch, size_t scratch_stride, precision p) {
    const forward_call call = {.shape = s, .y = y, .statistics = statistics, .q = q, .q_stride = q_stride, .row = row, .p = p};
    size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, units = tiles * s->kv_heads;
    if (units == 1) { // of the callers' threads one each, as in the encoder: no region within theirs
        forward_unit(&call, 0, tiles, rows, scratch + thread_number() * scratch_stride);
        return;
    }
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t unit = 0; unit < units; unit++)
        forward_unit(&call, unit, tiles, rows, scratch + thread_number() * scratch_stride);
}
