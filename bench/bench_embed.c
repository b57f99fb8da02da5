// Sentence embedding, beside its ceiling: the texts of the first line of input, a JSON array of strings, at every further line.
// The answer holds texts a second, and those of the products alone at the same row counts.
//
//   bench_embed algorithm.dsdr.encoder=models/all-MiniLM-L6-v2 trainer.precision=float32
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "bench.h"
#include "model/encoder.h"
#include "model/encoder_parts.h"
#include "products.h"
#include "run/options.h"

enum { ROWS = 2048 }; // word pieces computed at once, as while training

typedef struct embedding {
    const bench *b;
    encoder *encoder;
    products *ceiling;
    json_t *rows;
    const char **texts;
    size_t *lengths, count;
    float *vectors;
} embedding;

static status read_texts(embedding *e) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, stdin);
    status code = length > 0 ? json_parse(line, (size_t)length, "the texts", &e->rows)
                             : status_set(STATUS_INVALID, "the first line of input is a JSON array of texts");
    free(line);
    TRY(code);
    e->count = json_array_size(e->rows);
    e->texts = calloc(e->count + 1, sizeof *e->texts), e->lengths = calloc(e->count + 1, sizeof *e->lengths);
    e->vectors = calloc(e->count + 1, encoder_width(e->encoder) * sizeof *e->vectors);
    if (!e->texts || !e->lengths || !e->vectors) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < e->count; i++) {
        const json_t *text = json_array_get(e->rows, i);
        if (!json_is_string(text)) return status_set(STATUS_INVALID, "text %zu is no string", i);
        e->texts[i] = json_string_value(text), e->lengths[i] = json_string_length(text);
    }
    return STATUS_OK;
}

static status add_layers(embedding *e, size_t rows) {
    const encoder_config *c = &e->encoder->config;
    const size_t shapes[][2] = {
        {3 * c->hidden, c->hidden}, {c->hidden, c->hidden}, {c->feed_forward, c->hidden}, {c->hidden, c->feed_forward}};
    for (size_t l = 0; l < c->layers; l++)
        for (size_t k = 0; k < 4; k++)
            TRY(products_add_rows(e->ceiling, l * 4 + k, rows, shapes[k][0], shapes[k][1], PRECISION_FLOAT32));
    return STATUS_OK;
}

// The row counts of encoder_embed: texts are gathered until the next, rounded up to a block of keys, would not fit.
static status open_ceiling(embedding *e) {
    tokenizer *words = e->encoder->words;
    token_list pieces = {0};
    size_t rows = 0, room = 0;
    status code = products_create(&e->ceiling, matmul_precision(e->b->products));
    for (size_t i = 0; i < e->count && code == STATUS_OK; i++) {
        pieces.count = 0;
        code = tokenizer_encode(words, e->texts[i], e->lengths[i], true, true, &pieces);
        if (code == STATUS_OK && room + attention_round(pieces.count) > e->encoder->capacity) {
            code = add_layers(e, rows);
            rows = room = 0;
        }
        rows += pieces.count, room += attention_round(pieces.count);
    }
    token_list_free(&pieces);
    return code == STATUS_OK ? add_layers(e, rows) : code;
}

static status measure(embedding *e) {
    double before, after;
    TRY(products_run(e->ceiling, &before));
    double start = bench_now();
    TRY(encoder_embed(e->encoder, e->texts, e->lengths, e->count, e->vectors, NULL));
    double seconds = bench_now() - start, texts = (double)e->count;
    TRY(products_run(e->ceiling, &after));
    double least = (before + after) / 2;
    printf("{\"texts_per_second\": %.6g, \"ceiling\": %.6g, \"ceiling_share\": %.4f, \"seconds\": %.6g}\n", texts / seconds,
           texts / least, least / seconds, seconds);
    return STATUS_OK;
}

static status open(embedding *e) {
    const settings *s = &e->b->settings;
    double seconds;
    TRY(encoder_open(&e->encoder, e->b->products, s->dsdr.encoder, ROWS));
    TRY(read_texts(e));
    TRY(open_ceiling(e));
    TRY(products_run(e->ceiling, &seconds));
    return encoder_embed(e->encoder, e->texts, e->lengths, e->count, e->vectors, NULL); // products are built, memory is touched
}

int main(int argc, char **argv) {
    bench b;
    embedding e = {.b = &b};
    size_t ignored;
    status code = bench_open(&b, argc, argv);
    if (code == STATUS_OK) code = open(&e);
    if (code == STATUS_OK) bench_ready(&b);
    while (code == STATUS_OK && bench_next(&ignored)) code = measure(&e);
    products_free(e.ceiling);
    encoder_close(e.encoder);
    free(e.texts), free(e.lengths), free(e.vectors);
    json_decref(e.rows);
    bench_close(&b);
    return bench_finish("bench_embed", code);
}
