// Parts of a formula that may differ from what they seem to be only at values that no point reaches: \lfloor\ln(n)/20\rfloor is 0
// up to e^{20}. See pieces_hide in judge.h; called by functions.c.
#include <math.h>
#include <string.h>

#include "math/ball.h"
#include "math/judge.h"
#include "math/number.h"

// Bits by which the constants in a piece can move the place where it changes and that the points still reach.
#define REACHED_BITS 5.0
#define REACHED_BY_DIVISORS 6.0
#define NESTED_BITS 3.0    // of a function inside another: \ln\ln n
#define LOGARITHM_BITS 2.0 // of a logarithm: c beside it moves the place to e^c

typedef enum piece_kind { NO_PIECE, STEPS, DIVIDES, CHOOSES, VANISHES } piece_kind;

static piece_kind kind_of(judge *j, const math_node *n) {
    long exponent;
    if (!node_has_variables(n)) return NO_PIECE;
    switch (n->kind) {
    case MATH_ABSOLUTE:
    case MATH_FLOOR:
    case MATH_CEILING:
        return STEPS;
    case MATH_FUNCTION:
        if (node_is_call(n, "max") || node_is_call(n, "min")) return STEPS;
        return node_is_call(n, "gcd") || node_is_call(n, "lcm") || node_is_call(n, "mod") ? DIVIDES : NO_PIECE;
    case MATH_ROOT: // \sqrt{(x-3)^2} is |x-3|
        return n->children[0]->kind == MATH_POWER && node_small_integer(n->children[0]->children[1], &exponent) ? STEPS
                                                                                                                : NO_PIECE;
    case MATH_BINOMIAL: // 0 where n < k
        return node_has_variables(n->children[0]) ? CHOOSES : NO_PIECE;
    case MATH_POWER: { // 0^{n-50}
        if (node_has_variables(n->children[0])) return NO_PIECE;
        fmpq_t base;
        fmpq_init(base);
        bool zero = number_evaluate(n->children[0], NULL, &j->steps, base) == VALUE_KNOWN && fmpq_is_zero(base);
        fmpq_clear(base);
        return zero ? VANISHES : NO_PIECE;
    }
    default:
        return NO_PIECE;
    }
}

// Whether the constants beside it do not tell where it changes, as they do beside a linear one.
static bool is_bent(const math_node *n, piece_kind kind) {
    long exponent;
    uint32_t varying = 0;
    for (uint32_t i = 0; i < n->count; i++) varying += node_has_variables(n->children[i]);
    bool whole = n->kind == MATH_POWER && node_small_integer(n->children[1], &exponent);
    if (kind == DIVIDES && ((n->kind == MATH_PRODUCT && varying > 1) || (whole && varying && (exponent > 1 || exponent < 0))))
        return true;
    if (n->kind == MATH_FUNCTION) return varying && ball_function(n->name); // not \max, which is linear on either side
    return varying && (n->kind == MATH_ROOT || (n->kind == MATH_POWER && !whole));
}

static bool has_bent(const math_node *n, piece_kind kind) {
    bool bent = is_bent(n, kind);
    for (uint32_t i = 0; i < n->count && !bent; i++) bent = has_bent(n->children[i], kind);
    return bent;
}

// log2 (1 + c) or log2 (1 + 1/c), whichever is larger; of a fraction that of its larger part.
static double bits_of_constant(judge *j, const math_node *n) {
    fmpq_t q;
    acb_t x;
    fmpq_init(q), acb_init(x);
    double size = 0;
    bool known = number_evaluate(n, NULL, &j->steps, q) == VALUE_KNOWN;
    if (known)
        size = fmax(fabs(fmpz_get_d(fmpq_numref(q))), fmpz_get_d(fmpq_denref(q)));
    else if (ball_evaluate(n, NULL, 64, &j->steps, x) == VALUE_KNOWN && acb_is_finite(x)) {
        known = true;
        size = hypot(arf_get_d(arb_midref(acb_realref(x)), ARF_RND_NEAR), arf_get_d(arb_midref(acb_imagref(x)), ARF_RND_NEAR));
        if (size < 1) size = 1 / size;
    }
    fmpq_clear(q), acb_clear(x);
    return known ? log2(1 + size) : REACHED_BITS;
}

// Bits of the constants in it, and of functions in functions; `inside` a bent part already.
static double bits_of(judge *j, const math_node *n, piece_kind kind, bool inside) {
    if (!node_has_variables(n)) return bits_of_constant(j, n);
    bool bent = kind == STEPS && is_bent(n, kind),
         logarithm = node_is_call(n, "ln") || node_is_call(n, "log") || node_is_call(n, "lg");
    double bits = !bent ? 0 : inside ? NESTED_BITS : logarithm ? LOGARITHM_BITS : 0;
    for (uint32_t i = 0; i < n->count; i++) bits += bits_of(j, n->children[i], kind, inside || bent);
    return bits;
}

static bool hides(judge *j, const math_node *n, piece_kind kind) {
    if (kind == VANISHES) return true;
    if (kind == CHOOSES) return bits_of(j, n->children[1], kind, false) >= REACHED_BITS;
    double bits = 0;
    bool bent = false;
    for (uint32_t i = 0; i < n->count; i++) {
        bent |= has_bent(n->children[i], kind);
        bits += bits_of(j, n->children[i], kind, false);
    }
    return bent && bits >= (kind == DIVIDES ? REACHED_BY_DIVISORS : REACHED_BITS);
}

static bool same(judge *j, math_node *a, math_node *b) { return value_compare(j, a, b) == MATH_EQUAL; }

// The same piece, with its parts in either order, or, of an absolute value, with the other sign.
static bool same_piece(judge *j, const math_node *a, const math_node *b) {
    if (a->kind != b->kind || a->count != b->count || (a->name && strcmp(a->name, b->name) != 0)) return false;
    bool equal = true, turned = a->count == 2 && a->kind == MATH_FUNCTION && !node_is_call(a, "mod");
    for (uint32_t i = 0; i < a->count && equal; i++) equal = same(j, a->children[i], b->children[i]);
    if (equal) return true;
    if (turned) return same(j, a->children[0], b->children[1]) && same(j, a->children[1], b->children[0]);
    math_node *negative = a->kind == MATH_ABSOLUTE ? tree_unary(j->memory, MATH_NEGATE, b->children[0]) : NULL;
    return negative && same(j, a->children[0], negative);
}

static bool has_piece(judge *j, const math_node *piece, const math_node *n) {
    if (j->steps == 0) return false;
    j->steps--;
    bool found = same_piece(j, piece, n);
    for (uint32_t i = 0; i < n->count && !found; i++) found = has_piece(j, piece, n->children[i]);
    return found;
}

static bool any_hides(judge *j, const math_node *n, const math_node *other) {
    if (j->steps == 0) return true;
    piece_kind kind = kind_of(j, n);
    if (kind != NO_PIECE && hides(j, n, kind) && !has_piece(j, n, other)) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (any_hides(j, n->children[i], other)) return true;
    return false;
}

bool pieces_hide(judge *j, const math_node *gold, const math_node *answer) {
    said before = j->last;
    bool exact = j->exact;
    j->exact = true;
    bool hidden = any_hides(j, gold, answer) || any_hides(j, answer, gold);
    j->last = before, j->exact = exact;
    return hidden;
}
