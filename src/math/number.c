// Exact rational arithmetic over trees with sizes checked before each operation. See number.h.
#include "math/number.h"

#include <string.h>

#include <flint/fmpq_mat.h>

#include "math/words.h"

static size_t bits_of(const fmpq_t q) { return fmpz_bits(fmpq_numref(q)) + fmpz_bits(fmpq_denref(q)); }

// What an operation on numbers of so many bits costs beyond its one step: common divisors of large ones take long.
static void charge(size_t *steps, size_t bits) {
    size_t cost = bits / 64;
    *steps -= cost < *steps ? cost : *steps;
}

bool number_based(const math_node *n, fmpq_t out) {
    fmpq_zero(out);
    for (const char *c = n->name; *c; c++) {
        int digit = *c - '0';
        if (digit < 0 || digit >= n->integer) return false;
        fmpz_mul_si(fmpq_numref(out), fmpq_numref(out), n->integer);
        fmpz_add_si(fmpq_numref(out), fmpq_numref(out), digit);
    }
    return true;
}

static void power_of_ten(fmpz_t out, int exponent) {
    fmpz_set_ui(out, 10);
    fmpz_pow_ui(out, out, (unsigned long)exponent);
}

#define PLACES_MAX 6000

// q = v 10^places
static void shift_decimal(fmpq_t q, const fmpq_t v, int places) {
    fmpz_t power;
    fmpz_init(power);
    power_of_ten(power, places < 0 ? -places : places);
    if (places < 0)
        fmpq_div_fmpz(q, v, power);
    else
        fmpq_mul_fmpz(q, v, power);
    fmpz_clear(power);
}

bool number_rounds_to(const fmpq_t d, int places, const fmpq_t v) {
    if (fmpq_equal(d, v)) return true;
    if (places < -PLACES_MAX || places > PLACES_MAX) return false;
    if (fmpq_sgn(v) != fmpq_sgn(d) && !fmpq_is_zero(d)) return false;
    fmpq_t scaled;
    fmpz_t cut, rounded, whole, twice;
    fmpq_init(scaled), fmpz_init(cut), fmpz_init(rounded), fmpz_init(whole), fmpz_init(twice);
    shift_decimal(scaled, d, places); // the literal's digits; a whole number
    fmpz_abs(whole, fmpq_numref(scaled));
    bool exact = fmpz_is_one(fmpq_denref(scaled));
    shift_decimal(scaled, v, places);
    fmpq_abs(scaled, scaled);
    fmpz_fdiv_q(cut, fmpq_numref(scaled), fmpq_denref(scaled));
    fmpz_mul_2exp(rounded, fmpq_numref(scaled), 1);
    fmpz_add(rounded, rounded, fmpq_denref(scaled));
    fmpz_mul_2exp(twice, fmpq_denref(scaled), 1);
    fmpz_fdiv_q(rounded, rounded, twice);
    bool equal = exact && (fmpz_equal(whole, cut) || fmpz_equal(whole, rounded));
    fmpq_clear(scaled), fmpz_clear(cut), fmpz_clear(rounded), fmpz_clear(whole), fmpz_clear(twice);
    return equal;
}

int number_rounds_to_ball(const fmpq_t d, int places, const arb_t v) {
    if (places < -PLACES_MAX || places > PLACES_MAX) return 0;
    if (!arb_is_finite(v)) return -1;
    // Both ends of the ball must round alike; monotone rounding does the rest.
    arf_t end;
    fmpq_t q;
    fmpz_t mantissa, exponent;
    arf_init(end), fmpq_init(q), fmpz_init(mantissa), fmpz_init(exponent);
    int answer[2] = {0, 0};
    bool readable = true;
    for (int k = 0; k < 2 && readable; k++) {
        if (k)
            arb_get_ubound_arf(end, v, 8192);
        else
            arb_get_lbound_arf(end, v, 8192);
        arf_get_fmpz_2exp(mantissa, exponent, end);
        readable = fmpz_cmp_si(exponent, 70000) <= 0 && fmpz_cmp_si(exponent, -70000) >= 0;
        if (!readable) break;
        fmpq_set_fmpz(q, mantissa);
        long e = fmpz_get_si(exponent);
        if (e >= 0)
            fmpq_mul_2exp(q, q, (mp_bitcnt_t)e);
        else
            fmpq_div_2exp(q, q, (mp_bitcnt_t)-e);
        answer[k] = number_rounds_to(d, places, q);
    }
    arf_clear(end), fmpq_clear(q), fmpz_clear(mantissa), fmpz_clear(exponent);
    return readable && answer[0] == answer[1] ? answer[0] : -1;
}

