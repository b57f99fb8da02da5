// The parser: operator precedence by binding powers (Pratt 1973), over the whole token array.
//
//   modulus 5 < relations 10 < units 12 < ratio 15 < union, intersection, difference 20 < + - plus-minus 30 < times, / 40
//   < implicit product 45 < unary minus 50 < ^ 60 (right to left) < ! degree % prime 65 < subscript 70
//
// A function without parentheses takes the implicit product up to the next function. INT/INT in front of a factor is a
// coefficient (1/2x is x/2); any other a/bc is read as a/(bc) and marked ambiguous. Anything not understood ends the parse with a
// reason.
#include "math/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/literal.h"

math_node *parser_refuse(parser *p, const char *what) {
    if (!p->failed && p->e->failure == STATUS_OK) {
        const token *t = here(p);
        if (t->kind == TOKEN_END)
            status_set(STATUS_UNSUPPORTED, "%s at the end of the text", what);
        else
            status_set(STATUS_UNSUPPORTED, "%s at byte %u", what, t->start);
    }
    p->failed = true;
    return NULL;
}

// Whether an operand can begin with this token, for implicit products.
bool parser_starts_operand(const parser *p, const token *t) {
    switch (t->kind) {
    case TOKEN_NUMBER:
    case TOKEN_NAME:
    case TOKEN_OPEN:
    case TOKEN_FRACTION:
    case TOKEN_ROOT:
    case TOKEN_BINOMIAL:
    case TOKEN_BIG:
    case TOKEN_DECORATION:
    case TOKEN_BEGIN:
        return true;
    case TOKEN_FUNCTION:
        return !p->stop_function;
    case TOKEN_BAR:
    case TOKEN_DOUBLE_BAR:
        return t->code == 'l' || (t->code != 'r' && p->bars == 0 && (!p->in_set || p->bars_paired));
    default:
        return false;
    }
}

bool parser_is_inch(parser *p, size_t at) {
    token_kind next = ahead(p, at + 1)->kind;
    return ahead(p, at)->kind == TOKEN_RELATION && ahead(p, at)->code == MATH_IN &&
           (next == TOKEN_END || next == TOKEN_COMMA || next == TOKEN_CLOSE || next == TOKEN_CARET);
}

const char *parser_keep(parser *p, const token *t) { return tree_text(p->e, t->text, t->length); }

static math_node *exponent(parser *p) { // behind the caret
    math_node *n = at_open(p, '{') ? parser_group(p) : parser_expression(p, POWER_CARET);
    if (n && node_is_symbol(n, "top")) n->name = "T"; // a transpose
    return n;
}

// Every way into the depth leads through parser_prefix or `infix`: they are counted.
static bool enter(parser *p) {
    if (++p->depth <= p->e->limits.depth) return true;
    if (p->e->failure == STATUS_OK) p->e->failure = status_set(STATUS_LIMIT, "nested deeper than %zu", p->e->limits.depth);
    p->failed = true;
    return false;
}

