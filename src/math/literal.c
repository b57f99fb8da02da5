// Decimal, repeating and scientific literals. See literal.h; called by parser.c.
#include "math/literal.h"

#include <string.h>

#include "math/lexer.h"

// Digits to an integer; `text` need not end with a NUL.
static bool digits_value(math_expression *e, const char *text, size_t length, fmpz_t out) {
    if (length <= 18) {
        unsigned long value = 0;
        for (size_t i = 0; i < length; i++) value = value * 10 + (unsigned long)(text[i] - '0');
        fmpz_set_ui(out, value);
        return true;
    }
    const char *copy = tree_text(e, text, length);
    return copy && fmpz_set_str(out, copy, 10) == 0;
}

static void power_of_ten(fmpz_t out, unsigned long exponent) {
    fmpz_set_ui(out, 10);
    fmpz_pow_ui(out, out, exponent);
}

math_node *literal_node(math_expression *e, const char *text, size_t length) {
    char *digits = tree_take(e, length + 1);
    if (!digits) return NULL;
    size_t count = 0, places = 0, repeating = 0, at = 0;
    bool point = false, inside = false;
    for (; at < length && text[at] != 'e'; at++) {
        if (text[at] == '.')
            point = true;
        else if (text[at] == '(')
            inside = true;
        else if (lexer_is_digit(text[at])) {
            digits[count++] = text[at];
            places += point, repeating += inside;
        }
    }
    if (count == 0) {
        status_set(STATUS_UNSUPPORTED, "a number without digits");
        return NULL;
    }
    long exponent = 0;
    bool scientific = at < length;
    if (scientific) {
        bool negative = text[++at] == '-';
        if (text[at] == '-' || text[at] == '+') at++;
        for (; at < length; at++)
            if (exponent <= LITERAL_EXPONENT_MAX) exponent = exponent * 10 + (text[at] - '0');
        if (exponent > LITERAL_EXPONENT_MAX) {
            e->failure = status_set(STATUS_LIMIT, "a decimal exponent beyond %d", LITERAL_EXPONENT_MAX);
            return NULL;
        }
        if (negative) exponent = -exponent;
    }
    fmpq_t value;
    fmpz_t power, head;
    fmpq_init(value), fmpz_init(power), fmpz_init(head);
    math_node *node = NULL;
    if (!digits_value(e, digits, count, fmpq_numref(value))) goto cleanup;
    if (repeating) { // 0.1(6) = (16 - 1) / (10^2 - 10^1)
        if (!digits_value(e, digits, count - repeating, head)) goto cleanup;
        fmpz_sub(fmpq_numref(value), fmpq_numref(value), head);
        power_of_ten(power, places - repeating);
        power_of_ten(fmpq_denref(value), places);
        fmpz_sub(fmpq_denref(value), fmpq_denref(value), power);
    } else if (places) {
        power_of_ten(fmpq_denref(value), places);
    }
    if (exponent) {
        power_of_ten(power, (unsigned long)(exponent < 0 ? -exponent : exponent));
        if (exponent > 0)
            fmpz_mul(fmpq_numref(value), fmpq_numref(value), power);
        else
            fmpz_mul(fmpq_denref(value), fmpq_denref(value), power);
    }
    fmpq_canonicalise(value);
    node = tree_number(e, value);
    if (node) node->digits = (int)count;
    if (node && (point || scientific) && !repeating) {
        size_t leading = 0;
        while (leading < count && digits[leading] == '0') leading++;
        node->decimal = true;
        node->places = (int)((long)places - exponent);
        node->digits = (int)(count - leading);
    }
cleanup:
    fmpq_clear(value), fmpz_clear(power), fmpz_clear(head);
    return node;
}
