// The parser: operator precedence by binding powers (Pratt 1973), over the whole token array.
//
//   modulus 5 < relations 10 < units 12 < ratio 15 < union, intersection, difference 20 < + - plus-minus 30 < times, / 40
//   < implicit product 45 < unary minus 50 < ^ 60 (right to left) < ! degree % prime 65 < subscript 70
//
// A function without parentheses takes the implicit product up to the next function. INT/INT in front of a factor is a
// coefficient (1/2x is x/2); any other a/bc is read as a/(bc) and marked ambiguous. Anything not understood ends the parse with a
// reason.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "math/lexer.h"
#include "math/literal.h"
#include "math/tree.h"

enum {
    POWER_MODULUS = 5,
    POWER_RELATION = 10,
    POWER_RATIO = 15,
    POWER_UNION = 20,
    POWER_UNIT = 12,
    POWER_SUM = 30,
    POWER_PRODUCT = 40,
    POWER_IMPLICIT = 45,
    POWER_MINUS = 50,
    POWER_CARET = 60,
    POWER_POSTFIX = 65
};

#define ITEMS_MAX 256 // of one list

typedef struct parser {
    math_expression *e;
    token *tokens;
    size_t count, at;
    size_t depth;
    int bars;           // absolute values that are open here
    bool in_set;        // directly inside set braces: a bar or colon means "such that"
    bool stop_function; // inside a function's bare argument: the next function ends it
    bool failed;
} parser;

static math_node *expression(parser *p, int power);
static math_node *prefix(parser *p);
static math_node *list(parser *p);
static math_node *group(parser *p);
static math_node *absolute(parser *p, token_kind kind);

static token *here(parser *p) { return &p->tokens[p->at]; }
static token *ahead(parser *p, size_t n) { return &p->tokens[p->at + n < p->count ? p->at + n : p->count - 1]; }
static bool at_kind(parser *p, token_kind kind) { return here(p)->kind == kind; }
static bool at_open(parser *p, int code) { return here(p)->kind == TOKEN_OPEN && here(p)->code == code; }
static bool is_close(const token *t, int code) { return t->kind == TOKEN_CLOSE && t->code == code; }

static math_node *refuse(parser *p, const char *what) {
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
static bool starts_operand(const parser *p, const token *t) {
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
        return p->bars == 0 && !p->in_set;
    default:
        return false;
    }
}

static const char *keep(parser *p, const token *t) { return tree_text(p->e, t->text, t->length); }

// What \frac, \binom and decorations take: a group, or one token, of a number its first digit.
static math_node *argument(parser *p, bool one_digit) {
    token *t = here(p);
    if (t->kind == TOKEN_OPEN && t->code == '{') return group(p);
    if (t->kind == TOKEN_NUMBER) {
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
        return tree_named(p->e, MATH_SYMBOL, keep(p, t));
    }
    if (!starts_operand(p, t)) return refuse(p, "an argument is missing");
    return prefix(p);
}

static bool integer_literal(const math_node *n) {
    return n->kind == MATH_NUMBER && n->places < 0 && fmpz_is_one(fmpq_denref(n->value));
}

