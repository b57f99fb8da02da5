// Identity testing without expression growth: equal rational functions agree at every point, different ones of degree d at a
// share of at most d / 2^61 of them. See modular.h; called by value.c.
#include "math/modular.h"

#include <string.h>

#include <flint/ulong_extras.h>

#include "base/random.h"

#define PRIMES 16

typedef struct field {
    ulong prime, inverse, root;
} field;

// Finding a prime takes longer than a comparison: each thread remembers those of the last seed.
static const field *field_of(uint64_t seed, uint32_t index) {
    static _Thread_local field known[PRIMES];
    static _Thread_local uint64_t of_seed;
    if (of_seed != seed) memset(known, 0, sizeof known);
    of_seed = seed;
    field *f = &known[index];
    if (f->prime) return f;
    random_words w = random_draw(seed, RANDOM_VERIFY, index, UINT32_MAX, 0);
    ulong p = ((ulong)1 << 61) | (((ulong)w.word[0] << 32 | w.word[1]) >> 4);
    do p = n_nextprime(p, 0);
    while (p % 4 != 1); // -1 is a square
    *f = (field){p, n_preinvert_limb(p), n_sqrtmod(p - 1, p)};
    return f;
}

void modular_prime(modular_point *point, uint64_t seed, uint64_t pair, uint32_t attempt) {
    const field *f = field_of(seed, (uint32_t)(pair + attempt) % PRIMES);
    point->prime = f->prime, point->inverse = f->inverse, point->root = f->root;
}

static ulong draw(const modular_point *point, uint64_t seed, uint64_t pair, uint32_t attempt, uint32_t which) {
    random_words w = random_draw(seed, RANDOM_VERIFY, pair, attempt, which);
    return ((ulong)w.word[0] << 32 | w.word[1]) % point->prime;
}

void modular_draw(modular_point *point, const bindings *names, uint64_t seed, uint64_t pair, uint32_t attempt) {
    point->names = names;
    for (uint32_t i = 0; i < names->count; i++) point->values[i] = draw(point, seed, pair, attempt, i);
    point->pi = draw(point, seed, pair, attempt, BINDINGS_MAX);
    point->e = draw(point, seed, pair, attempt, BINDINGS_MAX + 1);
}

static value_state rational(const fmpq_t q, const modular_point *p, ulong *out) {
    ulong top = fmpz_fdiv_ui(fmpq_numref(q), p->prime), bottom = fmpz_fdiv_ui(fmpq_denref(q), p->prime);
    if (bottom == 0) return VALUE_UNDEFINED;
    *out = bottom == 1 ? top : n_mulmod2_preinv(top, n_invmod(bottom, p->prime), p->prime, p->inverse);
    return VALUE_KNOWN;
}

static value_state power(const math_node *n, const modular_point *p, size_t *steps, ulong base, ulong *out) {
    fmpq_t e;
    fmpq_init(e);
    value_state state = number_evaluate(n, NULL, steps, e);
    if (state == VALUE_KNOWN && !fmpz_is_one(fmpq_denref(e))) state = VALUE_OTHER;
    if (state == VALUE_KNOWN && fmpq_sgn(e) < 0 && base == 0) state = VALUE_UNDEFINED;
    if (state == VALUE_KNOWN) {
        // The exponent as it is, modulo p - 1, for a base that is not zero (Fermat).
        ulong k = fmpz_fdiv_ui(fmpq_numref(e), p->prime - 1);
        *out = base == 0 ? (fmpq_is_zero(e) ? 1 : 0) : n_powmod2_ui_preinv(base, k, p->prime, p->inverse);
    }
    fmpq_clear(e);
    return state;
}

value_state modular_evaluate(const math_node *n, const modular_point *p, size_t *steps, ulong *out) {
    if (*steps == 0) return VALUE_OVER;
    --*steps;
    const binding *bound = binding_of(p->names, n);
    if (bound) {
        *out = p->values[bound - p->names->items];
        return VALUE_KNOWN;
    }
    ulong a, b;
    value_state state;
    switch (n->kind) {
    case MATH_NUMBER:
        return rational(n->value, p, out);
    case MATH_SYMBOL:
        if (strcmp(n->name, "pi") == 0)
            *out = p->pi;
        else if (strcmp(n->name, "e") == 0)
            *out = p->e;
        else if (strcmp(n->name, "i") == 0)
            *out = p->root;
        else
            return VALUE_OTHER;
        return VALUE_KNOWN;
    case MATH_NEGATE:
        state = modular_evaluate(n->children[0], p, steps, &a);
        if (state == VALUE_KNOWN) *out = n_negmod(a, p->prime);
        return state;
    case MATH_PERCENT:
        state = modular_evaluate(n->children[0], p, steps, &a);
        if (state == VALUE_KNOWN) *out = n_mulmod2_preinv(a, n_invmod(100, p->prime), p->prime, p->inverse);
        return state;
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
        state = modular_evaluate(n->children[0], p, steps, &a);
        for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
            state = modular_evaluate(n->children[i], p, steps, &b);
            if (state != VALUE_KNOWN) break;
            if (n->kind == MATH_SUM)
                a = n_addmod(a, b, p->prime);
            else if (n->kind == MATH_PRODUCT)
                a = n_mulmod2_preinv(a, b, p->prime, p->inverse);
            else if (b == 0)
                state = VALUE_UNDEFINED;
            else
                a = n_mulmod2_preinv(a, n_invmod(b, p->prime), p->prime, p->inverse);
        }
        if (state == VALUE_KNOWN) *out = a;
        return state;
    case MATH_POWER:
        state = modular_evaluate(n->children[0], p, steps, &a);
        return state == VALUE_KNOWN ? power(n->children[1], p, steps, a, out) : state;
    default: { // a rational number in another dress: 5!, \sqrt{4}, \binom{5}{2}
        fmpq_t q;
        fmpq_init(q);
        state = number_evaluate(n, NULL, steps, q);
        if (state == VALUE_KNOWN) state = rational(q, p, out);
        fmpq_clear(q);
        return state;
    }
    }
}
