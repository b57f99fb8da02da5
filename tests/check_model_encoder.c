// Embeds the rows {"text"} of standard input, for comparisons with other programs; scripts/check_encoder.py drives it. Not a test
// by itself.
//
//   check_model_encoder FOLDER float32|bfloat16 THREADS ROWS        rows -> {"embedding": [...], "cut": true or false}
//   check_model_encoder FOLDER float32|bfloat16 THREADS ROWS TIMES  embeds all rows TIMES times; prints the seconds of each
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jsonl.h"
#include "model/encoder.h"

static void stop_on(status code) {
    if (code == STATUS_OK) return;
    fprintf(stderr, "%s\n", status_message());
    exit(status_exit_code(code));
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    matmul *products;
    encoder *e;
    stop_on(matmul_create(&products, strcmp(argv[2], "bfloat16") == 0 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, atoi(argv[3]),
                          false));
    stop_on(encoder_open(&e, products, argv[1], (size_t)atol(argv[4])));
    jsonl_reader reader;
    stop_on(jsonl_open(&reader, NULL));
    json_t *rows = json_array(), *row;
    for (;;) {
        stop_on(jsonl_next(&reader, &row));
        if (!row) break;
        json_array_append_new(rows, row);
    }
    size_t count = json_array_size(rows), width = encoder_width(e);
    const char **texts = calloc(count + 1, sizeof *texts);
    size_t *lengths = calloc(count + 1, sizeof *lengths);
    float *embeddings = calloc(count * width + 1, sizeof *embeddings);
    bool *cut = calloc(count + 1, sizeof *cut);
    if (!texts || !lengths || !embeddings || !cut) return 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_object_get(json_array_get(rows, i), "text");
        texts[i] = json_string_value(text), lengths[i] = json_string_length(text);
    }
    for (int k = argc > 5 ? atoi(argv[5]) : 0; k >= 0; k--) {
        double start = seconds();
        stop_on(encoder_embed(e, texts, lengths, count, embeddings, cut));
        if (argc > 5) printf("%.6f\n", seconds() - start);
    }
    buffer line = {0};
    for (size_t i = 0; i < count && argc == 5; i++) {
        json_t *list = json_array();
        for (size_t c = 0; c < width; c++) json_array_append_new(list, json_real(embeddings[i * width + c]));
        json_t *out = json_pack("{s:o, s:b}", "embedding", list, "cut", (int)cut[i]);
        buffer_clear(&line);
        stop_on(json_write(&line, out, 9));
        puts(line.data);
        json_decref(out);
    }
    buffer_free(&line);
    free(texts), free(lengths), free(embeddings), free(cut);
    json_decref(rows);
    jsonl_close(&reader);
    encoder_close(e);
    matmul_free(products);
    return 0;
}
