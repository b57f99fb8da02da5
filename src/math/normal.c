// Normal form level 2: one spelling for one way of writing. Differences become sums of negated terms, products carry one sign and
// one denominator, sums and products are flat and sorted, relations point one way. Literals are never combined: 2+2 and 48/2
// stay. Called by math_normalize (formulas, answer keys) and by the comparison of answers.
#include <stdlib.h>
#include <string.h>

#include "math/tree.h"

// Kinds in the order in which factors and terms are written.
static int rank(const math_node *n) { return n->kind == MATH_NUMBER ? -1 : n->kind == MATH_SYMBOL ? 0 : (int)n->kind + 1; }

int tree_compare(const math_node *a, const math_node *b) {
    if (a == b) return 0;
    int ra = rank(a), rb = rank(b);
    if (ra != rb) return ra < rb ? -1 : 1;
    if (a->kind == MATH_NUMBER) return fmpq_cmp(a->value, b->value);
    if (a->name || b->name) {
        int c = strcmp(a->name ? a->name : "", b->name ? b->name : "");
        if (c) return c < 0 ? -1 : 1;
    }
    if (a->integer != b->integer) return a->integer < b->integer ? -1 : 1;
    if (a->open_left != b->open_left) return a->open_left ? 1 : -1;
    if (a->open_right != b->open_right) return a->open_right ? 1 : -1;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    if (a->operators) {
        int c = memcmp(a->operators, b->operators, a->count - 1);
        if (c) return c < 0 ? -1 : 1;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        int c = tree_compare(a->children[i], b->children[i]);
        if (c) return c;
    }
    return 0;
}

static int by_order(const void *a, const void *b) { return tree_compare(*(math_node *const *)a, *(math_node *const *)b); }

// What products may not be turned with: capital letters and powers of them, P^{-1}, may be matrices; sets, tuples and
// permutations.
static bool keeps_place(const math_node *n) {
    switch (n->kind) {
    case MATH_POWER:
        return keeps_place(n->children[0]);
    case MATH_SYMBOL:
        return n->name[0] >= 'A' && n->name[0] <= 'Z';
    case MATH_TUPLE:
    case MATH_BRACKETS:
    case MATH_INTERVAL:
    case MATH_SET:
    case MATH_UNION:
        return true;
    default:
        return false;
    }
}

static int by_factor(const math_node *a, const math_node *b) {
    bool first = keeps_place(a), second = keeps_place(b);
    if (first && second) return 0;
    if (first || second) return (first ? b : a)->kind == MATH_NUMBER ? (first ? 1 : -1) : (first ? -1 : 1);
    return tree_compare(a, b);
}

// (1,2) and (3,4): permutations that move nothing in common.
static bool disjoint(const math_node *a, const math_node *b) {
    if (a->kind != MATH_TUPLE || b->kind != MATH_TUPLE) return false;
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < b->count; k++)
            if (a->children[i]->kind != MATH_NUMBER || tree_compare(a->children[i], b->children[k]) == 0) return false;
    return true;
}

// Each step turns two neighbours that may be turned.
static void sort_disjoint(math_node **items, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && disjoint(items[k - 1], items[k]) && tree_compare(items[k - 1], items[k]) > 0; k--) {
            math_node *swap = items[k];
            items[k] = items[k - 1], items[k - 1] = swap;
        }
}

static int by_number(const math_node *a, const math_node *b) { return (b->kind == MATH_NUMBER) - (a->kind == MATH_NUMBER); }

static bool is_transpose(const math_node *n) { // a^T; not (1+r)^T
    return n->kind == MATH_POWER && node_is_symbol(n->children[1], "T") && n->children[0]->kind == MATH_SYMBOL;
}

// Factors in order; of those that keep their places each stays where it is among the others: AB = BA says something. A stable
// merge sort: the comparison does not tell them apart.
static void sort_factors(math_node **items, math_node **spare, size_t count, int (*by)(const math_node *, const math_node *)) {
    if (count < 2) return;
    size_t half = count / 2, a = 0, b = half, out = 0;
    sort_factors(items, spare, half, by);
    sort_factors(items + half, spare, count - half, by);
    memcpy(spare, items, count * sizeof *items);
    while (a < half || b < count) {
        bool first = b == count || (a < half && by(spare[a], spare[b]) <= 0);
        items[out++] = spare[first ? a++ : b++];
    }
}