// INT followed by a fraction of integer literals smaller than one is a mixed number. `whole` was read, p stands behind it.
static math_node *mixed_number(parser *p, math_node *whole) {
    if (!integer_literal(whole)) return whole;
    token *t = here(p);
    size_t mark = p->at;
    math_node *top = NULL, *bottom = NULL;
    if (t->kind == TOKEN_FRACTION) {
        token *a = ahead(p, 1), first = *a; // argument() may cut a digit off either number: both are kept to read them again
        if (a->kind != TOKEN_NUMBER &&
            !(a->kind == TOKEN_OPEN && ahead(p, 2)->kind == TOKEN_NUMBER && is_close(ahead(p, 3), '{')))
            return whole;
        p->at++;
        top = argument(p, true);
        token *b = here(p), second = *b;
        bool plausible =
            b->kind == TOKEN_NUMBER || (b->kind == TOKEN_OPEN && ahead(p, 1)->kind == TOKEN_NUMBER && is_close(ahead(p, 2), '{'));
        bottom = top && plausible ? argument(p, true) : NULL;
        bool mixed = top && bottom && integer_literal(top) && integer_literal(bottom) &&
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
        if (!integer_literal(top) || !integer_literal(bottom) || fmpq_cmp(top->value, bottom->value) >= 0 ||
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

static bool sign_begins(const token *t) {
    return t->kind == TOKEN_RELATION || t->kind == TOKEN_PLUS || t->kind == TOKEN_TIMES || t->kind == TOKEN_STAR;
}

static status token_append(const token *t, buffer *out) {
    if (t->kind == TOKEN_RELATION) return buffer_append_byte(out, (char)t->code);
    if (t->kind == TOKEN_PLUS) return buffer_append_byte(out, '+');
    if (t->kind == TOKEN_MINUS) return buffer_append_byte(out, '-');
    if (t->kind == TOKEN_TIMES || t->kind == TOKEN_STAR) return buffer_append_byte(out, '*');
    return buffer_append(out, t->text, t->length);
}

// The text of a subscript, as part of a symbol's name; NULL after a failure.
static const char *subscripted(parser *p, const char *base) {
    p->at++; // the underscore
    math_node *sub = at_kind(p, TOKEN_NUMBER) || at_kind(p, TOKEN_NAME) ? argument(p, false) : NULL;
    if (!sub) {
        if (at_open(p, '{') && ahead(p, 1)->kind == TOKEN_WORD && is_close(ahead(p, 2), '{')) {
            p->at++;
            sub = tree_named(p->e, MATH_SYMBOL, keep(p, here(p)));
            p->at += 2;
        } else if (at_open(p, '{') && sign_begins(ahead(p, 1))) { // x_{>0}, x_{+}: the signs are part of the name
            size_t end = 1;
            while (end < 8 && ahead(p, end)->kind != TOKEN_END && ahead(p, end)->kind != TOKEN_OPEN &&
                   !is_close(ahead(p, end), '{'))
                end++;
            if (!is_close(ahead(p, end), '{')) {
                refuse(p, "a subscript that is not understood");
                return NULL;
            }
            buffer signs = {0};
            status copied = STATUS_OK;
            for (size_t i = 1; i < end && copied == STATUS_OK; i++) copied = token_append(ahead(p, i), &signs);
            sub = copied == STATUS_OK ? tree_named(p->e, MATH_SYMBOL, tree_text(p->e, buffer_text(&signs), signs.length)) : NULL;
            buffer_free(&signs);
            if (copied != STATUS_OK) p->e->failure = copied;
            p->at += end + 1;
        } else if (at_open(p, '{'))
            sub = group(p);
        else if (at_kind(p, TOKEN_WORD))
            sub = tree_named(p->e, MATH_SYMBOL, keep(p, here(p))), p->at++;
    }
    if (!sub) {
        refuse(p, "a subscript is missing");
        return NULL;
    }
    buffer name = {0};
    status code = buffer_printf(&name, sub->kind == MATH_NUMBER || sub->kind == MATH_SYMBOL ? "%s_" : "%s_{", base);
    if (code == STATUS_OK) code = math_print_node(sub, &name);
    if (code == STATUS_OK && sub->kind != MATH_NUMBER && sub->kind != MATH_SYMBOL) code = buffer_append_byte(&name, '}');
    const char *kept = code == STATUS_OK ? tree_text(p->e, name.data, name.length) : NULL;
    if (code != STATUS_OK) p->e->failure = code;
    buffer_free(&name);
    return kept;
}

// Whether name( is a call: always for f, g, h, primed and long names; for other letters where the argument looks like one.
static bool is_call(parser *p, const char *name) {
    if (!at_open(p, '(')) return false;
    if (strcmp(name, "e") == 0 || strcmp(name, "i") == 0 || strcmp(name, "pi") == 0 || strcmp(name, "infinity") == 0 ||
        strncmp(name, "mathbb", 6) == 0)
        return false;
    char first = name[0];
    bool letter = name[1] == 0 || name[1] == '_' || name[1] == '\'';
    if (strchr(name, '\'') || (letter && strchr("fghFGH", first))) return true;
    static const char *const greek[] = {"alpha", "beta",  "gamma", "delta", "theta",   "lambda", "mu",
                                        "rho",   "sigma", "tau",   "omega", "epsilon", NULL};
    bool is_greek = false;
    for (size_t i = 0; greek[i]; i++) is_greek |= strncmp(greek[i], name, strlen(greek[i])) == 0;
    if (!letter && !is_greek) return true; // rank(A), Gamma(x), phi(n)
    size_t depth = 0, i = 0;
    bool comma = false;
    for (;; i++) {
        const token *t = ahead(p, i);
        if (t->kind == TOKEN_END) return false;
        if (t->kind == TOKEN_OPEN) depth++;
        if (t->kind == TOKEN_CLOSE && --depth == 0) break;
        if (t->kind == TOKEN_COMMA && depth == 1) comma = true;
    }
    if (comma) return true;
    return i == 2 && (ahead(p, 1)->kind == TOKEN_NAME || (first >= 'A' && first <= 'Z' && letter));
}

static math_node *call(parser *p, const char *name) {
    math_node *inside = group(p);
    if (!inside) return NULL;
    bool many = inside->kind == MATH_TUPLE || inside->kind == MATH_SET;
    math_node *n = tree_node(p->e, MATH_FUNCTION, many ? inside->count : 1);
    if (!n) return NULL;
    if (many)
        memcpy(n->children, inside->children, inside->count * sizeof *n->children);
    else
        n->children[0] = inside;
    n->name = name;
    return n;
}

static math_node *name_operand(parser *p) {
    token *t = here(p);
    const char *name = keep(p, t);
    p->at++;
    if (!name) return NULL;
    while (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_PRIME)) {
        if (at_kind(p, TOKEN_UNDERSCORE)) {
            name = subscripted(p, name);
            if (!name) return NULL;
        } else {
            size_t length = strlen(name);
            char *primed = tree_take(p->e, length + 2);
            if (!primed) return NULL;
            memcpy(primed, name, length), primed[length] = '\'';
            name = primed;
            p->at++;
        }
    }
    if (is_call(p, name)) return call(p, name);
    if (strcmp(name, "emptyset") == 0) return tree_node(p->e, MATH_SET, 0);
    return tree_named(p->e, MATH_SYMBOL, name);
}

static math_node *exponent(parser *p) { // behind the caret
    if (at_open(p, '{')) return group(p);
    return expression(p, POWER_CARET);
}

static math_node *function_operand(parser *p) {
    token *t = here(p);
    const char *name = keep(p, t);
    math_node *base = NULL, *power = NULL;
    p->at++;
    if (!name) return NULL;
    bool logarithm = strcmp(name, "log") == 0;
    while ((at_kind(p, TOKEN_UNDERSCORE) && !base) || (at_kind(p, TOKEN_CARET) && !power)) {
        if (at_kind(p, TOKEN_CARET)) {
            p->at++;
            power = argument(p, false);
            if (!power) {
                if (p->failed || !at_kind(p, TOKEN_MINUS)) return refuse(p, "an exponent is missing");
            }
        } else if (logarithm) {
            p->at++;
            base = argument(p, true);
            if (!base) return NULL;
        } else {
            name = subscripted(p, name);
            if (!name) return NULL;
        }
    }
    math_node *arguments = NULL;
    if (at_open(p, '(') || at_open(p, '[') || at_open(p, '{') || at_open(p, 'S')) {
        arguments = group(p);
    } else if (at_kind(p, TOKEN_BAR)) {
        arguments = absolute(p, TOKEN_BAR);
    } else {
        bool saved = p->stop_function;
        p->stop_function = true;
        if (!starts_operand(p, here(p)) && !at_kind(p, TOKEN_MINUS) && !at_kind(p, TOKEN_FUNCTION)) {
            p->stop_function = saved;
            return refuse(p, "a function without argument");
        }
        arguments = expression(p, POWER_IMPLICIT - 1);
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
    if (strcmp(name, "abs") == 0)
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

// The items up to something that is no separator. One item without separator is returned as it is.
static math_node *list(parser *p) {
    math_node *items[ITEMS_MAX];
    size_t count = 0;
    int separator = 0;
    for (;;) {
        if (count == ITEMS_MAX) {
            p->e->failure = status_set(STATUS_LIMIT, "a list of more than %d members", ITEMS_MAX);
            return NULL;
        }
        math_node *item = expression(p, 0);
        if (!item) return NULL;
        items[count++] = item;
        token_kind kind = here(p)->kind;
        if (kind == TOKEN_COMMA || kind == TOKEN_SEMICOLON) {
            p->at++;
            if (!separator) separator = ',';
            if (at_kind(p, TOKEN_AND) || at_kind(p, TOKEN_OR)) {
                separator = at_kind(p, TOKEN_AND) ? 'a' : 'o';
                p->at++;
            }
        } else if (kind == TOKEN_AND || kind == TOKEN_OR) {
            separator = kind == TOKEN_AND ? 'a' : 'o';
            p->at++;
        } else
            break;
    }
    if (count == 1) return items[0];
    math_node *n = tree_node(p->e, MATH_LIST, count);
    if (!n) return NULL;
    memcpy(n->children, items, count * sizeof *items);
    n->integer = separator;
    return n;
}

// Everything between an opening token and its closing one.
static math_node *group(parser *p) {
    int open = here(p)->code;
    int bars = p->bars;
    bool in_set = p->in_set, stop = p->stop_function;
    p->at++;
    p->bars = 0, p->stop_function = false, p->in_set = open == 'S' || open == '{';
    math_node *inside = NULL, *n = NULL;
    if (at_kind(p, TOKEN_CLOSE)) {
        if (open != 'S' || here(p)->code != 'S') return refuse(p, "empty brackets");
        p->at++;
        p->bars = bars, p->in_set = in_set, p->stop_function = stop;
        return tree_node(p->e, MATH_SET, 0);
    }
    inside = list(p);
    if (!inside) return NULL;
    if (p->in_set && (at_kind(p, TOKEN_BAR) || at_kind(p, TOKEN_MID) || at_kind(p, TOKEN_COLON))) {
        p->at++, p->in_set = false;
        math_node *condition = list(p);
        inside = tree_binary(p->e, MATH_SUCH_THAT, inside, condition);
        if (!inside) return NULL;
    }
    p->bars = bars, p->in_set = in_set, p->stop_function = stop;
    if (!at_kind(p, TOKEN_CLOSE)) return refuse(p, "a closing bracket is missing");
    int close = here(p)->code;
    p->at++;
    bool several = inside->kind == MATH_LIST && !inside->grouped;
    if ((open == '(' && close == '[') || (open == '[' && close == '(')) {
        if (!several || inside->count != 2) return refuse(p, "brackets do not match");
        n = tree_binary(p->e, MATH_INTERVAL, inside->children[0], inside->children[1]);
        if (n) n->open_left = open == '(', n->open_right = close == '(';
        return n;
    }
    if (open != close) return refuse(p, "brackets do not match");
    if (open == 'F' || open == 'C')
        return several ? refuse(p, "a list in floor or ceiling")
                       : tree_unary(p->e, open == 'F' ? MATH_FLOOR : MATH_CEILING, inside);
    if (inside->kind == MATH_SUCH_THAT && (open == 'S' || open == '{')) return inside;
    if (several) {
        inside->kind = open == '(' || open == '<' ? MATH_TUPLE : open == '[' ? MATH_BRACKETS : MATH_SET;
        return inside;
    }
    if (open == 'S') return tree_unary(p->e, MATH_SET, inside);
    if (open == '<') return tree_unary(p->e, MATH_TUPLE, inside);
    inside->grouped = true;
    return inside;
}

static math_node *absolute(parser *p, token_kind kind) {
    bool in_set = p->in_set, stop = p->stop_function;
    p->at++;
    p->bars++, p->in_set = false, p->stop_function = false;
    math_node *inside = expression(p, 0);
    p->bars--, p->in_set = in_set, p->stop_function = stop;
    if (!inside) return NULL;
    if (kind == TOKEN_BAR && at_kind(p, TOKEN_DOUBLE_BAR))
        here(p)->kind = TOKEN_BAR; // two closing bars in a row: one is left
    else if (at_kind(p, kind))
        p->at++;
    else
        return refuse(p, "a closing bar is missing");
    if (kind == TOKEN_BAR) return tree_unary(p->e, MATH_ABSOLUTE, inside);
    math_node *n = tree_unary(p->e, MATH_VECTOR, inside);
    if (n) n->name = "norm";
    return n;
}

static bool env_is(const token *t, const char *const *names) {
    for (; *names; names++)
        if (token_is(t, *names)) return true;
    return false;
}

static const char *const env_matrix[] = {"pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix",
                                         "array",   "vmatrix", "Vmatrix", NULL};
static const char *const env_rows[] = {"cases",   "align",    "align*",   "aligned",   "alignat",  "gather",
                                       "gather*", "gathered", "equation", "equation*", "eqnarray", "eqnarray*",
                                       "split",   "dcases",   "multline", NULL};

static math_node *environment(parser *p) {
    token name = *here(p);
    bool matrix = env_is(&name, env_matrix);
    if (!matrix && !env_is(&name, env_rows)) return refuse(p, "an unknown environment");
    math_node *cells[ITEMS_MAX];
    size_t count = 0, rows = 0, columns = 0, column = 0;
    int bars = p->bars;
    bool in_set = p->in_set, stop = p->stop_function;
    p->bars = 0, p->in_set = false, p->stop_function = false;
    p->at++;
    for (;;) {
        if (at_kind(p, TOKEN_FINISH) && column == 0 && rows) break;
        if (count == ITEMS_MAX) {
            p->e->failure = status_set(STATUS_LIMIT, "a matrix of more than %d elements", ITEMS_MAX);
            return NULL;
        }
        math_node *cell = matrix || token_is(&name, "cases") || token_is(&name, "dcases") ? expression(p, 0) : list(p);
        if (!cell) return NULL;
        cells[count++] = cell, column++;
        while (!matrix && (at_kind(p, TOKEN_COMMA) || at_kind(p, TOKEN_SEMICOLON))) p->at++;
        if (at_kind(p, TOKEN_AMPERSAND)) {
            p->at++;
            continue;
        }
        if (!at_kind(p, TOKEN_ROW) && !at_kind(p, TOKEN_FINISH)) return refuse(p, "a row of a matrix does not end");
        rows++;
        if (rows > 1 && column != columns) return refuse(p, "rows of different lengths");
        columns = column, column = 0;
        if (at_kind(p, TOKEN_FINISH)) break;
        p->at++;
    }
    p->bars = bars, p->in_set = in_set, p->stop_function = stop;
    if (here(p)->length != name.length || memcmp(here(p)->text, name.text, name.length) != 0)
        return refuse(p, "an environment ends under another name");
    p->at++;
    if (!matrix && columns == 1 && rows == 1) return cells[0];
    math_node *n = tree_node(p->e, matrix || columns > 1 ? MATH_MATRIX : MATH_LIST, count);
    if (!n) return NULL;
    memcpy(n->children, cells, count * sizeof *cells);
    n->integer = n->kind == MATH_MATRIX ? (int)rows : 'a';
    if (!matrix && columns > 1) n->name = "cases";
    if (token_is(&name, "vmatrix")) {
        n = tree_unary(p->e, MATH_FUNCTION, n);
        if (n) n->name = "det";
    }
    return n;
}

static math_node *big_operator(parser *p) {
    const char *name = keep(p, here(p));
    math_node *lower = NULL, *upper = NULL;
    p->at++;
    while (at_kind(p, TOKEN_UNDERSCORE) || at_kind(p, TOKEN_CARET)) {
        bool below = at_kind(p, TOKEN_UNDERSCORE);
        p->at++;
        bool negative = at_kind(p, TOKEN_MINUS);
        if (negative) p->at++;
        math_node *bound = argument(p, true);
        if (negative) bound = tree_unary(p->e, MATH_NEGATE, bound);
        if (!bound) return NULL;
        if (below)
            lower = bound;
        else
            upper = bound;
    }
    math_node *body = expression(p, POWER_PRODUCT - 1);
    math_node *n = body ? tree_node(p->e, MATH_BIG, 3) : NULL;
    if (n && !lower) lower = tree_node(p->e, MATH_NONE, 0);
    if (n && !upper) upper = tree_node(p->e, MATH_NONE, 0);
    if (!n || !lower || !upper) return NULL;
    n->name = name;
    n->children[0] = lower, n->children[1] = upper, n->children[2] = body;
    return n;
}

// Words that follow each other, joined by single spaces in lower case; with ^2 and /s behind them.
static const char *words(parser *p, bool unit) {
    buffer text = {0};
    status code = STATUS_OK;
    while (code == STATUS_OK) {
        token *t = here(p);
        bool behind_slash = unit && text.length && text.data[text.length - 1] == '/' && t->kind == TOKEN_NAME;
        bool word = t->kind == TOKEN_WORD || behind_slash ||
                    (t->kind == TOKEN_NAME && t->length == 1 && text.length && !unit && t->space) ||
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
            if (c == '$' || c == '\\' || c < 32) continue;
            if (code == STATUS_OK) code = buffer_append_byte(&text, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
        }
        p->at++;
        if (unit && code == STATUS_OK && at_kind(p, TOKEN_CARET)) {
            token *a = ahead(p, 1), *b = ahead(p, 2);
            if (a->kind == TOKEN_NUMBER && a->length == 1) {
                code = buffer_printf(&text, "^%c", a->text[0]);
                p->at += 2;
            } else if (a->kind == TOKEN_OPEN && b->kind == TOKEN_NUMBER && b->length == 1 && is_close(ahead(p, 3), '{')) {
                code = buffer_printf(&text, "^%c", b->text[0]);
                p->at += 4;
            }
        }
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

static math_node *prefix(parser *p) {
    token *t = here(p);
    math_node *a, *b;
    switch (t->kind) {
    case TOKEN_NUMBER: {
        p->at++;
        if (at_kind(p, TOKEN_UNDERSCORE) && !t->plain) { // digits in a base
            for (size_t i = 0; i < t->length; i++)
                if (t->text[i] < '0' || t->text[i] > '9') return refuse(p, "a base under a number that is not whole");
            p->at++;
            math_node *base = argument(p, false);
            long value;
            if (!base) return NULL;
            if (base->kind == MATH_TEXT && strcmp(base->name, "ten") == 0)
                value = 10;
            else if (!node_small_integer(base, &value) || value < 2 || value > 36)
                return refuse(p, "a base that is not between 2 and 36");
            math_node *n = tree_named(p->e, MATH_BASED, keep(p, t));
            if (n) n->integer = (int)value;
            return n;
        }
        a = literal_node(p->e, t->text, t->length);
        return a ? mixed_number(p, a) : NULL;
    }
    case TOKEN_NAME:
        return name_operand(p);
    case TOKEN_FUNCTION:
        return function_operand(p);
    case TOKEN_OPEN: {
        a = group(p);
        long digits;
        if (a && a->grouped && at_kind(p, TOKEN_UNDERSCORE) && t->code == '(' && node_small_integer(a, &digits) && digits >= 0) {
            p->at++;
            math_node *base = argument(p, false);
            long value;
            if (!base || !node_small_integer(base, &value) || value < 2 || value > 36)
                return refuse(p, "a base that is not between 2 and 36");
            char text[24];
            int length = snprintf(text, sizeof text, "%ld", digits);
            a = tree_named(p->e, MATH_BASED, tree_text(p->e, text, (size_t)length));
            if (a) a->integer = (int)value;
        }
        return a;
    }
    case TOKEN_MINUS:
        p->at++;
        return tree_unary(p->e, MATH_NEGATE, expression(p, POWER_MINUS));
    case TOKEN_PLUS:
        p->at++;
        return expression(p, POWER_MINUS);
    case TOKEN_PLUS_MINUS:
        p->at++;
        return tree_unary(p->e, MATH_PLUS_MINUS, expression(p, POWER_SUM));
    case TOKEN_FRACTION:
        p->at++;
        a = argument(p, true);
        b = a ? argument(p, true) : NULL;
        a = tree_binary(p->e, MATH_QUOTIENT, a, b);
        if (a) a->grouped = true;
        return a;
    case TOKEN_BINOMIAL:
        p->at++;
        a = argument(p, true);
        b = a ? argument(p, true) : NULL;
        return tree_binary(p->e, MATH_BINOMIAL, a, b);
    case TOKEN_ROOT: {
        math_node *index = NULL;
        p->at++;
        if (t->code == 3)
            index = tree_integer(p->e, 3);
        else if (at_open(p, '[')) {
            p->at++;
            index = expression(p, 0);
            if (!index) return NULL;
            if (!is_close(here(p), '[')) return refuse(p, "a root's index does not end");
            p->at++;
        } else
            index = tree_integer(p->e, 2);
        if (!index) return NULL;
        a = at_open(p, '(') || at_open(p, 'S') ? group(p) : argument(p, false);
        return tree_binary(p->e, MATH_ROOT, a, index);
    }
    case TOKEN_BIG:
        return big_operator(p);
    case TOKEN_DECORATION: {
        const char *name = keep(p, t);
        p->at++;
        a = at_open(p, '(') ? group(p) : argument(p, true);
        a = tree_unary(p->e, MATH_VECTOR, a);
        if (a) a->name = name;
        return a;
    }
    case TOKEN_BEGIN:
        return environment(p);
    case TOKEN_BAR:
    case TOKEN_DOUBLE_BAR:
        return absolute(p, t->kind);
    case TOKEN_DOTS:
        p->at++;
        return tree_named(p->e, MATH_SYMBOL, "dots");
    case TOKEN_CURRENCY:
        p->at++;
        a = tree_unary(p->e, MATH_WITH_UNIT, expression(p, POWER_IMPLICIT));
        if (a) a->name = keep(p, t);
        return a;
    case TOKEN_WORD: {
        const char *text = words(p, false);
        if (!text) return NULL;
        if (at_open(p, '(')) return call(p, text);
        return tree_named(p->e, MATH_TEXT, text);
    }
    case TOKEN_BINARY:
        if (token_is(t, "circ")) { // a lone degree sign or composition: nothing to hold on to
            return refuse(p, "a circle without a number");
        }
        return refuse(p, "an operator without left side");
    case TOKEN_BAD:
        return refuse(p, "something that is no mathematics");
    case TOKEN_END:
        return refuse(p, "something is missing");
    default:
        return refuse(p, "an unexpected sign");
    }
}

// x^\circ, x^{\circ}, x^*, x^+, x^\prime: raised signs that are no exponents. Stands on the caret.
static math_node *raised_sign(parser *p, math_node *left, bool *handled) {
    bool braces = ahead(p, 1)->kind == TOKEN_OPEN && ahead(p, 1)->code == '{';
    token *sign = ahead(p, braces ? 2 : 1);
    bool closed = !braces || is_close(ahead(p, 3), '{');
    *handled = false;
    const char *name = NULL;
    if (sign->kind == TOKEN_STAR || sign->kind == TOKEN_TIMES)
        name = "star";
    else if (sign->kind == TOKEN_PRIME)
        name = "prime";
    else if (sign->kind == TOKEN_PLUS && (braces ? closed : !starts_operand(p, ahead(p, 2))))
        name = "plus";
    else if (sign->kind == TOKEN_MINUS &&
             (braces ? closed : !starts_operand(p, ahead(p, 2)) && ahead(p, 2)->kind != TOKEN_FUNCTION))
        name = "minus";
    bool degree = (sign->kind == TOKEN_BINARY && token_is(sign, "circ")) || sign->kind == TOKEN_DEGREE;
    if (!closed || (!name && !degree)) return left;
    *handled = true;
    p->at += braces ? 4 : 2;
    math_node *n = tree_unary(p->e, degree ? MATH_DEGREE : MATH_VECTOR, left);
    if (n) n->name = name;
    return n;
}

static math_node *quotient(parser *p, math_node *left) { // behind the slash
    math_node *right = expression(p, POWER_IMPLICIT);
    if (!right) return NULL;
    bool coefficient = integer_literal(left) && integer_literal(right) && !right->grouped;
    if (!coefficient && starts_operand(p, here(p)) && !here(p)->space) {
        bool number = here(p)->kind == TOKEN_NUMBER;
        if (number) return refuse(p, "two numbers next to each other");
    }
    if (coefficient || !starts_operand(p, here(p))) return tree_binary(p->e, MATH_QUOTIENT, left, right);
    while (right && starts_operand(p, here(p))) right = tree_binary(p->e, MATH_PRODUCT, right, expression(p, POWER_IMPLICIT));
    math_node *n = tree_binary(p->e, MATH_QUOTIENT, left, right);
    if (n) n->ambiguous = true;
    return n;
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
        operands[count] = expression(p, POWER_RELATION);
        if (!operands[count]) return NULL;
        count++;
    }
    math_node *n = tree_node(p->e, MATH_RELATION, count);
    if (!n) return NULL;
    memcpy(n->children, operands, count * sizeof *operands);
    n->operators = tree_text(p->e, operators, count - 1);
    return n->operators ? n : NULL;
}

static math_node *ratio(parser *p, math_node *left) {
    math_node *parts[16];
    size_t count = 1;
    parts[0] = left;
    while (at_kind(p, TOKEN_COLON)) {
        if (count == 16) return refuse(p, "a ratio of too many parts");
        p->at++;
        parts[count] = expression(p, POWER_RATIO);
        if (!parts[count++]) return NULL;
    }
    math_node *n = tree_node(p->e, MATH_RATIO, count);
    if (n) memcpy(n->children, parts, count * sizeof *parts);
    return n;
}

// Whether the bars from here to the end of the brackets cannot be pairs.
static bool odd_bars(parser *p) {
    size_t depth = 0, bars = 0;
    for (size_t i = 0;; i++) {
        const token *t = ahead(p, i);
        if (t->kind == TOKEN_OPEN) depth++;
        if (t->kind == TOKEN_CLOSE && depth-- == 0) break;
        if (t->kind == TOKEN_BAR && depth == 0) bars++;
        if (t->kind == TOKEN_END) break;
    }
    return bars % 2 == 1;
}

static bool set_like(const math_node *n) {
    return n->kind == MATH_TUPLE || n->kind == MATH_INTERVAL || n->kind == MATH_BRACKETS || n->kind == MATH_UNION ||
           n->kind == MATH_SET;
}

// One step to the right of `left`, or *done when nothing there binds more tightly than `power`.
static math_node *infix(parser *p, math_node *left, int power, bool *done) {
    token *t = here(p);
    math_node *n;
    switch (t->kind) {
    case TOKEN_RELATION: {
        if (power >= POWER_RELATION) break;
        token_kind next = ahead(p, 1)->kind;
        if (t->code == MATH_IN &&
            (next == TOKEN_END || next == TOKEN_COMMA || next == TOKEN_CLOSE || next == TOKEN_CARET)) { // 5 in
            t->kind = TOKEN_WORD, t->text = "in", t->length = 2;
            return left;
        }
        return relation_chain(p, left);
    }
    case TOKEN_MODULUS:
        if (power >= (t->code == 'p' ? POWER_MODULUS : POWER_PRODUCT)) break;
        p->at++;
        n = tree_binary(p->e, MATH_FUNCTION, left, t->code == 'p' ? argument(p, false) : expression(p, POWER_PRODUCT));
        if (n) n->name = t->code == 'p' ? "pmod" : "mod";
        return n;
    case TOKEN_COLON:
        if (power >= POWER_RATIO || p->in_set) break;
        return ratio(p, left);
    case TOKEN_CUP:
    case TOKEN_CAP:
    case TOKEN_SETMINUS:
        if (power >= POWER_UNION) break;
        p->at++;
        return tree_binary(p->e,
                           t->kind == TOKEN_CUP   ? MATH_UNION
                           : t->kind == TOKEN_CAP ? MATH_INTERSECTION
                                                  : MATH_DIFFERENCE,
                           left, expression(p, POWER_UNION));
    case TOKEN_WORD:
    case TOKEN_CURRENCY: {
        if (power >= POWER_UNIT || left->kind == MATH_TEXT || left->kind == MATH_WITH_UNIT) break;
        const char *unit;
        if (t->kind == TOKEN_CURRENCY)
            unit = keep(p, t), p->at++;
        else
            unit = words(p, true);
        n = unit ? tree_unary(p->e, MATH_WITH_UNIT, left) : NULL;
        if (n) n->name = unit;
        return n;
    }
    case TOKEN_PLUS:
    case TOKEN_MINUS:
    case TOKEN_PLUS_MINUS:
        if (power >= POWER_SUM) break;
        p->at++;
        n = expression(p, POWER_SUM);
        if (t->kind == TOKEN_PLUS_MINUS) return tree_binary(p->e, MATH_PLUS_MINUS, left, n);
        if (t->kind == TOKEN_MINUS) n = tree_unary(p->e, MATH_NEGATE, n);
        return tree_binary(p->e, MATH_SUM, left, n);
    case TOKEN_TIMES:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        return tree_binary(p->e, MATH_PRODUCT, left, expression(p, POWER_PRODUCT));
    case TOKEN_BINARY:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        n = tree_binary(p->e, MATH_FUNCTION, left, expression(p, POWER_PRODUCT));
        if (n) n->name = keep(p, t);
        return n && n->name ? n : NULL;
    case TOKEN_DIVIDE:
        if (power >= POWER_PRODUCT) break;
        p->at++;
        return quotient(p, left);
    case TOKEN_CARET: {
        bool handled;
        n = raised_sign(p, left, &handled);
        if (handled) {
            if (n && n->kind == MATH_DEGREE && at_kind(p, TOKEN_NAME) && (token_is(here(p), "C") || token_is(here(p), "F"))) {
                n = tree_unary(p->e, MATH_WITH_UNIT, left);
                if (n) n->name = token_is(here(p), "C") ? "celsius" : "fahrenheit";
                p->at++;
            }
            return n;
        }
        if (power > POWER_CARET) break;
        p->at++;
        return tree_binary(p->e, MATH_POWER, left, exponent(p));
    }
    case TOKEN_UNDERSCORE: {
        math_node *inner = left->kind == MATH_VECTOR ? left->children[0] : left; // \hat{\theta}_2, (a_n)_{n}
        const char *base = inner->kind == MATH_SYMBOL ? inner->name : "";
        if (left->kind == MATH_NUMBER || left->kind == MATH_BASED) break;
        const char *name = subscripted(p, base);
        if (!name) return NULL;
        if (inner->kind == MATH_SYMBOL) {
            inner->name = name;
            return left;
        }
        n = tree_binary(p->e, MATH_FUNCTION, left, tree_named(p->e, MATH_SYMBOL, name));
        if (n) n->name = "subscript";
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
        if (n && t->kind == TOKEN_DEGREE && at_kind(p, TOKEN_NAME) && (token_is(here(p), "C") || token_is(here(p), "F"))) {
            n->kind = MATH_WITH_UNIT, n->name = token_is(here(p), "C") ? "celsius" : "fahrenheit";
            p->at++;
        }
        return n;
    case TOKEN_PRIME:
        if (power > POWER_POSTFIX) break;
        p->at++;
        n = tree_unary(p->e, MATH_VECTOR, left);
        if (n) n->name = "prime";
        return n;
    case TOKEN_MID:
        if (power >= POWER_RELATION || p->in_set) break;
        return relation_chain(p, left);
    default:
        if (t->kind == TOKEN_BAR && p->bars == 0 && !p->in_set && odd_bars(p)) { // E(Y|X)
            t->kind = TOKEN_MID;
            return left;
        }
        if (t->kind == TOKEN_NAME && token_is(t, "U") && set_like(left) && ahead(p, 1)->kind == TOKEN_OPEN) {
            t->kind = TOKEN_CUP;
            return left;
        }
        if (power >= POWER_IMPLICIT || !starts_operand(p, t) || left->kind == MATH_WITH_UNIT || left->kind == MATH_TEXT) break;
        if (t->kind == TOKEN_NUMBER && left->kind == MATH_NUMBER && !left->grouped)
            return refuse(p, "two numbers next to each other");
        return tree_binary(p->e, MATH_PRODUCT, left, expression(p, POWER_IMPLICIT));
    }
    *done = true;
    return left;
}

static math_node *expression(parser *p, int power) {
    if (++p->depth > p->e->limits.depth) {
        if (p->e->failure == STATUS_OK) p->e->failure = status_set(STATUS_LIMIT, "nested deeper than %zu", p->e->limits.depth);
        p->failed = true;
        return NULL;
    }
    math_node *left = prefix(p);
    bool done = false;
    while (left && !done) left = infix(p, left, power, &done);
    p->depth--;
    return left;
}

// Reads all tokens; drops column marks of aligned equations and the full stop behind everything.
static status read_tokens(parser *p, lexer *lx) {
    size_t capacity = 0;
    bool aligned = false;
    for (;;) {
        token t = lexer_next(lx);
        if (t.kind == TOKEN_BEGIN) aligned = env_is(&t, env_rows) && !token_is(&t, "cases") && !token_is(&t, "dcases");
        if (t.kind == TOKEN_FINISH) aligned = aligned && !env_is(&t, env_rows);
        if (t.kind == TOKEN_AMPERSAND && aligned) continue;
        if (p->count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            token *grown = realloc(p->tokens, capacity * sizeof *grown);
            if (!grown) return status_set(STATUS_NO_MEMORY, "no memory for %zu tokens", capacity);
            p->tokens = grown;
        }
        p->tokens[p->count++] = t;
        if (t.kind == TOKEN_END) break;
    }
    while (p->count > 2) {
        token *last = &p->tokens[p->count - 2];
        bool stop = last->kind == TOKEN_BAD && last->end == last->start + 1 && lx->text[last->start] == '.';
        if (!stop && last->kind != TOKEN_COMMA && last->kind != TOKEN_SEMICOLON && last->kind != TOKEN_ROW) break;
        last[0] = last[1];
        p->count--;
    }
    return STATUS_OK;
}

status math_parse(const char *text, size_t length, const math_limits *limits, math_expression **out) {
    *out = NULL;
    math_limits bound = limits ? *limits : MATH_LIMITS_DEFAULT;
    if (length > bound.bytes)
        return status_set(STATUS_LIMIT, "%zu bytes of mathematics; at most %zu are read", length, bound.bytes);
    parser p = {.e = tree_create(&bound)};
    if (!p.e) return status_set(STATUS_NO_MEMORY, "no memory for an expression");
    lexer lx;
    status code = lexer_open(&lx, text, length);
    if (code == STATUS_OK) code = read_tokens(&p, &lx);
    if (code == STATUS_OK) {
        math_node *root = list(&p);
        if (root && !at_kind(&p, TOKEN_END)) root = refuse(&p, "something unexpected");
        p.e->root = root;
        if (!root) code = p.e->failure != STATUS_OK ? p.e->failure : STATUS_UNSUPPORTED;
    }
    lexer_close(&lx);
    free(p.tokens);
    if (code != STATUS_OK) {
        math_free(p.e);
        return code;
    }
    *out = p.e;
    return STATUS_OK;
}
