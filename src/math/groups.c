// Brackets of the parser: lists, tuples, sets, intervals, absolute values, matrices and systems. See parser.h.
#include <string.h>

#include "math/parser.h"
#include "math/words.h"

// The first word of a token of words, and what follows it.
static size_t first_word(const token *t, size_t *rest) {
    size_t n = 0;
    while (n < t->length && !memchr(" ,~.:", t->text[n], 5)) n++;
    *rest = n;
    while (*rest < t->length && memchr(" ,~.:", t->text[*rest], 5)) ++*rest;
    return n;
}

bool parser_at_condition(parser *p) {
    static const char *const words[] = {"if", "for", "where", "when", "whenever", "with", "provided", "otherwise", "else", NULL};
    size_t rest;
    return at_kind(p, TOKEN_WORD) && word_in(words, here(p)->text, first_word(here(p), &rest));
}

// "for any integer k", "where k is an integer" say k \in \mathbb{Z}; any other condition is given back.
static math_node *whole_condition(parser *p, math_node *condition, bool whole) {
    static const char *const said[] = {"is an integer", "is any integer", "are integers", "is integer", "an integer", NULL};
    if (condition->kind == MATH_WITH_UNIT && word_in(said, condition->name, strlen(condition->name)))
        condition = condition->children[0], whole = true;
    if (!whole || condition->kind != MATH_SYMBOL) return condition;
    math_node *domain = tree_binary(p->e, MATH_RELATION, condition, tree_named(p->e, MATH_SYMBOL, "mathbb Z"));
    static const char in[] = {MATH_IN, 0};
    if (domain) domain->operators = in;
    return domain;
}

math_node *parser_condition(parser *p, math_node *n) {
    static const char *const fillers[] = {"all",      "any",  "every",    "some", "each", "integer",
                                          "integers", "real", "positive", "that", NULL};
    token *t = here(p);
    size_t rest, word = first_word(t, &rest);
    if (word_in((const char *const[]){"otherwise", "else", NULL}, t->text, word)) {
        p->at++;
        return tree_binary(p->e, MATH_WHERE, n, tree_named(p->e, MATH_TEXT, "otherwise"));
    }
    bool whole = false;
    do { // "for all integers k" is about k
        t->text += rest, t->length -= (uint32_t)rest;
        if (t->length == 0) {
            p->at++;
            if (!at_kind(p, TOKEN_WORD)) break;
            t = here(p);
        }
        word = first_word(t, &rest);
        whole = whole || word_in((const char *const[]){"integer", "integers", NULL}, t->text, word);
    } while (word_in(fillers, t->text, word));
    math_node *condition = n ? parser_expression(p, 0) : NULL;
    return condition ? tree_binary(p->e, MATH_WHERE, n, whole_condition(p, condition, whole)) : NULL;
}

// Whether the last member says where a letter of the others is from: 2k\pi, k \in \mathbb{Z}.
static bool is_domain(math_node *const *items, size_t count) {
    const math_node *last = items[count - 1];
    if (last->kind != MATH_RELATION || last->count != 2 || last->operators[0] != MATH_IN) return false;
    const math_node *letter = last->children[0], *set = last->children[1];
    if (letter->kind != MATH_SYMBOL || set->kind != MATH_SYMBOL || strncmp(set->name, "mathbb ", 7) != 0) return false;
    for (size_t i = 0; i + 1 < count; i++)
        if (node_mentions(items[i], letter->name)) return true;
    return false;
}

// n \equiv 1, 5 \pmod 6: the first says what is congruent, the last to which modulus.
static bool is_congruence_list(math_node *const *items, size_t count) {
    const math_node *first = items[0], *last = items[count - 1];
    return first->kind == MATH_RELATION && first->count == 2 && first->operators[0] == MATH_CONGRUENT &&
           node_is_call(last, NAME_RESIDUE) && last->count == 2 && last->children[0]->kind != MATH_RELATION;
}

static math_node *congruence_list(parser *p, math_node **items, size_t count) {
    math_node *relation = items[0], *residue = items[count - 1], *list = tree_node(p->e, MATH_LIST, count);
    if (!list) return NULL;
    items[0] = relation->children[1], items[count - 1] = residue->children[0];
    memcpy(list->children, items, count * sizeof *items);
    list->integer = ',', relation->children[1] = list, residue->children[0] = relation;
    return residue;
}

