// Letters that stand for complex numbers: |z|^2 is z \bar z, and not z^2. See split_complex in judge.h; called by functions.c.
#include <string.h>

#include "math/judge.h"

#define COMPLEX_MAX 8

typedef struct complex_letters {
    math_expression *memory;
    const math_node *gold, *answer;
    const char *names[COMPLEX_MAX];
    size_t count;
} complex_letters;

static bool is_listed(const complex_letters *c, const char *name) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->names[i], name) == 0) return true;
    return false;
}

static bool by_custom(const char *name) { return strchr("zw", name[0]) && (!name[1] || name[1] == '_' || name[1] == '\''); }

// The letters of n; without `any` those that are complex by custom.
static void list(complex_letters *c, const math_node *n, bool any) {
    if (n->kind == MATH_SYMBOL && !name_is_constant(n->name) && (any || by_custom(n->name)) && !is_listed(c, n->name) &&
        c->count < COMPLEX_MAX)
        c->names[c->count++] = n->name;
    for (uint32_t i = 0; i < n->count; i++) list(c, n->children[i], any);
}

static bool is_conjugate(const math_node *n) { // \bar z, z^*
    return (n->kind == MATH_VECTOR && (strcmp(n->name, "overline") == 0 || strcmp(n->name, "star") == 0)) ||
           (node_is_call(n, "conj") && n->count == 1);
}

static bool asks_for_part(const math_node *n) { return node_is_call(n, "re") || node_is_call(n, "im") || node_is_call(n, "arg"); }

// Whether the name stands in n outside of conjugates.
static bool stands_plain(const math_node *n, const char *name) {
    if (is_conjugate(n)) return false;
    bool found = node_is_symbol(n, name);
    for (uint32_t i = 0; i < n->count && !found; i++) found = stands_plain(n->children[i], name);
    return found;
}

static bool speaks_of(const complex_letters *c, const char *name) {
    return node_mentions(c->gold, name) || node_mentions(c->answer, name);
}

static void find_letters(complex_letters *c, const math_node *n) {
    if (asks_for_part(n)) list(c, n, !node_mentions(n, "i")); // \Re(x + i y): x and y are real
    if (n->kind == MATH_ABSOLUTE) list(c, n, false);
    if (is_conjugate(n)) {
        const math_node *of = n->children[0];
        bool beside = of->kind == MATH_SYMBOL && (stands_plain(c->gold, of->name) || stands_plain(c->answer, of->name));
        list(c, n, beside);
    }
    for (uint32_t i = 0; i < n->count; i++) find_letters(c, n->children[i]);
}

// Whether the conjugate of n is n with the conjugates of its letters and of i.
static bool passes_inside(const math_node *n) {
    long exponent;
    switch (n->kind) {
    case MATH_POWER:
        if (!node_small_integer(n->children[1], &exponent) && !node_is_symbol(n->children[0], "e")) return false;
        break;
    case MATH_SYMBOL:
    case MATH_NUMBER:
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_NEGATE:
    case MATH_ABSOLUTE:
        break;
    default:
        if (!is_conjugate(n) && !asks_for_part(n)) return false;
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (!passes_inside(n->children[i])) return false;
    return true;
}

// A copy of n, or of its conjugate, in which each letter z is z + i z'. NULL: too many nodes.
static math_node *split(const complex_letters *c, math_node *n, bool conjugate) {
    if (node_is_symbol(n, "i")) return conjugate ? tree_unary(c->memory, MATH_NEGATE, n) : n;
    if (n->kind == MATH_SYMBOL && is_listed(c, n->name)) {
        math_node *name = tree_named(c->memory, MATH_SYMBOL, tree_join(c->memory, n->name, "", "\\im"));
        math_node *part = tree_binary(c->memory, MATH_PRODUCT, tree_named(c->memory, MATH_SYMBOL, "i"), name);
        return tree_binary(c->memory, MATH_SUM, n, conjugate ? tree_unary(c->memory, MATH_NEGATE, part) : part);
    }
    if (is_conjugate(n) && passes_inside(n->children[0])) return split(c, n->children[0], !conjugate);
    if (n->count == 0) return n;
    math_node *copy = tree_copy(c->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = split(c, n->children[i], conjugate))) return NULL;
    return copy;
}

bool split_complex(judge *j, math_node **gold, math_node **answer, bool *complex) {
    complex_letters c = {.memory = j->memory, .gold = *gold, .answer = *answer};
    find_letters(&c, *gold), find_letters(&c, *answer);
    bool space = !speaks_of(&c, "i") && (speaks_of(&c, "x") || speaks_of(&c, "y")); // |x| + |y| + |z|
    bool parts = node_any(*gold, asks_for_part) || node_any(*answer, asks_for_part) || node_any(*gold, is_conjugate) ||
                 node_any(*answer, is_conjugate);
    *complex = c.count > 0 && (parts || !space);
    if (!*complex) return true;
    *gold = split(&c, *gold, false), *answer = split(&c, *answer, false);
    return *gold && *answer;
}