static math_node *operand(parser *p) {
    token *t = here(p);
    math_node *a, *b;
    switch (t->kind) {
    case TOKEN_NUMBER: {
        p->at++;
        if (at_kind(p, TOKEN_UNDERSCORE) && !t->plain) { // digits in a base
            for (size_t i = 0; i < t->length; i++)
                if (t->text[i] < '0' || t->text[i] > '9') return parser_refuse(p, "a base under a number that is not whole");
            p->at++;
            return parser_based_number(p, parser_keep(p, t));
        }
        a = literal_node(p->e, t->text, t->length);
        return a ? parser_mixed_number(p, a) : NULL;
    }
    case TOKEN_NAME:
        return parser_name(p);
    case TOKEN_FUNCTION:
        return parser_function(p);
    case TOKEN_UNDERSCORE:
    case TOKEN_CARET:
        a = parser_selections(p);
        return a || p->failed ? a : parser_refuse(p, "an unexpected sign");
    case TOKEN_OPEN: {
        if (t->code == '{' && is_close(ahead(p, 1), '{')) {
            a = parser_selections(p);
            if (a || p->failed || p->e->failure != STATUS_OK) return a;
        }
        a = parser_group(p);
        if (a && a->grouped && at_kind(p, TOKEN_UNDERSCORE) && t->code == '(' && parser_integer_literal(a)) {
            p->at++;
            a = parser_based_number(p, parser_whole_digits(p, a));
        }
        return a;
    }
    case TOKEN_MINUS:
        p->at++;
        a = parser_expression(p, POWER_MINUS);
        if (!a || a->kind != MATH_WITH_UNIT) return tree_unary(p->e, MATH_NEGATE, a);
        a->children[0] = tree_unary(p->e, MATH_NEGATE, a->children[0]); // -\$10
        return a->children[0] ? a : NULL;
    case TOKEN_PLUS:
        p->at++;
        return parser_expression(p, POWER_MINUS);
    case TOKEN_PLUS_MINUS:
        p->at++;
        a = tree_unary(p->e, MATH_PLUS_MINUS, parser_expression(p, POWER_SUM));
        if (a) a->integer = t->code;
        return a;
    case TOKEN_FRACTION:
        p->at++;
        a = parser_argument(p, true);
        b = a ? parser_argument(p, true) : NULL;
        a = tree_binary(p->e, MATH_QUOTIENT, a, b);
        if (a) a->grouped = true;
        return a;
    case TOKEN_BINOMIAL:
        p->at++;
        a = parser_argument(p, true);
        b = a ? parser_argument(p, true) : NULL;
        return tree_binary(p->e, MATH_BINOMIAL, a, b);
    case TOKEN_ROOT: {
        math_node *index = NULL;
        p->at++;
        if (t->code == 3)
            index = tree_integer(p->e, 3);
        else if (at_open(p, '[')) {
            p->at++;
            index = parser_expression(p, 0);
            if (!index) return NULL;
            if (!is_close(here(p), '[')) return parser_refuse(p, "a root's index does not end");
            p->at++;
        } else
            index = tree_integer(p->e, 2);
        if (!index) return NULL;
        a = at_open(p, '(') || at_open(p, 'S') ? parser_group(p) : parser_argument(p, false);
        return tree_binary(p->e, MATH_ROOT, a, index);
    }
    case TOKEN_BIG:
        return parser_big(p);
    case TOKEN_DECORATION: {
        const char *name = parser_keep(p, t);
        p->at++;
        a = at_open(p, '(') ? parser_group(p) : parser_argument(p, true);
        a = tree_unary(p->e, MATH_VECTOR, a);
        if (a) a->name = name;
        return a;
    }
    case TOKEN_BEGIN:
        return parser_environment(p);
    case TOKEN_BAR:
    case TOKEN_DOUBLE_BAR:
        return parser_absolute(p, t->kind);
    case TOKEN_DOTS:
        p->at++;
        return tree_named(p->e, MATH_SYMBOL, "dots");
    case TOKEN_CURRENCY:
        return parser_price(p);
    case TOKEN_WORD: {
        size_t fillers = parser_quantifier(p);
        if (fillers) { // all n >= 3
            p->at += fillers;
            return parser_prefix(p);
        }
        if (t->length == 1 && lexer_is_letter(t->text[0]) && ahead(p, 1)->kind != TOKEN_WORD)
            return parser_name(p); // \text{P}(A), \text{x}^2
        if (ahead(p, 1)->kind == TOKEN_NUMBER && (token_is(t, "USD") || token_is(t, "EUR"))) return parser_price(p);
        const char *text = parser_words(p, false);
        if (!text) return NULL;
        if (strcmp(text, "all real numbers except") == 0 || strcmp(text, "all reals except") == 0 ||
            strcmp(text, "all real numbers except for") == 0)
            return parser_exceptions(p);
        if (at_open(p, '(')) return parser_called_words(p, text);
        return tree_named(p->e, MATH_TEXT, text);
    }
    case TOKEN_BINARY:
        return parser_refuse(p, "an operator without left side");
    case TOKEN_BAD:
        return parser_refuse(p, "something that is no mathematics");
    case TOKEN_END:
        return parser_refuse(p, "something is missing");
    default:
        return parser_refuse(p, "an unexpected sign");
    }
}

