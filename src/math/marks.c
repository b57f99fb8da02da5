// What stands in front of, above and below numbers: bases, currency signs, raised signs, units as fractions. See parser.h.
#include <stdio.h>
#include <string.h>

#include "math/literal.h"
#include "math/numerals.h"
#include "math/parser.h"
#include "math/units.h"
#include "math/words.h"

// The base of `digits`, a whole number: 2 to 36, or its name.
math_node *parser_based_number(parser *p, const char *digits) {
    long value = 0;
    math_node *base = NULL;
    if (digits && at_kind(p, TOKEN_WORD)) // _\text{two}
        base = tree_named(p->e, MATH_TEXT, parser_words(p, false));
    else if (digits)
        base = parser_argument(p, false);
    if (!base) return NULL;
    if (base->kind == MATH_TEXT) value = numeral_cardinal(base->name, strlen(base->name));
    if ((value <= 0 && !node_small_integer(base, &value)) || value < 2 || value > 36)
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

// The base that the words "base 2", "in base 2" or "(base 2)" name, 0 for other words.
int parser_base_of_words(const token *t) {
    char words[24];
    int value = 0, end = 0;
    if (t->kind != TOKEN_WORD || t->length >= sizeof words) return 0;
    memcpy(words, t->text, t->length), words[t->length] = 0;
    const char *text = words[0] == '(' ? words + 1 : words;
    if (strncmp(text, "in ", 3) == 0) text += 3;
    if (sscanf(text, "base %2d%n", &value, &end) != 1 || value < 2 || value > 36) return 0;
    return text[end] == 0 || strcmp(text + end, ")") == 0 ? value : 0;
}

// \$5, \$5 million, \$5 per hour, \$5 in total; stands on the sign.
math_node *parser_price(parser *p) {
    token *sign = here(p);
    p->at++;
    math_node *n = tree_unary(p->e, MATH_WITH_UNIT, parser_expression(p, POWER_IMPLICIT));
    if (!n) return NULL;
    if (parser_is_inch(p, 0)) here(p)->kind = TOKEN_WORD, here(p)->text = "in", here(p)->length = 2; // in total
    const char *words = at_kind(p, TOKEN_WORD) && !parser_at_condition(p) ? parser_words(p, true) : "";
    if (!words) return NULL;
    size_t first = strcspn(words, " ");
    const char *currency = parser_keep(p, sign);
    if (!currency) return NULL;
    if (numeral_scale(words, first) > 0 || numeral_denominator(words, first) > 0) // million dollar, thirds
        n->name = tree_join(p->e, words, " ", currency);
    else if (word_in((const char *const[]){"per", "a", "an", NULL}, words, first) || unit_is_hedge(words)) // dollar per hour
        n->name = tree_join(p->e, currency, " ", words);
    else // other words do not change the value
        n->name = currency;
    return n->name ? n : NULL;
}

// 30 degrees 15' 36'' as degrees.
static math_node *with_minutes(parser *p, math_node *degrees) {
    for (long parts = 60, marks = 1; parts <= 3600; parts *= 60, marks++) {
        token *t = here(p);
        bool follows = t->kind == TOKEN_NUMBER && ahead(p, 1)->kind == TOKEN_PRIME;
        bool second = ahead(p, 2)->kind == TOKEN_PRIME;
        if (!follows || second != (marks == 2)) continue;
        math_node *part = tree_binary(p->e, MATH_QUOTIENT, literal_node(p->e, t->text, t->length), tree_integer(p->e, parts));
        degrees->children[0] = tree_binary(p->e, MATH_SUM, degrees->children[0], part);
        if (!degrees->children[0]) return NULL;
        p->at += 1 + (size_t)marks;
    }
    return degrees;
}

// 20 degrees with C or F, or with minutes behind them.
math_node *parser_temperature(parser *p, math_node *degrees) {
    if (at_kind(p, TOKEN_NUMBER)) return with_minutes(p, degrees);
    if (!at_kind(p, TOKEN_NAME) && !at_kind(p, TOKEN_WORD)) return degrees;
    bool celsius = token_is(here(p), "C") || token_is(here(p), "Celsius") || token_is(here(p), "celsius");
    bool fahrenheit = token_is(here(p), "F") || token_is(here(p), "Fahrenheit") || token_is(here(p), "fahrenheit");
    if (!celsius && !fahrenheit) return degrees;
    p->at++;
    degrees->kind = MATH_WITH_UNIT, degrees->name = celsius ? "celsius" : "fahrenheit";
    return degrees;
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
    else if (sign->kind == TOKEN_PRIME && left->kind != MATH_WITH_UNIT)
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
    if (sign->kind == TOKEN_PRIME) return parser_primed(p, left);
    math_node *n = tree_unary(p->e, degree ? MATH_DEGREE : MATH_VECTOR, left);
    if (n) n->name = name;
    return n;
}

// 1 hour 30 minutes: a value in the last unit; stands on the second number. `left` itself where the units do not go together.
math_node *parser_more_units(parser *p, math_node *left) {
    token *t = here(p);
    size_t mark = p->at;
    token *inch = ahead(p, 1); // 5 ft 6 in
    if (inch->kind == TOKEN_RELATION && inch->code == MATH_IN && ahead(p, 2)->kind == TOKEN_END)
        inch->kind = TOKEN_WORD, inch->text = "in", inch->length = 2;
    if (t->kind == TOKEN_AND) t = ahead(p, 1), p->at++; // 4 dollars and 50 cents
    size_t length = left->kind == MATH_WITH_UNIT ? strlen(left->name) : 0;
    bool joined = length > 4 && strcmp(left->name + length - 4, " and") == 0 && t->kind == TOKEN_NUMBER; // \text{dollars and }
    if (joined && !(left->name = tree_text(p->e, left->name, length - 4))) return NULL;
    if (t->kind == TOKEN_NUMBER && ahead(p, 1)->kind == TOKEN_FUNCTION && token_is(ahead(p, 1), "min"))
        ahead(p, 1)->kind = TOKEN_WORD; // 2 h 15 min
    if (left->kind != MATH_WITH_UNIT || t->kind != TOKEN_NUMBER || ahead(p, 1)->kind != TOKEN_WORD) {
        p->at = mark;
        return left;
    }
    math_node *more = literal_node(p->e, t->text, t->length);
    p->at++;
    const char *name = more ? parser_words(p, true) : NULL;
    if (!name) return NULL;
    unit first, second;
    unit_read(left->name, &first), unit_read(name, &second);
    math_node *n = left;
    bool smaller = fmpq_cmp(second.factor, first.factor) < 0;
    if (first.known && second.known && smaller && first.count && unit_same(&first, &second)) {
        fmpq_div(first.factor, first.factor, second.factor);
        math_node *value = tree_binary(p->e, MATH_PRODUCT, left->children[0], tree_number(p->e, first.factor));
        n = tree_unary(p->e, MATH_WITH_UNIT, tree_binary(p->e, MATH_SUM, value, more));
        if (n) n->name = name;
    } else
        p->at = mark;
    unit_clear(&first), unit_clear(&second);
    return n;
}

// The words of a group {\text{cm}^3}; NULL, and p where it was, where it holds something else.
static const char *unit_group(parser *p) {
    size_t mark = p->at;
    if (at_open(p, '{') && (ahead(p, 1)->kind == TOKEN_WORD || ahead(p, 1)->code == TOKEN_UPRIGHT)) {
        p->at++;
        const char *words = parser_words(p, true);
        if (!words) return NULL;
        if (is_close(here(p), '{')) {
            p->at++;
            return words;
        }
    }
    p->at = mark;
    return NULL;
}

// 5 \frac{\text{miles}}{\text{hour}}; stands on the fraction.
math_node *parser_unit_fraction(parser *p, math_node *left) {
    size_t mark = p->at++;
    const char *top = unit_group(p), *bottom = top ? unit_group(p) : NULL;
    if (!bottom) {
        p->at = mark;
        return p->e->failure == STATUS_OK ? left : NULL;
    }
    const char *name = tree_join(p->e, top, "/", bottom);
    math_node *n = name ? tree_unary(p->e, MATH_WITH_UNIT, left) : NULL;
    if (n) n->name = name;
    return n;
}

// The number of tokens of words like "for all real numbers" in front of a letter that is then related to something.
size_t parser_quantifier(parser *p) {
    static const char *const words[] = {"for",      "all",      "every",  "any", "real", "numbers",
                                        "integers", "positive", "values", "of",  NULL};
    size_t count = 0;
    for (; ahead(p, count)->kind == TOKEN_WORD; count++) {
        const token *t = ahead(p, count);
        for (size_t i = 0, n = 0; i < t->length; i += n + 1) {
            for (n = 0; i + n < t->length && t->text[i + n] != ' ' && t->text[i + n] != '~';) n++;
            if (n && !word_in(words, t->text + i, n)) return 0;
        }
    }
    return ahead(p, count)->kind == TOKEN_NAME && ahead(p, count + 1)->kind == TOKEN_RELATION ? count : 0;
}
