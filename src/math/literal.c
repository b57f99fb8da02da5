// Decimal, repeating and scientific literals. See literal.h; called by parser.c.
#include "math/literal.h"

#include <stdlib.h>
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

typedef struct literal { // what is written
    char *digits;
    size_t count;     // of the digits
    size_t places;    // of them behind the point
    size_t repeating; // of them in brackets
    long exponent;    // of ten
    bool decimal;     // with a point or an exponent
} literal;

// False: no memory or a number beyond the limits, with e->failure set; or no number, with this thread's message alone.
static bool read_literal(math_expression *e, const char *text, size_t length, literal *l) {
    bool inside = false;
    size_t at = 0;
    if (!(l->digits = tree_take(e, length + 1))) return false;
    for (; at < length && text[at] != 'e'; at++) {
        l->decimal |= text[at] == '.';
        inside |= text[at] == '(';
        if (!lexer_is_digit(text[at])) continue;
        l->digits[l->count++] = text[at];
        l->places += l->decimal, l->repeating += inside;
    }
    if (l->count == 0) {
        status_set(STATUS_UNSUPPORTED, "a number without digits");
        return false;
    }
    if (at == length) return true;
    l->decimal = true;
    bool negative = text[++at] == '-';
    if (text[at] == '-' || text[at] == '+') at++;
    for (; at < length && l->exponent <= LITERAL_EXPONENT_MAX; at++) l->exponent = l->exponent * 10 + (text[at] - '0');
    if (l->exponent > LITERAL_EXPONENT_MAX) {
        e->failure = status_set(STATUS_LIMIT, "a decimal exponent beyond %d", LITERAL_EXPONENT_MAX);
        return false;
    }
    if (negative) l->exponent = -l->exponent;
    return true;
}

// False: no memory.
static bool literal_value(math_expression *e, const literal *l, fmpq_t out) {
    fmpz *top = fmpq_numref(out), *bottom = fmpq_denref(out);
    if (!digits_value(e, l->digits, l->count, top)) return false;
    fmpz_t power, head;
    fmpz_init(power), fmpz_init(head);
    bool known = true;
    if (l->repeating) { // 0.1(6) = (16 - 1) / (10^2 - 10^1)
        known = digits_value(e, l->digits, l->count - l->repeating, head);
        fmpz_sub(top, top, head);
        power_of_ten(power, l->places - l->repeating);
        power_of_ten(bottom, l->places);
        fmpz_sub(bottom, bottom, power);
    } else {
        power_of_ten(bottom, l->places);
    }
    power_of_ten(power, (unsigned long)labs(l->exponent));
    if (l->exponent > 0)
        fmpz_mul(top, top, power);
    else
        fmpz_mul(bottom, bottom, power);
    fmpq_canonicalise(out);
    fmpz_clear(power), fmpz_clear(head);
    return known;
}

math_node *literal_node(math_expression *e, const char *text, size_t length) {
    literal l = {0};
    if (!read_literal(e, text, length, &l)) return NULL;
    fmpq_t value;
    fmpq_init(value);
    math_node *node = literal_value(e, &l, value) ? tree_number(e, value) : NULL;
    fmpq_clear(value);
    if (!node) return NULL;
    node->digits = (int)l.count;
    if (!l.decimal || l.repeating) return node;
    node->decimal = true;
    node->places = (int)((long)l.places - l.exponent);
    node->digits -= (int)strspn(l.digits, "0"); // leading zeros are not significant
    return node;
}
