// Opens a safetensors file whose JSON header is the first part of the input (up to a NUL) and whose data is the rest; so a
// mutation of the header need not also mend its length. What opens must be consistent: every tensor's data lie in the file.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    uint64_t header = nul ? (uint64_t)(nul - data) : size;
    size_t rest = nul ? size - header - 1 : 0, total = 8 + header + rest;
    unsigned char *bytes = malloc(total);
    memcpy(bytes, &header, 8);
    if (header) memcpy(bytes + 8, data, header);
    if (rest) memcpy(bytes + 8 + header, nul + 1, rest);
    weights_file *file;
    if (weights_open_bytes(&file, bytes, total, "input") == STATUS_OK && weights_file_format(file) == WEIGHTS_SAFETENSORS) {
        size_t sum = 0;
        for (size_t i = 0; i < weights_count(file); i++) {
            const weights_tensor *t = weights_at(file, i);
            if (weights_find(file, t->name) != t) abort();
            if (t->bytes && (t->data < bytes + 8 + header || t->data + t->bytes > bytes + total)) abort();
            (void)weights_check_finite(t);
            sum += t->bytes;
        }
        if (sum != rest) abort();
    }
    weights_close(file);
    free(bytes);
    return 0;
}
