// Sets of real numbers written as intervals, unions, inequalities in one variable, x in S, {x | ...}: brought to sorted disjoint
// pieces and compared end by end. See region_compare in judge.h; called by accept.c.
#include <stdlib.h>
#include <string.h>

#include "math/judge.h"
#include "math/number.h"

#define PIECES_MAX 64

typedef struct piece {
    math_node *low, *high; // may be infinite
    bool open_low, open_high;
} piece;

typedef struct region {
    piece items[PIECES_MAX];
    size_t count;
    const char *variable; // named by the text, or NULL
} region;

static bool read_region(judge *j, math_node *n, region *out);

static math_node *infinite(judge *j, int sign) {
    math_node *n = tree_named(j->memory, MATH_SYMBOL, "infinity");
    return sign < 0 ? tree_unary(j->memory, MATH_NEGATE, n) : n;
}

static bool add(region *r, math_node *low, math_node *high, bool open_low, bool open_high) {
    if (!low || !high || r->count == PIECES_MAX) return false;
    int sign;
    r->items[r->count++] =
        (piece){low, high, open_low || node_is_infinity(low, &sign), open_high || node_is_infinity(high, &sign)}; // x <= infinity
    return true;
}

static bool read_interval(judge *j, math_node *n, region *out) {
    bool open_left = n->kind == MATH_TUPLE || (n->kind == MATH_INTERVAL && n->open_left);
    bool open_right = n->kind == MATH_TUPLE || (n->kind == MATH_INTERVAL && n->open_right);
    int order = value_order(j, n->children[0], n->children[1]), sign;
    if (order == 1 || (order == 0 && (open_left || open_right))) return false; // a point, not an interval
    if ((node_is_infinity(n->children[0], &sign) && !open_left) || (node_is_infinity(n->children[1], &sign) && !open_right))
        return false; // infinity does not belong to the real numbers
    return add(out, n->children[0], n->children[1], open_left, open_right);
}

// Sorts by lower ends and joins what touches. False when an order is not known.
static bool tidy(judge *j, region *r) {
    for (size_t i = 1; i < r->count; i++) {
        for (size_t k = i; k > 0; k--) {
            int order = value_order(j, r->items[k - 1].low, r->items[k].low);
            if (order == 2) return false;
            if (order < 0 || (order == 0 && (!r->items[k - 1].open_low || r->items[k].open_low))) break;
            piece swap = r->items[k];
            r->items[k] = r->items[k - 1], r->items[k - 1] = swap;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (i == 0) {
            r->items[kept++] = r->items[i];
            continue;
        }
        piece *last = &r->items[kept - 1], next = r->items[i];
        int gap = value_order(j, last->high, next.low);
        if (gap == 2) return false;
        if (gap < 0 || (gap == 0 && last->open_high && next.open_low)) {
            r->items[kept++] = next;
            continue;
        }
        int ends = value_order(j, last->high, next.high);
        if (ends == 2) return false;
        if (ends < 0)
            last->high = next.high, last->open_high = next.open_high;
        else if (ends == 0)
            last->open_high = last->open_high && next.open_high;
    }
    r->count = kept;
    return true;
}

static bool intersect(judge *j, const region *a, const region *b, region *out) {
    out->count = 0;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            const piece *x = &a->items[i], *y = &b->items[k];
            int low = value_order(j, x->low, y->low), high = value_order(j, x->high, y->high);
            if (low == 2 || high == 2) return false;
            piece p;
            p.low = low >= 0 ? x->low : y->low;
            p.open_low = low > 0 ? x->open_low : low < 0 ? y->open_low : x->open_low || y->open_low;
            p.high = high <= 0 ? x->high : y->high;
            p.open_high = high < 0 ? x->open_high : high > 0 ? y->open_high : x->open_high || y->open_high;
            int order = value_order(j, p.low, p.high);
            if (order == 2) return false;
            if (order > 0 || (order == 0 && (p.open_low || p.open_high))) continue;
            if (!add(out, p.low, p.high, p.open_low, p.open_high)) return false;
        }
    }
    return true;
}