static value_state factorial(const fmpq_t n, int step, fmpq_t out) {
    if (!fmpz_is_one(fmpq_denref(n))) return VALUE_OTHER;
    if (fmpq_sgn(n) < 0) return VALUE_UNDEFINED;
    if (fmpz_cmp_si(fmpq_numref(n), FACTORIAL_MAX) > 0) return VALUE_OVER;
    unsigned long k = fmpz_get_ui(fmpq_numref(n));
    fmpq_one(out);
    if (step == 1)
        fmpz_fac_ui(fmpq_numref(out), k);
    else
        for (; k > 1; k = k > (unsigned long)step ? k - (unsigned long)step : 0)
            fmpz_mul_ui(fmpq_numref(out), fmpq_numref(out), k);
    return VALUE_KNOWN;
}

// Choices of k among n, or with `ordered` their arrangements.
static value_state binomial(const fmpq_t n, const fmpq_t k, bool ordered, fmpq_t out) {
    if (!fmpz_is_one(fmpq_denref(n)) || !fmpz_is_one(fmpq_denref(k)) || fmpq_sgn(n) < 0) return VALUE_OTHER;
    if (fmpq_sgn(k) < 0 || fmpq_cmp(k, n) > 0) {
        fmpq_zero(out);
        return VALUE_KNOWN;
    }
    if (!fmpz_fits_si(fmpq_numref(n))) return VALUE_OVER;
    unsigned long a = fmpz_get_ui(fmpq_numref(n)), b = fmpz_get_ui(fmpq_numref(k));
    if (b > a - b && !ordered) b = a - b;
    if (b > FACTORIAL_MAX || b * fmpz_bits(fmpq_numref(n)) > VALUE_BITS_MAX) return VALUE_OVER;
    fmpz_t orders;
    fmpz_init_set_ui(orders, 1);
    if (ordered) fmpz_fac_ui(orders, b);
    fmpq_one(out);
    fmpz_bin_uiui(fmpq_numref(out), a, b);
    fmpz_mul(fmpq_numref(out), fmpq_numref(out), orders);
    fmpz_clear(orders);
    return VALUE_KNOWN;
}

// The exact root of a rational number, odd roots of negative ones included.
static value_state root(const fmpq_t a, const fmpq_t index, fmpq_t out) {
    if (!fmpz_is_one(fmpq_denref(index)) || fmpq_sgn(index) <= 0 || fmpz_cmp_si(fmpq_numref(index), 1000) > 0) return VALUE_OTHER;
    long k = fmpz_get_si(fmpq_numref(index));
    if (fmpq_sgn(a) < 0 && k % 2 == 0) return VALUE_OTHER;
    fmpq_t r;
    fmpq_init(r);
    fmpz_abs(fmpq_numref(r), fmpq_numref(a));
    bool exact = fmpz_root(fmpq_numref(r), fmpq_numref(r), k) && fmpz_root(fmpq_denref(r), fmpq_denref(a), k);
    if (exact) {
        if (fmpq_sgn(a) < 0) fmpz_neg(fmpq_numref(r), fmpq_numref(r));
        fmpq_set(out, r);
    }
    fmpq_clear(r);
    return exact ? VALUE_KNOWN : VALUE_OTHER;
}

