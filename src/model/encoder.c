// The forward pass of the sentence encoder, and the cutting and gathering of texts around it. See encoder.h.
//
// A layer, as in BERT: x = LayerNorm(x + W_o attention(W_qkv x)), x = LayerNorm(x + W_down gelu(W_up x)), all with biases. Rows
// of all texts go through the products together; attention works on (text, head), each query seeing all keys of its text.
#include "model/encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder_parts.h"

enum { ROWS_AT_ONCE = 8 }; // rows that pass through several row kernels while they are in cache

// The shapes of the encoder's matrices [out, in].
enum { PRODUCT_SHAPES = 4 };
static void product_shapes(size_t (*shapes)[2], const encoder_config *c) {
    shapes[0][0] = 3 * c->hidden, shapes[0][1] = c->hidden;
    shapes[1][0] = c->hidden, shapes[1][1] = c->hidden;
    shapes[2][0] = c->feed_forward, shapes[2][1] = c->hidden;
    shapes[3][0] = c->hidden, shapes[3][1] = c->feed_forward;
}

// ---- memory --------------------------------------------------------------------------------------------------------------

static attention_shape tile_shape(const encoder_config *c) {
    return (attention_shape){
        .heads = ENCODER_QUERY_TILE, .kv_heads = 1, .width = c->head_width, .scale = 1.0f / sqrtf((float)c->head_width)};
}

static void place(encoder *e, arena *memory) {
    const encoder_config *c = &e->config;
    size_t rows = matmul_room(e->capacity), number = precision_bytes(matmul_precision(e->products));
    attention_shape shape = tile_shape(c);
    e->x = arena_take_array(memory, rows * c->hidden, 4);
    e->delta = arena_take_array(memory, rows * c->hidden, 4);
    e->qkv = arena_take_array(memory, rows * 3 * c->hidden, 4);
    e->wide = arena_take_array(memory, rows * c->feed_forward, 4);
    e->operand = arena_take_array(memory, rows * c->hidden, number);
    e->gated = arena_take_array(memory, rows * c->feed_forward, number);
    e->queries = arena_take_array(memory, e->capacity * c->hidden, 4);
    e->mixed = arena_take_array(memory, e->capacity * c->hidden, number);
    e->keys = arena_take_array(memory, c->heads * attention_key_bytes(&shape, e->capacity), 1);
    e->values = arena_take_array(memory, c->heads * attention_value_bytes(&shape, e->capacity), 1);
    e->units = arena_take_array(memory, e->capacity / ENCODER_QUERY_TILE * c->heads, sizeof *e->units);
    e->windows = arena_take_array(memory, e->capacity / ATTENTION_LANES, sizeof *e->windows);
    e->window_of_block = arena_take_array(memory, e->capacity / ATTENTION_LANES, sizeof *e->window_of_block);
    e->token = arena_take_array(memory, e->capacity, sizeof *e->token);
    e->position = arena_take_array(memory, e->capacity, sizeof *e->position);
    e->scratch_stride = attention_round(attention_scratch_floats(&shape, c->limit));
    e->scratch = arena_take_array(memory, e->scratch_stride * (size_t)matmul_threads(e->products), 4);
}

// Decides on the capacity and says what place() will take for it.
static size_t working_bytes(encoder *e, size_t rows) {
    arena counter = {0};
    e->capacity = attention_round(rows > e->config.limit ? rows : e->config.limit);
    place(e, &counter);
    return counter.used;
}

// The tokens around every text: encoding nothing gives exactly these two.
static status read_ends(encoder *e, const char *folder) {
    token_list *list = &e->pieces;
    TRY(tokenizer_encode(e->words, "", 0, true, true, list));
    if (list->count != 2)
        return status_set(STATUS_UNSUPPORTED, "%s: the tokenizer does not put one token before and one after a text", folder);
    e->cls = list->ids[0], e->sep = list->ids[1];
    if (tokenizer_vocabulary_size(e->words) > e->config.vocabulary)
        return status_set(STATUS_INVALID, "%s: the tokenizer has %zu tokens, but the model's \"vocab_size\" is %zu", folder,
                          tokenizer_vocabulary_size(e->words), e->config.vocabulary);
    return STATUS_OK;
}

static status open_parts(encoder *e, const char *folder, size_t rows) {
    TRY(encoder_config_read(&e->config, folder));
    TRY(tokenizer_load(&e->words, folder));
    TRY(read_ends(e, folder));
    TRY(encoder_weights_read(e, folder));
    TRY(arena_create(&e->memory, working_bytes(e, rows), "the encoder's working memory"));
    place(e, &e->memory);
    return STATUS_OK;
}

