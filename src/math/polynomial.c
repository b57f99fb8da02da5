// Exact arithmetic with multivariate polynomials (FLINT's fmpq_mpoly), sizes estimated before each operation. See polynomial.h;
// called by value.c where cheaper tests found no difference.
#include "math/polynomial.h"

#include <string.h>

#include <flint/fmpq_mpoly.h>

#include "math/number.h"

#define INDETERMINATES_MAX 12
#define TERMS_MAX 2000
#define POWER_MAX 64

typedef struct ring {
    judge *j;
    fmpq_mpoly_ctx_t context;
    const math_node *indeterminates[INDETERMINATES_MAX];
    size_t count;
    bool plain;
} ring;

typedef struct quotient {
    fmpq_mpoly_t top, bottom;
} quotient;

static void quotient_init(quotient *q, ring *r) {
    fmpq_mpoly_init(q->top, r->context), fmpq_mpoly_init(q->bottom, r->context);
    fmpq_mpoly_one(q->bottom, r->context);
}

static void quotient_clear(quotient *q, ring *r) {
    fmpq_mpoly_clear(q->top, r->context), fmpq_mpoly_clear(q->bottom, r->context);
}

// Of the largest coefficient, numerator and denominator together.
static size_t bits_of(const fmpq_mpoly_t a) {
    slong largest = fmpz_mpoly_max_bits(a->zpoly); // negative where a coefficient is
    return (size_t)(largest < 0 ? -largest : largest) + fmpz_bits(fmpq_numref(a->content)) + fmpz_bits(fmpq_denref(a->content));
}

// Whether an operation that makes `terms` terms of a and b is within the limits; takes its price: as in number.c, large
// coefficients cost more than small ones.
static bool afford(ring *r, const fmpq_mpoly_t a, const fmpq_mpoly_t b, slong terms) {
    size_t bits = bits_of(a) + bits_of(b), cost = 1 + (size_t)terms * (1 + bits / 1024);
    if (terms > TERMS_MAX || bits > VALUE_BITS_MAX || r->j->steps < cost) return false;
    r->j->steps -= cost;
    return true;
}

// Not inlined: gcc 12 then warns of sizes that are not there.
__attribute__((noinline)) static bool multiply(ring *r, fmpq_mpoly_t out, const fmpq_mpoly_t a, const fmpq_mpoly_t b) {
    if (!afford(r, a, b, fmpq_mpoly_length(a, r->context) * fmpq_mpoly_length(b, r->context))) return false;
    fmpq_mpoly_mul(out, a, b, r->context);
    return true;
}

__attribute__((noinline)) static bool add(ring *r, fmpq_mpoly_t a, const fmpq_mpoly_t b) {
    if (!afford(r, a, b, fmpq_mpoly_length(a, r->context) + fmpq_mpoly_length(b, r->context))) return false;
    fmpq_mpoly_add(a, a, b, r->context);
    return true;
}

// a = a + b, a * b or a / b.
__attribute__((noinline)) static bool combine(ring *r, math_kind kind, quotient *a, quotient *b) {
    if (kind == MATH_QUOTIENT) {
        if (fmpq_mpoly_is_zero(b->top, r->context)) return false;
        return multiply(r, a->top, a->top, b->bottom) && multiply(r, a->bottom, a->bottom, b->top);
    }
    if (kind == MATH_PRODUCT) return multiply(r, a->top, a->top, b->top) && multiply(r, a->bottom, a->bottom, b->bottom);
    if (fmpq_mpoly_equal(a->bottom, b->bottom, r->context)) return add(r, a->top, b->top);
    return multiply(r, a->top, a->top, b->bottom) && multiply(r, b->top, b->top, a->bottom) && add(r, a->top, b->top) &&
           multiply(r, a->bottom, a->bottom, b->bottom);
}

static bool raise_to(ring *r, quotient *a, long exponent) {
    if (exponent < 0) {
        if (fmpq_mpoly_is_zero(a->top, r->context)) return false;
        fmpq_mpoly_swap(a->top, a->bottom, r->context);
        exponent = -exponent;
    }
    if (exponent > POWER_MAX) return false;
    quotient base;
    quotient_init(&base, r);
    fmpq_mpoly_set(base.top, a->top, r->context), fmpq_mpoly_set(base.bottom, a->bottom, r->context);
    fmpq_mpoly_one(a->top, r->context), fmpq_mpoly_one(a->bottom, r->context);
    bool done = true;
    for (long i = 0; i < exponent && done; i++) done = combine(r, MATH_PRODUCT, a, &base);
    quotient_clear(&base, r);
    return done;
}

static bool indeterminate(ring *r, math_node *n, quotient *out) {
    size_t i = 0;
    while (i < r->count && tree_compare(r->indeterminates[i], n) != 0) i++;
    if (i == r->count) {
        if (i == INDETERMINATES_MAX) return false;
        r->indeterminates[r->count++] = n;
        r->plain = r->plain && n->kind == MATH_SYMBOL && strcmp(n->name, "i") != 0;
    }
    fmpq_mpoly_gen(out->top, (slong)i, r->context);
    return true;
}