static value_state power(const fmpq_t base, const fmpq_t exponent, fmpq_t out) {
    if (fmpq_is_zero(exponent)) {
        fmpq_one(out);
        return VALUE_KNOWN;
    }
    if (fmpq_is_zero(base)) {
        if (fmpq_sgn(exponent) < 0) return VALUE_UNDEFINED;
        fmpq_zero(out);
        return VALUE_KNOWN;
    }
    fmpq_t b, e;
    fmpq_init(b), fmpq_init(e);
    fmpq_set(b, base);
    value_state state = VALUE_KNOWN;
    if (!fmpz_is_one(fmpq_denref(exponent))) {
        fmpq_set_fmpz(e, fmpq_denref(exponent));
        state = fmpq_sgn(base) < 0 ? VALUE_OTHER : root(base, e, b);
    }
    bool unit = fmpz_is_one(fmpq_denref(b)) && fmpz_is_pm1(fmpq_numref(b));
    if (state == VALUE_KNOWN && unit) {
        fmpq_set_si(out, fmpq_sgn(b) < 0 && fmpz_is_odd(fmpq_numref(exponent)) ? -1 : 1, 1);
    } else if (state == VALUE_KNOWN) {
        if (!fmpz_fits_si(fmpq_numref(exponent)))
            state = VALUE_OVER;
        else {
            long k = fmpz_get_si(fmpq_numref(exponent));
            unsigned long size = (unsigned long)(k < 0 ? -k : k);
            if (size > VALUE_BITS_MAX || size * bits_of(b) > 2 * VALUE_BITS_MAX)
                state = VALUE_OVER;
            else
                fmpq_pow_si(out, b, k);
        }
    }
    fmpq_clear(b), fmpq_clear(e);
    return state;
}

// log_b a where a is a whole power of b.
static value_state logarithm(const fmpq_t a, const fmpq_t b, fmpq_t out) {
    if (fmpq_sgn(a) <= 0 || fmpq_sgn(b) <= 0 || fmpq_is_one(b)) return VALUE_UNDEFINED;
    fmpq_t p;
    fmpq_init(p);
    fmpq_one(p);
    long found = 0;
    bool exact = fmpq_is_one(a);
    for (long k = 1; k <= 64 && !exact && bits_of(p) < 2048; k++) {
        fmpq_mul(p, p, b);
        if (fmpq_equal(p, a)) exact = true, found = k;
        fmpq_inv(p, p);
        if (!exact && fmpq_equal(p, a)) exact = true, found = -k;
        fmpq_inv(p, p);
    }
    fmpq_clear(p);
    if (exact) fmpq_set_si(out, found, 1);
    return exact ? VALUE_KNOWN : VALUE_OTHER;
}

static value_state determinant(const math_node *matrix, const bindings *given, size_t *steps, fmpq_t out) {
    long size = matrix->integer;
    if (size < 1 || size > 8 || matrix->count != (uint32_t)(size * size)) return VALUE_OTHER;
    fmpq_mat_t m;
    fmpq_mat_init(m, size, size);
    value_state state = VALUE_KNOWN;
    for (uint32_t i = 0; i < matrix->count && state == VALUE_KNOWN; i++) {
        state = number_evaluate(matrix->children[i], given, steps, fmpq_mat_entry(m, i / size, i % size));
        if (state == VALUE_KNOWN && bits_of(fmpq_mat_entry(m, i / size, i % size)) > 4096) state = VALUE_OVER;
    }
    if (state == VALUE_KNOWN) fmpq_mat_det(out, m);
    fmpq_mat_clear(m);
    return state;
}

static value_state function(const math_node *n, const bindings *given, size_t *steps, fmpq_t out) {
    static const char *const known[] = {"max", "min", "gcd", "lcm", "mod", "log", NULL};
    if (strcmp(n->name, "det") == 0 && n->count == 1 && n->children[0]->kind == MATH_MATRIX)
        return determinant(n->children[0], given, steps, out);
    if (!word_in(known, n->name, strlen(n->name)) || n->count == 0) return VALUE_OTHER;
    bool log = strcmp(n->name, "log") == 0, modulo = strcmp(n->name, "mod") == 0;
    if ((log || modulo) && n->count != 2) return VALUE_OTHER;
    fmpq_t a, b;
    fmpq_init(a), fmpq_init(b);
    value_state state = number_evaluate(n->children[0], given, steps, a);
    for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
        state = number_evaluate(n->children[i], given, steps, b);
        if (state != VALUE_KNOWN) break;
        charge(steps, bits_of(a) + bits_of(b));
        bool whole = fmpz_is_one(fmpq_denref(a)) && fmpz_is_one(fmpq_denref(b));
        if (log)
            state = logarithm(a, b, a);
        else if (strcmp(n->name, "max") == 0)
            fmpq_set(a, fmpq_cmp(a, b) >= 0 ? a : b);
        else if (strcmp(n->name, "min") == 0)
            fmpq_set(a, fmpq_cmp(a, b) <= 0 ? a : b);
        else if (!whole)
            state = VALUE_OTHER;
        else if (modulo) {
            if (fmpq_sgn(b) <= 0)
                state = VALUE_UNDEFINED;
            else
                fmpz_mod(fmpq_numref(a), fmpq_numref(a), fmpq_numref(b));
        } else if (n->name[0] == 'g')
            fmpz_gcd(fmpq_numref(a), fmpq_numref(a), fmpq_numref(b));
        else
            fmpz_lcm(fmpq_numref(a), fmpq_numref(a), fmpq_numref(b));
    }
    if (state == VALUE_KNOWN) fmpq_set(out, a);
    fmpq_clear(a), fmpq_clear(b);
    return state;
}

