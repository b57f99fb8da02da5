// Sums and products with a running index. Those with whole bounds are written out, geometric series and those of k^{-s} are
// summed; a sum up to n is compared with a closed form by induction: both sides grow by the same amount from n to n + 1, and they
// are equal where the sum has its first term. See judge.h; called by value.c.
#include <string.h>

#include "math/judge.h"
#include "math/number.h"

#define TERMS_MAX 64     // of a sum that is written out
#define BOUND_MAX 100000 // of a whole bound, in size
#define SLOPE_MAX 4      // of an upper bound: 2n
#define STARTS 3         // values of n at which both sides are compared; one is needed, the others find differences
#define COPY_STEPS 8     // that a copied node costs
#define INDUCTIONS_MAX 4 // inside one another: double sums
#define ZETA_MAX 60      // the s of k^{-s}

static bool whole(judge *j, const math_node *n, long *out) {
    fmpq_t q;
    fmpq_init(q);
    bool known = number_evaluate(n, NULL, &j->steps, q) == VALUE_KNOWN && fmpz_is_one(fmpq_denref(q)) &&
                 fmpz_cmpabs(fmpq_numref(q), (fmpz[]){BOUND_MAX}) <= 0;
    if (known) *out = fmpz_get_si(fmpq_numref(q));
    fmpq_clear(q);
    return known;
}

// The index, and the whole number at which it begins: of k = 1. NULL where the lower bound is of another kind.
static const char *index_of(judge *j, const math_node *n, long *first) {
    bool computed = strcmp(n->name, "sum") == 0 || strcmp(n->name, "prod") == 0;
    const char *name = computed ? node_index(n) : NULL;
    if (!name || !whole(j, n->children[0]->children[1], first)) return NULL;
    return strcmp(name, "i") == 0 || !name_is_constant(name) ? name : NULL; // here i is no imaginary unit
}

static bool is_product(const math_node *n) { return n->kind == MATH_BIG && strcmp(n->name, "prod") == 0; }

// A copy of a tree with `value` in place of a symbol. NULL where that is not simply done: the symbol is part of another name
// (a_k), something that is no computation is in the tree, or a sum inside has an index of the same name or one that `value`
// holds.
static math_node *replaced(judge *j, math_node *n, const char *symbol, math_node *value) {
    if (j->steps < COPY_STEPS) return NULL;
    j->steps -= COPY_STEPS;
    switch (n->kind) {
    case MATH_SYMBOL:
        if (strcmp(n->name, symbol) == 0) return value;
        return strpbrk(n->name, "_'^ ") && strstr(n->name, symbol) ? NULL : n;
    case MATH_FUNCTION:
        if (!name_is_function(n->name)) return NULL;
        break;
    case MATH_BIG: {
        long first;
        const char *index = index_of(j, n, &first);
        if (!index || strcmp(index, symbol) == 0 || node_mentions(value, index)) return NULL;
        break;
    }
    case MATH_NUMBER:
    case MATH_BASED:
        return n;
    case MATH_RELATION: // a lower bound
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_NEGATE:
    case MATH_POWER:
    case MATH_ROOT:
    case MATH_FACTORIAL:
    case MATH_ABSOLUTE:
    case MATH_FLOOR:
    case MATH_CEILING:
    case MATH_BINOMIAL:
        break;
    default:
        return NULL;
    }
    math_node *copy = tree_copy(j->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = replaced(j, n->children[i], symbol, value))) return NULL;
    return copy;
}

typedef struct series { // the sum of term(k) for all k from first on
    judge *j;
    math_node *term; // in the variable index
    const char *index;
    long first;
} series;

static math_node *term_at(series *s, long k) { return replaced(s->j, s->term, s->index, tree_integer(s->j->memory, k)); }

// Whether term(k) = factor base^(k - first), or with base NULL factor k^-exponent, for all k.
static bool term_is(series *s, math_node *factor, math_node *base, long first, long exponent) {
    math_expression *e = s->j->memory;
    math_node *k = tree_named(e, MATH_SYMBOL, s->index);
    math_node *power = base ? tree_binary(e, MATH_POWER, base, tree_binary(e, MATH_SUM, k, tree_integer(e, -first)))
                            : tree_binary(e, MATH_POWER, k, tree_integer(e, -exponent));
    math_node *product = tree_binary(e, MATH_PRODUCT, factor, power);
    return product && value_compare(s->j, s->term, product) == MATH_EQUAL;
}

// a / (1 - r) for a + a r + a r^2 + ... with |r| < 1. NULL where it is no such series.
static math_node *geometric_limit(series *s) {
    math_expression *e = s->j->memory;
    math_node *a = term_at(s, s->first), *r = tree_binary(e, MATH_QUOTIENT, term_at(s, s->first + 1), a),
              *one = tree_integer(e, 1);
    math_node *size = tree_unary(e, MATH_ABSOLUTE, r);
    if (!size || !one || node_has_variables(r) || value_order(s->j, size, one) != -1) return NULL;
    if (!term_is(s, a, r, s->first, 0)) return NULL;
    return tree_binary(e, MATH_QUOTIENT, a, tree_binary(e, MATH_SUM, one, tree_unary(e, MATH_NEGATE, r)));
}

