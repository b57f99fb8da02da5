// How small a difference of two numbers can be: separation bounds of algebraic expressions. See ball.h; called by value.c, which
// computes until a ball is smaller than the bound, and by functions.c for the size of constants and of parts of expressions.
#include <math.h>
#include <string.h>

#include "math/ball.h"

#define RADICALS_MAX 8
#define DEGREE_MAX 64.0

typedef struct tally {
    const math_node *radicals[RADICALS_MAX];
    size_t count;
    double degree;
    bool algebraic;
} tally;

typedef struct size_pair {
    double u, l; // log2 of the bounds of numerator and denominator
} size_pair;

static double log2_sum(double a, double b) { // log2(2^a + 2^b), rounded up
    double high = a > b ? a : b, low = a > b ? b : a;
    return high + log2(1 + exp2(low - high)) + 1e-9;
}

static void count_radical(tally *t, const math_node *n, double degree) {
    for (size_t i = 0; i < t->count; i++)
        if (tree_compare(t->radicals[i], n) == 0) return;
    if (t->count == RADICALS_MAX) {
        t->algebraic = false;
        return;
    }
    t->radicals[t->count++] = n;
    t->degree *= degree;
    if (t->degree > DEGREE_MAX) t->algebraic = false;
}

static size_pair root_size(size_pair x, double k) { // Burnikel et al., the rule for k-th roots
    if (x.u >= x.l) return (size_pair){(x.u + (k - 1) * x.l) / k, x.l};
    return (size_pair){x.u, ((k - 1) * x.u + x.l) / k};
}

bool rational_angle(const math_node *n, size_t *steps, fmpq_t out) {
    bindings one = {.count = 1};
    one.items[0].name = "pi";
    fmpq_t at_one, at_zero, at_two;
    fmpq_init(one.items[0].value), fmpq_init(at_one), fmpq_init(at_zero), fmpq_init(at_two);
    // Linear in pi and nothing else: degrees are pi / 180.
    bool found = false;
    if (n->kind == MATH_DEGREE) {
        found = number_evaluate(n->children[0], NULL, steps, at_one) == VALUE_KNOWN;
        fmpq_set_si(at_two, 180, 1);
        if (found) fmpq_div(at_one, at_one, at_two);
    } else {
        bool known = number_evaluate(n, &one, steps, at_zero) == VALUE_KNOWN && fmpq_is_zero(at_zero);
        fmpq_one(one.items[0].value);
        known = known && number_evaluate(n, &one, steps, at_one) == VALUE_KNOWN;
        fmpq_set_si(one.items[0].value, 1009, 7); // a product of pi with itself would show here
        known = known && number_evaluate(n, &one, steps, at_two) == VALUE_KNOWN;
        fmpq_mul(one.items[0].value, one.items[0].value, at_one);
        found = known && fmpq_equal(at_two, one.items[0].value);
    }
    if (found) fmpq_set(out, at_one);
    fmpq_clear(one.items[0].value), fmpq_clear(at_one), fmpq_clear(at_zero), fmpq_clear(at_two);
    return found;
}

// log2 of the largest |x|; 0 for x = 0.
static double log2_of(const acb_t x) {
    if (acb_is_zero(x)) return 0;
    mag_t m;
    mag_init(m);
    acb_get_mag(m, x);
    double bits = mag_get_d_log2_approx(m);
    mag_clear(m);
    return bits;
}

// How far below the value of a function, in bits, what tells it from a simple value may be: \tanh x is 1 - 2 e^{-2x} and less.
static double saturation(const math_node *function, const acb_t x) {
    static const char *const names[] = {"tanh", "coth", "sech", "csch", NULL};
    size_t i = 0;
    while (names[i] && !is_name(function, names[i])) i++;
    if (!names[i]) return 0;
    mag_t m;
    mag_init(m);
    acb_get_mag(m, x);
    double bits = 2 * mag_get_d(m) / log(2);
    mag_clear(m);
    return bits < 1e9 ? bits : 1e9;
}

