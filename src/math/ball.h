// Enclosures of expressions by complex balls (Arb), and how close to zero an algebraic number can be without being zero.
// For the files of math/ only.
#ifndef DSDR_MATH_BALL_H
#define DSDR_MATH_BALL_H

#include <acb.h>

#include "math/number.h"

#define BALL_PRECISION_MAX 4096 // bits
#define BALL_AGREEMENT_BITS 300 // to which values agree, beyond the size of what was written, before they are called equal

// A ball that holds the value of the tree. VALUE_OTHER: the tree holds something that is no number here (a free symbol, words, an
// unknown function). *steps counts down with the precision.
value_state ball_evaluate(const math_node *n, const bindings *given, long precision, size_t *steps, acb_t out);

// Whether a function of one argument can be enclosed: sin, ln, Gamma, ...
bool ball_function(const char *name);

// Whether |x| < 2^-bits for every x of the ball.
bool ball_below(const acb_t x, double bits);

// How small a - b can be. For trees without free symbols: if `algebraic`, then a - b is 0 or |a - b| >= 2^-bits (Burnikel, Funke,
// Mehlhorn, Schirra, Schmitt, "A separation bound for real algebraic expressions", 2001/2009: numerator and denominator bounds u,
// l and the degree D give u^(1-D) / l). Otherwise `bits` is only the size of what was written, a scale for how far to look.
typedef struct zero_bound {
    bool algebraic;
    double bits;
} zero_bound;
zero_bound zero_bound_of(const math_node *a, const math_node *b, size_t *steps);

// Where the variables have these values: how far below the whole a part of the tree may be, in bits. Of x + e^{-1000 x} at 2 the
// second term is 2900 bits below the first: values that agree to fewer bits say nothing of it.
double hidden_bits(const math_node *n, const bindings *given, size_t *steps);

// Whether the tree is a rational multiple of pi (degrees are): the multiple in *out.
bool rational_angle(const math_node *n, size_t *steps, fmpq_t out);

#endif