// c (zeta(s) - 1 - ... - (first - 1)^-s) for the sum of c k^-s. NULL where it is no such series.
static math_node *zeta_limit(series *s) {
    math_expression *e = s->j->memory;
    math_node *c = term_at(s, 1), *ratio = tree_binary(e, MATH_QUOTIENT, c, term_at(s, 2));
    fmpq_t q;
    fmpq_init(q);
    bool known = s->first >= 1 && s->first <= TERMS_MAX && ratio &&
                 number_evaluate(ratio, NULL, &s->j->steps, q) == VALUE_KNOWN && fmpq_sgn(q) > 0 && fmpz_is_one(fmpq_denref(q));
    long exponent = known ? (long)fmpz_bits(fmpq_numref(q)) - 1 : 0; // of 2^s
    fmpq_clear(q);
    if (exponent < 2 || exponent > ZETA_MAX || !term_is(s, c, NULL, 0, exponent)) return NULL;
    math_node *value = tree_unary(e, MATH_FUNCTION, tree_integer(e, exponent));
    if (value) value->name = "zeta";
    for (long k = 1; k < s->first && value; k++) {
        math_node *left_out = tree_binary(e, MATH_POWER, tree_integer(e, k), tree_integer(e, -exponent));
        value = tree_binary(e, MATH_SUM, value, tree_unary(e, MATH_NEGATE, left_out));
    }
    return tree_binary(e, MATH_PRODUCT, c, value);
}

// What a sum to infinity is; NULL where that is not found.
static math_node *limit_of(judge *j, math_node *n, const char *index, long first) {
    series s = {.j = j, .term = n->children[2], .index = index, .first = first};
    if (is_product(n) || j->inductions >= INDUCTIONS_MAX) return NULL;
    if (name_is_constant(index)) { // i: elsewhere the imaginary unit
        if (node_mentions(s.term, "n")) return NULL;
        s.term = replaced(j, s.term, index, tree_named(j->memory, MATH_SYMBOL, s.index = "n"));
        if (!s.term) return NULL;
    }
    bool exact = j->exact;
    j->inductions++, j->exact = true;
    math_node *limit = geometric_limit(&s);
    if (!limit) limit = zeta_limit(&s);
    j->inductions--, j->exact = exact;
    return limit;
}

// A tree with every sum and product of whole bounds written out, sums to infinity by their limits. NULL where one of them cannot
// be.
static math_node *written_out(judge *j, math_node *n) {
    if (!node_contains(n, MATH_BIG)) return n;
    if (n->kind == MATH_BIG) {
        long first, last;
        int sign;
        const char *index = index_of(j, n, &first);
        if (index && node_is_infinity(n->children[1], &sign) && sign > 0) return limit_of(j, n, index, first);
        if (!index || !whole(j, n->children[1], &last) || last - first >= TERMS_MAX || last < first - 1) return NULL;
        bool product = is_product(n);
        if (last < first) return tree_integer(j->memory, product);
        math_node *all = tree_node(j->memory, product ? MATH_PRODUCT : MATH_SUM, (size_t)(last - first + 1));
        if (!all) return NULL;
        for (long k = first; k <= last; k++) {
            math_node *at = tree_integer(j->memory, k), *term = at ? replaced(j, n->children[2], index, at) : NULL;
            if (!term || !(all->children[k - first] = written_out(j, term))) return NULL;
        }
        return all;
    }
    math_node *copy = tree_copy(j->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = written_out(j, n->children[i]))) return NULL;
    return copy;
}

typedef struct induction {
    judge *j;
    const char *variable; // n
    math_node *next;      // n + 1
    long start;           // the smallest n at which every sum has a term
} induction;

// An upper bound as slope n + offset.
static bool linear_bound(induction *in, math_node *bound, long *slope, long *offset) {
    long at[3];
    for (long k = 0; k < 3; k++) {
        math_node *number = tree_integer(in->j->memory, k), *value = number ? replaced(in->j, bound, in->variable, number) : NULL;
        if (!value || !whole(in->j, value, &at[k])) return false;
    }
    *offset = at[0], *slope = at[1] - at[0];
    if (*slope < 1 || *slope > SLOPE_MAX || at[2] - at[1] != *slope) return false;
    math_node *variable = tree_named(in->j->memory, MATH_SYMBOL, in->variable);
    math_node *product = tree_binary(in->j->memory, MATH_PRODUCT, tree_integer(in->j->memory, *slope), variable);
    math_node *line = tree_binary(in->j->memory, MATH_SUM, product, tree_integer(in->j->memory, *offset));
    return line && value_compare(in->j, bound, line) == MATH_EQUAL; // 2^n has a slope too, but no second one
}