// A part that is not algebraic, as far as is known: at least as large, or as small, as its value.
static size_pair value_size(const math_node *n, size_pair children, size_t *steps) {
    acb_t x;
    mag_t m;
    acb_init(x), mag_init(m);
    double bits = 1e9; // beyond every precision
    if (ball_evaluate(n, NULL, 64, steps, x) == VALUE_KNOWN && acb_is_finite(x)) {
        acb_get_mag(m, x);
        double size = acb_is_zero(x) ? 0 : fabs(mag_get_d_log2_approx(m));
        if (!acb_contains_zero(x) || acb_is_zero(x))
            bits = size;
        else if (size < 200)
            bits = 64 + size; // zero, or lost in rounding; a smaller ball holds something tiny
        if (n->kind == MATH_FUNCTION && ball_evaluate(n->children[0], NULL, 64, steps, x) == VALUE_KNOWN)
            bits += saturation(n, x);
    }
    acb_clear(x), mag_clear(m);
    return (size_pair){children.u + bits + 2, children.l + 2};
}

// Of a sum: the distance from the largest term to each, and what that one hides.
static double hidden_in_sum(const math_node *n, const bindings *given, size_t *steps) {
    double largest = 0, deepest = 0;
    acb_t x;
    acb_init(x);
    for (uint32_t i = 0; i < n->count; i++) {
        if (ball_evaluate(n->children[i], given, 64, steps, x) != VALUE_KNOWN || !acb_is_finite(x)) continue;
        double size = log2_of(x), depth = hidden_bits(n->children[i], given, steps) - size;
        largest = i == 0 || size > largest ? size : largest;
        deepest = i == 0 || depth > deepest ? depth : deepest;
    }
    acb_clear(x);
    return largest + deepest;
}

double hidden_bits(const math_node *n, const bindings *given, size_t *steps) {
    if (n->count == 0) return 0;
    if (n->kind == MATH_SUM) return hidden_in_sum(n, given, steps);
    double bits = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        double part = hidden_bits(n->children[i], given, steps);
        bits = part > bits ? part : bits;
    }
    bool function = n->kind == MATH_FUNCTION, power = n->kind == MATH_POWER;
    if (!function && !power) return bits;
    acb_t x; // of a small or large argument, or a small exponent, less is seen: \cos x is 1 - x^2/2, \arctan x about pi/2 - 1/x
    acb_init(x);
    if (ball_evaluate(n->children[power], given, 64, steps, x) == VALUE_KNOWN && acb_is_finite(x)) {
        double size = log2_of(x);
        bits += function ? 2 * fabs(size) + saturation(n, x) : size < 0 ? -size : 0;
    }
    acb_clear(x);
    return bits;
}

static size_pair sizes(tally *t, const math_node *n, size_t *steps);

// Anything else: at least as large as its parts together and its value.
static size_pair other_size(tally *t, const math_node *n, size_t *steps) {
    size_pair s = {2, 2};
    t->algebraic = false;
    if (n->count == 0) return s;
    for (uint32_t i = 0; i < n->count; i++) {
        size_pair r = sizes(t, n->children[i], steps);
        s = i ? (size_pair){s.u + r.u, s.l + r.l} : r;
    }
    return value_size(n, s, steps);
}

static size_pair sum_size(tally *t, const math_node *n, size_t *steps) {
    size_pair s = sizes(t, n->children[0], steps);
    for (uint32_t i = 1; i < n->count; i++) {
        size_pair r = sizes(t, n->children[i], steps);
        s = n->kind == MATH_SUM ? (size_pair){log2_sum(s.u + r.l, r.u + s.l), s.l + r.l} : (size_pair){s.u + r.u, s.l + r.l};
    }
    return s;
}