static bool sort_product(math_expression *e, math_node **items, size_t count) {
    math_node **spare = count > 1 ? tree_take(e, count * sizeof *spare) : NULL;
    if (count > 1 && !spare) return false;
    bool vectors = false; // where one is transposed all keep their places: a^T x is no a x^T
    for (size_t i = 0; i < count; i++) vectors |= is_transpose(items[i]);
    sort_factors(items, spare, count, vectors ? by_number : by_factor);
    sort_disjoint(items, count);
    return true;
}

// In a sum numbers come last: x+3. A negated term sorts as the term.
static int by_term(const void *a, const void *b) {
    const math_node *x = *(math_node *const *)a, *y = *(math_node *const *)b;
    const math_node *u = x->kind == MATH_NEGATE ? x->children[0] : x, *v = y->kind == MATH_NEGATE ? y->children[0] : y;
    bool nx = u->kind == MATH_NUMBER, ny = v->kind == MATH_NUMBER;
    if (nx != ny) return nx ? 1 : -1;
    int c = tree_compare(u, v);
    return c ? c : (x->kind == MATH_NEGATE) - (y->kind == MATH_NEGATE);
}

typedef struct pieces {
    math_node **items;
    size_t count, capacity;
    math_expression *e;
} pieces;

static bool add_piece(pieces *p, math_node *n) {
    if (!n) return false;
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 8;
        math_node **grown = tree_take(p->e, capacity * sizeof *grown);
        if (!grown) return false;
        if (p->count) memcpy(grown, p->items, p->count * sizeof *grown);
        p->items = grown, p->capacity = capacity;
    }
    p->items[p->count++] = n;
    return true;
}

static math_node *negated(math_expression *e, math_node *n) {
    if (!n) return NULL;
    if (n->kind == MATH_NEGATE) return n->children[0];
    if (n->kind == MATH_NUMBER) {
        fmpq_t q;
        fmpq_init(q);
        fmpq_neg(q, n->value);
        math_node *m = fmpq_is_zero(q) ? n : tree_number(e, q);
        fmpq_clear(q);
        if (m && m != n) m->decimal = n->decimal, m->places = n->places, m->digits = n->digits;
        return m;
    }
    return tree_unary(e, MATH_NEGATE, n);
}

static bool collect_terms(pieces *p, math_node *n) { // of normalized children
    if (n->kind == MATH_SUM) {
        for (uint32_t i = 0; i < n->count; i++)
            if (!collect_terms(p, n->children[i])) return false;
        return true;
    }
    return add_piece(p, n);
}

static math_node *built(math_expression *e, math_kind kind, pieces *p, math_node *empty) {
    if (p->count == 0) return empty;
    if (p->count == 1) return p->items[0];
    math_node *n = tree_node(e, kind, p->count);
    if (n) memcpy(n->children, p->items, p->count * sizeof *p->items);
    return n;
}

static bool is_symbolic_leaf(const math_node *n) { return n->kind != MATH_NUMBER && n->count == 0; }

// Factors of a normalized node into a numerator and a denominator; the sign apart.
static bool collect_factors(math_expression *e, pieces *top, pieces *bottom, bool *negative, math_node *n) {
    switch (n->kind) {
    case MATH_NEGATE:
        *negative = !*negative;
        return collect_factors(e, top, bottom, negative, n->children[0]);
    case MATH_PRODUCT:
        for (uint32_t i = 0; i < n->count; i++)
            if (!collect_factors(e, top, bottom, negative, n->children[i])) return false;
        return true;
    case MATH_QUOTIENT:
        return collect_factors(e, top, bottom, negative, n->children[0]) &&
               collect_factors(e, bottom, top, negative, n->children[1]);
    case MATH_NUMBER: {
        if (fmpq_sgn(n->value) < 0) {
            *negative = !*negative;
            n = negated(e, n);
            if (!n) return false;
        }
        if (fmpz_is_one(fmpq_denref(n->value)) || n->decimal) return add_piece(top, n);
        fmpq_t q;
        fmpq_init(q);
        fmpq_set_fmpz(q, fmpq_numref(n->value));
        bool done = add_piece(top, tree_number(e, q));
        fmpq_set_fmpz(q, fmpq_denref(n->value));
        done = done && add_piece(bottom, tree_number(e, q));
        fmpq_clear(q);
        return done;
    }
    default:
        return add_piece(top, n);
    }
}

