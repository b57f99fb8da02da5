// Operands of the parser: arguments of commands, mixed numbers, functions, big operators, words. Names are in names.c. See
// parser.h.
#include <string.h>

#include "math/judge.h"
#include "math/literal.h"
#include "math/parser.h"
#include "math/words.h"

// What \frac, \binom and decorations take: a group, or one token, of a number its first digit.
math_node *parser_argument(parser *p, bool one_digit) {
    token *t = here(p);
    if (t->kind == TOKEN_OPEN && t->code == '{') return parser_group(p);
    if (t->kind == TOKEN_NUMBER) {
        if (one_digit && t->length > 1 && t->text[t->length - 1] == '.') t->length--; // \frac14.
        if (one_digit && t->length > 1 && t->text[0] != '.' && !memchr(t->text, '.', t->length)) {
            math_node *n = literal_node(p->e, t->text, 1);
            t->text++, t->length--, t->space = false;
            return n;
        }
        p->at++;
        return literal_node(p->e, t->text, t->length);
    }
    if (t->kind == TOKEN_NAME) { // one symbol: no subscript, no call
        p->at++;
        if (token_is(t, "emptyset")) return tree_node(p->e, MATH_SET, 0);
        return tree_named(p->e, MATH_SYMBOL, parser_keep(p, t));
    }
    if (!parser_starts_operand(p, t)) return parser_refuse(p, "an argument is missing");
    return parser_prefix(p);
}

bool parser_integer_literal(const math_node *n) {
    return n->kind == MATH_NUMBER && !n->decimal && fmpz_is_one(fmpq_denref(n->value));
}

// INT followed by a fraction of integer literals smaller than one is a mixed number. `whole` was read, p stands behind it.
math_node *parser_mixed_number(parser *p, math_node *whole) {
    if (!parser_integer_literal(whole)) return whole;
    token *t = here(p);
    size_t mark = p->at;
    math_node *top = NULL, *bottom = NULL;
    if (t->kind == TOKEN_FRACTION) {
        token *a = ahead(p, 1), first = *a; // argument() may cut a digit off either number: both are kept to read them again
        if (a->kind != TOKEN_NUMBER &&
            !(a->kind == TOKEN_OPEN && ahead(p, 2)->kind == TOKEN_NUMBER && is_close(ahead(p, 3), '{')))
            return whole;
        p->at++;
        top = parser_argument(p, true);
        token *b = here(p), second = *b;
        bool plausible =
            b->kind == TOKEN_NUMBER || (b->kind == TOKEN_OPEN && ahead(p, 1)->kind == TOKEN_NUMBER && is_close(ahead(p, 2), '{'));
        bottom = top && plausible ? parser_argument(p, true) : NULL;
        bool mixed = top && bottom && parser_integer_literal(top) && parser_integer_literal(bottom) &&
                     fmpq_cmp(top->value, bottom->value) < 0 && !fmpq_is_zero(top->value);
        if (!mixed) {
            *b = second, *a = first;
            p->at = mark;
            return whole;
        }
    } else if (t->kind == TOKEN_NUMBER && t->space && ahead(p, 1)->kind == TOKEN_DIVIDE && ahead(p, 2)->kind == TOKEN_NUMBER) {
        top = literal_node(p->e, t->text, t->length);
        bottom = literal_node(p->e, ahead(p, 2)->text, ahead(p, 2)->length);
        if (!top || !bottom) return NULL;
        if (!parser_integer_literal(top) || !parser_integer_literal(bottom) || fmpq_cmp(top->value, bottom->value) >= 0 ||
            fmpq_is_zero(top->value))
            return whole;
        p->at += 3;
    } else
        return whole;
    fmpq_t value;
    fmpq_init(value);
    fmpq_div(value, top->value, bottom->value);
    fmpq_add(value, value, whole->value);
    math_node *n = tree_number(p->e, value);
    fmpq_clear(value);
    return n;
}

