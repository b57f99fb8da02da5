// Operands of the parser: arguments of commands, mixed numbers, symbols and calls, functions, big operators, words. See parser.h.
#include <stdio.h>
#include <string.h>

#include "math/judge.h"
#include "math/literal.h"
#include "math/number.h"
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

static bool sign_begins(const token *t) {
    return t->kind == TOKEN_RELATION || t->kind == TOKEN_PLUS || t->kind == TOKEN_TIMES || t->kind == TOKEN_STAR;
}

const char *parser_indexed(parser *p, const char *base, const math_node *index) {
    buffer name = {0};
    bool bare = index->kind == MATH_NUMBER || index->kind == MATH_SYMBOL;
    status code = buffer_printf(&name, bare ? "%s_" : "%s_{", base);
    if (code == STATUS_OK)
        code = index->kind == MATH_SYMBOL ? buffer_append_text(&name, index->name) : math_print_node(index, &name);
    if (code == STATUS_OK && !bare) code = buffer_append_byte(&name, '}');
    // A subscript stands in the name of what it is below, and so does one below that: names may not grow with each.
    if (code == STATUS_OK && name.length > p->e->limits.bytes)
        code = status_set(STATUS_LIMIT, "a name with a subscript of %zu bytes", name.length);
    const char *kept = code == STATUS_OK ? tree_text(p->e, name.data, name.length) : NULL;
    if (code != STATUS_OK) p->e->failure = code;
    buffer_free(&name);
    return kept;
}

// The whole number that `n` says; `n` itself where it says none.
static math_node *with_value(parser *p, math_node *n) {
    fmpq_t value;
    fmpq_init(value);
    size_t steps = 1000;
    bool whole = number_evaluate(n, NULL, &steps, value) == VALUE_KNOWN && fmpz_is_one(fmpq_denref(value));
    if (whole && fmpz_bits(fmpq_numref(value)) < 62) n = tree_number(p->e, value);
    fmpq_clear(value);
    return n;
}

// x_{>0}, x_{+}, x_+: a subscript that begins with a sign is a part of the name as it is spelled.
static const char *signs_subscript(parser *p, const char *base) {
    buffer name = {0};
    status code = buffer_printf(&name, "%s_{", base);
    bool braces = at_open(p, '{');
    size_t begin = name.length, end = braces;
    for (; code == STATUS_OK && end < (braces ? 8 : 1) && !is_close(ahead(p, end), '{'); end++) {
        token_kind kind = ahead(p, end)->kind;
        if (kind == TOKEN_END || kind == TOKEN_OPEN || kind == TOKEN_BAD) break;
        code = token_spell(ahead(p, end), begin, &name);
    }
    bool closed = !braces || is_close(ahead(p, end), '{');
    if (code == STATUS_OK) code = buffer_append_byte(&name, '}');
    const char *kept = code == STATUS_OK && closed ? tree_text(p->e, name.data, name.length) : NULL;
    buffer_free(&name);
    if (code != STATUS_OK)
        p->e->failure = code;
    else if (!closed)
        parser_refuse(p, "a subscript that is not understood");
    else
        p->at += end + braces;
    return kept;
}

// The text of a subscript, as part of a symbol's name; NULL after a failure.
const char *parser_subscript(parser *p, const char *base) {
    p->at++; // the underscore
    if (at_kind(p, TOKEN_PLUS) || (at_open(p, '{') && sign_begins(ahead(p, 1)))) return signs_subscript(p, base);
    math_node *sub = at_kind(p, TOKEN_NUMBER) || at_kind(p, TOKEN_NAME) ? parser_argument(p, false) : NULL;
    if (!sub) {
        if (at_open(p, '{') && (ahead(p, 1)->kind == TOKEN_WORD || ahead(p, 1)->kind == TOKEN_FUNCTION) &&
            is_close(ahead(p, 2), '{')) { // x_{max}
            p->at++;
            sub = tree_named(p->e, MATH_SYMBOL, parser_keep(p, here(p)));
            p->at += 2;
        } else if (at_open(p, '{'))
            sub = parser_group(p);
        else if (at_kind(p, TOKEN_WORD))
            sub = tree_named(p->e, MATH_SYMBOL, parser_keep(p, here(p))), p->at++;
    }
    if (!sub) {
        parser_refuse(p, "a subscript is missing");
        return NULL;
    }
    sub = normal_form(p->e, sub);                        // a_{1+n} is a_{n+1}
    if (sub && sub->count > 0) sub = with_value(p, sub); // F_{2^6} is F_{64}
    if (!sub) return NULL;
    return parser_indexed(p, base, sub);
}

