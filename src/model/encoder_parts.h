// What loading (encoder_load.c) and computing (encoder.c) share about the sentence encoder.
#ifndef DSDR_MODEL_ENCODER_PARTS_H
#define DSDR_MODEL_ENCODER_PARTS_H

#include "base/arena.h"
#include "model/encoder.h"
#include "text/tokenizer.h"

enum { ENCODER_QUERY_TILE = 4 };       // query rows of one head that attention handles together
enum { ENCODER_MAX_HEAD_WIDTH = 256 }; // as of the kernels

typedef struct encoder_config {
    size_t layers, hidden, heads, head_width, feed_forward, vocabulary, positions, types;
    float norm_eps;
    size_t limit; // word pieces of a text, special ones included
    bool normalize;
} encoder_config;

typedef struct encoder_layer {
    linear qkv, output, up, down;
    float *qkv_bias, *output_bias, *up_bias, *down_bias;
    float *attention_gain, *attention_shift, *output_gain, *output_shift; // LayerNorm after attention, after feed-forward
} encoder_layer;

// A run of rows of one call: a whole text, or one window of it.
typedef struct encoder_window {
    size_t text;              // into the caller's texts
    size_t first_row, count;  // rows of the call
    size_t first_key;         // row of the first key, a multiple of ATTENTION_LANES
    size_t first_unit, units; // its rows of attention, ENCODER_QUERY_TILE queries of one head each
    size_t text_rows;         // with the last window of a text: the rows of all its windows; 0 otherwise
} encoder_window;

struct encoder {
    encoder_config config;
    matmul *products;
    tokenizer *words;
    encoder_long how;
    int32_t cls, sep;

    arena weights;
    float *word_embedding, *position_embedding, *type_embedding; // [vocabulary, C], [positions, C], [C]
    float *embedding_gain, *embedding_shift;
    encoder_layer *layers;

    arena memory;
    size_t capacity;              // rows of a call, each window rounded up to a block of keys
    float *x, *delta;             // [B, C] the residual stream, what a block adds to it
    float *qkv;                   // [B, 3C]
    float *wide;                  // [B, F]
    void *operand, *gated;        // [B, C], [B, F] operands of products; x itself where these are float32
    float *queries;               // [B rounded up to tiles, C], heads outermost within a window
    void *mixed;                  // the same shape: attention's output
    unsigned char *keys, *values; // of one layer
    attention_row *units;
    encoder_window *windows;
    int32_t *window_of_block; // for each block of keys
    int32_t *token, *position;
    size_t rows, keys_used, unit_count, window_count;
    float *scratch;
    size_t scratch_stride;
    token_list pieces; // of the text at hand
};

// config.json, sentence_bert_config.json, modules.json and the configs they name.
status encoder_config_read(encoder_config *c, const char *folder);
size_t encoder_weights_bytes(const encoder *e);
// Takes e->weights and fills it from model.safetensors.
status encoder_weights_read(encoder *e, const char *folder);

#endif