// The number in front of C or P: _8C_3, {}_{8}C_{3}, {}^8P_3. Stands on the empty braces or the mark; NULL, and nothing read,
// where it is something else.
math_node *parser_selections(parser *p) {
    size_t mark = p->at;
    if (at_open(p, '{') && is_close(ahead(p, 1), '{')) p->at += 2;
    if (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_CARET)) {
        p->at++;
        math_node *n = at_kind(p, TOKEN_NUMBER) || at_kind(p, TOKEN_NAME) || at_open(p, '{') ? parser_argument(p, false) : NULL;
        const token *letter = here(p);
        bool chosen = n && letter->kind == TOKEN_NAME && (token_is(letter, "C") || token_is(letter, "P"));
        if (chosen && ahead(p, 1)->kind == TOKEN_UNDERSCORE) {
            p->at += 2;
            math_node *k = parser_argument(p, false);
            if (!k) return NULL;
            bool ordered = token_is(letter, "P");
            n = tree_binary(p->e, MATH_BINOMIAL, n, k);
            if (n) n->integer = ordered;
            return n;
        }
    }
    if (!p->failed && p->e->failure == STATUS_OK) p->at = mark;
    return NULL;
}

// Functions that may stand for a value of their own, in words: \dim = 3, 5 = \max.
static bool names_quantity(const char *name) {
    static const char *const computed[] = {"max", "min", "gcd", "lcm", "arg", NULL};
    return (!name_is_function(name) && strcmp(name, "cis") != 0) || word_in(computed, name, strlen(name));
}

// Whether `t`, just behind which the parser stands, is a whole side of a relation, or all there is.
static bool is_side(parser *p, const token *t) {
    bool begins = t == p->tokens || t[-1].kind == TOKEN_RELATION;
    return begins && ((at_kind(p, TOKEN_RELATION) && !parser_is_inch(p, 0)) || at_kind(p, TOKEN_END));
}

// In brackets or between bars, or what binds as a product up to the next function.
static math_node *function_arguments(parser *p) {
    if (at_open(p, '(') || at_open(p, '[') || at_open(p, '{') || at_open(p, 'S')) return parser_group(p);
    if (at_kind(p, TOKEN_BAR)) return parser_absolute(p, TOKEN_BAR);
    bool saved = p->stop_function;
    p->stop_function = true;
    math_node *argument = parser_starts_operand(p, here(p)) || at_kind(p, TOKEN_MINUS) || at_kind(p, TOKEN_FUNCTION)
                              ? parser_expression(p, POWER_IMPLICIT - 1)
                              : parser_refuse(p, "a function without argument");
    p->stop_function = saved;
    return argument;
}

// A function of what stood behind it; of a logarithm with its base.
static math_node *applied(math_expression *e, const char *name, math_node *arguments, math_node *base) {
    math_node *n;
    if (strcmp(name, "cis") == 0) // cos x + i sin x
        n = tree_binary(e, MATH_POWER, tree_named(e, MATH_SYMBOL, "e"),
                        tree_binary(e, MATH_PRODUCT, tree_named(e, MATH_SYMBOL, "i"), arguments));
    else if (strcmp(name, "abs") == 0)
        n = tree_unary(e, MATH_ABSOLUTE, arguments);
    else if (strcmp(name, "floor") == 0)
        n = tree_unary(e, MATH_FLOOR, arguments);
    else if (strcmp(name, "ceil") == 0)
        n = tree_unary(e, MATH_CEILING, arguments);
    else if (strcmp(name, "factorial") == 0) {
        n = tree_unary(e, MATH_FACTORIAL, arguments);
        if (n) n->integer = 1;
    } else if (base)
        n = tree_binary(e, MATH_FUNCTION, arguments, base);
    else if ((arguments->kind == MATH_TUPLE || arguments->kind == MATH_SET) && arguments->count) {
        n = tree_node(e, MATH_FUNCTION, arguments->count);
        if (n) memcpy(n->children, arguments->children, arguments->count * sizeof *n->children);
    } else
        n = tree_unary(e, MATH_FUNCTION, arguments);
    if (n && n->kind == MATH_FUNCTION) n->name = name;
    return n;
}

