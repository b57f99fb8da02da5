// What stands in front of, above and below numbers: bases, currency signs, raised signs, units as fractions. See parser.h.
#include <stdio.h>
#include <string.h>

#include "math/parser.h"
#include "math/units.h"

// The base of `digits`, a whole number: 2 to 36, or its name.
math_node *parser_based_number(parser *p, const char *digits) {
    static const char *const names[] = {"two",   "three", "four", "five",   "six",   "seven",
                                        "eight", "nine",  "ten",  "eleven", "twelve"};
    long value = 0;
    math_node *base = NULL;
    if (digits && at_kind(p, TOKEN_WORD)) // _\text{two}
        base = tree_named(p->e, MATH_TEXT, parser_words(p, false));
    else if (digits)
        base = parser_argument(p, false);
    if (!base) return NULL;
    for (long i = 0; base->kind == MATH_TEXT && i < 11; i++)
        if (strcmp(base->name, names[i]) == 0) value = i + 2;
    if (base->kind == MATH_TEXT && strcmp(base->name, "sixteen") == 0) value = 16;
    if ((value == 0 && !node_small_integer(base, &value)) || value < 2 || value > 36)
        return parser_refuse(p, "a base that is not between 2 and 36");
    math_node *n = tree_named(p->e, MATH_BASED, digits);
    if (n) n->integer = (int)value;
    return n;
}

// The digits of a whole literal, as a text; NULL after a failure.
const char *parser_whole_digits(parser *p, const math_node *n) {
    if (!parser_integer_literal(n) || fmpq_sgn(n->value) < 0) {
        parser_refuse(p, "a base under a number that is not whole");
        return NULL;
    }
    char *printed = fmpz_get_str(NULL, 10, fmpq_numref(n->value));
    const char *kept = tree_text(p->e, printed, strlen(printed));
    flint_free(printed);
    return kept;
}

// \$5, \$5 million; stands on the sign.
math_node *parser_price(parser *p) {
    token *sign = here(p);
    p->at++;
    math_node *n = tree_unary(p->e, MATH_WITH_UNIT, parser_expression(p, POWER_IMPLICIT));
    if (!n) return NULL;
    token *word = here(p);
    if (word->kind != TOKEN_WORD || !unit_is_number_word(word->text, word->length)) {
        n->name = parser_keep(p, sign);
        return n->name ? n : NULL;
    }
    p->at++;
    char *name = tree_take(p->e, word->length + sign->length + 2);
    if (!name) return NULL;
    memcpy(name, word->text, word->length), name[word->length] = ' ';
    memcpy(name + word->length + 1, sign->text, sign->length);
    n->name = name;
    return n;
}

// x^\circ, x^{\circ}, x^*, x^+, x^\prime: raised signs that are no exponents. Stands on the caret.
math_node *parser_raised_sign(parser *p, math_node *left, bool *handled) {
    bool braces = ahead(p, 1)->kind == TOKEN_OPEN && ahead(p, 1)->code == '{';
    token *sign = ahead(p, braces ? 2 : 1);
    bool closed = !braces || is_close(ahead(p, 3), '{');
    *handled = false;
    const char *name = NULL;
    if (sign->kind == TOKEN_STAR || sign->kind == TOKEN_TIMES)
        name = "star";
    else if (sign->kind == TOKEN_PRIME)
        name = "prime";
    else if (sign->kind == TOKEN_PLUS && (braces ? closed : !parser_starts_operand(p, ahead(p, 2))))
        name = "plus";
    else if (sign->kind == TOKEN_MINUS &&
             (braces ? closed : !parser_starts_operand(p, ahead(p, 2)) && ahead(p, 2)->kind != TOKEN_FUNCTION))
        name = "minus";
    bool degree = (sign->kind == TOKEN_BINARY && token_is(sign, "circ")) || sign->kind == TOKEN_DEGREE;
    if (!closed || (!name && !degree)) return left;
    *handled = true;
    p->at += braces ? 4 : 2;
    math_node *n = tree_unary(p->e, degree ? MATH_DEGREE : MATH_VECTOR, left);
    if (n) n->name = name;
    return n;
}

static bool is_word_group(parser *p, size_t at) {
    return ahead(p, at)->kind == TOKEN_OPEN && ahead(p, at + 1)->kind == TOKEN_WORD && is_close(ahead(p, at + 2), '{');
}

// 5 \frac{\text{miles}}{\text{hour}}; stands on the fraction.
math_node *parser_unit_fraction(parser *p, math_node *left) {
    if (!is_word_group(p, 1) || !is_word_group(p, 4)) return left;
    buffer name = {0};
    const token *top = ahead(p, 2), *bottom = ahead(p, 5);
    status code = buffer_append(&name, top->text, top->length);
    if (code == STATUS_OK) code = buffer_append_byte(&name, '/');
    if (code == STATUS_OK) code = buffer_append(&name, bottom->text, bottom->length);
    math_node *n = code == STATUS_OK ? tree_unary(p->e, MATH_WITH_UNIT, left) : NULL;
    if (n) n->name = tree_text(p->e, name.data, name.length);
    if (code != STATUS_OK) p->e->failure = code;
    buffer_free(&name);
    p->at += 7;
    return n;
}