static bool complement(judge *j, region *r, region *out) { // of a tidy region
    out->count = 0;
    math_node *from = infinite(j, -1);
    bool open = true;
    for (size_t i = 0; i < r->count; i++) {
        const piece *p = &r->items[i];
        int order = from && p->low ? value_order(j, from, p->low) : 2;
        if (order == 2) return false;
        if (order < 0 || (order == 0 && !open && p->open_low)) // a gap in front of the piece, or a point
            if (!add(out, from, p->low, open, !p->open_low)) return false;
        from = p->high, open = !p->open_high;
    }
    int sign;
    if (node_is_infinity(from, &sign) && sign > 0) return true;
    return add(out, from, infinite(j, 1), open, true);
}

// m x + b with rational m and b: false when n is not linear in the variable.
static bool linear(judge *j, math_node *n, const char *variable, fmpq_t m, fmpq_t b) {
    bindings at = {.count = 1};
    at.items[0].name = variable;
    fmpq_t y;
    fmpq_init(at.items[0].value), fmpq_init(y);
    bool known = number_evaluate(n, &at, &j->steps, b) == VALUE_KNOWN;
    fmpq_one(at.items[0].value);
    known = known && number_evaluate(n, &at, &j->steps, m) == VALUE_KNOWN;
    if (known) fmpq_sub(m, m, b);
    static const long probes[2] = {-977, 31};
    for (size_t i = 0; known && i < 2; i++) {
        fmpq_t expected;
        fmpq_init(expected);
        fmpq_set_si(at.items[0].value, probes[i], 7);
        known = number_evaluate(n, &at, &j->steps, y) == VALUE_KNOWN;
        fmpq_mul(expected, m, at.items[0].value);
        fmpq_add(expected, expected, b);
        known = known && fmpq_equal(expected, y);
        fmpq_clear(expected);
    }
    fmpq_clear(at.items[0].value), fmpq_clear(y);
    return known && !fmpq_is_zero(m);
}

static const char *only_variable(const math_node *n, const char *found, bool *several) {
    if (n->kind == MATH_SYMBOL && node_has_variables(n)) {
        if (found && strcmp(found, n->name) != 0) *several = true;
        return n->name;
    }
    for (uint32_t i = 0; i < n->count; i++) found = only_variable(n->children[i], found, several);
    return found;
}

static int turned(int op) {
    return op == MATH_LT ? MATH_GT : op == MATH_GT ? MATH_LT : op == MATH_LE ? MATH_GE : op == MATH_GE ? MATH_LE : op;
}

// variable OP bound.
static bool half_line(judge *j, int op, math_node *bound, region *out) {
    switch (op) {
    case MATH_LT:
    case MATH_LE:
        return add(out, infinite(j, -1), bound, true, op == MATH_LT);
    case MATH_GT:
    case MATH_GE:
        return add(out, bound, infinite(j, 1), op == MATH_GT, true);
    case MATH_EQ:
        return add(out, bound, bound, false, false);
    case MATH_NE:
        return add(out, infinite(j, -1), bound, true, true) && add(out, bound, infinite(j, 1), true, true);
    default:
        return false;
    }
}

// An unknown that is written as a call, f(x), as a letter of its own.
static math_node *unknown(judge *j, math_node *n) {
    if (n->kind != MATH_FUNCTION || name_is_function(n->name) || n->count != 1 || n->children[0]->kind != MATH_SYMBOL) return n;
    math_node *symbol = tree_named(j->memory, MATH_SYMBOL, n->name);
    return symbol ? symbol : n;
}