// Whether name( is a call: always for f, g, h, primed and long names and for letters that stood in \operatorname{}; for other
// letters where the argument looks like one.
static bool is_call(parser *p, const char *name, bool is_operator) {
    if (strcmp(name, "top") == 0) return false; // B^\top (B B^\top)^{-1}
    bool expectation = strcmp(name, "E") == 0 || strcmp(name, "mathbb E") == 0 || strcmp(name, "mathbb P") == 0;
    if (expectation && at_open(p, '[')) return true; // E[X]
    if (!at_open(p, '(')) return false;
    if (expectation) return true;
    if (strcmp(name, "e") == 0 || strcmp(name, "i") == 0 || strcmp(name, "pi") == 0 || strcmp(name, "infinity") == 0 ||
        strncmp(name, "mathbb", 6) == 0)
        return false;
    if (is_operator) return true;
    char first = name[0];
    bool letter = name[1] == 0 || name[1] == '_' || name[1] == '\'';
    if (strchr(name, '\'') || (letter && strchr("fghFGH", first))) return true;
    bool is_greek = word_in(words_greek, name, strcspn(name, "_'^"));
    if (!letter && !is_greek) return true; // rank(A), Gamma(x), phi(n)
    size_t depth = 0, i = 0;
    bool comma = false; // or a relation: P(X > 2)
    for (;; i++) {
        const token *t = ahead(p, i);
        if (t->kind == TOKEN_END) return false;
        if (t->kind == TOKEN_OPEN) depth++;
        if (t->kind == TOKEN_CLOSE && --depth == 0) break;
        bool events = t->kind == TOKEN_CUP || t->kind == TOKEN_CAP || t->kind == TOKEN_MID || t->kind == TOKEN_AND ||
                      (t->kind == TOKEN_BAR && first == 'P'); // P(A \cap B), P(A|B)
        bool relation = t->kind == TOKEN_RELATION && !parser_is_inch(p, i);
        if ((t->kind == TOKEN_COMMA || relation || events) && depth == 1) comma = true;
    }
    if (!is_close(ahead(p, i), '(')) return false; // a half-open interval is no list of arguments
    if (comma) return true;
    const token *argument = ahead(p, 1);
    bool capital = first >= 'A' && first <= 'Z' && letter;
    for (uint32_t k = 0; k < argument->length && argument->kind == TOKEN_NUMBER; k++) // J(0.5) is a product
        capital = capital && argument->text[k] >= '0' && argument->text[k] <= '9';
    bool empty = i == 3 && argument->kind == TOKEN_OPEN && argument->code == 'S'; // \{\}
    return empty || (i == 2 && (argument->kind == TOKEN_NAME || capital));
}

math_node *parser_call(parser *p, const char *name) {
    math_node *inside = parser_group(p);
    if (!inside) return NULL;
    bool many = (inside->kind == MATH_TUPLE || inside->kind == MATH_SET) && inside->count;
    if (many && inside->count == 2 && strcmp(name, "C") == 0 && parser_integer_literal(inside->children[0]) &&
        parser_integer_literal(inside->children[1])) // C(8, 3)
        return tree_binary(p->e, MATH_BINOMIAL, inside->children[0], inside->children[1]);
    math_node *n = tree_node(p->e, MATH_FUNCTION, many ? inside->count : 1);
    if (!n) return NULL;
    if (many)
        memcpy(n->children, inside->children, inside->count * sizeof *n->children);
    else
        n->children[0] = inside;
    n->name = name;
    return n;
}

// Words that can name a function: letters, joined by single spaces or hyphens, and no command in front.
static bool can_be_called(const char *text) {
    const char *canonical;
    int code;
    size_t first = strcspn(text, " ");
    if (text[first] && (word_font(text, first) != FONT_NONE || word_lookup(text, first, true, &canonical, &code) != TOKEN_BAD))
        return false;
    for (size_t i = 0; text[i]; i++) {
        bool letter = lexer_is_letter(text[i]) || (unsigned char)text[i] >= 0x80;
        bool joint = i && strchr(" -", text[i]) && (lexer_is_letter(text[i + 1]) || (unsigned char)text[i + 1] >= 0x80);
        if (!letter && !joint) return false;
    }
    return true;
}

math_node *parser_called_words(parser *p, const char *text) {
    const char *canonical = text;
    int code = 0;
    bool letter = lexer_is_letter(text[0]) && text[1] == 0;
    token_kind kind = letter ? TOKEN_NAME : word_lookup(text, strlen(text), true, &canonical, &code);
    if (kind != TOKEN_NAME && kind != TOKEN_FUNCTION)
        return can_be_called(text) ? parser_call(p, text) : parser_refuse(p, "brackets behind words");
    token *t = &p->tokens[--p->at];
    t->kind = kind, t->code = code, t->text = canonical, t->length = (uint32_t)strlen(canonical);
    return kind == TOKEN_NAME ? parser_name(p) : parser_function(p);
}

static const char *name_primed(parser *p, const char *name) {
    size_t length = strlen(name);
    char *primed = tree_take(p->e, length + 2);
    if (primed) memcpy(primed, name, length), primed[length] = '\'';
    return primed;
}

math_node *parser_primed(parser *p, math_node *n) {
    if (n->kind == MATH_SYMBOL) {
        const char *name = name_primed(p, n->name);
        return name ? tree_named(p->e, MATH_SYMBOL, name) : NULL;
    }
    n = tree_unary(p->e, MATH_VECTOR, n);
    if (n) n->name = "prime";
    return n;
}