status encoder_measure(size_t *bytes, matmul *products, const char *folder, size_t rows, size_t engines) {
    encoder e = {.products = products};
    TRY(encoder_config_read(&e.config, folder));
    *bytes = encoder_weights_bytes(&e) + working_bytes(&e, rows);
    *bytes += engines * PRODUCT_SHAPES * matmul_prepared_bytes(products, e.capacity, 0);
    return STATUS_OK;
}

status encoder_open(encoder **out, matmul *products, const char *folder, size_t rows) {
    *out = NULL;
    encoder *e = calloc(1, sizeof *e);
    if (!e) return status_set(STATUS_NO_MEMORY, "out of memory");
    e->products = products;
    status code = open_parts(e, folder, rows);
    if (code == STATUS_OK)
        *out = e;
    else
        encoder_close(e);
    return code;
}

void encoder_close(encoder *e) {
    if (!e) return;
    tokenizer_free(e->words);
    token_list_free(&e->pieces);
    arena_free(&e->weights);
    arena_free(&e->memory);
    free(e);
}

void encoder_use(encoder *e, matmul *products) {
    e->products = products;
    matmul_use_threads(products);
}

void encoder_set_long(encoder *e, encoder_long how) { e->how = how; }
size_t encoder_width(const encoder *e) { return e->config.hidden; }
size_t encoder_limit(const encoder *e) { return e->config.limit; }
size_t encoder_memory(const encoder *e) { return e->weights.capacity + e->memory.capacity; }

status encoder_self_test(encoder *e, bool *invariant) {
    size_t shapes[PRODUCT_SHAPES][2];
    product_shapes(shapes, &e->config);
    *invariant = true;
    for (size_t i = 0; i < PRODUCT_SHAPES && *invariant; i++)
        TRY(matmul_self_test(e->products, &(linear){.out = shapes[i][0], .in = shapes[i][1]}, e->capacity, 0, invariant));
    return STATUS_OK;
}

status encoder_prepare(encoder *e) {
    size_t shapes[PRODUCT_SHAPES][2];
    product_shapes(shapes, &e->config);
    for (size_t i = 0; i < PRODUCT_SHAPES; i++)
        TRY(matmul_prepare(e->products, &(linear){.out = shapes[i][0], .in = shapes[i][1]}, e->capacity, 0));
    return STATUS_OK;
}

// ---- layers --------------------------------------------------------------------------------------------------------------

static size_t block_rows(size_t first, size_t rows) { return rows - first < ROWS_AT_ONCE ? rows - first : ROWS_AT_ONCE; }

// The residual stream as an operand of a product: rounded, or itself.
static void *stream_operand(encoder *e) {
    if (matmul_precision(e->products) == PRECISION_FLOAT32) return e->x;
    numbers_round(e->operand, e->x, e->rows * e->config.hidden, PRECISION_BFLOAT16);
    return e->operand;
}

// x = LayerNorm(x + delta + bias)
static void add_and_norm(encoder *e, const float *bias, const float *gain, const float *shift) {
    size_t width = e->config.hidden;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < e->rows; r += ROWS_AT_ONCE) {
        size_t count = block_rows(r, e->rows);
        for (size_t i = r; i < r + count; i++) {
            float *x = e->x + i * width;
            const float *delta = e->delta + i * width;
            for (size_t c = 0; c < width; c++) x[c] += delta[c] + bias[c];
        }
        layernorm_forward(e->x + r * width, e->x + r * width, gain, shift, e->config.norm_eps, count, width);
    }
}

// x = LayerNorm(word + type + position)
static void embed_rows(encoder *e) {
    size_t width = e->config.hidden;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < e->rows; r++) {
        const float *word = e->word_embedding + (size_t)e->token[r] * width;
        const float *position = e->position_embedding + (size_t)e->position[r] * width;
        float *x = e->x + r * width;
        for (size_t c = 0; c < width; c++) x[c] = word[c] + e->type_embedding[c] + position[c];
        layernorm_forward(x, x, e->embedding_gain, e->embedding_shift, e->config.norm_eps, 1, width);
    }
}

static attention_run head_run(const encoder *e, const encoder_window *w, size_t head) {
    attention_shape shape = tile_shape(&e->config);
    size_t capacity = attention_round(w->count), before = w->first_key * e->config.heads + head * capacity;
    return (attention_run){.keys = e->keys + attention_key_bytes(&shape, before),
                           .values = e->values + attention_value_bytes(&shape, before),
                           .capacity = capacity};
}

