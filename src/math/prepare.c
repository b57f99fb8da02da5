// What is rewritten in a tree, in place, before it is compared: derivatives, dots in sums, determinants, maxima of many,
// conjugates. See prepare_tree in judge.h; called by equal.c.
#include <string.h>

#include "math/judge.h"

#define DETERMINANT_SIDE_MAX 4

// Of the rows from `row` on and the columns that are not in `used`, by the first of these rows. NULL: too many nodes.
static math_node *expansion(math_expression *e, const math_node *m, uint32_t row, unsigned used) {
    uint32_t side = (uint32_t)m->integer;
    math_node *total = row == side ? tree_integer(e, 1) : NULL;
    bool minus = false;
    for (uint32_t c = 0; row < side && c < side; c++) {
        if (used >> c & 1) continue;
        math_node *minor = expansion(e, m, row + 1, used | 1u << c);
        math_node *term = tree_binary(e, MATH_PRODUCT, m->children[row * side + c], minor);
        if (minus) term = tree_unary(e, MATH_NEGATE, term);
        total = total ? tree_binary(e, MATH_SUM, total, term) : term;
        if (!total) return NULL;
        minus = !minus;
    }
    return total;
}

// The determinant of a small matrix with letters in it; `n` itself where it is none.
static math_node *determinant(math_expression *e, math_node *n) {
    if (!node_is_call(n, "det") || n->count != 1 || n->children[0]->kind != MATH_MATRIX || n->children[0]->name) return n;
    const math_node *m = n->children[0];
    bool square = (uint32_t)m->integer * (uint32_t)m->integer == m->count;
    return square && m->integer <= DETERMINANT_SIDE_MAX && node_has_variables(m) ? expansion(e, m, 0, 0) : n;
}

// max(a, b, c) as max(a, max(b, c)); `n` itself where it is nothing of the kind.
static math_node *in_pairs(math_expression *e, math_node *n) {
    bool chooses = node_is_call(n, "max") || node_is_call(n, "min") || node_is_call(n, "gcd") || node_is_call(n, "lcm");
    if (!chooses || n->count < 3) return n;
    math_node *pairs = n->children[n->count - 1];
    for (uint32_t i = n->count - 1; i-- > 0;) {
        pairs = tree_binary(e, MATH_FUNCTION, n->children[i], pairs);
        if (!pairs) return NULL;
        pairs->name = n->name;
    }
    return pairs;
}

// Made of numbers and i by operations that the conjugate passes through: not of a root of i.
static bool is_plain_complex(const math_node *n) {
    if (node_has_variables(n) || n->kind == MATH_ROOT || n->kind == MATH_ABSOLUTE) return false;
    long exponent;
    if (n->kind == MATH_POWER && !node_small_integer(n->children[1], &exponent) && !node_is_symbol(n->children[0], "e"))
        return false;
    for (uint32_t i = 0; i < n->count; i++)
        if (!is_plain_complex(n->children[i])) return false;
    return true;
}

static bool negate_i(math_expression *e, math_node **n) {
    if (node_is_symbol(*n, "i")) return (*n = tree_unary(e, MATH_NEGATE, *n)) != NULL;
    for (uint32_t i = 0; i < (*n)->count; i++)
        if (!negate_i(e, &(*n)->children[i])) return false;
    return true;
}

// \overline{3 + 4i} as 3 - 4i; `n` itself where it is nothing of the kind.
static math_node *conjugate(math_expression *e, math_node *n) {
    bool bar = n->kind == MATH_VECTOR && (strcmp(n->name, "overline") == 0 || strcmp(n->name, "bar") == 0);
    if (!bar || !node_mentions(n->children[0], "i") || !is_plain_complex(n->children[0])) return n;
    return negate_i(e, &n->children[0]) ? n->children[0] : NULL;
}

static math_node *prepared(math_expression *e, math_node *n) {
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *child = prepared(e, n->children[i]);
        if (!child) return NULL;
        n->children[i] = child;
    }
    switch (n->kind) {
    case MATH_VECTOR:
        return conjugate(e, n);
    case MATH_FUNCTION:
        n = in_pairs(e, n);
        return n ? determinant(e, n) : NULL;
    default:
        return n;
    }
}

bool prepare_tree(math_expression *memory, math_node **root) {
    mark_derivatives(*root);
    sum_dots(memory, *root);
    math_node *n = prepared(memory, *root);
    if (n) *root = n;
    return n != NULL;
}
