// Any two texts as gold and answer, divided by the first tab: a verdict, whatever they are, and the same one again. A text is
// never a wrong answer to itself, also where its being the same text is not looked at; and its key and its form are of the size
// of what was written.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/equal.h"
#include "math/phrase.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)2 << 20) // bytes of a key or form: 2048 bytes may hold some 300 numbers such as 1e4999

static void check_itself(const char *text, size_t length) {
    math_options options = MATH_OPTIONS_DEFAULT;
    math_verdict v;
    size_t begin, end;
    bool choice = phrase_choice_text(text, length, &begin, &end); // one that names a second choice chooses none
    for (int skip = 0; skip < (choice ? 1 : 2); skip++) {
        options.skip_text = skip;
        if (math_accepts(text, length, text, length, &options, &v) != STATUS_OK) abort();
        if (v.outcome == MATH_DIFFERENT) {
            fprintf(stderr, "%.*s is no answer to itself (%s, %s)\n", (int)length, text, v.tier, v.reason);
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *tab = size ? memchr(data, '\t', size) : NULL;
    size_t first = tab ? (size_t)(tab - data) : size / 2, second = tab ? first + 1 : first;
    const char *gold = (const char *)data, *answer = (const char *)data + second;
    math_verdict v, again;
    if (math_accepts(gold, first, answer, size - second, NULL, &v) != STATUS_OK || !v.tier) abort();
    if (math_accepts(gold, first, answer, size - second, NULL, &again) != STATUS_OK) abort();
    if (again.outcome != v.outcome || again.tier != v.tier) abort();
    check_itself(answer, size - second);
    buffer text = {0};
    if (math_answer_key(answer, size - second, NULL, &text) != STATUS_OK || text.length > TEXT_MAX + size) abort();
    buffer_clear(&text);
    status code = math_answer_form(answer, size - second, NULL, &text);
    if ((code != STATUS_OK && code != STATUS_UNSUPPORTED && code != STATUS_LIMIT) || text.length > TEXT_MAX) abort();
    buffer_free(&text);
    return 0;
}
