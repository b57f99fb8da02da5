// Opens the input as a file of weights and reads everything it offers: tensors of every type and all metadata.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf.h"
#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink; // keeps the reads

static void read_metadata(const weights_file *file, const char *key) {
    gguf_text text, *texts;
    uint64_t natural;
    int64_t *integers;
    double number, *numbers;
    bool flag;
    size_t count, sum = 0;
    if (gguf_get_string(file, key, &text) == STATUS_OK && text.length) sum += (unsigned char)text.bytes[text.length - 1];
    if (gguf_get_u64(file, key, &natural) == STATUS_OK) sum += natural;
    if (gguf_get_f64(file, key, &number) == STATUS_OK) sum += number > 0;
    if (gguf_get_bool(file, key, &flag) == STATUS_OK) sum += flag;
    if (gguf_get_strings(file, key, &texts, &count) == STATUS_OK) {
        for (size_t i = 0; i < count; i++) sum += texts[i].length ? (unsigned char)texts[i].bytes[texts[i].length - 1] : 0;
        free(texts);
    }
    if (gguf_get_i64s(file, key, &integers, &count) == STATUS_OK) free(integers);
    if (gguf_get_f64s(file, key, &numbers, &count) == STATUS_OK) free(numbers);
    if (!gguf_has(file, key)) abort();
    sink = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    weights_file *file;
    if (weights_open_bytes(&file, data, size, "input") != STATUS_OK) return 0;
    for (size_t i = 0; i < weights_count(file); i++) {
        const weights_tensor *t = weights_at(file, i);
        float values[300];
        size_t middle = t->count / 2, here = t->count - middle < 300 ? t->count - middle : 300;
        if (weights_find(file, t->name) != t) abort();
        (void)weights_check_finite(t);
        (void)weights_read_f32(t, middle, here, values);
    }
    for (size_t i = 0; i < gguf_count(file); i++) read_metadata(file, gguf_at(file, i).key);
    weights_close(file);
    return 0;
}