// \mathbb{Z}/2\mathbb{Z}, and \mathbb{Z}/2, are \mathbb{Z}_2; also behind other factors. `quotient` itself where it is something
// else.
static math_node *residue_group(parser *p, math_node *quotient) {
    if (!quotient) return NULL;
    math_node *left = quotient->children[0], *right = quotient->children[1], **group = &quotient->children[0];
    if (left->kind == MATH_PRODUCT) group = &left->children[left->count - 1];
    bool multiples = right->kind == MATH_PRODUCT && right->count == 2 && node_is_symbol(right->children[1], "mathbb Z");
    if (!node_is_symbol(*group, "mathbb Z") || (!multiples && !parser_integer_literal(right))) return quotient;
    const char *name = parser_indexed(p, "mathbb Z", multiples ? right->children[0] : right);
    *group = tree_named(p->e, MATH_SYMBOL, name);
    return *group ? quotient->children[0] : NULL;
}

static math_node *quotient(parser *p, math_node *left) { // behind the slash
    math_node *right = parser_expression(p, POWER_IMPLICIT);
    if (!right) return NULL;
    bool coefficient = parser_integer_literal(left) && parser_integer_literal(right) && !right->grouped;
    if (!coefficient && parser_starts_operand(p, here(p)) && !here(p)->space) {
        bool number = here(p)->kind == TOKEN_NUMBER;
        if (number) return parser_refuse(p, "two numbers next to each other");
    }
    if (coefficient || !parser_starts_operand(p, here(p))) return residue_group(p, tree_binary(p->e, MATH_QUOTIENT, left, right));
    while (right && parser_starts_operand(p, here(p)))
        right = tree_binary(p->e, MATH_PRODUCT, right, parser_expression(p, POWER_IMPLICIT));
    math_node *n = tree_binary(p->e, MATH_QUOTIENT, left, right);
    if (n) n->ambiguous = true;
    return residue_group(p, n);
}

static math_node *relation_chain(parser *p, math_node *left) {
    math_node *operands[ITEMS_MAX];
    char operators[ITEMS_MAX];
    size_t count = 1;
    operands[0] = left;
    while (at_kind(p, TOKEN_RELATION) || (at_kind(p, TOKEN_MID) && !p->in_set)) {
        if (count == ITEMS_MAX) {
            p->e->failure = status_set(STATUS_LIMIT, "a chain of more than %d relations", ITEMS_MAX);
            return NULL;
        }
        operators[count - 1] = at_kind(p, TOKEN_MID) ? '|' : (char)here(p)->code;
        p->at++;
        operands[count] = parser_expression(p, POWER_RELATION);
        if (!operands[count]) return NULL;
        count++;
    }
    math_node *n = tree_node(p->e, MATH_RELATION, count);
    if (!n) return NULL;
    memcpy(n->children, operands, count * sizeof *operands);
    n->operators = tree_text(p->e, operators, count - 1);
    if (!n->operators) return NULL;
    return tree_congruence(p->e, n);
}

bool parser_odd_bars(parser *p) {
    size_t depth = 0, bars = 0;
    for (size_t i = 0;; i++) {
        const token *t = ahead(p, i);
        bool bar = t->kind == TOKEN_BAR, opens = t->kind == TOKEN_OPEN || (bar && t->code == 'l'),
             closes = t->kind == TOKEN_CLOSE || (bar && t->code == 'r');
        if (t->kind == TOKEN_END || (closes && depth == 0)) break;
        depth += opens, depth -= closes;
        bars += bar && t->code == 0 && depth == 0;
    }
    return bars % 2 == 1;
}

static bool set_like(const math_node *n) {
    return n->kind == MATH_TUPLE || n->kind == MATH_INTERVAL || n->kind == MATH_BRACKETS || n->kind == MATH_UNION ||
           n->kind == MATH_SET;
}