math_node *parser_name(parser *p) {
    token *t = here(p);
    const char *name = parser_keep(p, t);
    bool is_operator = t->code == TOKEN_OPERATOR;
    p->at++;
    if (!name) return NULL;
    if (t->code == 'V') { // \angle ABC, \triangle ABC
        char vertices[24];
        int length = snprintf(vertices, sizeof vertices, "%s ", name);
        while (at_kind(p, TOKEN_NAME) && here(p)->length == 1 && length < 16) vertices[length++] = here(p)->text[0], p->at++;
        return tree_named(p->e, MATH_SYMBOL, tree_text(p->e, vertices, (size_t)length - (vertices[length - 1] == ' ')));
    }
    while (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_PRIME)) {
        if (at_kind(p, TOKEN_UNDERSCORE)) {
            name = parser_subscript(p, name);
            if (!name) return NULL;
        } else {
            name = name_primed(p, name);
            if (!name) return NULL;
            p->at++;
        }
    }
    if (strchr("fghFGH", name[0]) && at_kind(p, TOKEN_CARET) && ahead(p, 1)->kind == TOKEN_OPEN &&
        ahead(p, 2)->kind == TOKEN_MINUS && token_is(ahead(p, 3), "1") && is_close(ahead(p, 4), '{') &&
        ahead(p, 5)->kind == TOKEN_OPEN && ahead(p, 5)->code == '(') {
        size_t length = strlen(name); // f^{-1}(x), the inverse function
        char *inverse = tree_take(p->e, length + 4);
        if (!inverse) return NULL;
        memcpy(inverse, name, length), memcpy(inverse + length, "^-1", 3);
        p->at += 5;
        return parser_call(p, inverse);
    }
    if (is_call(p, name, is_operator)) return parser_call(p, name);
    if (strcmp(name, "emptyset") == 0) return tree_node(p->e, MATH_SET, 0);
    return tree_named(p->e, MATH_SYMBOL, name);
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
            if (!power) {
                if (p->failed || !at_kind(p, TOKEN_MINUS)) return parser_refuse(p, "an exponent is missing");
            }
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
    math_node *arguments = NULL;
    if (at_open(p, '(') || at_open(p, '[') || at_open(p, '{') || at_open(p, 'S')) {
        arguments = parser_group(p);
    } else if (at_kind(p, TOKEN_BAR)) {
        arguments = parser_absolute(p, TOKEN_BAR);
    } else {
        bool saved = p->stop_function;
        p->stop_function = true;
        if (!parser_starts_operand(p, here(p)) && !at_kind(p, TOKEN_MINUS) && !at_kind(p, TOKEN_FUNCTION)) {
            p->stop_function = saved;
            if (!power && !base && is_side(p, t) && names_quantity(name)) return tree_named(p->e, MATH_TEXT, name);
            return parser_refuse(p, "a function without argument");
        }
        arguments = parser_expression(p, POWER_IMPLICIT - 1);
        p->stop_function = saved;
    }
    if (!arguments) return NULL;
    long inverse;
    if (power && node_small_integer(power, &inverse) && inverse == -1) { // \sin^{-1} x
        static const char *const invertible[] = {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", NULL};
        for (size_t i = 0; invertible[i]; i++) {
            if (strcmp(invertible[i], name) != 0) continue;
            char *arc = tree_take(p->e, strlen(name) + 4);
            if (!arc) return NULL;
            memcpy(arc, "arc", 3), memcpy(arc + 3, name, strlen(name));
            name = arc, power = NULL;
            break;
        }
    }
    math_node *n = NULL;
    if (strcmp(name, "cis") == 0) // cos x + i sin x
        n = tree_binary(p->e, MATH_POWER, tree_named(p->e, MATH_SYMBOL, "e"),
                        tree_binary(p->e, MATH_PRODUCT, tree_named(p->e, MATH_SYMBOL, "i"), arguments));
    else if (strcmp(name, "abs") == 0)
        n = tree_unary(p->e, MATH_ABSOLUTE, arguments);
    else if (strcmp(name, "floor") == 0)
        n = tree_unary(p->e, MATH_FLOOR, arguments);
    else if (strcmp(name, "ceil") == 0)
        n = tree_unary(p->e, MATH_CEILING, arguments);
    else if (strcmp(name, "factorial") == 0) {
        n = tree_unary(p->e, MATH_FACTORIAL, arguments);
        if (n) n->integer = 1;
    } else if (base)
        n = tree_binary(p->e, MATH_FUNCTION, arguments, base);
    else if ((arguments->kind == MATH_TUPLE || arguments->kind == MATH_SET) && arguments->count) {
        n = tree_node(p->e, MATH_FUNCTION, arguments->count);
        if (n) memcpy(n->children, arguments->children, arguments->count * sizeof *n->children);
    } else
        n = tree_unary(p->e, MATH_FUNCTION, arguments);
    if (n && n->kind == MATH_FUNCTION) n->name = name;
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
            if (c == '$' || c == '\\' || c < 32) continue;
            bool alone = text.length && (i == 0 || !lexer_is_letter(t->text[i - 1])) &&
                         (i + 1 == t->length || !lexer_is_letter(t->text[i + 1]));
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