// \sum_{k=a}^{b} and \prod with whole bounds.
static value_state series(const math_node *n, const bindings *given, size_t *steps, fmpq_t out) {
    const math_node *from = n->children[0];
    bool product = strcmp(n->name, "prod") == 0;
    if ((!product && strcmp(n->name, "sum") != 0) || !node_index(n) || n->children[1]->kind == MATH_NONE ||
        (given && given->count == BINDINGS_MAX))
        return VALUE_OTHER;
    fmpq_t first, last, term;
    fmpq_init(first), fmpq_init(last), fmpq_init(term);
    value_state state = number_evaluate(from->children[1], given, steps, first);
    if (state == VALUE_KNOWN) state = number_evaluate(n->children[1], given, steps, last);
    if (state == VALUE_KNOWN && (!fmpz_is_one(fmpq_denref(first)) || !fmpz_is_one(fmpq_denref(last)))) state = VALUE_OTHER;
    if (state == VALUE_KNOWN) {
        fmpq_sub(term, last, first);
        if (fmpz_cmp_si(fmpq_numref(term), SUM_TERMS_MAX) > 0) state = VALUE_OVER;
    }
    if (state == VALUE_KNOWN) {
        bindings inner = {.count = 0};
        inner.items[inner.count++].name = node_index(n); // innermost first: it hides an outer one of the same name
        fmpq_init(inner.items[0].value);
        for (size_t i = 0; given && i < given->count; i++) inner.items[inner.count++] = given->items[i];
        if (product)
            fmpq_one(out);
        else
            fmpq_zero(out);
        for (; fmpq_cmp(first, last) <= 0 && state == VALUE_KNOWN; fmpq_add_si(first, first, 1)) {
            fmpq_set(inner.items[0].value, first);
            state = number_evaluate(n->children[2], &inner, steps, term);
            if (state != VALUE_KNOWN) break;
            charge(steps, bits_of(out) + bits_of(term));
            if (product)
                fmpq_mul(out, out, term);
            else
                fmpq_add(out, out, term);
            if (bits_of(out) > 2 * VALUE_BITS_MAX) state = VALUE_OVER;
        }
        fmpq_clear(inner.items[0].value);
    }
    fmpq_clear(first), fmpq_clear(last), fmpq_clear(term);
    return state;
}

// \ln 8 / \ln 2, as \log_2 8 is: each of the two alone is not rational. VALUE_OTHER where it is nothing of the kind.
static value_state ratio_of_logarithms(const math_node *n, const bindings *given, size_t *steps, fmpq_t out) {
    const math_node *top = n->children[0], *bottom = n->children[1];
    if (top->kind != MATH_FUNCTION || bottom->kind != MATH_FUNCTION || top->count != 1 || bottom->count != 1) return VALUE_OTHER;
    bool logarithms = strcmp(top->name, "ln") == 0 || strcmp(top->name, "log") == 0 || strcmp(top->name, "lg") == 0;
    if (!logarithms || strcmp(top->name, bottom->name) != 0) return VALUE_OTHER;
    fmpq_t a, b;
    fmpq_init(a), fmpq_init(b);
    value_state state = number_evaluate(top->children[0], given, steps, a);
    if (state == VALUE_KNOWN) state = number_evaluate(bottom->children[0], given, steps, b);
    if (state == VALUE_KNOWN) state = logarithm(a, b, out);
    fmpq_clear(a), fmpq_clear(b);
    return state;
}