// |m x + b| OP r.
static bool read_distance(judge *j, math_node *inside, int op, math_node *r, const char *variable, region *out) {
    fmpq_t m, b;
    fmpq_init(m), fmpq_init(b);
    bool done = false;
    if (linear(j, inside, variable, m, b)) {
        fmpq_div(b, b, m);
        fmpq_neg(b, b);
        fmpq_abs(m, m);
        math_node *centre = tree_number(j->memory, b),
                  *radius = tree_binary(j->memory, MATH_QUOTIENT, r, tree_number(j->memory, m));
        math_node *low = tree_binary(j->memory, MATH_SUM, centre, tree_unary(j->memory, MATH_NEGATE, radius));
        math_node *high = tree_binary(j->memory, MATH_SUM, centre, radius), *zero = tree_integer(j->memory, 0);
        int sign = low && high && zero ? value_order(j, radius, zero) : 2;
        if (sign == 1 && (op == MATH_LT || op == MATH_LE))
            done = add(out, low, high, op == MATH_LT, op == MATH_LT);
        else if (sign == 1 && (op == MATH_GT || op == MATH_GE))
            done = add(out, infinite(j, -1), low, true, op == MATH_GT) && add(out, high, infinite(j, 1), op == MATH_GT, true);
    }
    fmpq_clear(m), fmpq_clear(b);
    return done;
}

// An inequality between sides whose difference is linear in the variable.
static bool read_linear(judge *j, math_node *left, int op, math_node *right, const char *variable, region *out) {
    fmpq_t m, b;
    fmpq_init(m), fmpq_init(b);
    math_node *difference = tree_binary(j->memory, MATH_SUM, left, tree_unary(j->memory, MATH_NEGATE, right));
    bool done = difference && linear(j, difference, variable, m, b);
    if (done) {
        fmpq_div(b, b, m);
        fmpq_neg(b, b);
        done = half_line(j, fmpq_sgn(m) < 0 ? turned(op) : op, tree_number(j->memory, b), out);
    }
    fmpq_clear(m), fmpq_clear(b);
    return done;
}

static bool read_inequality(judge *j, math_node *left, int op, math_node *right, region *out, const char **variable) {
    left = unknown(j, left), right = unknown(j, right);
    if (op == MATH_NE && right->kind == MATH_PLUS_MINUS && right->count == 1) { // x \ne \pm 3
        math_node *minus = tree_unary(j->memory, MATH_NEGATE, right->children[0]);
        region one = {.count = 0}, other = {.count = 0};
        return minus && read_inequality(j, left, op, right->children[0], &one, variable) &&
               read_inequality(j, left, op, minus, &other, variable) && intersect(j, &one, &other, out);
    }
    bool several = false;
    const char *name = only_variable(right, only_variable(left, NULL, &several), &several);
    if (left->kind == MATH_SYMBOL && node_has_variables(left) && !(right->kind == MATH_SYMBOL && node_has_variables(right))) {
        bool inside = false; // x < a with a letter a stands; x < x + 1 does not
        if (several || !node_has_variables(right)) {
            bool ignored = false;
            const char *other = only_variable(right, NULL, &ignored);
            inside = other && strcmp(other, left->name) == 0;
            if (!inside) {
                *variable = left->name;
                return half_line(j, op, right, out);
            }
        }
    }
    if (right->kind == MATH_SYMBOL && node_has_variables(right) && !node_has_variables(left)) {
        *variable = right->name;
        return half_line(j, turned(op), left, out);
    }
    if (several || !name) return false;
    *variable = name;
    bool turn = right->kind == MATH_ABSOLUTE && left->kind != MATH_ABSOLUTE;
    if (turn) {
        math_node *swap = left;
        left = right, right = swap, op = turned(op);
    }
    return left->kind == MATH_ABSOLUTE && !node_has_variables(right) ? read_distance(j, left->children[0], op, right, name, out)
                                                                     : read_linear(j, left, op, right, name, out);
}