static bool read_node(ring *r, math_node *n, quotient *out) {
    if (r->j->steps == 0) return false;
    r->j->steps--;
    long exponent;
    switch (n->kind) {
    case MATH_NUMBER:
        fmpq_mpoly_set_fmpq(out->top, n->value, r->context);
        return true;
    case MATH_NEGATE:
        if (!read_node(r, n->children[0], out)) return false;
        fmpq_mpoly_neg(out->top, out->top, r->context);
        return true;
    case MATH_DEGREE: { // an angle: a multiple of pi
        math_node *pi = tree_named(r->j->memory, MATH_SYMBOL, "pi");
        math_node *value = tree_binary(r->j->memory, MATH_QUOTIENT, tree_binary(r->j->memory, MATH_PRODUCT, n->children[0], pi),
                                       tree_integer(r->j->memory, 180));
        return value && read_node(r, value, out);
    }
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT: {
        if (!read_node(r, n->children[0], out)) return false;
        bool done = true;
        for (uint32_t i = 1; i < n->count && done; i++) {
            quotient next;
            quotient_init(&next, r);
            done = read_node(r, n->children[i], &next) && combine(r, n->kind, out, &next);
            quotient_clear(&next, r);
        }
        return done;
    }
    case MATH_POWER:
        if (node_small_integer(n->children[1], &exponent) && exponent >= -POWER_MAX && exponent <= POWER_MAX)
            return read_node(r, n->children[0], out) && raise_to(r, out, exponent);
        break;
    case MATH_SYMBOL:
        if (strcmp(n->name, "infinity") == 0) return false;
        return indeterminate(r, n, out);
    default:
        break;
    }
    fmpq_t value;
    fmpq_init(value);
    bool rational = number_evaluate(n, NULL, &r->j->steps, value) == VALUE_KNOWN;
    if (rational) fmpq_mpoly_set_fmpq(out->top, value, r->context);
    fmpq_clear(value);
    if (rational) return true;
    math_node *normal = normal_form(r->j->memory, n);
    return normal && indeterminate(r, normal, out);
}

int polynomial_compare(judge *j, math_node *a, math_node *b, bool *plain) {
    ring r = {.j = j, .plain = true};
    fmpq_mpoly_ctx_init(r.context, INDETERMINATES_MAX, ORD_LEX);
    quotient x, y;
    quotient_init(&x, &r), quotient_init(&y, &r);
    int result = -1;
    if (read_node(&r, a, &x) && read_node(&r, b, &y) && multiply(&r, x.top, x.top, y.bottom) &&
        multiply(&r, y.top, y.top, x.bottom))
        result = fmpq_mpoly_equal(x.top, y.top, r.context) ? 1 : 0;
    *plain = r.plain;
    quotient_clear(&x, &r), quotient_clear(&y, &r);
    fmpq_mpoly_ctx_clear(r.context);
    return result;
}

static bool small_enough(const ring *r, const fmpq_mpoly_t a) {
    return fmpq_mpoly_length(a, r->context) <= 40 && bits_of(a) <= 1024 && fmpq_mpoly_total_degree_fits_si(a, r->context) &&
           fmpq_mpoly_total_degree_si(a, r->context) <= 16;
}

// The numerator in lowest terms, with leading coefficient 1; small polynomials only, as the divisor's cost has no bound.
static bool numerator(ring *r, quotient *q) {
    fmpq_mpoly_t divisor;
    if (!small_enough(r, q->top) || !small_enough(r, q->bottom) || fmpq_mpoly_total_degree_si(q->top, r->context) < 1)
        return false;
    fmpq_mpoly_init(divisor, r->context);
    bool done = fmpq_mpoly_gcd(divisor, q->top, q->bottom, r->context) && fmpq_mpoly_divides(q->top, q->top, divisor, r->context);
    if (done) fmpq_mpoly_make_monic(q->top, q->top, r->context);
    fmpq_mpoly_clear(divisor, r->context);
    return done;
}

bool polynomial_same_zeros(judge *j, math_node *a, math_node *b) {
    ring r = {.j = j, .plain = true};
    fmpq_mpoly_ctx_init(r.context, INDETERMINATES_MAX, ORD_LEX);
    quotient x, y;
    quotient_init(&x, &r), quotient_init(&y, &r);
    bool same = read_node(&r, a, &x) && read_node(&r, b, &y) && numerator(&r, &x) && numerator(&r, &y) &&
                fmpq_mpoly_equal(x.top, y.top, r.context);
    quotient_clear(&x, &r), quotient_clear(&y, &r);
    fmpq_mpoly_ctx_clear(r.context);
    return same;
}
