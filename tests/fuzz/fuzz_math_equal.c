// Any two texts as gold and answer, divided by the first tab: a verdict, whatever they are, and the same one again; every text
// accepts itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "math/equal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *tab = size ? memchr(data, '\t', size) : NULL;
    size_t first = tab ? (size_t)(tab - data) : size / 2, second = tab ? first + 1 : first;
    const char *gold = (const char *)data, *answer = (const char *)data + second;
    math_verdict v, again, itself;
    if (math_accepts(gold, first, answer, size - second, NULL, &v) != STATUS_OK || !v.tier) abort();
    if (math_accepts(gold, first, gold, first, NULL, &itself) != STATUS_OK) abort();
    if (itself.outcome != MATH_EQUAL && itself.outcome != MATH_UNPARSED) abort(); // an empty one
    math_options options = MATH_OPTIONS_DEFAULT;
    options.skip_text = true;
    if (math_accepts(gold, first, gold, first, &options, &itself) != STATUS_OK) abort();
    if (math_accepts(gold, first, answer, size - second, NULL, &again) != STATUS_OK) abort();
    if (again.outcome != v.outcome || again.tier != v.tier) abort();
    buffer key = {0};
    if (math_answer_key(answer, size - second, NULL, &key) != STATUS_OK) abort();
    buffer_clear(&key);
    status code = math_answer_form(answer, size - second, NULL, &key);
    if (code != STATUS_OK && code != STATUS_UNSUPPORTED && code != STATUS_LIMIT) abort();
    buffer_free(&key);
    return 0;
}