// What comes to a sum or product from n to n + 1: its next terms, added or multiplied.
static math_node *next_terms(induction *in, math_node *n) {
    long first, slope, offset;
    math_expression *e = in->j->memory;
    const char *index = index_of(in->j, n, &first);
    if (!index || strcmp(index, in->variable) == 0 || node_mentions(n->children[2], in->variable) ||
        !linear_bound(in, n->children[1], &slope, &offset))
        return NULL;
    long start = first >= offset ? (first - offset + slope - 1) / slope : -((offset - first) / slope);
    if (start > in->start) in->start = start;
    math_node *all = tree_integer(e, is_product(n));
    for (long k = 1; k <= slope && all; k++) {
        math_node *at = tree_binary(e, MATH_SUM, n->children[1], tree_integer(e, k));
        all =
            tree_binary(e, is_product(n) ? MATH_PRODUCT : MATH_SUM, all, at ? replaced(in->j, n->children[2], index, at) : NULL);
    }
    return all;
}

// What a side gains from n to n + 1, a sum up to n counted by its terms. NULL where that is not found.
static math_node *gain(induction *in, math_node *n) {
    math_expression *e = in->j->memory;
    if (!node_mentions(n, in->variable)) return tree_integer(e, 0);
    if (!node_contains(n, MATH_BIG))
        return tree_binary(e, MATH_SUM, replaced(in->j, n, in->variable, in->next), tree_unary(e, MATH_NEGATE, n));
    switch (n->kind) {
    case MATH_BIG:
        return is_product(n) ? NULL : next_terms(in, n);
    case MATH_NEGATE:
        return tree_unary(e, MATH_NEGATE, gain(in, n->children[0]));
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT: { // of products the one factor that changes
        math_node *result = tree_node(e, n->kind, n->count);
        uint32_t changing = 0;
        for (uint32_t i = 0; i < n->count && result; i++) {
            bool changes = n->kind == MATH_SUM || node_mentions(n->children[i], in->variable);
            changing += changes;
            if (changes && n->kind == MATH_QUOTIENT && i > 0) return NULL;
            if (!(result->children[i] = changes ? gain(in, n->children[i]) : n->children[i])) return NULL;
        }
        return n->kind == MATH_SUM || changing == 1 ? result : NULL;
    }
    default:
        return NULL;
    }
}

static const char *first_variable(const math_node *n) {
    if (n->kind == MATH_SYMBOL) return name_is_constant(n->name) ? NULL : n->name;
    const char *found = NULL;
    for (uint32_t i = 0; i < n->count && !found; i++) found = first_variable(n->children[i]);
    return found;
}

// The n up to which the first sum or product runs whose upper bound is no number.
static const char *variable_of(const math_node *n) {
    const char *found = n->kind == MATH_BIG ? first_variable(n->children[1]) : NULL;
    for (uint32_t i = 0; i < n->count && !found; i++) found = variable_of(n->children[i]);
    return found;
}

// Both sides at a whole n.
static math_outcome compare_at(induction *in, math_node *gold, math_node *answer, long n) {
    math_node *at = tree_integer(in->j->memory, n);
    math_node *g = at ? replaced(in->j, gold, in->variable, at) : NULL,
              *a = at ? replaced(in->j, answer, in->variable, at) : NULL;
    return g && a ? value_compare(in->j, g, a) : MATH_UNDECIDED;
}

// Two trees that are equal for all n if both sides are so for the first.
static bool steps_of(induction *in, math_node *gold, math_node *answer, math_node **one, math_node **other) {
    if (is_product(gold) || is_product(answer)) {
        math_node *product = is_product(gold) ? gold : answer, *side = product == gold ? answer : gold;
        *one = tree_binary(in->j->memory, MATH_PRODUCT, side, next_terms(in, product));
        *other = replaced(in->j, side, in->variable, in->next);
    } else
        *one = gain(in, gold), *other = *one ? gain(in, answer) : NULL;
    return *one && *other && in->start > -BOUND_MAX;
}

math_outcome sums_compare(judge *j, math_node *gold, math_node *answer) {
    math_node *g = written_out(j, gold), *a = g ? written_out(j, answer) : NULL;
    if (a) return value_compare(j, g, a);
    const char *variable = variable_of(gold);
    if (!variable) variable = variable_of(answer);
    if (!variable || j->inductions >= INDUCTIONS_MAX) return MATH_UNDECIDED;
    induction in = {.j = j, .variable = variable, .start = -BOUND_MAX};
    in.next = tree_binary(j->memory, MATH_SUM, tree_named(j->memory, MATH_SYMBOL, variable), tree_integer(j->memory, 1));
    math_node *one, *other;
    bool exact = j->exact;
    j->inductions++, j->exact = true;
    math_outcome outcome = in.next && steps_of(&in, gold, answer, &one, &other) ? MATH_EQUAL : MATH_UNDECIDED;
    for (long k = 0; k < STARTS && outcome == MATH_EQUAL; k++) outcome = compare_at(&in, gold, answer, in.start + k);
    if (outcome == MATH_DIFFERENT)
        judge_says(j, MATH_DIFFERENT, "induction", "the values differ at a small %s", variable);
    else if (outcome == MATH_EQUAL && value_compare(j, one, other) == MATH_EQUAL)
        judge_says(j, MATH_EQUAL, "induction", "%s", "");
    else
        outcome = MATH_UNDECIDED;
    j->inductions--, j->exact = exact;
    return outcome;
}
