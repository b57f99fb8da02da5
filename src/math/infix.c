// What follows an operand: operators, marks, units, and factors without a sign between. See parser.h, and parser.c for the
// binding powers.
#include "math/parser.h"

#include <string.h>

static math_node *exponent(parser *p) { // behind the caret
    math_node *n = at_open(p, '{') ? parser_group(p) : parser_expression(p, POWER_CARET);
    if (n && node_is_symbol(n, "top")) n->name = "T"; // a transpose
    return n;
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

// \$15/\text{hr}: what a value with a unit is divided by is a unit. NULL: it is something else.
static math_node *rate(parser *p, math_node *left) {
    if (left->kind != MATH_WITH_UNIT || !at_kind(p, TOKEN_WORD)) return NULL;
    const char *words = parser_words(p, true), *name = words && *words ? tree_join(p->e, left->name, "/", words) : NULL;
    if (!name) return NULL;
    left->name = name;
    return left;
}

static math_node *quotient(parser *p, math_node *left) { // behind the slash
    math_node *with_unit = rate(p, left);
    if (with_unit || p->e->failure != STATUS_OK) return with_unit;
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

static bool set_like(const math_node *n) {
    return n->kind == MATH_TUPLE || n->kind == MATH_INTERVAL || n->kind == MATH_BRACKETS || n->kind == MATH_UNION ||
           n->kind == MATH_SET;
}

static bool is_lettered(const math_node *n) { return n->kind == MATH_SYMBOL || n->kind == MATH_TEXT; }

static const math_node *last_factor(const math_node *n) {
    while (n->kind == MATH_PRODUCT || n->kind == MATH_POWER) n = n->children[n->kind == MATH_PRODUCT ? n->count - 1 : 0];
    return n;
}

static bool is_number_set(const math_node *n) { return n->kind == MATH_SYMBOL && strncmp(n->name, "mathbb ", 7) == 0; }

// What is to the right does not bind tightly enough, or is no part of this.
static math_node *leave(math_node *left, bool *done) {
    *done = true;
    return left;
}

// The sign at which the parser stands is of another kind; it is looked at again.
static math_node *reread(token *t, token_kind kind, math_node *left) {
    t->kind = kind;
    return left;
}

// A factor without a sign in front of it, or a unit.
static math_node *infix_factor(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    bool time = t->kind == TOKEN_FUNCTION && (token_is(t, "min") || token_is(t, "sec")) && left->kind == MATH_NUMBER;
    if (time && parser_ends_operand(ahead(p, 1))) return reread(t, TOKEN_WORD, left); // 45 min
    bool hours = t->kind == TOKEN_NAME && t->length == 1 && memchr("hms", t->text[0], 3) && left->kind == MATH_NUMBER;
    if (hours && ahead(p, 1)->kind == TOKEN_NUMBER && (ahead(p, 2)->kind == TOKEN_WORD || token_is(ahead(p, 2), "min")))
        return reread(t, TOKEN_WORD, left); // 2 h 15 min
    bool upright = t->kind == TOKEN_NAME && t->code == TOKEN_UPRIGHT && !memchr("xyzabckn", t->text[0], 8);
    if (upright && !node_any(left, is_lettered)) return reread(t, TOKEN_WORD, left); // 1.6 \mathrm{C}
    if (t->kind == TOKEN_BAR && p->bars == 0 && !p->in_set && parser_odd_bars(p)) return reread(t, TOKEN_MID, left); // E(Y|X)
    if (t->kind == TOKEN_NAME && token_is(t, "U") && set_like(left) && ahead(p, 1)->kind == TOKEN_OPEN)
        return reread(t, TOKEN_CUP, left);
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
        return leave(left, done);
    if (t->kind == TOKEN_NUMBER && left->kind == MATH_NUMBER && !left->grouped)
        return parser_refuse(p, "two numbers next to each other");
    n = tree_binary(p->e, MATH_PRODUCT, left, parser_expression(p, POWER_IMPLICIT));
    bool behind = !node_any(left, is_lettered) || left->ambiguous; // 5 m, 5 N m: a factor, or a unit
    if (n) n->ambiguous = t->kind == TOKEN_NAME && t->space && behind;
    return n;
}

// (mod 5), (base 2), or a factor.
static math_node *infix_bracket(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    if (t->code == '(' && ahead(p, 1)->kind == TOKEN_MODULUS) { // (mod 5)
        if (power >= POWER_MODULUS) return leave(left, done);
        p->at += 2;
        n = tree_binary(p->e, MATH_FUNCTION, left, parser_expression(p, POWER_RELATION));
        if (n && !is_close(here(p), '(')) return parser_refuse(p, "a closing bracket is missing");
        if (n) n->name = NAME_RESIDUE, p->at++;
        return n;
    }
    const token *letter = ahead(p, 1), *in = ahead(p, 2);
    if (t->code == '(' && letter->kind == TOKEN_NAME && in->kind == TOKEN_RELATION &&
        in->code == MATH_IN) { // n\pi (n \in \mathbb{Z})
        if (power >= POWER_MODULUS) return leave(left, done);
        return tree_binary(p->e, MATH_WHERE, left, parser_group(p));
    }
    if (t->code == '(' && left->kind == MATH_NUMBER && ahead(p, 1)->kind == TOKEN_WORD && token_is(ahead(p, 1), "base") &&
        ahead(p, 2)->kind == TOKEN_NUMBER && is_close(ahead(p, 3), '(')) { // 1101 (base 2)
        p->at += 2;
        n = parser_based_number(p, parser_whole_digits(p, left));
        if (n) p->at++;
        return n;
    }
    return infix_factor(p, left, power, done);
}

// A condition, 3 to 4, base 2, or a unit.
static math_node *infix_words(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    if (parser_at_condition(p)) return leave(left, done);
    if (power < POWER_RATIO && token_is(t, "to") && parser_starts_operand(p, ahead(p, 1))) return reread(t, TOKEN_COLON, left);
    if (power >= POWER_UNIT || left->kind == MATH_TEXT || left->kind == MATH_WITH_UNIT) return leave(left, done);
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

static math_node *infix_sum(parser *p, math_node *left, int power, bool *done) {
    const token *t = here(p);
    if (power >= POWER_SUM) return leave(left, done);
    p->at++;
    math_node *n = parser_expression(p, POWER_SUM);
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
}

// An operator without meaning here.
static math_node *infix_binary(parser *p, math_node *left, int power, bool *done) {
    const token *t = here(p);
    if (power >= POWER_PRODUCT) return leave(left, done);
    p->at++;
    if (token_is(t, "oplus") && is_number_set(last_factor(left))) // \mathbb{Z} \oplus \mathbb{Z}_2
        return tree_binary(p->e, MATH_PRODUCT, left, parser_expression(p, POWER_PRODUCT));
    math_node *n = tree_binary(p->e, MATH_FUNCTION, left, parser_expression(p, POWER_PRODUCT));
    if (n) n->name = parser_keep(p, t);
    return n && n->name ? n : NULL;
}

// x^2, x^\circ, 7^{\text{th}}.
static math_node *infix_caret(parser *p, math_node *left, int power, bool *done) {
    bool handled;
    math_node *n = parser_raised_sign(p, left, &handled);
    if (handled) return n && n->kind == MATH_DEGREE ? parser_temperature(p, n) : n;
    if (power > POWER_CARET) return leave(left, done);
    p->at++;
    if (at_open(p, '{') && ahead(p, 1)->kind == TOKEN_WORD && is_close(ahead(p, 2), '{') && left->kind == MATH_NUMBER) {
        n = tree_unary(p->e, MATH_WITH_UNIT, left); // 7^{\text{th}}
        if (n) n->name = parser_keep(p, ahead(p, 1));
        p->at += 3;
        return n;
    }
    return tree_binary(p->e, MATH_POWER, left, exponent(p));
}

// A subscript behind something other than a bare name: \hat{\theta}_2, (a_n)_{n}.
static math_node *infix_subscript(parser *p, math_node *left, bool *done) {
    math_node *inner = left->kind == MATH_VECTOR ? left->children[0] : left;
    const char *base = inner->kind == MATH_SYMBOL ? inner->name : "";
    if (left->kind == MATH_NUMBER || left->kind == MATH_BASED) return leave(left, done);
    const char *name = parser_subscript(p, base);
    if (!name) return NULL;
    if (inner->kind == MATH_SYMBOL) {
        inner->name = name;
        return left;
    }
    math_node *n = tree_binary(p->e, MATH_FUNCTION, left, tree_named(p->e, MATH_SYMBOL, name));
    if (n) n->name = NAME_SUBSCRIPT;
    return n;
}

math_node *parser_infix(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    switch (t->kind) {
    case TOKEN_RELATION:
        if (power >= POWER_RELATION) break;
        if (parser_is_inch(p, 0)) {
            t->kind = TOKEN_WORD, t->text = "in", t->length = 2;
            return left;
        }
        return relation_chain(p, left);
    case TOKEN_OPEN:
        return infix_bracket(p, left, power, done);
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
        n = parser_expression(p, POWER_UNION);
        return tree_binary(p->e,
                           t->kind == TOKEN_CUP   ? MATH_UNION
                           : t->kind == TOKEN_CAP ? MATH_INTERSECTION
                                                  : MATH_DIFFERENCE,
                           left, n);
    case TOKEN_WORD:
    case TOKEN_CURRENCY:
        return infix_words(p, left, power, done);
    case TOKEN_PLUS:
    case TOKEN_MINUS:
    case TOKEN_PLUS_MINUS:
        return infix_sum(p, left, power, done);
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
        return infix_binary(p, left, power, done);
    case TOKEN_DIVIDE:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        return quotient(p, left);
    case TOKEN_CARET:
        return infix_caret(p, left, power, done);
    case TOKEN_UNDERSCORE:
        return infix_subscript(p, left, done);
    case TOKEN_BANG:
        if (power > POWER_POSTFIX) break;
        n = tree_unary(p->e, MATH_FACTORIAL, left);
        for (; n && at_kind(p, TOKEN_BANG); p->at++) n->integer++;
        return n;
    case TOKEN_PERCENT:
    case TOKEN_DEGREE:
        if (power > POWER_POSTFIX) break;
        if (t->kind == TOKEN_PERCENT && left->kind == MATH_PERCENT && !left->grouped)
            return parser_refuse(p, "a percent sign behind another one");
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
        return infix_factor(p, left, power, done);
    }
    return leave(left, done);
}