math_node *parser_function(parser *p) {
    token *t = here(p);
    const char *name = parser_keep(p, t);
    math_node *base = NULL, *power = NULL;
    p->at++;
    if (!name) return NULL;
    bool logarithm = strcmp(name, "log") == 0;
    while ((at_kind(p, TOKEN_UNDERSCORE) && !base) || (at_kind(p, TOKEN_CARET) && !power)) {
        if (at_kind(p, TOKEN_CARET)) {
            p->at++;
            power = parser_argument(p, false);
            if (!power) return NULL;
        } else if (logarithm) {
            p->at++;
            base = parser_argument(p, true);
            if (!base) return NULL;
        } else {
            name = parser_subscript(p, name);
            if (!name) return NULL;
        }
    }
    if (power && node_is_symbol(power, "top")) power->name = "T"; // as in other exponents
    if (logarithm && !base && !power && at_kind(p, TOKEN_NUMBER) && !here(p)->space &&
        (token_is(here(p), "2") || token_is(here(p), "10")) && ahead(p, 1)->kind == TOKEN_OPEN && ahead(p, 1)->code == '(' &&
        !ahead(p, 1)->space) { // log2(8)
        base = parser_argument(p, false);
        if (!base) return NULL;
    }
    if (!power && !base && is_side(p, t) && names_quantity(name)) return tree_named(p->e, MATH_TEXT, name);
    math_node *arguments = function_arguments(p);
    if (!arguments) return NULL;
    long inverse;
    static const char *const invertible[] = {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", NULL};
    if (power && node_small_integer(power, &inverse) && inverse == -1 && word_in(invertible, name, strlen(name))) { // \sin^{-1} x
        name = tree_join(p->e, "arc", name, ""), power = NULL;
        if (!name) return NULL;
    }
    math_node *n = applied(p->e, name, arguments, base);
    return power ? tree_binary(p->e, MATH_POWER, n, power) : n;
}

math_node *parser_big(parser *p) {
    const char *name = parser_keep(p, here(p));
    math_node *lower = NULL, *upper = NULL;
    p->at++;
    while (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_CARET)) {
        bool below = at_kind(p, TOKEN_UNDERSCORE);
        p->at++;
        bool negative = at_kind(p, TOKEN_MINUS);
        if (negative) p->at++;
        math_node *bound = parser_argument(p, true);
        if (negative) bound = tree_unary(p->e, MATH_NEGATE, bound);
        if (!bound) return NULL;
        if (below)
            lower = bound;
        else
            upper = bound;
    }
    math_node *body = parser_expression(p, POWER_PRODUCT - 1);
    math_node *n = body ? tree_node(p->e, MATH_BIG, 3) : NULL;
    if (n && !lower) lower = tree_node(p->e, MATH_NONE, 0);
    if (n && !upper) upper = tree_node(p->e, MATH_NONE, 0);
    if (!n || !lower || !upper) return NULL;
    n->name = name;
    n->children[0] = lower, n->children[1] = upper, n->children[2] = body;
    return n;
}

// kg m/s, kg m^2: a letter behind kilograms.
static bool is_unit_letter(const token *t, const buffer *text) {
    return t->kind == TOKEN_NAME && t->length == 1 && memchr("ms", t->text[0], 2) && text->length >= 2 &&
           memcmp(text->data + text->length - 2, "kg", 2) == 0 && (text->length == 2 || text->data[text->length - 3] == ' ');
}

// Bytes inside words that are no part of them; white space is told apart.
static bool is_dropped(unsigned char c) { return c == '$' || c == '\\' || (c < 32 && !strchr("\t\n\r", c)) || c == 0; }

