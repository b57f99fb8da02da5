// Names of the parser: symbols with their subscripts and primes, and calls of functions, known or not. See parser.h.
#include <stdio.h>
#include <string.h>

#include "math/number.h"
#include "math/parser.h"
#include "math/words.h"

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
                      (t->kind == TOKEN_BINARY && t->code) || (t->kind == TOKEN_BAR && first == 'P'); // P(A \cap B), P(A|B)
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

math_node *parser_primed(parser *p, math_node *n) {
    if (n->kind == MATH_SYMBOL) {
        const char *name = tree_join(p->e, n->name, "'", "");
        return name ? tree_named(p->e, MATH_SYMBOL, name) : NULL;
    }
    n = tree_unary(p->e, MATH_VECTOR, n);
    if (n) n->name = "prime";
    return n;
}

// y^{(3)}, which is y''': stands on the caret. The order of the derivative, 0 where it is an exponent.
static size_t derivative_order(parser *p) {
    const token *number = ahead(p, 3);
    bool marked = at_kind(p, TOKEN_CARET) && ahead(p, 1)->kind == TOKEN_OPEN && ahead(p, 1)->code == '{' &&
                  ahead(p, 2)->kind == TOKEN_OPEN && ahead(p, 2)->code == '(' && is_close(ahead(p, 4), '(') &&
                  is_close(ahead(p, 5), '{');
    return marked && number->kind == TOKEN_NUMBER && number->length == 1 ? (size_t)(number->text[0] - '0') : 0;
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
    size_t order;
    while (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_PRIME) || (order = derivative_order(p)) > 0) {
        if (at_kind(p, TOKEN_UNDERSCORE)) {
            name = parser_subscript(p, name);
            if (!name) return NULL;
        } else if (at_kind(p, TOKEN_PRIME)) {
            name = tree_join(p->e, name, "'", "");
            if (!name) return NULL;
            p->at++;
        } else {
            static const char primes[] = "'''''''''";
            name = tree_join(p->e, name, primes + sizeof primes - 1 - order, "");
            if (!name) return NULL;
            p->at += 6;
        }
    }
    if (strchr("fghFGH", name[0]) && at_kind(p, TOKEN_CARET) && ahead(p, 1)->kind == TOKEN_OPEN &&
        ahead(p, 2)->kind == TOKEN_MINUS && token_is(ahead(p, 3), "1") && is_close(ahead(p, 4), '{') &&
        ahead(p, 5)->kind == TOKEN_OPEN && ahead(p, 5)->code == '(') {
        const char *inverse = tree_join(p->e, name, "^-1", ""); // f^{-1}(x), the inverse function
        if (!inverse) return NULL;
        p->at += 5;
        return parser_call(p, inverse);
    }
    if (is_call(p, name, is_operator)) return parser_call(p, name);
    if (strcmp(name, "emptyset") == 0) return tree_node(p->e, MATH_SET, 0);
    math_node *symbol = tree_named(p->e, MATH_SYMBOL, name);
    if (strcmp(name, "mathbb Q") != 0 || !at_open(p, '(')) return symbol;
    math_node *generators = parser_group(p); // \mathbb{Q}(\sqrt2, \sqrt3): in any order
    if (generators && generators->kind == MATH_TUPLE) generators->kind = MATH_SET;
    return tree_binary(p->e, MATH_PRODUCT, symbol, generators);
}