// Drops factors 1 where a factor with a symbol remains: \frac{1}{2}x and x/2 are one thing, 1*5 stays.
static void drop_ones(pieces *p) {
    bool symbols = false;
    for (size_t i = 0; i < p->count; i++) symbols |= node_any(p->items[i], is_symbolic_leaf);
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!symbols || p->items[i]->kind != MATH_NUMBER || !fmpq_is_one(p->items[i]->value)) p->items[kept++] = p->items[i];
    p->count = kept;
}

static math_node *normal_product(math_expression *e, math_node *n) {
    pieces top = {.e = e}, bottom = {.e = e};
    bool negative = false;
    if (!collect_factors(e, &top, &bottom, &negative, n)) return NULL;
    for (size_t i = 0; i < top.count; i++) // -0 is 0
        if (top.items[i]->kind == MATH_NUMBER && fmpq_is_zero(top.items[i]->value)) negative = false;
    drop_ones(&top);
    drop_ones(&bottom);
    if (!sort_product(e, top.items, top.count) || !sort_product(e, bottom.items, bottom.count)) return NULL;
    math_node *one = top.count && bottom.count ? NULL : tree_integer(e, 1);
    math_node *numerator = built(e, MATH_PRODUCT, &top, one), *result = numerator;
    if (bottom.count) result = tree_binary(e, MATH_QUOTIENT, numerator, built(e, MATH_PRODUCT, &bottom, one));
    return negative ? negated(e, result) : result;
}

static bool all_relations(const math_node *n, const char *allowed) {
    for (uint32_t i = 0; i + 1 < n->count; i++)
        if (!strchr(allowed, n->operators[i])) return false;
    return true;
}

static int weight(const math_node *n) { return n->kind == MATH_NUMBER ? 0 : n->count == 0 ? 1 : 2; }

// a > b becomes b < a; of the two sides of one equation the larger comes first: 7=3+4 becomes 3+4=7. Longer chains of = are kept.
static math_node *normal_relation(math_expression *e, math_node *n) {
    bool turn = false;
    if (n->count == 2 && strchr("=!~CSTHf", n->operators[0])) { // and \cong, \sim, \perp, \parallel, \iff
        int a = weight(n->children[0]), b = weight(n->children[1]);
        turn = a != b ? a < b : tree_compare(n->children[0], n->children[1]) > 0;
    } else if (all_relations(n, ">g=") && !all_relations(n, "="))
        turn = true;
    if (!turn) return n;
    char *operators = tree_take(e, n->count);
    if (!operators) return NULL;
    for (uint32_t i = 0; i + 1 < n->count; i++) {
        char c = n->operators[n->count - 2 - i];
        operators[i] = (char)(c == MATH_GT ? MATH_LT : c == MATH_GE ? MATH_LE : c);
    }
    for (uint32_t i = 0; i < n->count / 2; i++) {
        math_node *swap = n->children[i];
        n->children[i] = n->children[n->count - 1 - i], n->children[n->count - 1 - i] = swap;
    }
    n->operators = operators;
    return n;
}

static math_node *normal_collection(math_expression *e, math_node *n) { // union, intersection: flat, sorted, each once
    pieces p = {.e = e};
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *child = n->children[i];
        if (child->kind != n->kind || n->kind == MATH_SET) {
            if (!add_piece(&p, child)) return NULL;
            continue;
        }
        for (uint32_t j = 0; j < child->count; j++)
            if (!add_piece(&p, child->children[j])) return NULL;
    }
    qsort(p.items, p.count, sizeof *p.items, by_order);
    size_t kept = 0;
    for (size_t i = 0; i < p.count; i++)
        if (i == 0 || tree_compare(p.items[i], p.items[kept - 1]) != 0) p.items[kept++] = p.items[i];
    n->children = p.items, n->count = (uint32_t)kept;
    return kept == 1 && n->kind != MATH_SET ? n->children[0] : n;
}

static math_node *joined_name(math_expression *e, const char *first, const char *second) {
    return tree_named(e, MATH_SYMBOL, tree_join(e, first, "", second));
}

static bool is_whole_literal(const math_node *n) {
    return n->kind == MATH_NUMBER && !n->decimal && fmpz_is_one(fmpq_denref(n->value)) && fmpq_sgn(n->value) >= 0;
}