static bool read_relation(judge *j, math_node *n, region *out) {
    if (n->count == 2 && (n->operators[0] == MATH_IN || n->operators[0] == MATH_NOT_IN)) {
        const math_node *x = unknown(j, n->children[0]);
        if (x->kind != MATH_SYMBOL) return false;
        if (n->operators[0] == MATH_IN) {
            if (!read_region(j, n->children[1], out)) return false;
        } else {
            region inside = {.count = 0};
            if (!read_region(j, n->children[1], &inside) || !tidy(j, &inside) || !complement(j, &inside, out)) return false;
        }
        out->variable = x->name;
        return true;
    }
    region all = {.count = 0}, next, both;
    for (uint32_t i = 0; i + 1 < n->count; i++) {
        const char *variable = NULL;
        next.count = 0;
        if (!read_inequality(j, n->children[i], n->operators[i], n->children[i + 1], &next, &variable)) return false;
        if (out->variable && strcmp(out->variable, variable) != 0) return false;
        out->variable = variable;
        if (i == 0) {
            all = next;
            continue;
        }
        if (n->count == 3 && all.count == 1 && next.count == 1 && i == 1) { // a < x < b, also with letters for a and b
            int sign;
            bool left_low = !node_is_infinity(all.items[0].low, &sign), right_high = !node_is_infinity(next.items[0].high, &sign);
            bool left_high = !node_is_infinity(all.items[0].high, &sign), right_low = !node_is_infinity(next.items[0].low, &sign);
            if (left_low && right_high && !left_high && !right_low) {
                all.items[0].high = next.items[0].high, all.items[0].open_high = next.items[0].open_high;
                continue;
            }
            if (left_high && right_low && !left_low && !right_high) {
                all.items[0].low = next.items[0].low, all.items[0].open_low = next.items[0].open_low;
                continue;
            }
        }
        if (!intersect(j, &all, &next, &both)) return false;
        all = both;
    }
    for (size_t i = 0; i < all.count; i++) {
        const piece *p = &all.items[i];
        int order = value_order(j, p->low, p->high); // 2 < x < 1 holds nowhere
        if (order == 1 || (order == 0 && (p->open_low || p->open_high))) continue;
        if (!add(out, p->low, p->high, p->open_low, p->open_high)) return false;
    }
    return true;
}

static bool join(region *out, const region *part) {
    if (part->variable) {
        if (out->variable && strcmp(out->variable, part->variable) != 0) return false;
        out->variable = part->variable;
    }
    for (size_t i = 0; i < part->count; i++)
        if (!add(out, part->items[i].low, part->items[i].high, part->items[i].open_low, part->items[i].open_high)) return false;
    return true;
}

static bool has_relation(const math_node *n) { return n->kind == MATH_RELATION || n->kind == MATH_INTERVAL; }

static math_node *tree_relation(judge *j, math_node *left, char operator, math_node * right) {
    math_node *n = tree_binary(j->memory, MATH_RELATION, left, right);
    if (n) n->operators = tree_text(j->memory, &operator, 1);
    return n && n->operators ? n : NULL;
}

// \mathbb{R}, \mathbb{R}^+, \mathbb{R}_{>0}, ...
static bool read_half_of_reals(judge *j, const math_node *n, region *out) {
    static const struct {
        const char *name; // behind "mathbb R"
        int low, high;    // -1 and 1: infinite
        bool open;
    } halves[] = {{"", -1, 1, true},          {"_{>0}", 0, 1, true},  {"_{+}", 0, 1, true},
                  {"_{\\ge 0}", 0, 1, false}, {"_{<0}", -1, 0, true}, {"_{\\le 0}", -1, 0, false}};
    bool raised = n->kind == MATH_VECTOR && node_is_symbol(n->children[0], "mathbb R");
    if (raised && strcmp(n->name, "plus") == 0) return add(out, tree_integer(j->memory, 0), infinite(j, 1), true, true);
    if (raised && strcmp(n->name, "minus") == 0) return add(out, infinite(j, -1), tree_integer(j->memory, 0), true, true);
    if (n->kind != MATH_SYMBOL || strncmp(n->name, "mathbb R", 8) != 0) return false;
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        if (strcmp(n->name + 8, halves[i].name) != 0) continue;
        math_node *low = halves[i].low ? infinite(j, -1) : tree_integer(j->memory, 0);
        math_node *high = halves[i].high ? infinite(j, 1) : tree_integer(j->memory, 0);
        return add(out, low, high, halves[i].open, halves[i].open);
    }
    return false;
}