static size_pair power_size(tally *t, const math_node *n, size_t *steps) {
    fmpq_t e;
    fmpq_init(e);
    bool known = number_evaluate(n->children[1], NULL, steps, e) == VALUE_KNOWN && fmpz_bits(fmpq_numref(e)) <= 16 &&
                 fmpz_bits(fmpq_denref(e)) <= 10 && !fmpq_is_zero(e);
    double p = known ? (double)fmpz_get_si(fmpq_numref(e)) : 1, k = known ? (double)fmpz_get_si(fmpq_denref(e)) : 1;
    fmpq_clear(e);
    if (!known) return other_size(t, n, steps);
    size_pair s = sizes(t, n->children[0], steps);
    if (n->kind == MATH_ROOT) { // the exponent is 1/e
        double numerator = p < 0 ? -k : k;
        k = p < 0 ? -p : p, p = numerator;
    }
    if (k > 1) {
        count_radical(t, n, k);
        s = root_size(s, k);
    }
    if (p < 0) s = (size_pair){s.l, s.u}, p = -p;
    return (size_pair){s.u * p, s.l * p};
}

static size_pair function_size(tally *t, const math_node *n, size_t *steps) {
    long q_angle = 0; // of a rational multiple p/q of pi with small q: the argument of an algebraic sine
    fmpq_t angle;
    fmpq_init(angle);
    bool sine = is_name(n, "sin") || is_name(n, "cos"), tangent = is_name(n, "tan") || is_name(n, "cot"),
         inverse = is_name(n, "sec") || is_name(n, "csc");
    if (n->count == 1 && (sine || tangent || inverse) && rational_angle(n->children[0], steps, angle) &&
        fmpz_cmp_si(fmpq_denref(angle), 60) <= 0)
        q_angle = fmpz_get_si(fmpq_denref(angle));
    fmpq_clear(angle);
    if (q_angle == 0) return other_size(t, n, steps);
    // 2 sin and 2 cos of p pi / q are algebraic integers of degree at most 2q with conjugates within 2.
    count_radical(t, n, 2.0 * (double)q_angle);
    return tangent ? (size_pair){2, 2} : (size_pair){1, 1};
}

static size_pair sizes(tally *t, const math_node *n, size_t *steps) {
    size_pair s, r;
    if (*steps == 0) {
        t->algebraic = false;
        return (size_pair){2, 2};
    }
    --*steps;
    fmpq_t q;
    fmpq_init(q);
    bool rational = number_evaluate(n, NULL, steps, q) == VALUE_KNOWN;
    s = (size_pair){(double)fmpz_bits(fmpq_numref(q)), (double)fmpz_bits(fmpq_denref(q))};
    fmpq_clear(q);
    if (rational) return s;
    switch (n->kind) {
    case MATH_SYMBOL:
        if (!is_name(n, "i")) return other_size(t, n, steps);
        count_radical(t, n, 2);
        return (size_pair){0, 0};
    case MATH_NEGATE:
        return sizes(t, n->children[0], steps);
    case MATH_ABSOLUTE: // the root of x times its conjugate: twice the degree of both together
        s = sizes(t, n->children[0], steps);
        t->degree *= 2 * t->degree;
        if (t->degree > DEGREE_MAX) t->algebraic = false;
        return s;
    case MATH_PERCENT:
        s = sizes(t, n->children[0], steps);
        return (size_pair){s.u, s.l + 7};
    case MATH_SUM:
    case MATH_PRODUCT:
        return sum_size(t, n, steps);
    case MATH_QUOTIENT:
        s = sizes(t, n->children[0], steps);
        r = sizes(t, n->children[1], steps);
        return (size_pair){s.u + r.l, s.l + r.u};
    case MATH_ROOT:
    case MATH_POWER:
        return power_size(t, n, steps);
    case MATH_FUNCTION:
        return function_size(t, n, steps);
    default:
        return other_size(t, n, steps);
    }
}

zero_bound zero_bound_of(const math_node *a, const math_node *b, size_t *steps) {
    tally t = {.degree = 1, .algebraic = true};
    size_pair x = sizes(&t, a, steps), y = sizes(&t, b, steps);
    size_pair s = {log2_sum(x.u + y.l, y.u + x.l), x.l + y.l};
    if (!t.algebraic) return (zero_bound){false, x.u + x.l + y.u + y.l};
    double u = s.u > 0 ? s.u : 0, l = s.l > 0 ? s.l : 0;
    return (zero_bound){true, u * (t.degree - 1) + l + 2};
}
