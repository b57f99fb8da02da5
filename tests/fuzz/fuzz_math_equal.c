// Any two texts as gold and answer, divided by the first tab: a verdict, whatever they are; and every text accepts itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "math/equal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *tab = size ? memchr(data, '\t', size) : NULL;
    size_t first = tab ? (size_t)(tab - data) : size / 2, second = tab ? first + 1 : first;
    const char *gold = (const char *)data, *answer = (const char *)data + second;
    math_verdict v;
    if (math_accepts(gold, first, answer, size - second, NULL, &v) != STATUS_OK || !v.tier) abort();
    if (math_accepts(gold, first, gold, first, NULL, &v) != STATUS_OK) abort();
    buffer key = {0};
    if (math_answer_key(answer, size - second, NULL, &key) != STATUS_OK) abort();
    buffer_free(&key);
    return 0;
}