static bool read_members(judge *j, const math_node *set, region *out) {
    for (uint32_t i = 0; i < set->count; i++) {
        math_node *x = set->children[i];
        if (x->kind == MATH_RELATION || x->kind == MATH_TUPLE || x->kind == MATH_SET || x->kind == MATH_TEXT) return false;
        if (x->kind == MATH_PLUS_MINUS && x->count == 1) { // \{\pm 1\}
            math_node *minus = tree_unary(j->memory, MATH_NEGATE, x = x->children[0]);
            if (!add(out, minus, minus, false, false)) return false;
        }
        if (!add(out, x, x, false, false)) return false;
    }
    return true;
}

// "x < 1 or x > 3"; "x > 1 and x < 3".
static bool read_list(judge *j, const math_node *n, region *out) {
    region all = {.count = 0}, both = {.count = 0}, part, common;
    math_node *unequal = NULL; // what the member before said to be different
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *member = n->children[i];
        if (unequal && !has_relation(member)) member = tree_relation(j, unequal, MATH_NE, member); // x \ne 3, -3
        if (!member || !has_relation(member)) return false;
        unequal = member->kind == MATH_RELATION && member->operators[0] == MATH_NE ? member->children[0] : NULL;
        part = (region){.variable = all.variable};
        if (!read_region(j, member, &part)) return false;
        if (i > 0 && !intersect(j, &both, &part, &common)) return false;
        both = i > 0 ? common : part;
        if (!join(&all, &part)) return false;
    }
    // A comma says "and" where that leaves something: x > 1, x < 3; else "or": x < 1, x > 3.
    bool either = n->integer == 'o' || (n->integer == ',' && both.count == 0);
    both.variable = all.variable;
    return join(out, either ? &all : &both);
}

// The whole numbers of a bounded region, each a piece. Where 0 is a natural number is not said: with `natural` none may lie
// below 1.
static bool read_whole_numbers(judge *j, region *all, bool natural, region *out) {
    fmpq_t low, high;
    fmpz_t number, last;
    fmpq_init(low), fmpq_init(high), fmpz_init(number), fmpz_init(last);
    bool done = tidy(j, all);
    for (size_t i = 0; i < all->count && done; i++) {
        const piece *p = &all->items[i];
        done = number_evaluate(p->low, NULL, &j->steps, low) == VALUE_KNOWN &&
               number_evaluate(p->high, NULL, &j->steps, high) == VALUE_KNOWN;
        if (!done) break;
        fmpz_cdiv_q(number, fmpq_numref(low), fmpq_denref(low));
        fmpz_fdiv_q(last, fmpq_numref(high), fmpq_denref(high));
        if (p->open_low && fmpz_is_one(fmpq_denref(low))) fmpz_add_ui(number, number, 1);
        if (p->open_high && fmpz_is_one(fmpq_denref(high))) fmpz_sub_ui(last, last, 1);
        if (natural && fmpz_sgn(number) <= 0) done = false;
        for (; done && fmpz_cmp(number, last) <= 0; fmpz_add_ui(number, number, 1)) {
            fmpz_set(fmpq_numref(low), number), fmpz_one(fmpq_denref(low));
            math_node *member = tree_number(j->memory, low);
            done = add(out, member, member, false, false);
        }
    }
    fmpq_clear(low), fmpq_clear(high), fmpz_clear(number), fmpz_clear(last);
    return done;
}