// The rows of attention see runs that stay where they are, layer after layer. A head's queries are taken ENCODER_QUERY_TILE at a
// time, in the place that grouped-query attention has for heads that share keys.
static void place_units(encoder *e) {
    for (size_t i = 0; i < e->window_count; i++) {
        const encoder_window *w = &e->windows[i];
        for (size_t u = 0; u < w->units; u++)
            e->units[w->first_unit + u] =
                (attention_row){.own = head_run(e, w, u / (w->units / e->config.heads)), .own_count = w->count};
    }
}

// Where head `head` of token `t` of a window stands among the queries and in attention's output, in numbers.
static size_t query_place(const encoder *e, const encoder_window *w, size_t head, size_t t) {
    size_t tiles = w->units / e->config.heads;
    return ((w->first_unit + head * tiles) * ENCODER_QUERY_TILE + t) * e->config.head_width;
}

// Biases q, k and v of one block of tokens and puts them where attention wants them.
static void spread_block(encoder *e, size_t block, const float *bias) {
    const encoder_config *c = &e->config;
    const encoder_window *w = &e->windows[e->window_of_block[block]];
    size_t width = c->head_width, stride = 3 * c->hidden, first = block * ATTENTION_LANES - w->first_key;
    size_t count = w->count - first < ATTENTION_LANES ? w->count - first : ATTENTION_LANES;
    attention_shape shape = tile_shape(c);
    float *rows = e->qkv + (w->first_row + first) * stride;
    for (size_t t = 0; t < count; t++) bias_forward(rows + t * stride, bias, 1, stride, PRECISION_FLOAT32);
    for (size_t head = 0; head < c->heads; head++) {
        const float *q = rows + head * width;
        for (size_t t = 0; t < count; t++)
            memcpy(e->queries + query_place(e, w, head, first + t), q + t * stride, width * sizeof(float));
        attention_run run = head_run(e, w, head);
        attention_store_block(&shape, &run, first, count, q + c->hidden, q + 2 * c->hidden, stride);
    }
    // The last tile of a window is filled with zero queries; their outputs are not read.
    size_t surplus = (ENCODER_QUERY_TILE - w->count % ENCODER_QUERY_TILE) % ENCODER_QUERY_TILE;
    for (size_t head = 0; first + count == w->count && head < c->heads; head++)
        memset(e->queries + query_place(e, w, head, w->count), 0, surplus * width * sizeof(float));
}

// The outputs of attention of one block of tokens, back in rows, as the operand of the next product.
static void gather_block(encoder *e, size_t block) {
    const encoder_config *c = &e->config;
    const encoder_window *w = &e->windows[e->window_of_block[block]];
    size_t number = precision_bytes(matmul_precision(e->products)), bytes = c->head_width * number;
    size_t first = block * ATTENTION_LANES - w->first_key, end = first + ATTENTION_LANES;
    if (end > w->count) end = w->count;
    for (size_t t = first; t < end; t++) {
        unsigned char *to = (unsigned char *)e->operand + (w->first_row + t) * c->hidden * number;
        for (size_t head = 0; head < c->heads; head++)
            memcpy(to + head * bytes, (unsigned char *)e->mixed + query_place(e, w, head, t) * number, bytes);
    }
}

static status attention_block_forward(encoder *e, const encoder_layer *l) {
    const encoder_config *c = &e->config;
    attention_shape shape = tile_shape(c);
    TRY(linear_forward(e->products, &l->qkv, e->qkv, stream_operand(e), e->rows));
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < e->keys_used / ATTENTION_LANES; b++) spread_block(e, b, l->qkv_bias);
    attention_forward(&shape, e->mixed, NULL, e->queries, ENCODER_QUERY_TILE * c->head_width, e->units, e->unit_count, e->scratch,
                      e->scratch_stride, matmul_precision(e->products));
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < e->keys_used / ATTENTION_LANES; b++) gather_block(e, b);
    TRY(linear_forward(e->products, &l->output, e->delta, e->operand, e->rows));
    add_and_norm(e, l->output_bias, l->attention_gain, l->attention_shift);
    return STATUS_OK;
}

static status feed_forward_forward(encoder *e, const encoder_layer *l) {
    size_t width = e->config.feed_forward;
    precision p = matmul_precision(e->products);
    TRY(linear_forward(e->products, &l->up, e->wide, stream_operand(e), e->rows));
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < e->rows; r += ROWS_AT_ONCE) {
        size_t count = block_rows(r, e->rows);
        bias_forward(e->wide + r * width, l->up_bias, count, width, PRECISION_FLOAT32);
        gelu_forward((unsigned char *)e->gated + r * width * precision_bytes(p), e->wide + r * width, count * width, p);
    }
    TRY(linear_forward(e->products, &l->down, e->delta, e->gated, e->rows));
    add_and_norm(e, l->down_bias, l->output_gain, l->output_shift);
    return STATUS_OK;
}