// The items up to something that is no separator. One item without separator is returned as it is.
math_node *parser_list(parser *p) {
    math_node *items[ITEMS_MAX];
    size_t count = 0;
    int separator = 0;
    for (;;) {
        if (count == ITEMS_MAX) {
            p->e->failure = status_set(STATUS_LIMIT, "a list of more than %d members", ITEMS_MAX);
            return NULL;
        }
        math_node *item = parser_expression(p, 0);
        if (item && parser_at_condition(p)) item = parser_condition(p, item);
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
    if (is_congruence_list(items, count)) return congruence_list(p, items, count);
    bool domain = is_domain(items, count);
    if (domain) count--;
    math_node *n = count > 1 ? tree_node(p->e, MATH_LIST, count) : items[0];
    if (!n) return NULL;
    if (count > 1) {
        memcpy(n->children, items, count * sizeof *items);
        n->integer = separator;
        bool piecewise = true; // x for x > 0, -x for x < 0
        for (size_t i = 0; i < count; i++) piecewise &= items[i]->kind == MATH_WHERE;
        if (piecewise) n->integer = 'a';
    }
    return domain ? tree_binary(p->e, MATH_WHERE, n, items[count]) : n;
}

math_node *parser_exceptions(parser *p) {
    math_node *real = tree_named(p->e, MATH_SYMBOL, "mathbb R"), *out = parser_list(p);
    if (out && out->kind == MATH_LIST) out->kind = MATH_SET;
    if (out && out->kind != MATH_SET) out = tree_unary(p->e, MATH_SET, out);
    for (uint32_t i = 0; out && i < out->count; i++) { // except x = 2
        const math_node *one = out->children[i];
        bool named = one->kind == MATH_RELATION && one->count == 2 && one->operators[0] == MATH_EQ;
        if (named && one->children[0]->kind == MATH_SYMBOL) out->children[i] = one->children[1];
    }
    return tree_binary(p->e, MATH_DIFFERENCE, real, out);
}

// Everything between an opening token and its closing one.
math_node *parser_group(parser *p) {
    int open = here(p)->code;
    int bars = p->bars;
    bool in_set = p->in_set, stop = p->stop_function, paired = p->bars_paired;
    p->at++;
    p->bars = 0, p->stop_function = false, p->in_set = open == 'S' || open == '{';
    p->bars_paired = p->in_set && !parser_odd_bars(p); // \{x | x > 0\}, \frac{2|a|}{3}
    math_node *inside = NULL, *n = NULL;
    if (at_kind(p, TOKEN_CLOSE)) {
        if (open != 'S' || here(p)->code != 'S') return parser_refuse(p, "empty brackets");
        p->at++;
        p->bars = bars, p->in_set = in_set, p->stop_function = stop, p->bars_paired = paired;
        return tree_node(p->e, MATH_SET, 0);
    }
    inside = parser_list(p);
    if (!inside) return NULL;
    if (p->in_set && (at_kind(p, TOKEN_BAR) || at_kind(p, TOKEN_MID) || at_kind(p, TOKEN_COLON))) {
        p->at++, p->in_set = false;
        math_node *condition = parser_list(p);
        inside = tree_binary(p->e, MATH_SUCH_THAT, inside, condition);
        if (!inside) return NULL;
    }
    p->bars = bars, p->in_set = in_set, p->stop_function = stop, p->bars_paired = paired;
    if (!at_kind(p, TOKEN_CLOSE)) return parser_refuse(p, "a closing bracket is missing");
    int close = here(p)->code;
    p->at++;
    bool several = inside->kind == MATH_LIST && !inside->grouped;
    if (several && inside->integer == 'o' && open != 'S' && open != '{') return parser_refuse(p, "\"or\" inside of brackets");
    if ((open == '(' && close == '[') || (open == '[' && close == '(')) {
        if (!several || inside->count != 2) return parser_refuse(p, "brackets do not match");
        n = tree_binary(p->e, MATH_INTERVAL, inside->children[0], inside->children[1]);
        if (n) n->open_left = open == '(', n->open_right = close == '(';
        return n;
    }
    if (open != close) return parser_refuse(p, "brackets do not match");
    if (open == 'F' || open == 'C')
        return several ? parser_refuse(p, "a list in floor or ceiling")
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

// ||v||, but not ||a|-|b||: between the two are bars in pairs, and none of them closes what the first one opens.
static bool closes_double(parser *p) {
    size_t depth = 0;
    for (size_t i = 1; ahead(p, i)->kind != TOKEN_END; i++) {
        token_kind kind = ahead(p, i)->kind;
        if (kind == TOKEN_CLOSE && depth == 0) return false;
        depth += kind == TOKEN_OPEN, depth -= kind == TOKEN_CLOSE;
        if (depth == 0 && (kind == TOKEN_DOUBLE_BAR || kind == TOKEN_BAR)) return kind == TOKEN_DOUBLE_BAR;
    }
    return false;
}

static bool right_bar_follows(parser *p, token_kind kind) {
    for (size_t i = 1; ahead(p, i)->kind != TOKEN_END; i++)
        if (ahead(p, i)->kind == kind && ahead(p, i)->code == 'r') return true;
    return false;
}

math_node *parser_absolute(parser *p, token_kind kind) {
    bool in_set = p->in_set, stop = p->stop_function;
    int bars = p->bars;
    bool sided = here(p)->code == 'l' && right_bar_follows(p, kind); // \left|2|x| - 1\right|: inside, bars begin anew
    if (kind == TOKEN_DOUBLE_BAR && !closes_double(p))
        here(p)->kind = kind = TOKEN_BAR; // ||x|-1|: two opening bars, of which this call takes the first
    else
        p->at++;
    p->bars = sided ? 0 : bars + 1, p->in_set = false, p->stop_function = false;
    math_node *inside = parser_expression(p, 0);
    p->bars = bars, p->in_set = in_set, p->stop_function = stop;
    if (!inside) return NULL;
    if (kind == TOKEN_BAR && at_kind(p, TOKEN_DOUBLE_BAR))
        here(p)->kind = TOKEN_BAR; // two closing bars in a row: one is left
    else if (at_kind(p, kind))
        p->at++;
    else
        return parser_refuse(p, "a closing bar is missing");
    if (kind == TOKEN_BAR) return tree_unary(p->e, MATH_ABSOLUTE, inside);
    math_node *n = tree_unary(p->e, MATH_VECTOR, inside);
    if (n) n->name = "norm";
    return n;
}

static bool env_is(const token *t, const char *const *names) { return word_in(names, t->text, t->length); }

static const char *const env_matrix[] = {"pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix",
                                         "array",   "vmatrix", "Vmatrix", NULL};
const char *const math_row_environments[MATH_ROW_ENVIRONMENTS + 1] = {
    "align",     "align*",   "aligned",   "alignat",  "alignat*",  "alignedat", "gather",   "gather*",
    "gathered",  "equation", "equation*", "eqnarray", "eqnarray*", "flalign",   "flalign*", "multline",
    "multline*", "split",    "cases",     "cases*",   "dcases",    "dcases*",   NULL};

static bool is_piecewise(const token *t) { return memcmp(t->text + (t->text[0] == 'd'), "cases", 5) == 0; }

math_node *parser_environment(parser *p) {
    token name = *here(p);
    bool matrix = env_is(&name, env_matrix);
    if (!matrix && !env_is(&name, math_row_environments)) return parser_refuse(p, "an unknown environment");
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
        bool piecewise = !matrix && is_piecewise(&name);
        math_node *cell = matrix || piecewise ? parser_expression(p, 0) : parser_list(p);
        while (!matrix && cell && (at_kind(p, TOKEN_COMMA) || at_kind(p, TOKEN_SEMICOLON))) p->at++;
        if (piecewise && cell && cell->kind == MATH_LIST) return parser_refuse(p, "a system in a row of cases");
        if (piecewise && cell && column == 0) { // x, & \text{if } x > 0
            bool mark = at_kind(p, TOKEN_AMPERSAND);
            if (mark) p->at++;
            if (parser_at_condition(p))
                cell = parser_condition(p, cell);
            else if (mark)
                cell = tree_binary(p->e, MATH_WHERE, cell, parser_expression(p, 0));
            while (cell && (at_kind(p, TOKEN_COMMA) || at_kind(p, TOKEN_SEMICOLON))) p->at++;
        }
        if (!cell) return NULL;
        cells[count++] = cell, column++;
        if (at_kind(p, TOKEN_AMPERSAND) && cell->kind == MATH_WHERE && piecewise)
            return parser_refuse(p, "a row of cases with more than a value and its condition");
        if (at_kind(p, TOKEN_AMPERSAND)) {
            p->at++;
            continue;
        }
        if (!at_kind(p, TOKEN_ROW) && !at_kind(p, TOKEN_FINISH)) return parser_refuse(p, "a row of a matrix does not end");
        rows++;
        if (rows > 1 && column != columns) return parser_refuse(p, "rows of different lengths");
        columns = column, column = 0;
        if (at_kind(p, TOKEN_FINISH)) break;
        p->at++;
    }
    p->bars = bars, p->in_set = in_set, p->stop_function = stop;
    if (here(p)->length != name.length || memcmp(here(p)->text, name.text, name.length) != 0)
        return parser_refuse(p, "an environment ends under another name");
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

bool parser_is_aligned(const token *t) { return env_is(t, math_row_environments) && !is_piecewise(t); }

math_node *parser_ratio(parser *p, math_node *left) {
    math_node *parts[16];
    size_t count = 1;
    parts[0] = left;
    while (at_kind(p, TOKEN_COLON)) {
        if (count == 16) return parser_refuse(p, "a ratio of too many parts");
        p->at++;
        parts[count] = parser_expression(p, POWER_RATIO);
        if (!parts[count++]) return NULL;
    }
    math_node *n = tree_node(p->e, MATH_RATIO, count);
    if (n) memcpy(n->children, parts, count * sizeof *parts);
    return n;
}
