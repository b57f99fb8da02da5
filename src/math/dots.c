// Members that dots leave out: \{1, 2, \ldots, 10\}, 1 + 2 + \cdots + 10. See judge.h; called by accept.c and equal.c.
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

// The terms of nested sums in the order in which they are written. False: more than MEMBERS_MAX.
static bool list_terms(math_node *n, math_node **terms, uint32_t *count) {
    if (n->kind != MATH_SUM) {
        if (*count == MEMBERS_MAX) return false;
        terms[(*count)++] = n;
        return true;
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (!list_terms(n->children[i], terms, count)) return false;
    return true;
}

// 1 + 2 + ... + 64 may go on as 1 + 2 + 4 too.
static bool may_be_geometric(long first, long second, long end) {
    if (first == 0 || second % first != 0) return false;
    long ratio = second / first, member = second;
    while (labs(ratio) > 1 && labs(member) < labs(end)) member *= ratio;
    return member == end;
}

// 1 + 4 + ... + 100 may go on as 1 + 4 + 9 too.
static bool may_be_squares(long first, long second, long end) {
    long root = 1;
    while (root * root < labs(end)) root++;
    return first == 1 && second == 4 && root * root == end;
}

// The sum of the terms first, first + step, ... of which `terms` shows the first ones, then dots, then the last ones.
static bool sum_of_terms(math_node **terms, uint32_t count, long *sum) {
    const long small = 1 << 20;
    long first, step, end, member;
    uint32_t dots = 0;
    while (dots < count && !is_dots(terms[dots])) dots++;
    const math_node shown = {.children = terms};
    if (dots < 2 || dots + 1 >= count || !read_progression(&shown, dots, &first, &step)) return false;
    if (!node_small_integer(terms[count - 1], &end) || labs(first) > small || labs(step) > small || labs(end) > small)
        return false;
    long shown_behind = (long)(count - dots) - 1, steps = (end - first) / step;
    if ((end - first) % step != 0 || steps < (long)dots - 1 + shown_behind) return false;
    for (uint32_t i = dots + 1; i < count; i++)
        if (!node_small_integer(terms[i], &member) || member != end - (long)(count - 1 - i) * step) return false;
    bool another = may_be_geometric(first, first + step, end) || may_be_squares(first, first + step, end);
    if (dots == 2 && shown_behind == 1 && another) return false;
    *sum = (first + end) * (steps + 1) / 2;
    return true;
}

void sum_dots(math_expression *e, math_node *n) {
    math_node *terms[MEMBERS_MAX];
    uint32_t count = 0;
    long sum;
    if (n->kind == MATH_SUM && list_terms(n, terms, &count) && sum_of_terms(terms, count, &sum)) {
        const math_node *value = tree_integer(e, sum);
        if (value) *n = *value;
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) sum_dots(e, n->children[i]);
}
