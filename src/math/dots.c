// Members that dots leave out: \{1, 2, \ldots, 10\}. See spread_dots in judge.h; called by accept.c.
#include <stdlib.h>

#include "math/judge.h"

static bool is_dots(const math_node *n) { return node_is_symbol(n, "dots"); }

bool has_dots(const math_node *n) {
    for (uint32_t i = 0; i < n->count; i++)
        if (is_dots(n->children[i])) return true;
    return false;
}

// The members in front of the dots: integers first, first + step, ... One alone is followed by the next integer. False: another
// rule, or none.
static bool read_progression(const math_node *n, uint32_t dots, long *first, long *step) {
    long previous, member;
    if (dots == 0 || !node_small_integer(n->children[0], first)) return false;
    *step = 1, previous = *first;
    for (uint32_t i = 1; i < dots; i++) {
        if (!node_small_integer(n->children[i], &member)) return false;
        if (i == 1) *step = member - previous;
        if (member - previous != *step || *step == 0) return false;
        previous = member;
    }
    return true;
}

math_node *spread_dots(judge *j, math_node *n) {
    bool collection = n->kind == MATH_LIST || n->kind == MATH_SET || n->kind == MATH_TUPLE || n->kind == MATH_BRACKETS;
    uint32_t dots = 0;
    long first, step, end;
    if (!collection || !has_dots(n)) return n;
    while (!is_dots(n->children[dots])) dots++;
    const long small = 1 << 20;
    if (!read_progression(n, dots, &first, &step) || labs(first) > small || labs(step) > small) return n;
    uint32_t behind = n->count - dots - 1, written = 2; // without a known end two members tell the rule
    bool ends = behind > 0 && node_small_integer(n->children[dots + 1], &end) && labs(end) <= small;
    if (ends && dots == 1 && end < first) step = -1;
    if (ends && ((end - first) % step != 0 || (end - first) / step < (long)dots)) return n;
    if (ends && (end - first) / step + behind <= MEMBERS_MAX)
        written = (uint32_t)((end - first) / step);
    else
        ends = false;
    if (!ends && dots == 2) return n;
    math_node *copy = tree_node(j->memory, n->kind, (size_t)written + !ends + behind);
    if (!copy) return NULL;
    copy->integer = n->integer;
    for (uint32_t i = 0; i < written; i++)
        if (!(copy->children[i] = tree_integer(j->memory, first + (long)i * step))) return NULL;
    if (!ends) copy->children[written++] = n->children[dots];
    for (uint32_t i = 0; i < behind; i++) copy->children[written + i] = n->children[dots + 1 + i];
    return copy;
}
