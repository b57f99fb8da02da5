// Plus-minus signs as the several values that they stand for. See spread_signs in judge.h; called by accept.c.
#include <string.h>

#include "math/judge.h"

#define SIGNS_MAX 4

bool node_contains(const math_node *n, math_kind kind) {
    if (n->kind == kind) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (node_contains(n->children[i], kind)) return true;
    return false;
}

static void count_signs(const math_node *n, size_t *count, bool *opposed) {
    if (n->kind == MATH_PLUS_MINUS) ++*count, *opposed |= n->integer != 0;
    for (uint32_t i = 0; i < n->count; i++) count_signs(n->children[i], count, opposed);
}

// The tree with its signs chosen: bit k of `minus` belongs to sign number k in reading order, or bit 0 to all of them. NULL: no
// memory.
static math_node *with_signs(judge *j, math_node *n, unsigned minus, bool together, unsigned *number) {
    if (!node_contains(n, MATH_PLUS_MINUS)) return n;
    if (n->kind == MATH_PLUS_MINUS) {
        math_node *first = n->count == 2 ? with_signs(j, n->children[0], minus, together, number) : NULL;
        bool negative = together ? (minus & 1) ^ (n->integer != 0) : minus >> *number & 1;
        ++*number;
        math_node *last = with_signs(j, n->children[n->count - 1], minus, together, number);
        if (negative) last = tree_unary(j->memory, MATH_NEGATE, last);
        return n->count == 1 ? last : tree_binary(j->memory, MATH_SUM, first, last);
    }
    math_node *copy = tree_copy(j->memory, n);
    for (uint32_t i = 0; copy && i < n->count; i++)
        if (!(copy->children[i] = with_signs(j, n->children[i], minus, together, number))) return NULL;
    return copy;
}

math_node *spread_signs(judge *j, math_node *n) {
    if (!node_contains(n, MATH_PLUS_MINUS)) return n;
    bool members = n->kind == MATH_LIST || n->kind == MATH_SET;
    if (n->kind == MATH_TUPLE || n->kind == MATH_BRACKETS || n->kind == MATH_MATRIX) return n;
    math_node *items[2 * MEMBERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < (members ? n->count : 1); i++) {
        math_node *item = members ? n->children[i] : n;
        size_t signs = 0;
        bool opposed = false;
        count_signs(item, &signs, &opposed);
        if (signs > SIGNS_MAX) return NULL;
        // Two signs are chosen independently, unless one is a minus-plus: that speaks of the other.
        unsigned branches = signs == 0 ? 1 : opposed ? 2 : 1u << signs;
        for (unsigned b = 0; b < branches; b++) {
            unsigned number = 0;
            if (count == 2 * MEMBERS_MAX || !(items[count++] = with_signs(j, item, b, opposed, &number))) return NULL;
        }
    }
    math_node *list = tree_node(j->memory, members ? n->kind : MATH_LIST, count);
    if (!list) return NULL;
    memcpy(list->children, items, count * sizeof *items);
    list->integer = 'o';
    return list;
}
