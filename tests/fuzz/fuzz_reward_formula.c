// Any bytes as a response: no crash, the same set twice, no duplicates, bounded counts.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reward/formula.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1); // exactly `size` readable bytes matter: the byte behind is never part of a formula
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '7';
    formula_set first = {0}, second = {0};
    for (int level = FORMULA_RAW; level <= FORMULA_L2; level++) {
        if (formula_set_scan(text, size, (formula_level)level, &first) != STATUS_OK) abort();
        if (formula_set_scan((const char *)data, size, (formula_level)level, &second) != STATUS_OK) abort();
        if (first.count != second.count || first.count > first.occurrences || first.occurrences > FORMULA_LIMIT) abort();
        for (size_t i = 0; i < first.count; i++) {
            if (first.formulas[i].length == 0 || strcmp(formula_text(&first, i), formula_text(&second, i)) != 0) abort();
            for (size_t j = 0; j < i && i < 64; j++)
                if (first.formulas[i].length == first.formulas[j].length &&
                    memcmp(formula_text(&first, i), formula_text(&first, j), first.formulas[i].length) == 0)
                    abort();
        }
    }
    formula_set_free(&first), formula_set_free(&second);
    free(text);
    return 0;
}
