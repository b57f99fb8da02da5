// The parser: operator precedence by binding powers (Pratt 1973), over the whole token array.
//
//   modulus 5 < relations 10 < units 12 < ratio 15 < union, intersection, difference 20 < + - plus-minus 30 < times, / 40
//   < implicit product 45 < unary minus 50 < ^ 60 (right to left) < ! degree % prime 65 < subscript 70
//
// A function without parentheses takes the implicit product up to the next function. INT/INT in front of a factor is a
// coefficient (1/2x is x/2); any other a/bc is read as a/(bc) and marked ambiguous. Anything not understood ends the parse with a
// reason. What follows an operand is read in infix.c, names in names.c, other operands in operands.c, groups.c and marks.c.
#include "math/parser.h"

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

bool parser_ends_operand(const token *t) {
    return t->kind == TOKEN_END || t->kind == TOKEN_COMMA || t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_CLOSE ||
           t->kind == TOKEN_RELATION || t->kind == TOKEN_AND || t->kind == TOKEN_OR || t->kind == TOKEN_CUP ||
           t->kind == TOKEN_CAP;
}

bool parser_is_inch(parser *p, size_t at) {
    token_kind next = ahead(p, at + 1)->kind;
    bool total = next == TOKEN_WORD && (token_is(ahead(p, at + 1), "total") || token_is(ahead(p, at + 1), "all")); // 5 in all
    return ahead(p, at)->kind == TOKEN_RELATION && ahead(p, at)->code == MATH_IN &&
           (total || next == TOKEN_END || next == TOKEN_COMMA || next == TOKEN_CLOSE || next == TOKEN_CARET);
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

const char *parser_keep(parser *p, const token *t) { return tree_text(p->e, t->text, t->length); }

// Every way into the depth leads through parser_prefix or parser_infix: they are counted.
static bool enter(parser *p) {
    if (++p->depth <= p->e->limits.depth) return true;
    if (p->e->failure == STATUS_OK) p->e->failure = status_set(STATUS_LIMIT, "nested deeper than %zu", p->e->limits.depth);
    p->failed = true;
    return false;
}

// A number, 52_8, 3 1/2.
static math_node *operand_number(parser *p) {
    const token *t = here(p);
    p->at++;
    if (at_kind(p, TOKEN_UNDERSCORE) && !t->plain) { // digits in a base
        for (size_t i = 0; i < t->length; i++)
            if (t->text[i] < '0' || t->text[i] > '9') return parser_refuse(p, "a base under a number that is not whole");
        p->at++;
        return parser_based_number(p, parser_keep(p, t));
    }
    math_node *a = literal_node(p->e, t->text, t->length);
    return a ? parser_mixed_number(p, a) : NULL;
}

static math_node *operand_root(parser *p) {
    const token *t = here(p);
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
    math_node *a = at_open(p, '(') || at_open(p, 'S') ? parser_group(p) : parser_argument(p, false);
    return tree_binary(p->e, MATH_ROOT, a, index);
}

static math_node *operand_words(parser *p) {
    const token *t = here(p);
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

static math_node *operand_group(parser *p) {
    const token *t = here(p);
    if (t->code == '{' && is_close(ahead(p, 1), '{')) {
        math_node *selections = parser_selections(p);
        if (selections || p->failed || p->e->failure != STATUS_OK) return selections;
    }
    math_node *n = parser_group(p);
    if (!n || !n->grouped || !at_kind(p, TOKEN_UNDERSCORE) || t->code != '(' || !parser_integer_literal(n)) return n;
    p->at++; // (52)_8
    return parser_based_number(p, parser_whole_digits(p, n));
}

static math_node *operand_minus(parser *p) {
    p->at++;
    math_node *n = parser_expression(p, POWER_MINUS);
    if (!n || n->kind != MATH_WITH_UNIT) return tree_unary(p->e, MATH_NEGATE, n);
    n->children[0] = tree_unary(p->e, MATH_NEGATE, n->children[0]); // -\$10
    return n->children[0] ? n : NULL;
}

static math_node *operand_of_two(parser *p, math_kind kind) { // \frac, \binom
    p->at++;
    math_node *a = parser_argument(p, true), *b = a ? parser_argument(p, true) : NULL;
    return tree_binary(p->e, kind, a, b);
}

static math_node *operand_decorated(parser *p) {
    const char *name = parser_keep(p, here(p));
    p->at++;
    math_node *n = tree_unary(p->e, MATH_VECTOR, at_open(p, '(') ? parser_group(p) : parser_argument(p, true));
    if (n) n->name = name;
    return n;
}

static math_node *operand(parser *p) {
    token *t = here(p);
    math_node *n;
    switch (t->kind) {
    case TOKEN_NUMBER:
        return operand_number(p);
    case TOKEN_NAME:
        return parser_name(p);
    case TOKEN_FUNCTION:
        return parser_function(p);
    case TOKEN_UNDERSCORE:
    case TOKEN_CARET:
        n = parser_selections(p);
        return n || p->failed ? n : parser_refuse(p, "an unexpected sign");
    case TOKEN_OPEN:
        return operand_group(p);
    case TOKEN_MINUS:
        return operand_minus(p);
    case TOKEN_PLUS:
        p->at++;
        return parser_expression(p, POWER_MINUS);
    case TOKEN_PLUS_MINUS:
        p->at++;
        n = tree_unary(p->e, MATH_PLUS_MINUS, parser_expression(p, POWER_SUM));
        if (n) n->integer = t->code;
        return n;
    case TOKEN_FRACTION:
        n = operand_of_two(p, MATH_QUOTIENT);
        if (n) n->grouped = true;
        return n;
    case TOKEN_BINOMIAL:
        return operand_of_two(p, MATH_BINOMIAL);
    case TOKEN_ROOT:
        return operand_root(p);
    case TOKEN_BIG:
        return parser_big(p);
    case TOKEN_DECORATION:
        return operand_decorated(p);
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
    case TOKEN_WORD:
        return operand_words(p);
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

math_node *parser_prefix(parser *p) {
    math_node *n = enter(p) ? operand(p) : NULL;
    p->depth--;
    return n;
}

math_node *parser_expression(parser *p, int power) {
    math_node *left = parser_prefix(p);
    bool done = false;
    while (left && !done) {
        left = enter(p) ? parser_infix(p, left, power, &done) : NULL;
        p->depth--;
    }
    return left;
}