// ---- texts ---------------------------------------------------------------------------------------------------------------

// Divides the sum over a text's rows by their number and, where the folder says so, by its length (torch's guard of 1e-12).
static void finish_embedding(const encoder *e, float *embedding, size_t rows) {
    size_t width = e->config.hidden;
    double squares = 0;
    for (size_t c = 0; c < width; c++) {
        embedding[c] /= (float)rows;
        squares += (double)embedding[c] * embedding[c];
    }
    if (!e->config.normalize) return;
    double length = sqrt(squares);
    if (!(length >= 1e-12)) length = 1e-12;
    for (size_t c = 0; c < width; c++) embedding[c] = (float)(embedding[c] / length);
}

// Computes the windows gathered so far, adds their rows to their texts' sums, in order, and starts afresh.
static status flush(encoder *e, float *embeddings) {
    if (e->window_count == 0) return STATUS_OK;
    embed_rows(e);
    place_units(e);
    for (size_t l = 0; l < e->config.layers; l++) {
        TRY(attention_block_forward(e, &e->layers[l]));
        TRY(feed_forward_forward(e, &e->layers[l]));
    }
    size_t width = e->config.hidden;
    for (size_t i = 0; i < e->window_count; i++) {
        const encoder_window *w = &e->windows[i];
        float *sum = embeddings + w->text * width;
        for (size_t r = w->first_row; r < w->first_row + w->count; r++)
            for (size_t c = 0; c < width; c++) sum[c] += e->x[r * width + c];
        if (w->text_rows > 0) finish_embedding(e, sum, w->text_rows);
    }
    e->rows = e->keys_used = e->unit_count = e->window_count = 0;
    return STATUS_OK;
}

static void add_row(encoder *e, int32_t token, size_t position) {
    e->token[e->rows] = token;
    e->position[e->rows++] = (int32_t)position;
}

// One window around `count` word pieces of a text. text_rows as in encoder_window.
static status add_window(encoder *e, size_t text, const int32_t *pieces, size_t count, size_t text_rows, float *embeddings) {
    size_t room = attention_round(count + 2), tiles = (count + 2 + ENCODER_QUERY_TILE - 1) / ENCODER_QUERY_TILE;
    if (e->keys_used + room > e->capacity) TRY(flush(e, embeddings));
    for (size_t b = 0; b < room / ATTENTION_LANES; b++)
        e->window_of_block[e->keys_used / ATTENTION_LANES + b] = (int32_t)e->window_count;
    e->windows[e->window_count++] = (encoder_window){.text = text,
                                                     .first_row = e->rows,
                                                     .count = count + 2,
                                                     .first_key = e->keys_used,
                                                     .first_unit = e->unit_count,
                                                     .units = tiles * e->config.heads,
                                                     .text_rows = text_rows};
    e->keys_used += room;
    e->unit_count += tiles * e->config.heads;
    add_row(e, e->cls, 0);
    for (size_t i = 0; i < count; i++) add_row(e, pieces[i], i + 1);
    add_row(e, e->sep, count + 1);
    return STATUS_OK;
}

static status add_text(encoder *e, size_t text, const char *bytes, size_t length, float *embeddings, bool *cut) {
    token_list *list = &e->pieces;
    size_t most = e->config.limit - 2;
    list->count = 0;
    TRY(tokenizer_encode(e->words, bytes, length, true, false, list));
    *cut = list->count > most;
    if (e->how == ENCODER_LONG_CUT && *cut) list->count = most;
    size_t windows = list->count > most ? (list->count + most - 1) / most : 1;
    for (size_t i = 0; i < windows; i++) {
        size_t first = i * most, count = list->count - first < most ? list->count - first : most;
        size_t text_rows = i + 1 == windows ? list->count + 2 * windows : 0;
        TRY(add_window(e, text, list->ids + first, count, text_rows, embeddings));
    }
    return STATUS_OK;
}

status encoder_embed(encoder *e, const char *const *texts, const size_t *lengths, size_t count, float *embeddings, bool *cut) {
    e->rows = e->keys_used = e->unit_count = e->window_count = 0; // a call that failed may have left some
    memset(embeddings, 0, count * e->config.hidden * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        bool was_cut;
        TRY(add_text(e, i, texts[i], lengths[i], embeddings, &was_cut));
        if (cut) cut[i] = was_cut;
    }
    return flush(e, embeddings);
}