static value_state apply_unary(const math_node *n, fmpq_t a) {
    switch (n->kind) {
    case MATH_NEGATE:
        fmpq_neg(a, a);
        return VALUE_KNOWN;
    case MATH_PERCENT:
        fmpq_div_fmpz(a, a, (fmpz[]){100});
        return VALUE_KNOWN;
    case MATH_ABSOLUTE:
        fmpq_abs(a, a);
        return VALUE_KNOWN;
    case MATH_FLOOR:
    case MATH_CEILING:
        if (n->kind == MATH_FLOOR)
            fmpz_fdiv_q(fmpq_numref(a), fmpq_numref(a), fmpq_denref(a));
        else
            fmpz_cdiv_q(fmpq_numref(a), fmpq_numref(a), fmpq_denref(a));
        fmpz_one(fmpq_denref(a));
        return VALUE_KNOWN;
    case MATH_FACTORIAL:
        return factorial(a, n->integer, a);
    default:
        return VALUE_KNOWN;
    }
}

// a = a OP b.
static value_state apply_binary(const math_node *n, fmpq_t a, const fmpq_t b) {
    math_kind kind = n->kind;
    bool small = bits_of(a) + bits_of(b) <= 4 * VALUE_BITS_MAX, sum = kind == MATH_SUM || kind == MATH_PRODUCT;
    if (kind == MATH_QUOTIENT && fmpq_is_zero(b)) return VALUE_UNDEFINED;
    if (!small && (sum || kind == MATH_QUOTIENT)) return VALUE_OVER;
    switch (kind) {
    case MATH_SUM:
        fmpq_add(a, a, b);
        return VALUE_KNOWN;
    case MATH_PRODUCT:
        fmpq_mul(a, a, b);
        return VALUE_KNOWN;
    case MATH_QUOTIENT:
        fmpq_div(a, a, b);
        return VALUE_KNOWN;
    case MATH_POWER:
        return power(a, b, a);
    case MATH_ROOT:
        return root(a, b, a);
    case MATH_BINOMIAL:
        return binomial(a, b, n->integer != 0, a);
    default:
        return VALUE_OTHER;
    }
}

const binding *binding_of(const bindings *given, const math_node *n) {
    for (size_t i = 0; given && i < given->count; i++) {
        const binding *b = &given->items[i];
        if ((b->name && node_is_symbol(n, b->name)) || (b->node && tree_compare(b->node, n) == 0)) return b;
    }
    return NULL;
}

value_state number_evaluate(const math_node *n, const bindings *given, size_t *steps, fmpq_t out) {
    if (*steps == 0) return VALUE_OVER;
    --*steps;
    const binding *bound = binding_of(given, n);
    if (bound) {
        fmpq_set(out, bound->value);
        return VALUE_KNOWN;
    }
    switch (n->kind) {
    case MATH_NUMBER:
        fmpq_set(out, n->value);
        return VALUE_KNOWN;
    case MATH_BASED:
        return number_based(n, out) ? VALUE_KNOWN : VALUE_UNDEFINED;
    case MATH_QUOTIENT: {
        value_state logarithms = ratio_of_logarithms(n, given, steps, out);
        if (logarithms == VALUE_KNOWN) return logarithms;
        break;
    }
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_POWER:
    case MATH_ROOT:
    case MATH_BINOMIAL:
    case MATH_NEGATE:
    case MATH_PERCENT:
    case MATH_ABSOLUTE:
    case MATH_FLOOR:
    case MATH_CEILING:
    case MATH_FACTORIAL:
        break;
    case MATH_FUNCTION:
        return function(n, given, steps, out);
    case MATH_BIG:
        return series(n, given, steps, out);
    default:
        return VALUE_OTHER;
    }
    fmpq_t a, b;
    fmpq_init(a), fmpq_init(b);
    value_state state = number_evaluate(n->children[0], given, steps, a);
    if (state == VALUE_KNOWN && n->count == 1) state = apply_unary(n, a);
    for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
        state = number_evaluate(n->children[i], given, steps, b);
        if (state != VALUE_KNOWN) break;
        charge(steps, bits_of(a) + bits_of(b));
        state = apply_binary(n, a, b);
    }
    if (state == VALUE_KNOWN) {
        charge(steps, bits_of(a));
        fmpq_set(out, a);
    }
    fmpq_clear(a), fmpq_clear(b);
    return state;
}