// Words that follow each other, joined by single spaces, in lower case; a unit as it is written, with ^2 and /s behind it.
const char *parser_words(parser *p, bool unit) {
    buffer text = {0};
    status code = STATUS_OK;
    while (code == STATUS_OK) {
        token *t = here(p);
        if (unit && t->code == TOKEN_UPRIGHT && t->kind == TOKEN_NAME) t->kind = TOKEN_WORD;
        bool behind_slash = unit && text.length && text.data[text.length - 1] == '/' && t->kind == TOKEN_NAME;
        token_kind next = ahead(p, 1)->kind;
        bool inch = unit && text.length && parser_is_inch(p, 0);                                               // sq in
        bool article = unit && text.length && token_is(t, "a") && t->kind == TOKEN_NAME && next == TOKEN_WORD; // of a mile
        bool letter = unit && is_unit_letter(t, &text);
        bool word = t->kind == TOKEN_WORD || behind_slash || letter || inch || article ||
                    (t->kind == TOKEN_NAME && t->length == 1 && text.length && !unit && t->space && next != TOKEN_RELATION) ||
                    (t->kind == TOKEN_RELATION && t->code == MATH_IN && t->space && !unit && text.length);
        if (!word) break;
        if (text.length && text.data[text.length - 1] != '/') code = buffer_append_byte(&text, ' ');
        if (t->kind == TOKEN_RELATION) code = buffer_append_text(&text, "in");
        bool space = false;
        for (size_t i = 0; i < t->length && code == STATUS_OK && t->kind != TOKEN_RELATION; i++) {
            unsigned char c = (unsigned char)t->text[i];
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '~') {
                space = true;
                continue;
            }
            if (space) code = buffer_append_byte(&text, ' ');
            space = false;
            bool micro = unit && c == '\\' && t->length - i > 3 && memcmp(t->text + i, "\\mu ", 4) == 0;
            if (micro) c = 'u', i += 3; // \text{µm}
            if (is_dropped(c)) continue;
            size_t after = i + 1;
            while (after < t->length && is_dropped((unsigned char)t->text[after])) after++;
            bool alone = text.length && !lexer_is_letter(text.data[text.length - 1]) &&
                         (after == t->length || !lexer_is_letter(t->text[after]));
            bool lower = !unit && c >= 'A' && c <= 'Z' && !alone; // mJ is no MJ, angle b no angle B
            if (code == STATUS_OK) code = buffer_append_byte(&text, (char)(lower ? c + 32 : c));
        }
        p->at++;
        if (unit && code == STATUS_OK && at_kind(p, TOKEN_CARET)) {
            bool braces = ahead(p, 1)->kind == TOKEN_OPEN;
            bool minus = ahead(p, 1 + braces)->kind == TOKEN_MINUS;
            const token *power = ahead(p, 1 + braces + minus);
            if (power->kind == TOKEN_NUMBER && power->length == 1 && (!braces || is_close(ahead(p, 2 + braces + minus), '{'))) {
                code = buffer_printf(&text, minus ? "^-%c" : "^%c", power->text[0]);
                p->at += 2u + 2u * braces + minus;
            }
        }
        bool more = ahead(p, 1)->kind == TOKEN_WORD || ahead(p, 1)->code == TOKEN_UPRIGHT || is_unit_letter(ahead(p, 1), &text);
        if (unit && at_kind(p, TOKEN_TIMES) && more) p->at++; // m \cdot s^{-1}
        if (unit && code == STATUS_OK && at_kind(p, TOKEN_DIVIDE) &&
            (ahead(p, 1)->kind == TOKEN_WORD ||
             (ahead(p, 1)->kind == TOKEN_NAME && memchr("hsmgl", ahead(p, 1)->text[0], 5)))) { // km/h
            code = buffer_append_byte(&text, '/');
            p->at++;
        }
    }
    const char *kept = code == STATUS_OK ? tree_text(p->e, text.data ? text.data : "", text.length) : NULL;
    if (code != STATUS_OK) p->e->failure = code;
    buffer_free(&text);
    return kept;
}