bool parser_ends_operand(const token *t) {
    return t->kind == TOKEN_END || t->kind == TOKEN_COMMA || t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_CLOSE ||
           t->kind == TOKEN_RELATION || t->kind == TOKEN_AND || t->kind == TOKEN_OR || t->kind == TOKEN_CUP ||
           t->kind == TOKEN_CAP;
}

static bool holds_letters(const math_node *n) {
    if (n->kind == MATH_SYMBOL || n->kind == MATH_TEXT) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (holds_letters(n->children[i])) return true;
    return false;
}

static const math_node *last_factor(const math_node *n) {
    while (n->kind == MATH_PRODUCT || n->kind == MATH_POWER) n = n->children[n->kind == MATH_PRODUCT ? n->count - 1 : 0];
    return n;
}

static bool is_number_set(const math_node *n) { return n->kind == MATH_SYMBOL && strncmp(n->name, "mathbb ", 7) == 0; }

// One step to the right of `left`, or *done when nothing there binds more tightly than `power`.
static math_node *infix(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    switch (t->kind) {
    case TOKEN_RELATION: {
        if (power >= POWER_RELATION) break;
        if (parser_is_inch(p, 0)) {
            t->kind = TOKEN_WORD, t->text = "in", t->length = 2;
            return left;
        }
        return relation_chain(p, left);
    }
    case TOKEN_OPEN:
        if (t->code == '(' && ahead(p, 1)->kind == TOKEN_MODULUS) { // (mod 5)
            if (power >= POWER_MODULUS) break;
            p->at += 2;
            n = tree_binary(p->e, MATH_FUNCTION, left, parser_expression(p, POWER_RELATION));
            if (n && !is_close(here(p), '(')) return parser_refuse(p, "a closing bracket is missing");
            if (n) n->name = NAME_RESIDUE, p->at++;
            return n;
        }
        if (t->code == '(' && left->kind == MATH_NUMBER && ahead(p, 1)->kind == TOKEN_WORD && token_is(ahead(p, 1), "base") &&
            ahead(p, 2)->kind == TOKEN_NUMBER && is_close(ahead(p, 3), '(')) { // 1101 (base 2)
            p->at += 2;
            n = parser_based_number(p, parser_whole_digits(p, left));
            if (n) p->at++;
            return n;
        }
        goto product;
    case TOKEN_MODULUS:
        if (power >= (t->code == 'p' ? POWER_MODULUS : POWER_PRODUCT)) break;
        p->at++;
        n = tree_binary(p->e, MATH_FUNCTION, left,
                        t->code == 'p' ? parser_argument(p, false) : parser_expression(p, POWER_PRODUCT));
        if (n) n->name = t->code == 'p' ? NAME_RESIDUE : "mod";
        return n;
    case TOKEN_COLON:
        if (power >= POWER_RATIO) break;
        if (p->in_set && !(left->kind == MATH_NUMBER && ahead(p, 1)->kind == TOKEN_NUMBER)) break; // {10:30} is no set
        return parser_ratio(p, left);
    case TOKEN_CUP:
    case TOKEN_CAP:
    case TOKEN_SETMINUS:
        if (power >= POWER_UNION) break;
        p->at++;
        return tree_binary(p->e,
                           t->kind == TOKEN_CUP   ? MATH_UNION
                           : t->kind == TOKEN_CAP ? MATH_INTERSECTION
                                                  : MATH_DIFFERENCE,
                           left, parser_expression(p, POWER_UNION));
    case TOKEN_WORD:
    case TOKEN_CURRENCY: {
        if (parser_at_condition(p)) break;
        if (power < POWER_RATIO && token_is(t, "to") && parser_starts_operand(p, ahead(p, 1))) { // 3 to 4
            t->kind = TOKEN_COLON;
            return left;
        }
        if (power >= POWER_UNIT || left->kind == MATH_TEXT || left->kind == MATH_WITH_UNIT) break;
        bool based = token_is(t, "base") || token_is(t, "in base");
        if (based && left->kind == MATH_NUMBER && ahead(p, 1)->kind == TOKEN_NUMBER) { // 1101 base 2
            p->at++;
            return parser_based_number(p, parser_whole_digits(p, left));
        }
        int value = left->kind == MATH_NUMBER ? parser_base_of_words(t) : 0;
        if (value) { // 1101\text{ (base 2)}
            n = tree_named(p->e, MATH_BASED, parser_whole_digits(p, left));
            if (n) n->integer = value, p->at++;
            return n;
        }
        const char *unit;
        if (t->kind == TOKEN_CURRENCY)
            unit = parser_keep(p, t), p->at++;
        else
            unit = parser_words(p, true);
        n = unit ? tree_unary(p->e, MATH_WITH_UNIT, left) : NULL;
        if (n) n->name = unit;
        return n;
    }
    case TOKEN_PLUS:
    case TOKEN_MINUS:
    case TOKEN_PLUS_MINUS:
        if (power >= POWER_SUM) break;
        p->at++;
        n = parser_expression(p, POWER_SUM);
        if (n && t->kind == TOKEN_MINUS && (set_like(left) || is_number_set(left)) && (set_like(n) || is_number_set(n)) &&
            left->kind != MATH_TUPLE && left->kind != MATH_BRACKETS && n->kind != MATH_TUPLE)
            return tree_binary(p->e, MATH_DIFFERENCE, left, n); // \mathbb{R} - \{2\}
        if (t->kind == TOKEN_PLUS_MINUS) {
            n = tree_binary(p->e, MATH_PLUS_MINUS, left, n);
            if (n) n->integer = t->code;
            return n;
        }
        if (t->kind == TOKEN_MINUS) n = tree_unary(p->e, MATH_NEGATE, n);
        return tree_binary(p->e, MATH_SUM, left, n);
    case TOKEN_TIMES:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        return tree_binary(p->e, MATH_PRODUCT, left, parser_expression(p, POWER_PRODUCT));
    case TOKEN_OVER:
        if (power > 0) break;
        p->at++;
        n = tree_binary(p->e, t->code == '/' ? MATH_QUOTIENT : MATH_BINOMIAL, left, parser_expression(p, 0));
        if (n) n->grouped = true;
        return n;
    case TOKEN_BINARY:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        if (token_is(t, "oplus") && is_number_set(last_factor(left))) // \mathbb{Z} \oplus \mathbb{Z}_2
            return tree_binary(p->e, MATH_PRODUCT, left, parser_expression(p, POWER_PRODUCT));
        n = tree_binary(p->e, MATH_FUNCTION, left, parser_expression(p, POWER_PRODUCT));
        if (n) n->name = parser_keep(p, t);
        return n && n->name ? n : NULL;
    case TOKEN_DIVIDE:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        return quotient(p, left);
    case TOKEN_CARET: {
        bool handled;
        n = parser_raised_sign(p, left, &handled);
        if (handled) return n && n->kind == MATH_DEGREE ? parser_temperature(p, n) : n;
        if (power > POWER_CARET) break;
        p->at++;
        if (at_open(p, '{') && ahead(p, 1)->kind == TOKEN_WORD && is_close(ahead(p, 2), '{') && left->kind == MATH_NUMBER) {
            n = tree_unary(p->e, MATH_WITH_UNIT, left); // 7^{\text{th}}
            if (n) n->name = parser_keep(p, ahead(p, 1));
            p->at += 3;
            return n;
        }
        return tree_binary(p->e, MATH_POWER, left, exponent(p));
    }
    case TOKEN_UNDERSCORE: {
        math_node *inner = left->kind == MATH_VECTOR ? left->children[0] : left; // \hat{\theta}_2, (a_n)_{n}
        const char *base = inner->kind == MATH_SYMBOL ? inner->name : "";
        if (left->kind == MATH_NUMBER || left->kind == MATH_BASED) break;
        const char *name = parser_subscript(p, base);
        if (!name) return NULL;
        if (inner->kind == MATH_SYMBOL) {
            inner->name = name;
            return left;
        }
        n = tree_binary(p->e, MATH_FUNCTION, left, tree_named(p->e, MATH_SYMBOL, name));
        if (n) n->name = NAME_SUBSCRIPT;
        return n;
    }
    case TOKEN_BANG:
        if (power > POWER_POSTFIX) break;
        n = tree_unary(p->e, MATH_FACTORIAL, left);
        for (; n && at_kind(p, TOKEN_BANG); p->at++) n->integer++;
        return n;
    case TOKEN_PERCENT:
    case TOKEN_DEGREE:
        if (power > POWER_POSTFIX) break;
        p->at++;
        n = tree_unary(p->e, t->kind == TOKEN_PERCENT ? MATH_PERCENT : MATH_DEGREE, left);
        return n && t->kind == TOKEN_DEGREE ? parser_temperature(p, n) : n;
    case TOKEN_PRIME:
        if (power > POWER_POSTFIX || left->kind == MATH_WITH_UNIT) break;
        p->at++;
        return parser_primed(p, left);
    case TOKEN_AND:
        if (left->kind != MATH_WITH_UNIT || power >= POWER_UNIT) break;
        n = parser_more_units(p, left);
        if (n != left) return n;
        break;
    case TOKEN_MID:
        if (power >= POWER_RELATION || p->in_set) break;
        return relation_chain(p, left);
    default:
    product:
        if (t->kind == TOKEN_FUNCTION && token_is(t, "min") && left->kind == MATH_NUMBER &&
            parser_ends_operand(ahead(p, 1))) { // 45 min
            t->kind = TOKEN_WORD;
            return left;
        }
        bool upright = t->kind == TOKEN_NAME && t->code == TOKEN_UPRIGHT && !memchr("xyzabckn", t->text[0], 8);
        if (upright && !holds_letters(left)) { // 1.6 \mathrm{C}
            t->kind = TOKEN_WORD;
            return left;
        }
        if (t->kind == TOKEN_BAR && p->bars == 0 && !p->in_set && parser_odd_bars(p)) { // E(Y|X)
            t->kind = TOKEN_MID;
            return left;
        }
        if (t->kind == TOKEN_NAME && token_is(t, "U") && set_like(left) && ahead(p, 1)->kind == TOKEN_OPEN) {
            t->kind = TOKEN_CUP;
            return left;
        }
        if (t->kind == TOKEN_FRACTION && power < POWER_UNIT && left->kind == MATH_NUMBER) {
            n = parser_unit_fraction(p, left);
            if (n != left) return n;
        }
        if (left->kind == MATH_WITH_UNIT && power < POWER_UNIT) { // 1 hour 30 minutes
            n = parser_more_units(p, left);
            if (n != left) return n;
        }
        if (power >= POWER_IMPLICIT || !parser_starts_operand(p, t) || left->kind == MATH_WITH_UNIT || left->kind == MATH_TEXT ||
            (left->kind == MATH_RELATION && !left->grouped))
            break;
        if (t->kind == TOKEN_NUMBER && left->kind == MATH_NUMBER && !left->grouped)
            return parser_refuse(p, "two numbers next to each other");
        n = tree_binary(p->e, MATH_PRODUCT, left, parser_expression(p, POWER_IMPLICIT));
        bool behind = !holds_letters(left) || left->ambiguous; // 5 m, 5 N m: a factor, or a unit
        if (n) n->ambiguous = t->kind == TOKEN_NAME && t->space && behind;
        return n;
    }
    *done = true;
    return left;
}

math_node *parser_prefix(parser *p) {
    math_node *n = enter(p) ? operand(p) : NULL;
    p->depth--;
    return n;
}

math_node *parser_expression(parser *p, int power) {
    math_node *left = parser_prefix(p);
    bool done = false;
    while (left && !done) {
        left = enter(p) ? infix(p, left, power, &done) : NULL;
        p->depth--;
    }
    return left;
}