// {x | ...}, {x in D | ...}
static bool read_such_that(judge *j, const math_node *n, region *out) {
    math_node *subject = n->children[0], *domain = NULL;
    if (subject->kind == MATH_RELATION && subject->count == 2 && subject->operators[0] == MATH_IN)
        domain = subject->children[1], subject = subject->children[0];
    region all = {.count = 0}, within = {.count = 0};
    if (subject->kind != MATH_SYMBOL || !read_region(j, n->children[1], &all)) return false;
    if (all.variable && strcmp(all.variable, subject->name) != 0) return false;
    if (!domain) return all.variable = NULL, join(out, &all); // a bound name
    bool natural = node_is_symbol(domain, "mathbb N");
    if (natural || node_is_symbol(domain, "mathbb Z")) return read_whole_numbers(j, &all, natural, out);
    return read_region(j, domain, &within) && intersect(j, &all, &within, out);
}

static bool read_region(judge *j, math_node *n, region *out) {
    region a = {.count = 0}, b = {.count = 0}, outside = {.count = 0};
    switch (n->kind) {
    case MATH_SYMBOL:
    case MATH_VECTOR:
        return read_half_of_reals(j, n, out);
    case MATH_INTERVAL:
    case MATH_TUPLE:
    case MATH_BRACKETS:
        return n->count == 2 && read_interval(j, n, out);
    case MATH_SET:
        return read_members(j, n, out);
    case MATH_UNION:
        for (uint32_t i = 0; i < n->count; i++) {
            a = (region){.count = 0};
            if (!read_region(j, n->children[i], &a) || !join(out, &a)) return false;
        }
        return true;
    case MATH_LIST:
        return read_list(j, n, out);
    case MATH_INTERSECTION:
        return read_region(j, n->children[0], &a) && read_region(j, n->children[1], &b) && intersect(j, &a, &b, out);
    case MATH_DIFFERENCE:
        return read_region(j, n->children[0], &a) && read_region(j, n->children[1], &b) && tidy(j, &b) &&
               complement(j, &b, &outside) && intersect(j, &a, &outside, out);
    case MATH_SUCH_THAT:
        return read_such_that(j, n, out);
    case MATH_RELATION:
        return read_relation(j, n, out);
    default:
        return false;
    }
}

math_outcome region_compare(judge *j, math_node *gold, math_node *answer) {
    region *g = calloc(2, sizeof *g), *a = g + 1;
    if (!g) return judge_says(j, MATH_UNDECIDED, "structure", "out of memory");
    math_outcome outcome = MATH_UNPARSED;
    if (!read_region(j, gold, g) || !read_region(j, answer, a)) goto cleanup;
    if (g->variable && a->variable && strcmp(g->variable, a->variable) != 0) {
        outcome = judge_says(j, MATH_DIFFERENT, "structure", "the sets are of different unknowns");
        goto cleanup;
    }
    if ((g->count > 1 && !tidy(j, g)) || (a->count > 1 && !tidy(j, a))) {
        outcome = judge_says(j, MATH_UNDECIDED, "structure", "the order of the ends is not known");
        goto cleanup;
    }
    if (g->count != a->count) {
        outcome = judge_says(j, MATH_DIFFERENT, "structure", "the sets have different numbers of pieces");
        goto cleanup;
    }
    outcome = judge_says(j, MATH_EQUAL, "structure", "%s", "");
    for (size_t i = 0; i < g->count; i++) {
        const piece *x = &g->items[i], *y = &a->items[i];
        if (x->open_low != y->open_low || x->open_high != y->open_high) {
            outcome = judge_says(j, MATH_DIFFERENT, "structure", "an end is open in one and closed in the other");
            break;
        }
        math_outcome low = value_compare(j, x->low, y->low);
        if (low != MATH_EQUAL) outcome = low;
        if (low == MATH_DIFFERENT) break;
        math_outcome high = value_compare(j, x->high, y->high);
        if (high != MATH_EQUAL) outcome = high;
        if (high == MATH_DIFFERENT) break;
    }
    if (outcome == MATH_EQUAL) judge_says(j, outcome, "structure", "%s", "");
cleanup:
    free(g);
    return outcome;
}
