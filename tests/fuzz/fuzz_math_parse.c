// Any bytes as an expression: parsing, both normal forms and printing neither crash nor run long, and a printed normal form is
// read back as itself, unless it holds words, names of several letters or decimals, which are kept as they were written.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int has_words(const math_node *n) {
    if (n->kind == MATH_TEXT || n->kind == MATH_WITH_UNIT || n->kind == MATH_BASED || n->decimal) return 1;
    if ((n->kind == MATH_SYMBOL || n->kind == MATH_FUNCTION) && strpbrk(n->name, "_' ^{")) return 1;
    for (uint32_t i = 0; i < n->count; i++)
        if (has_words(n->children[i])) return 1;
    return 0;
}

static void check_read_back(const math_expression *e, const buffer *printed) {
    const math_limits wide = {.bytes = 1 << 20, .nodes = 1 << 16, .depth = 1000};
    buffer again = {0};
    if (has_words(math_root(e))) return;
    status code = math_canonical(printed->data, printed->length, &wide, &again);
    if (code != STATUS_OK || again.length != printed->length || memcmp(again.data, printed->data, again.length) != 0) {
        fprintf(stderr, "printed %s\nread    %s\n", printed->data, code == STATUS_OK ? again.data : status_message());
        abort();
    }
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    buffer spelled = {0}, printed = {0};
    if (math_normalize_text((const char *)data, size, &spelled) != STATUS_OK) abort();
    math_expression *e = NULL;
    if (math_parse((const char *)data, size, NULL, &e) == STATUS_OK) {
        if (!math_root(e) || math_print(e, &printed) != STATUS_OK) abort();
        status code = math_normalize(e);
        if (code != STATUS_OK && code != STATUS_LIMIT) abort();
        buffer_clear(&printed);
        if (code == STATUS_OK && math_print(e, &printed) != STATUS_OK) abort();
        if (code == STATUS_OK) check_read_back(e, &printed);
    } else if (e)
        abort();
    math_free(e);
    buffer_free(&spelled), buffer_free(&printed);
    return 0;
}
