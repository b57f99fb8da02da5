// Rational functions at points modulo a 62-bit prime (Schwartz, Zippel). For the files of math/ only.
#ifndef DSDR_MATH_MODULAR_H
#define DSDR_MATH_MODULAR_H

#include "math/number.h"

// Values of the variables of a comparison modulo a prime, in place of the rational values of `bindings`.
typedef struct modular_point {
    ulong prime, inverse, root; // root: a square root of -1, for i
    const bindings *names;      // which symbols and subtrees are variables
    ulong values[BINDINGS_MAX];
    ulong pi, e; // stand for the transcendental constants
} modular_point;

// Chooses the prime, and the values modulo it, as functions of (seed, pair, attempt).
void modular_prime(modular_point *point, uint64_t seed, uint64_t pair, uint32_t attempt);
void modular_draw(modular_point *point, const bindings *names, uint64_t seed, uint64_t pair, uint32_t attempt);

// The value of a tree made of rational numbers, variables, pi, e, i and rational operations. VALUE_UNDEFINED: a zero denominator
// at this point. VALUE_OTHER: anything else is in it.
value_state modular_evaluate(const math_node *n, const modular_point *point, size_t *steps, ulong *out);

#endif