// {1F}' and {1a}_n: what is left under the sign is a name, and so is the whole.
static math_node *normal_name(math_expression *e, math_node *n) {
    math_node *under = n->children[0], *inner = under->kind == MATH_VECTOR ? under->children[0] : under;
    if (n->kind == MATH_VECTOR)
        return strcmp(n->name, "prime") == 0 && under->kind == MATH_SYMBOL ? joined_name(e, under->name, "'") : n;
    if (n->count == 1 && under->kind == MATH_TUPLE && under->count > 1) // f((1,2) 1): two arguments
        n->children = under->children, n->count = under->count, under = n->children[0], inner = under;
    if (strcmp(n->name, "C") == 0 && n->count == 2 && is_whole_literal(under) && is_whole_literal(n->children[1]))
        return tree_binary(e, MATH_BINOMIAL, under, n->children[1]); // C(8, 3 ways)
    if (strcmp(n->name, NAME_SUBSCRIPT) != 0 || inner->kind != MATH_SYMBOL) return n;
    inner = joined_name(e, inner->name, n->children[1]->name);
    if (under->kind == MATH_SYMBOL || !inner) return inner;
    under->children[0] = inner;
    return under;
}

static bool collect_nested(pieces *p, const math_node *product) {
    for (uint32_t i = 0; i < product->count; i++) {
        math_node *child = product->children[i];
        bool rows = false; // of `cases`
        for (uint32_t k = 0; k < child->count; k++) rows |= child->children[k]->kind == MATH_WHERE;
        if (child->kind == MATH_LIST && !rows) child->kind = MATH_TUPLE; // a system as a factor stands in brackets
        if (child->kind == MATH_PRODUCT ? !collect_nested(p, child) : !add_piece(p, child)) return false;
    }
    return true;
}

math_node *normal_form(math_expression *e, math_node *n) {
    if (n->kind == MATH_PRODUCT) { // flat before its factors are sorted: whether they are depends on all of them
        pieces p = {.e = e};
        if (!collect_nested(&p, n)) return NULL;
        n->children = p.items, n->count = (uint32_t)p.count;
    }
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *child = normal_form(e, n->children[i]);
        if (!child) return NULL; // the tree as it is stays whole
        n->children[i] = child;
    }
    switch (n->kind) {
    case MATH_NUMBER: // of a repeating decimal the fraction
        return n->decimal || fmpz_is_one(fmpq_denref(n->value)) ? n : normal_product(e, n);
    case MATH_NEGATE: {
        math_node *inside = n->children[0];
        if (inside->kind == MATH_PRODUCT || inside->kind == MATH_QUOTIENT) return normal_product(e, n);
        return negated(e, inside);
    }
    case MATH_SUM: {
        pieces p = {.e = e};
        if (!collect_terms(&p, n)) return NULL;
        qsort(p.items, p.count, sizeof *p.items, by_term);
        return built(e, MATH_SUM, &p, NULL);
    }
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
        return normal_product(e, n);
    case MATH_VECTOR:
    case MATH_FUNCTION:
        return normal_name(e, n);
    case MATH_POWER: // x^\top, whatever stood beside it
        if (node_is_symbol(n->children[1], "top")) n->children[1]->name = "T";
        return n;
    case MATH_RELATION: {
        math_node *congruence = tree_congruence(e, n);
        return congruence == n ? normal_relation(e, n) : congruence;
    }
    case MATH_UNION:
    case MATH_INTERSECTION:
        return normal_collection(e, n);
    case MATH_SET:
        return n->count ? normal_collection(e, n) : n;
    default:
        return n;
    }
}

// Making one denominator adds nodes: the limit was checked while reading, what follows adds at most a few per node.
size_t normal_limit(size_t nodes) { return nodes > SIZE_MAX / 8 ? SIZE_MAX : 8 * nodes; }

// Units are no part of a formula.
static math_node *without_units(math_node *n) {
    while (n->kind == MATH_WITH_UNIT) n = n->children[0];
    for (uint32_t i = 0; i < n->count; i++) n->children[i] = without_units(n->children[i]);
    return n;
}

status math_normalize(math_expression *expression) {
    size_t limit = expression->limits.nodes;
    expression->limits.nodes = normal_limit(limit);
    math_node *root = normal_form(expression, without_units(expression->root));
    expression->limits.nodes = limit;
    if (!root)
        return expression->failure != STATUS_OK ? expression->failure
                                                : status_set(STATUS_FAILED, "an expression could not be normalized");
    expression->root = root;
    return STATUS_OK;
}
