// Certificates: two trees as quotients of polynomials over the rationals. For the files of math/ only.
#ifndef DSDR_MATH_POLYNOMIAL_H
#define DSDR_MATH_POLYNOMIAL_H

#include "math/judge.h"

// Every part that is no rational operation (a symbol, pi, \sqrt{3}, \sin x in normal form) is an indeterminate.
// 1: the two are the same quotient, a proof that they are equal wherever both have a value. 0: they are different quotients,
// which proves nothing: parts may depend on each other. -1: too large to say. *plain: every part was a symbol other than i, so
// that no denominator can be zero in disguise.
int polynomial_compare(judge *j, math_node *a, math_node *b, bool *plain);

// Whether a = 0 and b = 0 say the same in that both are, in lowest terms, one numerator up to a constant factor: xy = 12 and
// y = 12/x. False also where that could not be found out within the budget.
bool polynomial_same_zeros(judge *j, math_node *a, math_node *b);

#endif
